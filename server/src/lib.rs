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
//! 8. `document::security`: how operations are opened. Pure.
//! 9. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 10. `document::examples`: examples of requests and answers. Pure.
//! 11. `document::form`: which form errors an operation can have. Pure.
//! 12. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 13. [`guard`]: checks that apply to every operation.
//! 14. `routes::oauth::token`: access tokens for OAuth clients.
//! 15. `routes::oauth::exchange`: ID tokens become room tokens.
//! 16. `routes::oauth`: OAuth 2.0: forms, and the clients that send them.
//! 17. `routes::oauth::client`: authenticates OAuth clients.
//! 18. `routes::oauth::form`: forms, and how a client shows itself. Pure.
//! 19. `routes::admission`: admits waiting members, many per request.
//! 20. `routes::api_keys`: API keys of an app.
//! 21. `routes::apps`: apps.
//! 22. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 23. `routes::audit::export`: exports of the trail.
//! 24. `routes::audit::proof`: its newest checkpoint, and the keys that sign checkpoints.
//! 25. `routes::leaks`: reports of what leaked.
//! 26. `routes::leaks::ending`: ends what leaked.
//! 27. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 28. `routes::keys`: keys of an app.
//! 29. `routes::me`: the caller itself.
//! 30. `routes::keys::views`: bodies of requests and answers about keys.
//! 31. `routes::jwks`: an app's public keys, for everybody.
//! 32. `routes::web`: the built pages: the classroom of `dev`.
//! 33. `routes::pages`: the pages in the binary: a front page and the reference.
//! 34. `routes::pages::files`: the files that pages load.
//! 35. `routes::roles`: roles of an app, a new version for each change.
//! 36. `routes::rooms`: rooms, as the app's backend sees them.
//! 37. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 38. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 39. `routes::tokens`: mints and explains tokens.
//! 40. `routes::roles::change`: the newest roles of an app, and how they change.
//! 41. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 42. [`routes`]: one file for each resource.
//! 43. `routes::roles::views`: bodies of requests and answers about roles.
//! 44. `routes::body`: JSON bodies; errors become problems that name the field.
//! 45. [`authentication`]: authenticates requests, counts what fails, and checks rates.
//! 46. [`act`]: finishes each act that has begun.
//! 47. [`idempotency`]: a creation requested twice happens once.
//! 48. [`lookup`]: authenticates callers.
//! 49. `lookup::access_token`: finds the client of an access token.
//! 50. [`lives`]: what ends by itself among credentials.
//! 51. [`suspect`]: what a text that was found may be. Pure.
//! 52. [`credential`]: the form of credentials.
//! 53. [`caller`]: decides what a caller may do.
//! 54. [`inviter`]: mints tokens for the guests of members.
//! 55. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 56. [`rights`]: principals and their rights. Pure.
//! 57. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 58. [`role_set`]: reads and changes an app's roles. Pure.
//! 59. [`opening`]: opens the store of a data folder.
//! 60. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 61. [`retirer`]: retires keys when their time has come.
//! 62. `uses::writer`: writes the uses of keys.
//! 63. [`state`]: what all requests share.
//! 64. [`storer`]: stores the relay's revocations before it answers.
//! 65. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 66. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 67. `recorder::listener`: records the relay's events and the API's refusals.
//! 68. [`recorder`]: the only writer of the audit trail.
//! 69. `recorder::events`: converts the relay's events to records. Pure.
//! 70. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 71. `recorder::writer`: the task that writes.
//! 72. `recorder::gate`: decides whether the trail may grow.
//! 73. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 74. [`uses`]: uses of keys, as relays report them, until they are written.
//! 75. `error::oauth`: refusals of OAuth.
//! 76. [`error`]: every refusal, and the only file with status codes.
//! 77. `error::problem`: the bodies of refusals.
//! 78. `error::statuses`: the API's own codes, each with its status.
//! 79. [`scope`]: what a credential opens. Pure.
//! 80. [`doors`]: keeps the doors in step with the store.
//! 81. `store::audit`: the audit trail.
//! 82. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 83. `store::audit::walk`: walks through the whole trail.
//! 84. `store::audit::list`: reads records.
//! 85. `routes::forms`: schemas of other crates' types, for the document only.
//! 86. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 87. `store::clock`: the last saved settled time.
//! 88. `store::access_tokens`: access tokens of OAuth clients.
//! 89. `store::credentials`: API keys and the root credential.
//! 90. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 91. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 92. `store::export`: what a relay alone needs, without a secret.
//! 93. `store::revocations`: revocations of apps.
//! 94. `store::roles`: role sets of apps, one row per version.
//! 95. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 96. `store::keys`: signing keys of apps.
//! 97. `store::key_uses`: how often keys verified tokens, and when last.
//! 98. `store::apps`: apps.
//! 99. [`store`]: the database.
//! 100. `store::author`: the author of a row.
//! 101. `store::write`: writes to the database: one transaction of this process at a time.
//! 102. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 103. `store::audit::chain`: links of transactions.
//! 104. `store::deployment`: identifies a database file before it is opened.
//! 105. `store::health`: whether the database can be written, and why not.
//! 106. `store::error`: why a database operation failed. Pure.
//! 107. [`master_key`]: where the master key comes from.
//! 108. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 109. [`record`]: audit records.
//! 110. [`folder`]: the data folder, which one process uses.
//! 111. [`deployment`]: checks that the folder still contains its own database.
//! 112. [`under_way`]: acts and creations in progress.
//! 113. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 114. [`oidc`]: ID tokens of OpenID Connect issuers, whose keys are fetched when they are first needed.
//! 115. `oidc::held`: decides whether an issuer is asked for its keys. Pure.
//! 116. `oidc::discovery`: what an issuer says about itself. Pure.
//! 117. `oidc::id_token`: verifies ID tokens. Pure.
//! 118. `oidc::provider`: the cryptography of `jsonwebtoken`, over ring.
//! 119. `oidc::keys`: an issuer's public keys. Pure.
//! 120. `oidc::strict`: JSON objects without repeated members. Pure.
//! 121. [`outbound`]: the only place that opens connections outwards.
//! 122. `outbound::exchange`: one request and its answer.
//! 123. `outbound::url`: URLs that are asked. Pure.
//! 124. `outbound::address`: decides which addresses may be connected to. Pure.
//! 125. [`secret`]: makes, hashes and compares secrets.
//! 126. [`rates`]: rates by name.
//! 127. [`metrics`]: the server's counters.
//! 128. [`config`]: the server's configuration: every limit, by name.
//! 129. [`public_url`]: where clients reach this server. Pure.

mod act;
mod authentication;
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
mod public_url;
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
pub use public_url::{NotAPublicUrl, PublicUrl};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use scope::Scope;
pub use server::{NotReady, Server, Usable};
