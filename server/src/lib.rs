//! The server: backends ask, the server mints. It keeps apps, keys, API keys and the audit trail, and asks
//! the relay over the bus for what happens in rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the whole: opens the store, tells the relay of its apps, closes.
//! 2. [`router`]: which path goes where; limits, request ids, rates.
//! 3. [`guard`]: what holds for every operation, whoever carries it out.
//! 4. [`routes`]: one file for each resource.
//! 5. [`act`]: an act that began is carried through.
//! 6. [`idempotency`]: a creation asked twice happens once.
//! 7. [`caller`]: who asks, and may they.
//! 8. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 9. [`role_set`]: an app's roles read and changed. Pure.
//! 10. [`state`]: what every request has in common.
//! 11. [`storer`]: stores what the relay asks for before it answers.
//! 12. [`recorder`]: the audit trail's one writer.
//! 13. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 14. [`error`]: every refusal, and the only file with status codes.
//! 15. [`doors`]: what the doors know is what is stored.
//! 16. [`store`]: the database.
//! 17. [`record`]: what is recorded.
//! 18. [`folder`]: the data folder, which one process has.
//! 19. [`under_way`]: acts and creations that began and are not done.
//! 20. [`secret`]: secrets made, hashed and compared.
//! 21. [`rates`]: rates by name.
//! 22. [`metrics`]: what the server counts.
//! 23. [`config`]: how the server is set up; every limit by name.

mod act;
mod caller;
pub mod config;
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

pub use caller::Scope;
pub use config::Config;
pub use error::BodyTimeout;
pub use folder::{DataFolder, FolderError};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use server::{NotReady, OpenError, Server};
