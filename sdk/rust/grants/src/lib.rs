#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. `grants`: what a member may do, section by section.
//! 2. `caps`: how much of a room a role may use.
//! 3. `words`: kinds of streams, verbs of moderation, and sets of either.
//! 4. `pattern`: names and prefixes.
//! 5. `role_name`: the name of a role.
//! 6. `strict`: how JSON is read strictly.

mod caps;
mod grants;
mod pattern;
mod role_name;
#[doc(hidden)]
pub mod strict;
mod words;

pub use caps::{Caps, SECOND_LOGIN_ALLOW_MAX, SecondLogin};
pub use grants::{Grants, Presence, Publish, SendTo, Subscribe};
pub use pattern::{PATTERN_BYTES_MAX, PATTERNS_MAX, Pattern, PatternError, Patterns};
pub use role_name::{ROLE_NAME_BYTES_MAX, RoleName, RoleNameError};
pub use words::{Kind, Kinds, Verb, Verbs, WordError};
