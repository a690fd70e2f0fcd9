//! The server: backends ask, the server mints. It keeps apps, keys, API keys and the audit trail, and asks
//! the relay over the bus for what happens in rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the whole: opens the store, tells the relay of its apps, closes.
//! 2. [`backup`]: the whole database in one file, and back.
//! 3. [`router`]: which path goes where; limits, request ids, rates.
//! 4. [`document`]: the OpenAPI document. Pure.
//! 5. `document::operations`: the one table of the API's operations: what each needs and which refusals are its own.
//! 6. `document::examples`: examples of requests and answers. Pure.
//! 7. `document::form`: what of an operation's form can be wrong. Pure.
//! 8. `document::shape`: numbers, limits and parameters as JSON Schema has them.
//! 9. [`guard`]: what holds for every operation, whoever carries it out.
//! 10. `routes::admission`: those who wait let in, many by one request.
//! 11. `routes::api_keys`: API keys of an app.
//! 12. `routes::apps`: apps.
//! 13. `routes::audit`: the audit trail: of one app, and all of it for the operator.
//! 14. `routes::keys`: keys of an app.
//! 15. `routes::pages`: the pages that the binary carries: a front page and the reference.
//! 16. `routes::pages::files`: the files that pages load.
//! 17. `routes::roles`: roles of an app, a new version for each change.
//! 18. `routes::rooms`: rooms as the app's backend sees them.
//! 19. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 20. `routes::tokens`: tokens: minted, and explained.
//! 21. `routes::roles::change`: the newest roles of an app, and how they become others.
//! 22. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): a change is of what its caller saw, or refused.
//! 23. [`routes`]: one file for each resource.
//! 24. `routes::roles::views`: roles as they are asked for and shown.
//! 25. `routes::body`: JSON bodies, their faults told as problems with the field that is wrong.
//! 26. [`act`]: an act that began is carried through.
//! 27. [`idempotency`]: a creation asked twice happens once.
//! 28. [`caller`]: who asks, and may they.
//! 29. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 30. [`role_set`]: an app's roles read and changed. Pure.
//! 31. [`state`]: what every request has in common.
//! 32. [`storer`]: stores what the relay asks for before it answers.
//! 33. `recorder::keeper`: keeps the trail within its bounds: by age, by bytes, and by the room that the disk has left.
//! 34. `recorder::listener`: takes what the relay tells and what the API refuses, and hands it in.
//! 35. [`recorder`]: the audit trail's one writer.
//! 36. `recorder::events`: what the relay tells, as records. Pure.
//! 37. `recorder::repeats`: what one source repeats is written once and then counted. Pure.
//! 38. `recorder::writer`: the task that writes.
//! 39. `recorder::gate`: whether the trail may grow.
//! 40. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 41. [`error`]: every refusal, and the only file with status codes.
//! 42. `error::statuses`: the codes of the API's own, each with its status.
//! 43. [`doors`]: what the doors know is what is stored.
//! 44. `store::audit`: the audit trail.
//! 45. `store::audit::list`: records as they are read.
//! 46. `routes::forms`: the forms of what other crates read and write, for the document alone.
//! 47. `store::audit::prune`: the oldest records are deleted: few at a time, so that nothing that is written waits for long.
//! 48. `store::clock`: the settled time as it was noted last.
//! 49. `store::credentials`: API keys and the root credential.
//! 50. `store::ledger`: revocations that somebody waits for: all that wait are one transaction, in few statements.
//! 51. `store::replies`: answers to creations, kept so that asking again creates nothing.
//! 52. `store::revocations`: revocations of apps.
//! 53. `store::roles`: role sets of apps, a row for each version.
//! 54. `store::apps`: apps and their keys.
//! 55. [`store`]: the database.
//! 56. `store::author`: who made a row.
//! 57. `store::write`: how the database is written: one transaction of this process at a time.
//! 58. `store::deployment`: which deployment a database is of: what a file is before it is opened, and what is noted of it.
//! 59. `store::health`: whether the database can be written, and why not.
//! 60. `store::error`: why the database did not do what it should. Pure.
//! 61. [`record`]: what is recorded.
//! 62. [`folder`]: the data folder, which one process has.
//! 63. [`deployment`]: whether what lies in the folder is what was there.
//! 64. [`under_way`]: acts and creations that began and are not done.
//! 65. [`secret`]: secrets made, hashed and compared.
//! 66. [`rates`]: rates by name.
//! 67. [`metrics`]: what the server counts.
//! 68. [`config`]: how the server is set up; every limit by name.

mod act;
mod backup;
mod caller;
pub mod config;
mod deployment;
mod document;
mod doors;
mod error;
mod folder;
mod guard;
mod idempotency;
mod issue;
mod metrics;
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
