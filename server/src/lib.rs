//! The server: backends ask, the server mints. It keeps apps, keys, API keys and the audit trail, and asks
//! the relay over the bus for what happens in rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the whole: opens the store, tells the relay of its apps, closes.
//! 2. [`backup`]: the whole database in one file, and back.
//! 3. [`router`]: which path goes where; limits, request ids, rates.
//! 4. [`document`]: the OpenAPI document. Pure.
//! 5. [`guard`]: what holds for every operation, whoever carries it out.
//! 6. [`routes`]: one file for each resource.
//! 7. [`act`]: an act that began is carried through.
//! 8. [`idempotency`]: a creation asked twice happens once.
//! 9. [`caller`]: who asks, and may they.
//! 10. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 11. [`role_set`]: an app's roles read and changed. Pure.
//! 12. [`state`]: what every request has in common.
//! 13. [`storer`]: stores what the relay asks for before it answers.
//! 14. [`recorder`]: the audit trail's one writer.
//! 15. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 16. [`error`]: every refusal, and the only file with status codes.
//! 17. [`doors`]: what the doors know is what is stored.
//! 18. [`store`]: the database.
//! 19. [`deployment`]: whether what lies in the folder is what was there.
//! 20. [`record`]: what is recorded.
//! 21. [`folder`]: the data folder, which one process has.
//! 22. [`under_way`]: acts and creations that began and are not done.
//! 23. [`secret`]: secrets made, hashed and compared.
//! 24. [`rates`]: rates by name.
//! 25. [`metrics`]: what the server counts.
//! 26. [`config`]: how the server is set up; every limit by name.

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
