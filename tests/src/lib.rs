//! The harness of the end-to-end tests: a complete Stagedoor in this process on its own ports, and a member that speaks
//! the wire by hand, so that tests see every byte the relay sends.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `binary`: finds the built binary.
//! 2. `raw`: a member on a bare socket that reads nothing on its own.
//! 3. `stage`: a complete Stagedoor in this process, with one app whose key the test holds.
//! 4. `oauth`: a client of OAuth, which sends forms.
//! 5. `http`: a client of the HTTP API that returns the complete answer.
//! 6. `contract`: checks every answer in every test against the OpenAPI document.
//! 7. `answer`: a complete answer of the HTTP API.
//! 8. `steady`: a client of the HTTP API on one connection that stays open.
//! 9. `member`: a member that speaks the wire by hand.
//! 10. `operations`: the operations of the OpenAPI document, each with a request that the server understands.
//! 11. `trust`: a TLS client's configuration that trusts only one certificate.
//! 12. `es256`: a key pair of P-256 as a key service has it, and the two spellings of its tokens.

mod answer;
pub mod binary;
mod contract;
pub mod es256;
mod http;
pub mod member;
pub mod oauth;
mod operations;
mod raw;
pub mod stage;
mod steady;
mod trust;

pub use answer::Answer;
pub use http::Caller;
pub use member::{Closed, Heard, Member};
pub use operations::{Operation, operations};
pub use raw::raw_to;
pub use stage::Stage;
pub use steady::Steady;
pub use trust::trusting;
