//! What the relay tells the server, for the audit trail and for usage. After `command`, before
//! `directory`. Carries ids and codes; never a token.

use serde::{Deserialize, Serialize};
use stagedoor_token::AppId;

use crate::revocation::Revocation;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The door let a member in.
    Seated {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The role.
        role: String,
        /// The token's id.
        jti: String,
        /// The peer's address.
        peer: String,
    },
    /// The door refused a login. Ids are there as far as they were proven by a signature.
    Refused {
        /// The exact code, also where the client was told less.
        code: String,
        /// The app.
        app: Option<AppId>,
        /// The room.
        room: Option<String>,
        /// The user.
        user: Option<String>,
        /// The token's id.
        jti: Option<String>,
        /// The peer's address.
        peer: String,
    },
    /// A seat was given up.
    Left {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The token's id.
        jti: String,
        /// The close reason, or `lost` when the connection broke.
        reason: String,
        /// How long the seat was held, in milliseconds.
        held_ms: u64,
    },
    /// A member did, or was refused, an act of moderation.
    Moderated {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// Who.
        by: String,
        /// The verb.
        verb: String,
        /// On whom.
        user: Option<String>,
        /// `ok`, or the code that refused.
        code: String,
    },
    /// A member's act revoked something: a kick its token, a ban its user. The doors know of it; it is to
    /// be stored.
    Revoked {
        /// The revocation.
        revocation: Revocation,
        /// Who.
        by: String,
    },
    /// A member brought a new token to its seat.
    Renewed {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The new token's id.
        jti: String,
        /// The id of the one before.
        old_jti: String,
    },
    /// A member made a token for a guest.
    Invited {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// Who.
        by: String,
        /// The guest.
        user: String,
        /// The guest's role.
        role: String,
        /// The id of the guest's token.
        jti: String,
    },
    /// A member has another role.
    RoleChanged {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The new role.
        role: String,
        /// Who gave it.
        by: String,
    },
    /// A room's first member came.
    RoomOpened {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
    },
    /// A room's last member left.
    RoomClosed {
        /// The app.
        app: AppId,
        /// The room.
        room: String,
    },
    /// Events that the server was too slow to take were dropped.
    Dropped {
        /// How many.
        events: u64,
    },
}
