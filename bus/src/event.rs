//! What the relay tells the server, for the audit trail and for usage. Carries ids and codes; never a token.
//! Texts are shared, because many events name the same room or user. A text that no token proved has the form
//! that a record may hold, or is left out.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, directory::AppLife, text::Text};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The door let a member in.
    Seated {
        /// The app.
        app: AppLife,
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
        app: Option<AppLife>,
        /// The room.
        room: Option<Text>,
        /// The user.
        user: Option<Text>,
        /// The token's id.
        jti: Option<Text>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// A seat was given up.
    Left {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The token's id.
        jti: Arc<str>,
        /// The close reason, or `lost` when the connection broke.
        reason: Cow<'static, str>,
        /// The peer's address.
        peer: Arc<str>,
        /// How long the seat was held, in milliseconds.
        held_ms: u64,
    },
    /// A member did, or was refused, an act of moderation.
    Moderated {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user who did it.
        by: Arc<str>,
        /// The address of that user's peer.
        peer: Arc<str>,
        /// The verb.
        verb: Cow<'static, str>,
        /// On whom; none too if what was named cannot be a user.
        user: Option<Text>,
        /// `ok`, or the code that refused.
        code: Cow<'static, str>,
    },
    /// A member brought a new token to its seat.
    Renewed {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new token's id.
        jti: Arc<str>,
        /// The id of the one before.
        old_jti: Arc<str>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// A member brought a new token to its seat that did not renew it. The seat goes on as it was.
    RenewRefused {
        /// The exact code, also where the client was told less.
        code: Cow<'static, str>,
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The id of the token that has the seat.
        jti: Arc<str>,
        /// The new token's id, if a signature proved it.
        new_jti: Option<Text>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// A member made a token for a guest.
    Invited {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user who invited.
        by: Arc<str>,
        /// The address of that user's peer.
        peer: Arc<str>,
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
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new role.
        role: Arc<str>,
        /// Who gave it.
        by: Actor,
        /// The address of that member's peer, if it was one.
        peer: Option<Arc<str>>,
    },
    /// A room's first member came.
    RoomOpened {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
    },
    /// A room's last member left.
    RoomClosed {
        /// The app.
        app: AppLife,
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
