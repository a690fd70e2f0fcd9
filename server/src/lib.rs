//! The server: backends ask, the server mints. It keeps apps, keys, API keys and the audit trail, and asks
//! the relay over the bus for what happens in rooms. It never touches a member's connection.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`server`]: the whole: opens the store, tells the relay of its apps, closes.
//! 2. [`router`]: which path goes where; limits, request ids, rates.
//! 3. [`routes`]: one file for each resource.
//! 4. [`act`]: an act that began is carried through.
//! 5. [`idempotency`]: a creation asked twice happens once.
//! 6. [`caller`]: who asks, and may they.
//! 7. [`issue`]: the one decision whether, and with what, a token is minted. Pure.
//! 8. [`role_set`]: an app's roles read and changed. Pure.
//! 9. [`state`]: what every request has in common.
//! 10. [`storer`]: stores what the relay asks for before it answers.
//! 11. [`recorder`]: the audit trail's one writer.
//! 12. [`revoker`]: what is revoked is loaded at the start, and let go of when it is over.
//! 13. [`error`]: every refusal, and the only file with status codes.
//! 14. [`doors`]: what the doors know is what is stored.
//! 15. [`store`]: the database.
//! 16. [`under_way`]: acts and creations that began and are not done.
//! 17. [`secret`]: secrets made, hashed and compared.
//! 18. [`metrics`]: what the server counts.
//! 19. [`config`]: how the server is set up; every limit by name.

mod act;
mod caller;
pub mod config;
mod doors;
mod error;
mod idempotency;
mod issue;
mod metrics;
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
pub use router::openapi;
pub use routes::{api_keys::ApiKeyCreated, apps::AppCreated};
pub use server::{NotReady, OpenError, Server};
