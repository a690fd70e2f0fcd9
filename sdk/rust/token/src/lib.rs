#![doc = include_str!("../README.md")]
#![warn(clippy::missing_errors_doc)]
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`mint()`]: signs claims.
//! 2. [`verify()`]: verifies a token.
//! 3. [`seat()`]: the effective grants of verified claims.
//! 4. [`authorize()`]: decides whether grants allow an action.
//! 5. `header`: what a token's header says.
//! 6. `read`: how the claims of a token are read.
//! 7. [`form`]: the forms of claims, grants and templates, and where JSON is not of one.
//! 8. [`builder`]: claims put together, claim by claim.
//! 9. [`claims`]: what a token says, and its limits.
//! 10. [`key`]: keys, their states, and sets of them.
//! 11. [`narrowing`]: a role narrowed by a token.
//! 12. [`fault`]: a refusal, with the field that it is about.
//! 13. [`field`]: a place in the claims, as a path.
//! 14. [`rule`]: the rules of grants, by name.
//! 15. `node`: JSON as it was written.
//! 16. [`app`]: the AppID.
//! 17. `lapse`: grants without the privileges that have ended.
//! 18. [`stay`]: what a token says about the stay in its seat.
//! 19. [`role`]: the roles of an app, and the built-in ones.
//! 20. [`refusal`]: the codes with which a token may be refused.
//! 21. `base64url`: the one canonical form of it.

pub mod app;
pub mod authorize;
mod base64url;
pub mod builder;
pub mod claims;
pub mod fault;
pub mod field;
pub mod form;
mod header;
pub mod key;
pub mod lapse;
pub mod mint;
pub mod narrowing;
mod node;
mod read;
pub mod refusal;
pub mod role;
pub mod rule;
pub mod seat;
pub mod stay;
pub mod verify;

pub use app::AppId;
pub use authorize::{Action, Decision, authorize};
pub use builder::ClaimsBuilder;
pub use claims::{Claims, Limits};
pub use fault::Fault;
pub use field::Field;
pub use key::{Key, KeyError, KeySet, KeyState};
pub use lapse::lapsed;
pub use mint::{MintError, mint};
pub use narrowing::{CapsNarrowing, Narrowing, narrow, widening};
pub use refusal::Refusal;
pub use role::{Role, Roles};
pub use rule::Rule;
pub use seat::seat;
pub use stagedoor_grants::{
    Caps, Grants, Kind, Kinds, PATTERN_BYTES_MAX, PATTERNS_MAX, Pattern, PatternError, Patterns,
    Presence, Publish, ROLE_NAME_BYTES_MAX, RoleName, RoleNameError, SECOND_LOGIN_ALLOW_MAX,
    SecondLogin, SendTo, Subscribe, Verb, Verbs, WordError,
};
pub use stay::{AtExp, Confirmation, Thumbprint, Until};
pub use verify::{explain_signature, kid_of_token, verify, verify_with_key, verify_within};
