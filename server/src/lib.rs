//! The server: mints tokens for backends. It keeps apps, keys, API keys and the audit trail, and asks the relay over
//! the bus about rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the server as a whole: opens the store, registers apps with the relay, closes.
//! 2. [`backup`]: backs up the whole database to one file, and restores it.
//! 3. [`router`]: paths, limits, request ids, rates.
//! 4. [`document`]: the OpenAPI document. Pure.
//! 5. `document::operations`: the table of the API's operations: what each needs, and its own refusals.
//! 6. `document::examples`: examples of requests and answers. Pure.
//! 7. `document::form`: which form errors an operation can have. Pure.
//! 8. `document::shape`: numbers, limits and parameters in JSON Schema.
//! 9. [`guard`]: checks that apply to every operation.
//! 10. `routes::admission`: admits waiting members, many per request.
//! 11. `routes::api_keys`: API keys of an app.
//! 12. `routes::apps`: apps.
//! 13. `routes::audit`: the audit trail, of one app or, for the operator, of all.
//! 14. `routes::keys`: keys of an app.
//! 15. `routes::web`: the built pages: the classroom of `dev`.
//! 16. `routes::pages`: the pages in the binary: a front page and the reference.
//! 17. `routes::pages::files`: the files that pages load.
//! 18. `routes::roles`: roles of an app, a new version for each change.
//! 19. `routes::rooms`: rooms, as the app's backend sees them.
//! 20. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 21. `routes::tokens`: mints and explains tokens.
//! 22. `routes::roles::change`: the newest roles of an app, and how they change.
//! 23. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): refuses to change what the caller has not seen.
//! 24. [`routes`]: one file for each resource.
//! 25. `routes::roles::views`: bodies of requests and answers about roles.
//! 26. `routes::body`: JSON bodies; errors become problems that name the field.
//! 27. [`act`]: finishes each act that has begun.
//! 28. [`idempotency`]: a creation requested twice happens once.
//! 29. [`credential`]: authenticates callers.
//! 30. [`caller`]: decides what a caller may do.
//! 31. [`inviter`]: mints tokens for the guests of members.
//! 32. [`minting`]: what minting needs of an app, as its doors enforce it.
//! 33. [`issue`]: decides whether a token is minted, and with which claims. Pure.
//! 34. [`role_set`]: reads and changes an app's roles. Pure.
//! 35. [`state`]: what all requests share.
//! 36. [`storer`]: stores the relay's revocations before it answers.
//! 37. `recorder::keeper`: keeps the trail within its bounds: age, bytes, and free space on the disk.
//! 38. `recorder::listener`: records the relay's events and the API's refusals.
//! 39. [`recorder`]: the only writer of the audit trail.
//! 40. `recorder::events`: converts the relay's events to records. Pure.
//! 41. `recorder::repeats`: counts one source's repeats instead of writing each. Pure.
//! 42. `recorder::writer`: the task that writes.
//! 43. `recorder::gate`: decides whether the trail may grow.
//! 44. [`revoker`]: loads revocations at the start, and deletes expired ones.
//! 45. [`error`]: every refusal, and the only file with status codes.
//! 46. `error::statuses`: the API's own codes, each with its status.
//! 47. [`doors`]: keeps the doors in step with the store.
//! 48. `store::audit`: the audit trail.
//! 49. `store::audit::list`: reads records.
//! 50. `routes::forms`: schemas of other crates' types, for the document only.
//! 51. `store::audit::prune`: deletes the oldest records, few at a time so that writes never wait for long.
//! 52. `store::clock`: the last saved settled time.
//! 53. `store::credentials`: API keys and the root credential.
//! 54. `store::ledger`: writes awaited revocations, all in one transaction of few statements.
//! 55. `store::replies`: saved answers to creations, so that a repeated request creates nothing.
//! 56. `store::revocations`: revocations of apps.
//! 57. `store::roles`: role sets of apps, one row per version.
//! 58. `store::keys`: signing keys of apps.
//! 59. `store::apps`: apps.
//! 60. [`store`]: the database.
//! 61. `store::author`: the author of a row.
//! 62. `store::write`: writes to the database: one transaction of this process at a time.
//! 63. `store::deployment`: identifies a database file before it is opened.
//! 64. `store::health`: whether the database can be written, and why not.
//! 65. `store::error`: why a database operation failed. Pure.
//! 66. [`record`]: audit records.
//! 67. [`folder`]: the data folder, which one process uses.
//! 68. [`deployment`]: checks that the folder still contains its own database.
//! 69. [`under_way`]: acts and creations in progress.
//! 70. [`secret`]: makes, hashes and compares secrets.
//! 71. [`rates`]: rates by name.
//! 72. [`metrics`]: the server's counters.
//! 73. [`config`]: the server's configuration: every limit, by name.

mod act;
mod backup;
mod caller;
pub mod config;
mod credential;
mod deployment;
mod document;
mod doors;
mod error;
mod folder;
mod guard;
mod idempotency;
mod inviter;
mod issue;
mod metrics;
mod minting;
mod rates;
mod record;
mod recorder;
mod revoker;
mod role_set;
mod router;
mod routes;
mod secret;
mod server;
mod state;
mod store;
mod storer;
mod under_way;

pub use backup::{BackupError, BackupMade, Restored, backup, restore};
pub use caller::Scope;
pub use config::Config;
pub use deployment::NotTheDatabase;
pub use error::BodyTimeout;
pub use folder::{DataFolder, FolderError};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use server::{NotReady, OpenError, Server, Usable};
