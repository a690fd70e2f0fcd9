//! The proof of an audit trail (`spec/audit.md`, "The chain"): the canonical form of a record, links, checkpoints, and
//! the verification of a whole trail or of an app's excerpt. Pure: no database, no socket, no clock, no runtime.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`export`]: verifies an export, line by line.
//! 2. [`excerpt`]: signs and verifies the records of one app.
//! 3. [`verify`]: verifies a whole trail as it is read.
//! 4. `verify::strays`: what stands where it does not belong, and what is missing.
//! 5. `verify::open`: the link whose records are being read.
//! 6. [`fault`]: what can be wrong, and where.
//! 7. [`line`](mod@line): the lines of an export.
//! 8. [`checkpoint`]: a signed statement of where the chain stood.
//! 9. [`keys`]: audit keys, and the set that a verifier trusts.
//! 10. [`link`]: the hash that ties a transaction's records to all records before.
//! 11. [`record`]: a record, and its canonical form.
//! 12. [`hash`]: 32 bytes, in hex.

pub mod checkpoint;
pub mod excerpt;
pub mod export;
pub mod fault;
pub mod hash;
pub mod keys;
pub mod line;
pub mod link;
pub mod record;
pub mod verify;

pub use checkpoint::Checkpoint;
pub use excerpt::{Excerpt, ExcerptHash};
pub use export::{Export, NotAnExport};
pub use fault::{Fault, FaultKind, Part, Report};
pub use hash::{ChainId, Hash};
pub use keys::{AuditKey, Jwk, Jwks, PublicKeys};
pub use line::Line;
pub use link::Link;
pub use record::Record;
pub use verify::{Start, Verifier};
