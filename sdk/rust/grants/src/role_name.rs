//! The name of a role (`spec/roles.md` §Template).

use std::{borrow::Borrow, fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of a role, in bytes.
pub const ROLE_NAME_BYTES_MAX: usize = 32;

/// The name of a role: 1 to 32 bytes of `[a-z0-9_-]`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(Arc<str>);

/// A text is not the name of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the name of a role must be 1 to 32 bytes of [a-z0-9_-]")]
pub struct RoleNameError;

impl RoleName {
    /// The name as shared text.
    pub fn text(&self) -> Arc<str> {
        self.0.clone()
    }

    /// A name that needs no check.
    pub(crate) fn known(name: &'static str) -> Self {
        Self(name.into())
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<Self, RoleNameError> {
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if clean && (1..=ROLE_NAME_BYTES_MAX).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(RoleNameError)
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = RoleNameError;

    fn try_from(text: String) -> Result<Self, RoleNameError> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl Deref for RoleName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoleName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_name_has_32_bytes_of_few_characters() {
        for good in ["a", "host", "co-host_2", &"a".repeat(32)] {
            assert_eq!(good.parse::<RoleName>().as_deref(), Ok(good));
        }
        for bad in ["", "Host", "ho st", "höst", "*", &"a".repeat(33)] {
            assert_eq!(bad.parse::<RoleName>(), Err(RoleNameError), "{bad}");
        }
    }
}
