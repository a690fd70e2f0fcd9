//! The stable codes of refused requests (`spec/wire.md` §Error codes). A refused login has a code of `spec/token.md`,
//! which is passed on as text.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Why the relay refused a member's request. The connection stays open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the specification.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The code on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $code,)* }
            }
        }
    };
}

codes! {
    /// Not JSON, not one object, a field missing, unknown, twice, or of the wrong shape.
    RequestInvalid = "request_invalid";
    /// The `op` is unknown.
    OpUnknown = "op_unknown";
    /// A second `login` on one connection.
    AlreadyLoggedIn = "already_logged_in";
    /// Any other request before `login`.
    LoginRequired = "login_required";
    /// No grant allows publishing this.
    PublishDenied = "publish_denied";
    /// Another member publishes a stream of this name.
    StreamExists = "stream_exists";
    /// The member publishes no stream of this name.
    StreamUnknown = "stream_unknown";
    /// The room has reached `streams_per_room_max`.
    StreamsExceeded = "streams_exceeded";
    /// No grant allows subscribing to this.
    SubscribeDenied = "subscribe_denied";
    /// The member has reached `subscriptions_per_member_max`.
    SubscriptionsExceeded = "subscriptions_exceeded";
    /// No grant allows sending there.
    SendDenied = "send_denied";
    /// No such user is in the room, or the sender may not know of it.
    UserUnknown = "user_unknown";
    /// No grant allows setting this key.
    SetDenied = "set_denied";
    /// The key does not have the version that the request names.
    VersionConflict = "version_conflict";
    /// The room's state has reached `state_keys_max`, or its bytes their limit.
    StateExceeded = "state_exceeded";
    /// No grant allows this act, or the member's rank is not above the other's.
    ModerateDenied = "moderate_denied";
    /// The app has no such role, or the member may not give it.
    RoleUnknown = "role_unknown";
    /// The role has reached its `caps.members_max` in this room.
    RoleFull = "role_full";
    /// No grant allows asking for that role.
    AskDenied = "ask_denied";
    /// There is no such request for a role or for admission.
    AskUnknown = "ask_unknown";
    /// The room has reached `asks_max`.
    AsksExceeded = "asks_exceeded";
    /// No grant allows inviting for that role.
    InviteDenied = "invite_denied";
    /// A value is larger than its limit.
    TooLarge = "too_large";
    /// The store does not accept writes now. Nothing was done.
    StoreUnavailable = "store_unavailable";
    /// The relay gets no answer from its server now. Try again later.
    RelayUnavailable = "relay_unavailable";
    /// The process is above `memory_bytes_max`. Try again later.
    MemoryExceeded = "memory_exceeded";
    /// Too many requests or messages. `retry_ms` says when to try again.
    RateLimited = "rate_limited";
}
