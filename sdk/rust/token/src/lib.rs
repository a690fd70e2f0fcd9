//! Room tokens: a **key** signs **claims** into a **token** (a JWT, HMAC-SHA256); whoever holds the key
//! verifies it and asks what it allows. Pure: no clock, no network, no thread. `spec/token.md` and
//! `spec/roles.md` are the law of it.
//!
//! ```
//! use stagedoor_token::{Action, AppId, Claims, Decision, Key, KeySet, KeyState, Roles};
//!
//! let key = Key::hs256(AppId(7), "k_1", &[42; 32], KeyState::Current)?;
//! let claims = Claims::new(AppId(7), "lobby", "anna", "host".parse()?, "t-1", 1_700_000_000, 600);
//! let token = stagedoor_token::mint(&claims, &key)?;
//!
//! let keys = KeySet::from_iter([key]);
//! let claims = stagedoor_token::verify(&token, &keys, 1_700_000_001)?;
//! let grants = stagedoor_token::seat(&claims, &Roles::built_in())?;
//! assert_eq!(stagedoor_token::authorize(&grants, &Action::SendRoom), Decision::Allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`mint()`]: claims and a key become a token.
//! 2. [`verify()`]: a token and keys become claims, or a refusal.
//! 3. [`authorize()`]: grants and an action become a decision.
//! 4. [`claims`]: what a token says, and how it is read strictly.
//! 5. [`key`]: keys, their states, and sets of them.
//! 6. [`grants`]: a role narrowed by a token.
//! 7. [`role`]: roles as templates, and the built-in ones.
//! 8. [`pattern`]: names and prefixes.
//! 9. [`refusal`]: every code that a token may be refused with.
//! 10. [`app`]: the AppID.

pub mod app;
pub mod authorize;
pub mod claims;
pub mod grants;
pub mod key;
pub mod mint;
pub mod pattern;
pub mod refusal;
pub mod role;
pub mod verify;

pub use app::AppId;
pub use authorize::{Action, Decision, Rule, authorize};
pub use claims::{Claims, Limits};
pub use grants::{Narrowing, narrow, seat};
pub use key::{Key, KeyError, KeySet, KeyState};
pub use mint::{MintError, mint};
pub use pattern::{Pattern, PatternError, Patterns};
pub use refusal::Refusal;
pub use role::{Grants, Kind, Kinds, Presence, Publish, Role, RoleName, Roles, SendTo, Subscribe, Verb, Verbs};
pub use verify::{verify, verify_within};
