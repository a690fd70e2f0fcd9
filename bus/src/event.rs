//! What the relay reports to the server, for the audit trail and for usage. Contains ids and codes, never a token.
//! Texts are shared, because many events name the same room or user. A text that no token proved is well-formed and
//! bounded, or left out.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{actor::Actor, attempt::Attempt, directory::AppLife, text::Text};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A member got a seat.
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
    /// The door refused a login. Ids are present if a signature proved them.
    Refused {
        /// The exact code, even if the client saw less.
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
        /// The number that the client got with its refusal.
        attempt: Option<Attempt>,
    },
    /// A seat ended.
    Left {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The token's id.
        jti: Arc<str>,
        /// The close reason, or `lost` if the connection broke.
        reason: Cow<'static, str>,
        /// The peer's address.
        peer: Arc<str>,
        /// How long the seat lasted, in milliseconds.
        held_ms: u64,
    },
    /// A member performed, or was refused, an act of moderation.
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
        /// The target; `None` also if the given name cannot be a user's.
        user: Option<Text>,
        /// `ok`, or the code of the refusal.
        code: Cow<'static, str>,
    },
    /// A member presented a new token for its seat.
    Renewed {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new token's id.
        jti: Arc<str>,
        /// The id of the previous token.
        old_jti: Arc<str>,
        /// The peer's address.
        peer: Arc<str>,
    },
    /// A member presented a new token that did not renew its seat. The seat continues as it was.
    RenewRefused {
        /// The exact code, even if the client saw less.
        code: Cow<'static, str>,
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The id of the seat's token.
        jti: Arc<str>,
        /// The new token's id, if a signature proved it.
        new_jti: Option<Text>,
        /// The peer's address.
        peer: Arc<str>,
        /// The number that the client got with its refusal.
        attempt: Option<Attempt>,
    },
    /// A member got another role.
    RoleChanged {
        /// The app.
        app: AppLife,
        /// The room.
        room: Arc<str>,
        /// The user.
        user: Arc<str>,
        /// The new role.
        role: Arc<str>,
        /// Who set it.
        by: Actor,
        /// The address of that member's peer, if it was a member.
        peer: Option<Arc<str>>,
    },
    /// A room's first member joined.
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
    /// Tokens of a key opened or renewed seats since the last such event, about once a minute.
    KeyUsed {
        /// The app.
        app: AppLife,
        /// The key.
        kid: Arc<str>,
        /// How many tokens.
        tokens: u64,
        /// When the newest of its tokens that this relay ever took was issued, Unix seconds.
        iat_max: u64,
    },
    /// The wall clock jumped.
    ClockJumped {
        /// The jump in milliseconds: positive is forward.
        by_ms: i64,
    },
    /// Events were dropped because the server was too slow.
    Dropped {
        /// How many.
        events: u64,
    },
}
