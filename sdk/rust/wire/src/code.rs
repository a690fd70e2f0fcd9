//! The stable code of a refused request (`spec/wire.md` §Error codes). Codes of a refused login are those of
//! `spec/token.md` and are passed through as text.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// Why a request of a member was refused; the connection stays open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$name,)*];

            /// The code as it stands on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$name => $code,)* }
            }
        }
    };
}

codes! {
    /// Not JSON, not one object, a field missing, unknown, twice, or of the wrong shape.
    RequestInvalid = "request_invalid";
    /// No such `op`.
    OpUnknown = "op_unknown";
    /// A second `login` on one connection.
    AlreadyLoggedIn = "already_logged_in";
    /// Any other request before `login`.
    LoginRequired = "login_required";
    /// No grant allows publishing this.
    PublishDenied = "publish_denied";
    /// Another member publishes a stream of this name.
    StreamExists = "stream_exists";
    /// No such stream of this member.
    StreamUnknown = "stream_unknown";
    /// The room has as many streams as it may.
    StreamsExceeded = "streams_exceeded";
    /// No grant allows subscribing to this.
    SubscribeDenied = "subscribe_denied";
    /// The member has as many subscriptions as it may.
    SubscriptionsExceeded = "subscriptions_exceeded";
    /// No grant allows sending there.
    SendDenied = "send_denied";
    /// No such member, or none that the sender may know of.
    UserUnknown = "user_unknown";
    /// No grant allows setting this key.
    SetDenied = "set_denied";
    /// The key's version is not the one the request names.
    VersionConflict = "version_conflict";
    /// The room's state has as many keys, or as many bytes, as it may.
    StateExceeded = "state_exceeded";
    /// No grant allows this act, or the member's rank is not above the other's.
    ModerateDenied = "moderate_denied";
    /// No such role, or none that a member may have.
    RoleUnknown = "role_unknown";
    /// The role has as many members in the room as it may.
    RoleFull = "role_full";
    /// No grant allows asking for that role.
    AskDenied = "ask_denied";
    /// The member asks for nothing.
    AskUnknown = "ask_unknown";
    /// The room has as many members that ask for something as it may.
    AsksExceeded = "asks_exceeded";
    /// No grant allows inviting for that role.
    InviteDenied = "invite_denied";
    /// A value is larger than its limit.
    TooLarge = "too_large";
    /// The store takes nothing now; nothing was done.
    StoreUnavailable = "store_unavailable";
    /// The process has more memory than it may; try again later.
    MemoryExceeded = "memory_exceeded";
    /// Too many requests or messages; `retry_ms` says when to try again.
    RateLimited = "rate_limited";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_spec_and_back() {
        let spec = include_str!("../../../../spec/wire.md");
        let table = spec.split("## Error codes").nth(1).expect("the spec has the section");
        let table = table.split("\n## ").next().expect("a section ends");
        let listed: Vec<&str> =
            table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        let ours: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(listed, ours);
    }
}
