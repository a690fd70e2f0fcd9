//! The harness of the end-to-end tests: a whole Stagedoor in this process on ports of its own, and a
//! member that speaks the wire by hand, so that tests see every byte that the relay says.
//!
//! In reading order: [`stage`], [`http`], `contract`, [`member`]; and [`binary`],
//! [`raw_to`], [`trusting`].

pub mod binary;
mod contract;
mod http;
pub mod member;
mod raw;
pub mod stage;
mod trust;

pub use http::{Answer, Caller};
pub use member::{Closed, Heard, Member};
pub use raw::raw_to;
pub use stage::Stage;
pub use trust::trusting;
