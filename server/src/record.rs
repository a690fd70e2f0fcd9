//! Audit records. A record holds bounded texts, and names an app only if the caller was authenticated for it. A text
//! that is malformed is left out and its length recorded.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use stagedoor_bus::{Actor, AppLife, Text};

use crate::config::AuditPeer;

/// Milliseconds since the Unix epoch, only for recording when something happened; decisions use the bus's clock.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_millis() as u64)
}

/// A record to be written. It contains ids, never a token or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// When it happened, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// The app whose trail it belongs to; `None`: only the operator can read it.
    pub(crate) app: Option<AppLife>,
    /// The kind of event, from a closed set.
    pub(crate) kind: Arc<str>,
    /// `ok`, or the code of the refusal, from a closed set.
    pub(crate) code: Arc<str>,
    pub(crate) actor: Option<Actor>,
    pub(crate) room: Option<Text>,
    pub(crate) user: Option<Text>,
    pub(crate) role: Option<Text>,
    pub(crate) jti: Option<Text>,
    pub(crate) peer: Option<Text>,
    pub(crate) request_id: Option<Text>,
    pub(crate) detail: Option<Text>,
    /// How many events it stands for.
    pub(crate) count: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            at_ms: 0,
            app: None,
            kind: "".into(),
            code: "".into(),
            actor: None,
            room: None,
            user: None,
            role: None,
            jti: None,
            peer: None,
            request_id: None,
            detail: None,
            count: 1,
        }
    }
}

impl Record {
    /// A record of events that could not be recorded.
    pub(crate) fn gap(events: u64) -> Self {
        Self { count: events, ..Self::now("events.dropped", "dropped") }
    }

    /// A record of something that happened now. Kinds and codes are constants of the program.
    pub(crate) fn now(kind: &str, code: &str) -> Self {
        Self { at_ms: unix_ms() as i64, kind: kind.into(), code: code.into(), ..Self::default() }
    }

    /// The same, in this app's trail.
    pub(crate) fn of_app(self, app: AppLife) -> Self {
        Self { app: Some(app), ..self }
    }

    /// The same, with this code.
    pub(crate) fn with_code(self, code: &str) -> Self {
        Self { code: code.into(), ..self }
    }

    /// The same, about this room.
    pub(crate) fn room(mut self, room: &str) -> Self {
        self.room = Text::room(room);
        let kept = self.room.is_some();
        self.noted(kept, "room", room)
    }

    /// The same, about this user.
    pub(crate) fn user(mut self, user: &str) -> Self {
        self.user = Text::user(user);
        let kept = self.user.is_some();
        self.noted(kept, "user", user)
    }

    /// The same, about this role.
    pub(crate) fn role(mut self, role: &str) -> Self {
        self.role = Text::role(role);
        let kept = self.role.is_some();
        self.noted(kept, "role", role)
    }

    /// The same, about the token with this id.
    pub(crate) fn jti(mut self, jti: &str) -> Self {
        self.jti = Text::jti(jti);
        let kept = self.jti.is_some();
        self.noted(kept, "jti", jti)
    }

    /// The same, with more in words.
    pub(crate) fn detail(mut self, more: &str) -> Self {
        let all = match &self.detail {
            Some(detail) => Text::detail(format!("{} {more}", &**detail)),
            None => Text::detail(more),
        };
        match all {
            Some(all) => self.detail = Some(all),
            // Existing details stay; of this one only the length is recorded.
            None if !more.is_empty() && more.len() > 32 => {
                return self.detail(&format!("detail_bytes={}", more.len()));
            }
            None => {}
        }
        self
    }

    fn noted(self, kept: bool, what: &str, text: &str) -> Self {
        if kept { self } else { self.detail(&format!("{what}_bytes={}", text.len())) }
    }
}

/// What is kept of a peer's address.
pub(crate) fn kept_peer(peer: Option<Text>, keep: AuditPeer) -> Option<Text> {
    match keep {
        AuditPeer::Full => peer,
        AuditPeer::None => None,
        AuditPeer::Prefix => Text::peer(network(peer?.as_ref())?),
    }
}

/// The network of an address with or without a port; `None`: it is no address.
fn network(peer: &str) -> Option<String> {
    let address = peer.parse::<SocketAddr>().map(|peer| peer.ip());
    match address.or_else(|_| peer.parse()).ok()?.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Some(format!("{}/24", Ipv4Addr::new(a, b, c, 0)))
        }
        IpAddr::V6(address) => {
            let kept = address.to_bits() & (u128::MAX << (128 - 56));
            Some(format!("{}/56", Ipv6Addr::from_bits(kept)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_text_is_left_out_and_its_length_recorded() {
        let long = "x".repeat(60_000);
        let record = Record::now("room.kick", "ok").room(&long).user("a\nb").role("host").jti("");
        assert_eq!((&record.room, &record.user, &record.jti), (&None, &None, &None));
        assert_eq!(record.role.as_deref(), Some("host"));
        assert_eq!(record.detail.as_deref(), Some("room_bytes=60000 user_bytes=3 jti_bytes=0"));
    }

    #[test]
    fn a_long_detail_is_replaced_by_its_length() {
        let record = Record::now("k", "ok").detail("kid=k1").detail(&"x".repeat(600));
        assert_eq!(record.detail.as_deref(), Some("kid=k1 detail_bytes=600"));
        let full = Record::now("k", "ok").detail(&"x".repeat(512)).detail("more");
        assert_eq!(full.detail.as_deref().map(str::len), Some(512));
    }
    #[test]
    fn of_an_address_as_much_is_kept_as_was_asked() {
        for (peer, prefix) in [
            ("192.0.2.77:4000", Some("192.0.2.0/24")),
            ("192.0.2.77", Some("192.0.2.0/24")),
            ("[2001:db8:1:2ff:3::4]:4000", Some("2001:db8:1:200::/56")),
            ("2001:db8:1:2ff:3::4", Some("2001:db8:1:200::/56")),
            ("::ffff:192.0.2.77", Some("192.0.2.0/24")),
            ("unix", None),
        ] {
            let kept = |keep| kept_peer(Text::peer(peer), keep);
            assert_eq!(kept(AuditPeer::Full).as_deref(), Some(peer));
            assert_eq!(kept(AuditPeer::Prefix).as_deref(), prefix, "{peer}");
            assert_eq!(kept(AuditPeer::None), None);
        }
    }
}
