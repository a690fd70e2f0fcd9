//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`backup`]: backs up the whole database to one file, and restores it.
//! 3. [`sealing`]: the acts of `stagedoor master-key` on a data folder.
//! 4. [`proof`]: verifies the audit trail of a data folder.
//! 5. [`router`]: paths, limits, request ids, rates.
//! 6. [`document`]: the OpenAPI document. Pure.
//! 7. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 8. `document::examples`: examples of requests and answers. Pure.
//! 9. `document::form`: which form errors an operation can have. Pure.
//! 10. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 11. [`guard`]: checks that apply to every operation.
//! 12. `routes::admission`: admits waiting members, many per request.
//! 13. `routes::api_keys`: API keys of an app.
//! 14. `routes::apps`: apps.
//! 15. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 16. `routes::audit::export`: exports of the trail.
//! 17. `routes::audit::proof`: its newest checkpoint, and the keys that sign checkpoints.
//! 18. `routes::leaks`: reports of what leaked.
//! 19. `routes::leaks::ending`: ends what leaked.
//! 20. `routes::keys::lines`: lines of keys: rotated, bounded, ended.
//! 21. `routes::keys`: keys of an app.
//! 22. `routes::me`: the caller itself.
//! 23. `routes::keys::views`: bodies of requests and answers about keys.
//! 24. `routes::jwks`: an app's public keys, for everybody.
//! 25. `routes::web`: the built pages: the classroom of `dev`.
//! 26. `routes::pages`: the pages in the binary: a front page and the reference.
//! 27. `routes::pages::files`: the files that pages load.
//! 28. `routes::roles`: roles of an app, a new version for each change.
//! 29. `routes::rooms`: rooms, as the app's backend sees them.
//! 30. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 31. `routes::revocations::target`: targets of revocations, as a request gives them. Pure.
//! 32. `routes::tokens`: mints and explains tokens.
//! 33. `routes::roles::change`: the newest roles of an app, and how they change.
//! 34. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 35. [`routes`]: one file for each resource.
//! 36. `routes::roles::views`: bodies of requests and answers about roles.
//! 37. `routes::body`: JSON bodies; errors become problems that name the field.
//! 38. [`act`]: finishes each act that has begun.
//! 39. [`idempotency`]: a creation requested twice happens once.
//! 40. [`lookup`]: authenticates callers.
//! 41. [`lives`]: what ends by itself among credentials.
//! 42. [`suspect`]: what a text that was found may be. Pure.
//! 43. [`credential`]: the form of credentials.
//! 44. [`caller`]: decides what a caller may do.
//! 45. [`inviter`]: mints tokens for the guests of members.
//! 46. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 47. [`rights`]: principals and their rights. Pure.
//! 48. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 49. [`role_set`]: reads and changes an app's roles. Pure.
//! 50. [`opening`]: opens the store of a data folder.
//! 51. [`lines`]: decides how the keys of a line follow each other. Pure.
//! 52. [`retirer`]: retires keys when their time has come.
//! 53. `uses::writer`: writes the uses of keys.
//! 54. [`state`]: what all requests share.
//! 55. [`storer`]: stores the relay's revocations before it answers.
//! 56. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 57. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 58. `recorder::listener`: records the relay's events and the API's refusals.
//! 59. [`recorder`]: the only writer of the audit trail.
//! 60. `recorder::events`: converts the relay's events to records. Pure.
//! 61. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 62. `recorder::writer`: the task that writes.
//! 63. `recorder::gate`: decides whether the trail may grow.
//! 64. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 65. [`uses`]: uses of keys, as relays report them, until they are written.
//! 66. [`error`]: every refusal, and the only file with status codes.
//! 67. `error::statuses`: the API's own codes, each with its status.
//! 68. [`scope`]: what a credential opens. Pure.
//! 69. [`doors`]: keeps the doors in step with the store.
//! 70. `store::audit`: the audit trail.
//! 71. `store::audit::witness`: checkpoints, and the keys that sign them.
//! 72. `store::audit::walk`: walks through the whole trail.
//! 73. `store::audit::list`: reads records.
//! 74. `routes::forms`: schemas of other crates' types, for the document only.
//! 75. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 76. `store::clock`: the last saved settled time.
//! 77. `store::credentials`: API keys and the root credential.
//! 78. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 79. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 80. `store::revocations`: revocations of apps.
//! 81. `store::roles`: role sets of apps, one row per version.
//! 82. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 83. `store::keys`: signing keys of apps.
//! 84. `store::key_uses`: how often keys verified tokens, and when last.
//! 85. `store::apps`: apps.
//! 86. [`store`]: the database.
//! 87. `store::author`: the author of a row.
//! 88. `store::write`: writes to the database: one transaction of this process at a time.
//! 89. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 90. `store::audit::chain`: links of transactions.
//! 91. `store::deployment`: identifies a database file before it is opened.
//! 92. `store::health`: whether the database can be written, and why not.
//! 93. `store::error`: why a database operation failed. Pure.
//! 94. [`master_key`]: where the master key comes from.
//! 95. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 96. [`record`]: audit records.
//! 97. [`folder`]: the data folder, which one process uses.
//! 98. [`deployment`]: checks that the folder still contains its own database.
//! 99. [`under_way`]: acts and creations in progress.
//! 100. [`credential_uses`]: what is kept of a credential's uses. Pure.
//! 101. [`secret`]: makes, hashes and compares secrets.
//! 102. [`rates`]: rates by name.
//! 103. [`metrics`]: the server's counters.
//! 104. [`config`]: the server's configuration: every limit, by name.

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
mod opening;
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
pub use folder::{DataFolder, FolderError, MASTER_KEY as MASTER_KEY_FILE};
pub use master_key::{MasterKeyError, VARIABLE as MASTER_KEY_VARIABLE};
pub use opening::OpenError;
pub use proof::{ProofError, verify_trail};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use scope::Scope;
pub use server::{NotReady, Server, Usable};
