//! The receivers of a message.

use serde::{Deserialize, Serialize};

/// Who receives a message: `"room"`, `{"role":"host"}` or `{"user":"anna"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// Every member.
    Room,
    /// Every member of a role.
    Role(String),
    /// One user.
    User(String),
}
