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
//! 10. [`key_set`]: sets of keys that verify.
//! 11. [`key`]: keys that sign.
//! 12. [`verifying_key`]: what of a key verifies, and the states of keys.
//! 13. [`jwk`]: public keys as JWKs.
//! 14. `signature`: the signature as a token spells it.
//! 15. [`narrowing`]: a role narrowed by a token.
//! 16. [`fault`]: a refusal, with the field that it is about.
//! 17. [`field`]: a place in the claims, as a path.
//! 18. [`rule`]: the rules of grants, by name.
//! 19. `node`: JSON as it was written.
//! 20. [`app`]: the AppID.
//! 21. `lapse`: grants without the privileges that have ended.
//! 22. [`stay`]: what a token says about the stay in its seat.
//! 23. [`role`]: the roles of an app, and the built-in ones.
//! 24. [`refusal`]: the codes with which a token may be refused.
//! 25. [`algorithm`]: the algorithms of signatures.
//! 26. [`find`]: finds credentials in any text.
//! 27. [`credential`]: credentials of the HTTP API, with check digits.
//! 28. [`secret_text`]: a key's secret as text.
//! 29. `base62`: numbers of a fixed length, and check digits.
//! 30. `base64url`: the one canonical form of it.

pub mod algorithm;
pub mod app;
pub mod authorize;
mod base62;
mod base64url;
pub mod builder;
pub mod claims;
pub mod credential;
pub mod fault;
pub mod field;
pub mod find;
pub mod form;
mod header;
pub mod jwk;
pub mod key;
pub mod key_set;
pub mod lapse;
pub mod mint;
pub mod narrowing;
mod node;
mod read;
pub mod refusal;
pub mod role;
pub mod rule;
pub mod seat;
pub mod secret_text;
mod signature;
pub mod stay;
pub mod verify;
pub mod verifying_key;

pub use algorithm::{Algorithm, AlgorithmError};
pub use app::AppId;
pub use authorize::{Action, Decision, authorize};
pub use builder::ClaimsBuilder;
pub use claims::{Claims, Limits};
pub use credential::{Credential, CredentialError, CredentialKind};
pub use fault::Fault;
pub use field::Field;
pub use find::find_credentials;
pub use jwk::{Jwk, JwkError};
pub use key::Key;
pub use key_set::KeySet;
pub use lapse::lapsed;
pub use mint::{MintError, mint};
pub use narrowing::{CapsNarrowing, Narrowing, narrow, widening};
pub use refusal::Refusal;
pub use role::{Role, Roles};
pub use rule::Rule;
pub use seat::seat;
pub use secret_text::{SecretError, checked_secret, secret_of_text};
pub use stagedoor_grants::{
    Caps, Grants, Kind, Kinds, PATTERN_BYTES_MAX, PATTERNS_MAX, Pattern, PatternError, Patterns,
    Presence, Publish, ROLE_NAME_BYTES_MAX, RoleName, RoleNameError, SECOND_LOGIN_ALLOW_MAX,
    SecondLogin, SendTo, Subscribe, Verb, Verbs, WordError,
};
pub use stay::{AtExp, Confirmation, Thumbprint, Until};
pub use verify::{explain_signature, kid_of_token, verify, verify_with_key, verify_within};
pub use verifying_key::{KeyError, KeyState, VerifyingKey};
