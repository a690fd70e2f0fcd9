//! What is kept of a credential's uses: when it was last used, and from which networks. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// A use is written down at most this often, unless it comes from a new network.
const NOTED_INTERVAL_MS: u64 = 60_000;
/// How long a credential sleeps before its next use is recorded: 90 days.
pub(crate) const SLEEP_MS: u64 = 90 * 86_400_000;
/// Networks that are remembered of one credential; the one that was used least recently goes first.
pub(crate) const NETWORKS_MAX: usize = 32;

const DAY_MS: u64 = 86_400_000;

/// The network that stands for an address: /24 of IPv4, /56 of IPv6. Both are what one site usually has.
pub(crate) fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => format!("{}/24", Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
        IpAddr::V6(v6) => format!("{}/56", Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 72))),
    }
}

/// A network, and when the credential was last used from it, Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen(pub(crate) String, pub(crate) u64);

/// The uses of one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    /// The last use, Unix milliseconds.
    pub(crate) last_ms: Option<u64>,
    /// The last use of the secret before the last rotation.
    pub(crate) old_last_ms: Option<u64>,
    /// The latest first.
    pub(crate) networks: Vec<Seen>,
}

/// What is remarkable about a use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// The credential had not been used for this many days.
    Woken { slept_days: u64 },
    /// It was used before, and never from this network.
    NewAddress { network: String },
}

/// One use.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    /// When, Unix milliseconds.
    pub(crate) now_ms: u64,
    /// From where, if that is known.
    pub(crate) network: Option<String>,
    /// Whether by the secret before the last rotation.
    pub(crate) is_old: bool,
}

impl Uses {
    /// Whether a use must be written down.
    pub(crate) fn is_due(&self, of: &Use) -> bool {
        // A clock that jumped back must not silence the uses until it has caught up.
        let is_stale = |last: Option<u64>| {
            last.is_none_or(|last| of.now_ms.abs_diff(last) >= NOTED_INTERVAL_MS)
        };
        let is_new = of.network.as_ref().is_some_and(|network| !self.knows(network));
        is_stale(self.last_ms) || is_new || (of.is_old && is_stale(self.old_last_ms))
    }

    fn knows(&self, network: &str) -> bool {
        self.networks.iter().any(|Seen(seen, _)| seen == network)
    }

    /// The network of the last use.
    pub(crate) fn last_network(&self) -> Option<&str> {
        self.networks.first().map(|Seen(network, _)| network.as_str())
    }

    /// Writes a use down; returns what is remarkable about it.
    pub(crate) fn note(&mut self, of: Use) -> Vec<Remark> {
        let Use { now_ms, network, is_old } = of;
        let mut remarks = Vec::new();
        let slept_ms = self.last_ms.map_or(0, |last| now_ms.saturating_sub(last));
        if slept_ms >= SLEEP_MS {
            remarks.push(Remark::Woken { slept_days: slept_ms / DAY_MS });
        }
        if let Some(network) = network {
            // The first network that is known is where the credential belongs.
            if !self.networks.is_empty() && !self.knows(&network) {
                remarks.push(Remark::NewAddress { network: network.clone() });
            }
            self.networks.retain(|Seen(seen, _)| *seen != network);
            self.networks.insert(0, Seen(network, now_ms));
            self.networks.truncate(NETWORKS_MAX);
        }
        self.last_ms = Some(now_ms);
        if is_old {
            self.old_last_ms = Some(now_ms);
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;

    fn from(network: &str, now_ms: u64) -> Use {
        Use { now_ms, network: Some(network.into()), is_old: false }
    }

    #[test]
    fn an_address_stands_for_its_network() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2ff:3:4:5:6", "2001:db8:1:200::/56"),
            ("::1", "::/56"),
        ] {
            assert_eq!(network_of(address.parse().expect("an address")), network);
        }
    }

    #[test]
    fn a_use_is_written_down_once_a_minute_and_from_each_new_network() {
        let mut uses = Uses::default();
        assert!(uses.is_due(&from("a", NOW_MS)));
        assert_eq!(uses.note(from("a", NOW_MS)), []);
        assert!(!uses.is_due(&from("a", NOW_MS + 59_999)));
        assert!(uses.is_due(&from("a", NOW_MS + 60_000)));
        assert!(uses.is_due(&from("b", NOW_MS + 1)));
        let new = Remark::NewAddress { network: "b".into() };
        assert_eq!(uses.note(from("b", NOW_MS + 1)), [new]);
        assert!(!uses.is_due(&from("a", NOW_MS + 2)) && uses.last_network() == Some("b"));
        let old = Use { is_old: true, ..from("a", NOW_MS + 2) };
        assert!(uses.is_due(&old));
        uses.note(old.clone());
        assert!(!uses.is_due(&old));
    }

    #[test]
    fn a_credential_that_slept_is_woken_by_its_next_use() {
        let mut uses = Uses { last_ms: Some(NOW_MS), ..Uses::default() };
        assert_eq!(uses.clone().note(from("a", NOW_MS + SLEEP_MS - 1)), []);
        let woken = uses.note(from("a", NOW_MS + SLEEP_MS + DAY_MS));
        assert_eq!(woken, [Remark::Woken { slept_days: 91 }]);
        assert_eq!(uses.note(from("a", NOW_MS + SLEEP_MS + DAY_MS)), [], "once");
    }

    #[test]
    fn a_clock_that_jumps_back_silences_no_use() {
        let mut uses = Uses::default();
        uses.note(from("a", NOW_MS + 10 * SLEEP_MS));
        assert!(uses.is_due(&from("a", NOW_MS)));
        assert_eq!(uses.note(from("a", NOW_MS)), []);
        assert_eq!(uses.last_ms, Some(NOW_MS));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded(networks in prop::collection::vec(0_u8..100, 0..300)) {
            let mut uses = Uses::default();
            for (at, network) in networks.iter().enumerate() {
                uses.note(from(&network.to_string(), NOW_MS + at as u64));
                prop_assert!(uses.networks.len() <= NETWORKS_MAX);
                prop_assert_eq!(uses.last_network(), Some(&*network.to_string()));
            }
        }
    }
}
