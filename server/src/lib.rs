//! The server: backends ask, the server mints. It keeps apps, keys, API keys and the audit trail, and asks
//! the relay over the bus for what happens in rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the whole: opens the store, tells the relay of its apps, closes.
//! 2. [`router`]: which path goes where; limits, request ids, rates.
//! 3. [`document`]: the OpenAPI document. Pure.
//! 4. [`guard`]: what holds for every operation, whoever carries it out.
//! 5. [`routes`]: one file for each resource.
//! 6. [`act`]: an act that began is carried through.
//! 7. [`idempotency`]: a creation asked twice happens once.
//! 8. [`caller`]: who asks, and may they.
//! 9. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 10. [`role_set`]: an app's roles read and changed. Pure.
//! 11. [`state`]: what every request has in common.
//! 12. [`storer`]: stores what the relay asks for before it answers.
//! 13. [`recorder`]: the audit trail's one writer.
//! 14. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 15. [`error`]: every refusal, and the only file with status codes.
//! 16. [`doors`]: what the doors know is what is stored.
//! 17. [`store`]: the database.
//! 18. [`record`]: what is recorded.
//! 19. [`folder`]: the data folder, which one process has.
//! 20. [`under_way`]: acts and creations that began and are not done.
//! 21. [`secret`]: secrets made, hashed and compared.
//! 22. [`rates`]: rates by name.
//! 23. [`metrics`]: what the server counts.
//! 24. [`config`]: how the server is set up; every limit by name.

mod act;
mod caller;
pub mod config;
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

pub use caller::Scope;
pub use config::Config;
pub use error::BodyTimeout;
pub use folder::{DataFolder, FolderError};
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use server::{NotReady, OpenError, Server};
