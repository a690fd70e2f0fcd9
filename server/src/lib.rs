//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`export`]: exports the directory of a relay that runs alone.
//! 3. [`backup`]: backs up the whole database to one file, and restores it.
//! 4. [`sealing`]: the acts of `stagedoor master-key` on a data folder.
//! 5. [`proof`]: verifies the audit trail of a data folder.
//! 6. [`router`]: paths, limits, request ids, rates.
//! 7. [`document`]: the OpenAPI document. Pure.
//! 8. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 9. `document::examples`: examples of requests and answers. Pure.
//! 10. `document::form`: which form errors an operation can have. Pure.
//! 11. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 12. [`guard`]: checks that apply to every operation.
//! 13. `routes::admission`: admits waiting members, many per request.
//! 14. `routes::api_keys`: API keys of an app.
//! 15. `routes::apps`: apps.
//! 16. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 17. `routes::audit::export`: exports of the trail.
//! 18. `routes::audit::proof`: its newest checkpoint, and the keys that sign checkpoints.
//! 19. `routes::leaks`: reports of what leaked.
//! 20. `routes::leaks::ending`: ends what leaked.
//! 21. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 22. `routes::keys`: keys of an app.
//! 23. `routes::me`: the caller itself.
//! 24. `routes::keys::views`: bodies of requests and answers about keys.
//! 25. `routes::jwks`: an app's public keys, for everybody.
//! 26. `routes::web`: the built pages: the classroom of `dev`.
//! 27. `routes::pages`: the pages in the binary: a front page and the reference.
//! 28. `routes::pages::files`: the files that pages load.
//! 29. `routes::roles`: roles of an app, a new version for each change.
//! 30. `routes::rooms`: rooms, as the app's backend sees them.
//! 31. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 32. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 33. `routes::tokens`: mints and explains tokens.
//! 34. `routes::roles::change`: the newest roles of an app, and how they change.
//! 35. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 36. [`routes`]: one file for each resource.
//! 37. `routes::roles::views`: bodies of requests and answers about roles.
//! 38. `routes::body`: JSON bodies; errors become problems that name the field.
//! 39. [`act`]: finishes each act that has begun.
//! 40. [`idempotency`]: a creation requested twice happens once.
//! 41. [`lookup`]: authenticates callers.
//! 42. [`lives`]: what ends by itself among credentials.
//! 43. [`suspect`]: what a text that was found may be. Pure.
//! 44. [`credential`]: the form of credentials.
//! 45. [`caller`]: decides what a caller may do.
//! 46. [`inviter`]: mints tokens for the guests of members.
//! 47. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 48. [`rights`]: principals and their rights. Pure.
//! 49. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 50. [`role_set`]: reads and changes an app's roles. Pure.
//! 51. [`opening`]: opens the store of a data folder.
//! 52. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 53. [`retirer`]: retires keys when their time has come.
//! 54. `uses::writer`: writes the uses of keys.
//! 55. [`state`]: what all requests share.
//! 56. [`storer`]: stores the relay's revocations before it answers.
//! 57. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 58. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 59. `recorder::listener`: records the relay's events and the API's refusals.
//! 60. [`recorder`]: the only writer of the audit trail.
//! 61. `recorder::events`: converts the relay's events to records. Pure.
//! 62. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 63. `recorder::writer`: the task that writes.
//! 64. `recorder::gate`: decides whether the trail may grow.
//! 65. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 66. [`uses`]: uses of keys, as relays report them, until they are written.
//! 67. [`error`]: every refusal, and the only file with status codes.
//! 68. `error::statuses`: the API's own codes, each with its status.
//! 69. [`scope`]: what a credential opens. Pure.
//! 70. [`doors`]: keeps the doors in step with the store.
//! 71. `store::audit`: the audit trail.
//! 72. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 73. `store::audit::walk`: walks through the whole trail.
//! 74. `store::audit::list`: reads records.
//! 75. `routes::forms`: schemas of other crates' types, for the document only.
//! 76. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 77. `store::clock`: the last saved settled time.
//! 78. `store::credentials`: API keys and the root credential.
//! 79. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 80. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 81. `store::export`: what a relay alone needs, without a secret.
//! 82. `store::revocations`: revocations of apps.
//! 83. `store::roles`: role sets of apps, one row per version.
//! 84. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 85. `store::keys`: signing keys of apps.
//! 86. `store::key_uses`: how often keys verified tokens, and when last.
//! 87. `store::apps`: apps.
//! 88. [`store`]: the database.
//! 89. `store::author`: the author of a row.
//! 90. `store::write`: writes to the database: one transaction of this process at a time.
//! 91. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 92. `store::audit::chain`: links of transactions.
//! 93. `store::deployment`: identifies a database file before it is opened.
//! 94. `store::health`: whether the database can be written, and why not.
//! 95. `store::error`: why a database operation failed. Pure.
//! 96. [`master_key`]: where the master key comes from.
//! 97. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 98. [`record`]: audit records.
//! 99. [`folder`]: the data folder, which one process uses.
//! 100. [`deployment`]: checks that the folder still contains its own database.
//! 101. [`under_way`]: acts and creations in progress.
//! 102. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 103. [`oidc`]: ID tokens of OpenID Connect issuers, whose keys are fetched when they are first needed.
//! 104. `oidc::held`: decides whether an issuer is asked for its keys. Pure.
//! 105. `oidc::discovery`: what an issuer says about itself. Pure.
//! 106. `oidc::id_token`: verifies ID tokens. Pure.
//! 107. `oidc::provider`: the cryptography of `jsonwebtoken`, over ring.
//! 108. `oidc::keys`: an issuer's public keys. Pure.
//! 109. `oidc::strict`: JSON objects without repeated members. Pure.
//! 110. [`outbound`]: the only place that opens connections outwards.
//! 111. `outbound::exchange`: one request and its answer.
//! 112. `outbound::url`: URLs that are asked. Pure.
//! 113. `outbound::address`: decides which addresses may be connected to. Pure.
//! 114. [`secret`]: makes, hashes and compares secrets.
//! 115. [`rates`]: rates by name.
//! 116. [`metrics`]: the server's counters.
//! 117. [`config`]: the server's configuration: every limit, by name.

mod act;
mod backup;
mod caller;
pub mod config;
mod credential;
mod credential_uses;
mod deployment;
mod document;
mod doors;
mod envelope;
mod error;
mod export;
mod folder;
mod guard;
mod idempotency;
mod inviter;
mod issue;
mod lines;
mod lives;
mod lookup;
mod master_key;
mod metrics;
mod minting;
#[allow(dead_code, reason = "its users follow")]
mod oidc;
mod opening;
#[allow(dead_code, reason = "its users follow")]
mod outbound;
mod proof;
mod rates;
mod record;
mod recorder;
mod resealer;
mod retirer;
mod revoker;
mod rights;
mod role_set;
mod router;
mod routes;
mod scope;
pub mod sealing;
mod secret;
mod server;
mod state;
mod store;
mod storer;
mod suspect;
mod under_way;
mod uses;

pub use backup::{BackupError, BackupMade, Restored, backup, restore};
pub use config::{Config, MasterKeySource};
pub use deployment::NotTheDatabase;
pub use envelope::{KeyId, MasterKey, NotAnId};
pub use error::BodyTimeout;
pub use export::export_directory;
pub use folder::{DataFolder, FolderError, MASTER_KEY as MASTER_KEY_FILE};
pub use master_key::{MasterKeyError, VARIABLE as MASTER_KEY_VARIABLE};
pub use opening::OpenError;
pub use proof::{ProofError, verify_trail};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use scope::Scope;
pub use server::{NotReady, Server, Usable};
