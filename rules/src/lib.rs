//! Rules that turn the claims of an ID token into a room, a role and a user (`spec/sso.md`). Pure: no socket, no clock,
//! no key. Whether the claims are true is decided elsewhere, and before.
//!
//! In reading order; a file uses only files further down:
//!
//! 1. [`rules`]: a list of rules, of which the first that matches wins.
//! 2. [`rule`]: one rule, and whether it matches.
//! 3. [`when`]: conditions on claims.
//! 4. [`template`]: texts with claims in them.
//! 5. [`claims`]: claims by their paths.
//! 6. [`fault`]: why rules cannot be.
//! 7. [`json`]: JSON objects without repeated members.

pub mod claims;
pub mod fault;
pub mod json;
pub mod rule;
pub mod rules;
pub mod template;
pub mod when;

pub use claims::{Claims, Path};
pub use fault::RuleFault;
pub use rule::{Gives, Rule, Verdict};
pub use rules::{Outcome, Rules};
pub use template::{Filled, Template, Unfit};
pub use when::{Condition, When};
