//! The receivers of a message (`spec/wire.md` §Requests).

use serde::{Deserialize, Serialize};

/// Who receives a message: `"room"`, `{"role":"host"}` or `{"user":"anna"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum To {
    /// Everybody in the room, the sender included.
    Room,
    /// Every member of a role.
    Role(String),
    /// One user, by id.
    User(String),
}
