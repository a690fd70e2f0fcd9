//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`backup`]: backs up the whole database to one file, and restores it.
//! 3. [`sealing`]: the acts of `stagedoor master-key` on a data folder.
//! 4. [`router`]: paths, limits, request ids, rates.
//! 5. [`document`]: the OpenAPI document. Pure.
//! 6. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 7. `document::examples`: examples of requests and answers. Pure.
//! 8. `document::form`: which form errors an operation can have. Pure.
//! 9. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 10. [`guard`]: checks that apply to every operation.
//! 11. `routes::admission`: admits waiting members, many per request.
//! 12. `routes::api_keys`: API keys of an app.
//! 13. `routes::apps`: apps.
//! 14. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 15. `routes::keys`: keys of an app.
//! 16. `routes::web`: the built pages: the classroom of `dev`.
//! 17. `routes::pages`: the pages in the binary: a front page and the reference.
//! 18. `routes::pages::files`: the files that pages load.
//! 19. `routes::roles`: roles of an app, a new version for each change.
//! 20. `routes::rooms`: rooms, as the app's backend sees them.
//! 21. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 22. `routes::tokens`: mints and explains tokens.
//! 23. `routes::roles::change`: the newest roles of an app, and how they change.
//! 24. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 25. [`routes`]: one file for each resource.
//! 26. `routes::roles::views`: bodies of requests and answers about roles.
//! 27. `routes::body`: JSON bodies; errors become problems that name the field.
//! 28. [`act`]: finishes each act that has begun.
//! 29. [`idempotency`]: a creation requested twice happens once.
//! 30. [`credential`]: authenticates callers.
//! 31. [`caller`]: decides what a caller may do.
//! 32. [`inviter`]: mints tokens for the guests of members.
//! 33. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 34. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 35. [`role_set`]: reads and changes an app's roles. Pure.
//! 36. [`state`]: what all requests share.
//! 37. [`storer`]: stores the relay's revocations before it answers.
//! 38. [`resealer`]: follows what `stagedoor master-key` does to the running server's database.
//! 39. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 40. `recorder::listener`: records the relay's events and the API's refusals.
//! 41. [`recorder`]: the only writer of the audit trail.
//! 42. `recorder::events`: converts the relay's events to records. Pure.
//! 43. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 44. `recorder::writer`: the task that writes.
//! 45. `recorder::gate`: decides whether the trail may grow.
//! 46. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 47. [`error`]: every refusal, and the only file with status codes.
//! 48. `error::statuses`: the API's own codes, each with its status.
//! 49. [`doors`]: keeps the doors in step with the store.
//! 50. `store::audit`: the audit trail.
//! 51. `store::audit::list`: reads records.
//! 52. `routes::forms`: schemas of other crates' types, for the document only.
//! 53. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 54. `store::clock`: the last saved settled time.
//! 55. `store::credentials`: API keys and the root credential.
//! 56. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 57. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 58. `store::revocations`: revocations of apps.
//! 59. `store::roles`: role sets of apps, one row per version.
//! 60. `store::reseal`: seals stored secrets, or seals them again under another data key.
//! 61. `store::keys`: signing keys of apps.
//! 62. `store::apps`: apps.
//! 63. [`store`]: the database.
//! 64. `store::author`: the author of a row.
//! 65. `store::write`: writes to the database: one transaction of this process at a time.
//! 66. `store::sealed`: the columns with secrets, and the keys that seal them.
//! 67. `store::deployment`: identifies a database file before it is opened.
//! 68. `store::health`: whether the database can be written, and why not.
//! 69. `store::error`: why a database operation failed. Pure.
//! 70. [`master_key`]: where the master key comes from.
//! 71. [`envelope`]: seals secrets under the data key, and that under the master key. Pure.
//! 72. [`record`]: audit records.
//! 73. [`folder`]: the data folder, which one process uses.
//! 74. [`deployment`]: checks that the folder still contains its own database.
//! 75. [`under_way`]: acts and creations in progress.
//! 76. [`secret`]: makes, hashes and compares secrets.
//! 77. [`rates`]: rates by name.
//! 78. [`metrics`]: the server's counters.
//! 79. [`config`]: the server's configuration: every limit, by name.

mod act;
mod backup;
mod caller;
pub mod config;
mod credential;
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
mod master_key;
mod metrics;
mod minting;
mod rates;
mod record;
mod recorder;
mod resealer;
mod revoker;
mod role_set;
mod router;
mod routes;
pub mod sealing;
mod secret;
mod server;
mod state;
mod store;
mod storer;
mod under_way;

pub use backup::{BackupError, BackupMade, Restored, backup, restore};
pub use caller::Scope;
pub use config::{Config, MasterKeySource};
pub use deployment::NotTheDatabase;
pub use envelope::{KeyId, MasterKey, NotAnId};
pub use error::BodyTimeout;
pub use folder::{DataFolder, FolderError, MASTER_KEY as MASTER_KEY_FILE};
pub use master_key::{MasterKeyError, VARIABLE as MASTER_KEY_VARIABLE};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use server::{NotReady, OpenError, Server, Usable};
