//! The one public table of close codes (`spec/wire.md` §Close codes). The hundreds say what to do next, so
//! that a client that does not know a code still does right.

use serde::{Deserialize, Serialize};

/// What a client does after a close; told by the code's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// 4000 to 4099: connect again at once (with jitter) and resume.
    Now,
    /// 4100 to 4199: connect again later, backing off.
    Later,
    /// 4200 to 4299: ask the backend for a new token, then connect again.
    Token,
    /// 4300 to 4399: do not come back by yourself.
    Stop,
}

impl Next {
    /// What to do after a close with this code, known or not. Codes outside 4000 to 4399 are those of
    /// RFC 6455 §7.4 or a lost connection: come back later, but not after a protocol error (1002,
    /// 1003, 1007, 1008, 1009, 1010), which would only happen again.
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
        #[repr(u16)]
        pub enum Close {
            $($(#[$doc])* $name = $code,)*
        }

        impl Close {
            /// Every close, in the order of its code.
            pub const ALL: &[Close] = &[$(Close::$name,)*];

            /// The text in the close frame, and in logs and metrics.
            pub fn reason(self) -> &'static str {
                match self { $(Close::$name => $reason,)* }
            }
        }
    };
}

table! {
    /// The relay is going away; another, or this one again, takes the connection.
    Closing = 4000, "closing";
    /// A `reliable` stream or the room's events ran further ahead than the relay keeps.
    Slow = 4001, "slow";
    /// Nothing was heard from the peer, not even a pong.
    Dead = 4002, "dead";
    /// The peer took no byte within the write timeout.
    WriteTimeout = 4003, "write_timeout";
    /// The relay, the app or the address has no connection left.
    ConnectionsExceeded = 4100, "connections_exceeded";
    /// No login arrived in time.
    LoginTimeout = 4101, "login_timeout";
    /// The room holds as many members as it may.
    RoomFull = 4102, "room_full";
    /// Too many requests, after notices; or too many logins with one token or from one address.
    RateExceeded = 4103, "rate_exceeded";
    /// The role has as many members in the room as it may.
    RoleFull = 4104, "role_full";
    /// The user has as many seats in the room as it may.
    SeatHeld = 4105, "seat_held";
    /// The use of a token that logs in once cannot be stored now.
    StoreUnavailable = 4106, "store_unavailable";
    /// The process has more memory than it may.
    MemoryExceeded = 4107, "memory_exceeded";
    /// The token is not one of this deployment's, or not well-formed. Says no more to strangers.
    TokenInvalid = 4200, "token_invalid";
    /// The token's life is over.
    TokenExpired = 4201, "token_expired";
    /// The token's life has not begun.
    TokenNotYetValid = 4202, "token_not_yet_valid";
    /// The token is signed, and still not acceptable; the answer to `login` says why.
    TokenRefused = 4203, "token_refused";
    /// The token does not open the room or is not of the user that the login names.
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
    /// A data frame carried the number of a stream that is not the sender's.
    StreamNotYours = 4305, "stream_not_yours";
    /// The client does not offer the subprotocol `stagedoor.v1`.
    SubprotocolUnsupported = 4306, "subprotocol_unsupported";
    /// A message or frame is larger than its limit.
    TooLarge = 4307, "too_large";
    /// The user is banned.
    Banned = 4308, "banned";
    /// The longest stay is over.
    StayOver = 4309, "stay_over";
    /// A member that waited for admission was not let in.
    Declined = 4310, "declined";
}

impl Close {
    /// The WebSocket close code, 4000 to 4399.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// What the client does next.
    pub fn next(self) -> Next {
        Next::after(self.code())
    }

    /// Whether it does not wait for what is still to be written: the peer does not read, or has no right to
    /// it any more.
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

    /// The close that a code stands for, if the table has it.
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
    fn every_close_in_the_spec_is_in_the_table_and_back() {
        let spec = include_str!("../../../../spec/wire.md");
        for close in Close::ALL {
            let row = format!("| {} | `{}` |", close.code(), close.reason());
            assert!(spec.contains(&row), "spec/wire.md lacks {row}");
        }
        let is_close_code = |cell: &str| cell.len() == 4 && cell.starts_with('4');
        let rows = spec
            .lines()
            .filter(|line| line.split('|').nth(1).is_some_and(|cell| is_close_code(cell.trim())));
        assert_eq!(rows.count(), Close::ALL.len(), "spec/wire.md has rows that the table lacks");
    }

    #[test]
    fn an_unknown_code_still_says_what_to_do() {
        assert_eq!(Next::after(4099), Next::Now);
        assert_eq!(Next::after(4199), Next::Later);
        assert_eq!(Next::after(4299), Next::Token);
        assert_eq!(Next::after(4399), Next::Stop);
        assert_eq!(Next::after(1006), Next::Later);
        assert_eq!(Next::after(1002), Next::Stop);
    }
}
