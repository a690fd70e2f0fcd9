//! What the relay tells the server, for the audit trail and for usage. After `command`, before
//! `directory`. Carries ids and codes; never a token. Texts are shared, since what is told often is told of
//! what lives on.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use stagedoor_token::AppId;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The door let a member in.
    Seated {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The role.
        role: Arc<str>,
        /// The token's id.
        jti: Arc<str>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// The door refused a login. Ids are there as far as they were proven by a signature.
    Refused {
        /// The exact code, also where the client was told less.
        code: Cow<'static, str>,
        /// The app.
        app: Option<AppId>,
        /// The room.
        room: Option<Arc<str>>,
        /// The user.
        user: Option<Arc<str>>,
        /// The token's id.
        jti: Option<Arc<str>>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// A seat was given up.
    Left {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The token's id.
        jti: Arc<str>,
        /// The close reason, or `lost` when the connection broke.
        reason: Cow<'static, str>,
        /// How long the seat was held, in milliseconds.
        held_ms: u64,
    },
    /// A member did, or was refused, an act of moderation.
    Moderated {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// Who.
        by: Arc<str>,
        /// The verb.
        verb: Cow<'static, str>,
        /// On whom.
        user: Option<Arc<str>>,
        /// `ok`, or the code that refused.
        code: Cow<'static, str>,
    },
    /// A member brought a new token to its seat.
    Renewed {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new token's id.
        jti: Arc<str>,
        /// The id of the one before.
        old_jti: Arc<str>,
    },
    /// A member made a token for a guest.
    Invited {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// Who.
        by: Arc<str>,
        /// The guest.
        user: Arc<str>,
        /// The guest's role.
        role: Arc<str>,
        /// The id of the guest's token.
        jti: Arc<str>,
    },
    /// A member has another role.
    RoleChanged {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new role.
        role: Arc<str>,
        /// Who gave it.
        by: Arc<str>,
    },
    /// A room's first member came.
    RoomOpened {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
    },
    /// A room's last member left.
    RoomClosed {
        /// The app.
        app: AppId,
        /// The room.
        room: Arc<str>,
    },
    /// The calendar jumped.
    ClockJumped {
        /// How far, in milliseconds: forward, or back when negative.
        by_ms: i64,
    },
    /// Events that the server was too slow to take were dropped.
    Dropped {
        /// How many.
        events: u64,
    },
}
