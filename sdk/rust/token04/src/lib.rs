#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`mint()`]: seals claims into a token.
//! 2. [`open()`]: opens a token with all secrets that may have made it.
//! 3. `judge`: every rule about the plaintext, in a fixed amount of work.
//! 4. `scan`: one look at every byte of a JSON text, without a branch.
//! 5. `steps`: the automaton of that look.
//! 6. `utf8`: the automaton of UTF-8.
//! 7. `masks`: what a byte or a character is, without a branch.
//! 8. `cipher`: AES-256 in GCM and in CBC.
//! 9. `envelope`: what stands around the ciphertext.
//! 10. [`claims`]: what a token says, how it is written, and its id.
//! 11. [`limits`]: the limits.
//! 12. [`secret`]: the 32 characters.
//! 13. [`refusal`]: the codes with which a token may be refused.

mod cipher;
pub mod claims;
mod envelope;
mod judge;
pub mod limits;
mod masks;
pub mod mint;
pub mod open;
pub mod refusal;
mod scan;
pub mod secret;
mod steps;
mod utf8;

pub use claims::{Claims, id_of};
pub use limits::Limits;
pub use mint::{MintError, mint};
pub use open::{Accept, Candidate, Mode, Opened, is_token04, open, reveal};
pub use refusal::{Fault, Refusal};
pub use secret::{SecretError, Token04Secret};
