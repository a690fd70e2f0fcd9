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
//! 6. `document::form`: what of an operation's form can be wrong. Pure.
//! 7. `document::shape`: numbers, limits and parameters as JSON Schema has them.
//! 8. [`guard`]: what holds for every operation, whoever carries it out.
//! 9. `routes::admission`: those who wait let in, many by one request.
//! 10. `routes::api_keys`: API keys of an app.
//! 11. `routes::apps`: apps.
//! 12. `routes::audit`: the audit trail: of one app, and all of it for the operator.
//! 13. `routes::keys`: keys of an app.
//! 14. `routes::pages`: the pages that the binary carries: a front page and the reference.
//! 15. `routes::roles`: roles of an app, a new version for each change.
//! 16. `routes::rooms`: rooms as the app's backend sees them.
//! 17. `routes::revocations`: revocations of an app: made, listed, lifted.
//! 18. `routes::tokens`: tokens: minted, and explained.
//! 19. `routes::roles::change`: the newest roles of an app, and how they become others.
//! 20. `routes::etag`: `ETag` and `If-Match` (RFC 9110 §13.1.1): a change is of what its caller saw, or refused.
//! 21. [`routes`]: one file for each resource.
//! 22. `routes::roles::views`: roles as they are asked for and shown.
//! 23. `routes::body`: JSON bodies, their faults told as problems with the field that is wrong.
//! 24. [`act`]: an act that began is carried through.
//! 25. [`idempotency`]: a creation asked twice happens once.
//! 26. [`caller`]: who asks, and may they.
//! 27. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 28. [`role_set`]: an app's roles read and changed. Pure.
//! 29. [`state`]: what every request has in common.
//! 30. [`storer`]: stores what the relay asks for before it answers.
//! 31. `recorder::keeper`: keeps the trail within its bounds: by age, by bytes, and by the room that the disk has left.
//! 32. `recorder::listener`: takes what the relay tells and what the API refuses, and hands it in.
//! 33. [`recorder`]: the audit trail's one writer.
//! 34. `recorder::events`: what the relay tells, as records. Pure.
//! 35. `recorder::repeats`: what one source repeats is written once and then counted. Pure.
//! 36. `recorder::writer`: the task that writes.
//! 37. `recorder::gate`: whether the trail may grow.
//! 38. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 39. [`error`]: every refusal, and the only file with status codes.
//! 40. `error::statuses`: the codes of the API's own, each with its status.
//! 41. [`doors`]: what the doors know is what is stored.
//! 42. `store::audit`: the audit trail.
//! 43. `store::audit::list`: records as they are read.
//! 44. `routes::forms`: the forms of what other crates read and write, for the document alone.
//! 45. `store::audit::prune`: the oldest records are deleted: few at a time, so that nothing that is written waits for long.
//! 46. `store::clock`: the settled time as it was noted last.
//! 47. `store::credentials`: API keys and the root credential.
//! 48. `store::ledger`: revocations that somebody waits for: all that wait are one transaction, in few statements.
//! 49. `store::replies`: answers to creations, kept so that asking again creates nothing.
//! 50. `store::revocations`: revocations of apps.
//! 51. `store::roles`: role sets of apps, a row for each version.
//! 52. `store::apps`: apps and their keys.
//! 53. [`store`]: the database.
//! 54. `store::author`: who made a row.
//! 55. `store::write`: how the database is written: one transaction of this process at a time.
//! 56. `store::deployment`: which deployment a database is of: what a file is before it is opened, and what is noted of it.
//! 57. `store::health`: whether the database can be written, and why not.
//! 58. `store::error`: why the database did not do what it should. Pure.
//! 59. [`record`]: what is recorded.
//! 60. [`folder`]: the data folder, which one process has.
//! 61. [`deployment`]: whether what lies in the folder is what was there.
//! 62. [`under_way`]: acts and creations that began and are not done.
//! 63. [`secret`]: secrets made, hashed and compared.
//! 64. [`rates`]: rates by name.
//! 65. [`metrics`]: what the server counts.
//! 66. [`config`]: how the server is set up; every limit by name.

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
