//! The harness of the end-to-end tests: a whole Stagedoor in this process on ports of its own, and a
//! member that speaks the wire by hand, so that tests see every byte that the relay says.
//!
//! In reading order: [`stage`], [`http`], `contract`, [`member`]; and [`binary`].

pub mod binary;
mod contract;
mod http;
pub mod member;
pub mod stage;

pub use http::{Answer, Caller};
pub use member::{Closed, Heard, Member};
pub use stage::Stage;
