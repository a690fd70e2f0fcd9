//! The harness of the end-to-end tests: a whole Stagedoor in this process on ports of its own, and a
//! member that speaks the wire by hand, so that tests see every byte that the relay says.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `binary`: where the built binary is.
//! 2. `raw`: a member on a bare socket, which reads nothing by itself.
//! 3. `stage`: a whole Stagedoor in this process, with one app whose key the test holds.
//! 4. `http`: a client of the HTTP API that shows all of an answer.
//! 5. `contract`: the OpenAPI document as what every answer in every test is held to.
//! 6. `answer`: an answer of the HTTP API, whole.
//! 7. `member`: a member that speaks the wire by hand.
//! 8. `trust`: a TLS client's configuration that trusts one certificate alone.

mod answer;
pub mod binary;
mod contract;
mod http;
pub mod member;
mod raw;
pub mod stage;
mod trust;

pub use answer::Answer;
pub use http::Caller;
pub use member::{Closed, Heard, Member};
pub use raw::raw_to;
pub use stage::Stage;
pub use trust::trusting;
