//! Close codes (`spec/wire.md` §Close codes). The range says what to do next, so a client that does not know a code
//! still reacts correctly.

use serde::{Deserialize, Serialize};

/// What a client does after a close, by the range of the code. Complete: other ranges do not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// 4000 to 4099: reconnect at once, with jitter, and resume.
    Now,
    /// 4100 to 4199: reconnect later, with growing pauses.
    Later,
    /// 4200 to 4299: get a new token from the backend, then reconnect.
    Token,
    /// 4300 to 4399: do not reconnect.
    Stop,
}

impl Next {
    /// What to do after a close with this code, known or not. Codes outside 4000 to 4399 are those of RFC 6455 §7.4 or
    /// mean a lost connection: reconnect later, except after a protocol error (1002, 1003, 1007 to 1010), which would
    /// only be repeated.
    pub fn after(code: u16) -> Self {
        match code {
            4000..=4099 => Self::Now,
            4200..=4299 => Self::Token,
            4300..=4399 | 1002 | 1003 | 1007..=1010 => Self::Stop,
            _ => Self::Later,
        }
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        /// Why the relay closes a connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum Close {
            $($(#[$doc])* $name = $code,)*
        }

        impl Close {
            /// Every close, in the order of the codes.
            pub const ALL: &[Close] = &[$(Close::$name,)*];

            /// The text in the close frame, and in logs and metrics.
            pub fn reason(self) -> &'static str {
                match self { $(Close::$name => $reason,)* }
            }
        }
    };
}

table! {
    /// The relay is shutting down; reconnect to another one, or to this one when it is back.
    Closing = 4000, "closing";
    /// A `reliable` stream or the room's events ran further ahead than the relay keeps.
    Slow = 4001, "slow";
    /// Nothing came from the peer, not even a pong.
    Dead = 4002, "dead";
    /// The peer accepted no byte for `write_timeout_ms`.
    WriteTimeout = 4003, "write_timeout";
    /// The relay, the app or the address has reached its limit of connections.
    ConnectionsExceeded = 4100, "connections_exceeded";
    /// No login came within `login_timeout_ms`.
    LoginTimeout = 4101, "login_timeout";
    /// The room has reached `room_members_max`.
    RoomFull = 4102, "room_full";
    /// Too many requests despite refusals, or too many logins with one token or from one address.
    RateExceeded = 4103, "rate_exceeded";
    /// The role has reached its `caps.members_max` in this room.
    RoleFull = 4104, "role_full";
    /// The user has as many seats in the room as the role or the app allows.
    SeatHeld = 4105, "seat_held";
    /// The use of a token of `once` cannot be stored now.
    StoreUnavailable = 4106, "store_unavailable";
    /// The process is above `memory_bytes_max`.
    MemoryExceeded = 4107, "memory_exceeded";
    /// The token is malformed, or no key of this deployment signed it. Strangers learn no more.
    TokenInvalid = 4200, "token_invalid";
    /// The token has ended.
    TokenExpired = 4201, "token_expired";
    /// The token is not good yet.
    TokenNotYetValid = 4202, "token_not_yet_valid";
    /// The token is signed but refused; the answer to `login` says why.
    TokenRefused = 4203, "token_refused";
    /// The token is for another room or another user than the login names.
    RoomMismatch = 4204, "room_mismatch";
    /// The token was revoked.
    TokenRevoked = 4205, "token_revoked";
    /// The member left.
    Left = 4300, "left";
    /// A moderator or the API removed the member.
    Kicked = 4301, "kicked";
    /// The room was closed.
    RoomClosed = 4302, "room_closed";
    /// The same user logged in to the room again.
    Replaced = 4303, "replaced";
    /// The peer broke the wire's rules.
    ProtocolError = 4304, "protocol_error";
    /// A data frame had the number of a stream that is not the sender's.
    StreamNotYours = 4305, "stream_not_yours";
    /// The client does not offer the subprotocol `stagedoor.v1`.
    SubprotocolUnsupported = 4306, "subprotocol_unsupported";
    /// A message or frame is larger than its limit.
    TooLarge = 4307, "too_large";
    /// The user is banned.
    Banned = 4308, "banned";
    /// The longest stay that the token allows has ended.
    StayOver = 4309, "stay_over";
    /// The member waited for admission and was declined.
    Declined = 4310, "declined";
}

impl Close {
    /// The WebSocket close code, 4000 to 4399.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// What the client does after this close.
    pub fn next(self) -> Next {
        Next::after(self.code())
    }

    /// Whether the relay drops what is still to be written, because the peer does not read or no longer has a right to
    /// it.
    pub fn is_hurried(self) -> bool {
        matches!(
            self,
            Self::Slow
                | Self::Dead
                | Self::WriteTimeout
                | Self::TokenRevoked
                | Self::Kicked
                | Self::Banned
        )
    }

    /// The close with this code; `None` where the table has none.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|close| close.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_reasons_differ() {
        assert!(Close::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        let mut reasons: Vec<_> = Close::ALL.iter().map(|close| close.reason()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), Close::ALL.len());
    }

    #[test]
    fn an_unknown_code_says_what_to_do() {
        assert_eq!(Next::after(4099), Next::Now);
        assert_eq!(Next::after(4199), Next::Later);
        assert_eq!(Next::after(4299), Next::Token);
        assert_eq!(Next::after(4399), Next::Stop);
        assert_eq!(Next::after(1006), Next::Later);
        assert_eq!(Next::after(1002), Next::Stop);
    }
}
