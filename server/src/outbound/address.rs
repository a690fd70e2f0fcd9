//! Decides which addresses may be connected to. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What kind of network an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This machine.
    Loopback,
    /// Somebody's own network; any entry of `outbound.allow` that contains the address opens it.
    Private,
    /// Link-local, multicast, reserved: no services of other people.
    Special,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits)
}

const fn v6(a: u16, b: u16, c: u16, bits: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), bits)
}

const LOOPBACK_V6: IpNet = IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128);

/// The networks that are not the public internet, by the registries of RFC 6890; the first that fits counts.
const NETWORKS: &[(Kind, IpNet)] = &[
    (Kind::Loopback, v4(127, 0, 0, 0, 8)),
    (Kind::Private, v4(10, 0, 0, 0, 8)),
    (Kind::Private, v4(172, 16, 0, 0, 12)),
    (Kind::Private, v4(192, 168, 0, 0, 16)),
    (Kind::Private, v4(100, 64, 0, 0, 10)),
    // Connecting to `0.0.0.0` reaches this machine.
    (Kind::Special, v4(0, 0, 0, 0, 8)),
    // The metadata services of clouds are here.
    (Kind::Special, v4(169, 254, 0, 0, 16)),
    (Kind::Special, v4(192, 0, 0, 0, 24)),
    (Kind::Special, v4(192, 0, 2, 0, 24)),
    (Kind::Special, v4(192, 88, 99, 0, 24)),
    (Kind::Special, v4(198, 18, 0, 0, 15)),
    (Kind::Special, v4(198, 51, 100, 0, 24)),
    (Kind::Special, v4(203, 0, 113, 0, 24)),
    (Kind::Special, v4(224, 0, 0, 0, 4)),
    (Kind::Special, v4(240, 0, 0, 0, 4)),
    (Kind::Loopback, LOOPBACK_V6),
    (Kind::Private, v6(0xfc00, 0, 0, 7)),
    (Kind::Special, v6(0xfe80, 0, 0, 10)),
    (Kind::Special, v6(0xff00, 0, 0, 8)),
    // Tunnels, whose addresses contain any IPv4 address.
    (Kind::Special, v6(0x64, 0xff9b, 0, 32)),
    (Kind::Special, v6(0x2002, 0, 0, 16)),
    (Kind::Special, v6(0x2001, 0, 0, 23)),
    (Kind::Special, v6(0x2001, 0xdb8, 0, 32)),
    (Kind::Special, v6(0x3fff, 0, 0, 20)),
    // All that is not global unicast, as far as it is not above.
    (Kind::Special, v6(0, 0, 0, 3)),
    (Kind::Special, v6(0x4000, 0, 0, 2)),
    (Kind::Special, v6(0x8000, 0, 0, 1)),
];

/// The network that is not the public internet to which an address belongs, and its kind.
fn network_of(address: IpAddr) -> Option<(Kind, IpNet)> {
    NETWORKS.iter().copied().find(|(_, network)| network.contains(&address))
}

/// Whether an address may be connected to: every public one; a private one if an allowed network contains it; any
/// other only if an allowed network contains it and lies in the same special network, so that `0.0.0.0/0` opens no
/// loopback.
fn is_open(address: IpAddr, allow: &[IpNet]) -> bool {
    let Some((kind, network)) = network_of(address) else { return true };
    allow.iter().any(|allowed| {
        allowed.contains(&address) && (kind == Kind::Private || network.contains(allowed))
    })
}

/// The addresses of a host in the form in which they are connected to; `None` if one of them may not be. One refused
/// address refuses the host: an answer that mixes public and private addresses is an attack or a mistake.
pub(crate) fn judge(addresses: &[IpAddr], allow: &[IpNet]) -> Option<Vec<IpAddr>> {
    let addresses = addresses.iter().map(IpAddr::to_canonical);
    addresses.map(|address| is_open(address, allow).then_some(address)).collect()
}

/// Whether all of these are this machine, where plain HTTP crosses no network.
pub(crate) fn are_loopback(addresses: &[IpAddr]) -> bool {
    addresses.iter().all(|address| {
        network_of(address.to_canonical()).is_some_and(|(kind, _)| kind == Kind::Loopback)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(allow: &[&str]) -> Vec<IpNet> {
        allow.iter().map(|net| net.parse().expect("a network")).collect()
    }

    fn judged(addresses: &[&str], allow: &[&str]) -> bool {
        let addresses: Vec<IpAddr> =
            addresses.iter().map(|address| address.parse().expect("an address")).collect();
        judge(&addresses, &nets(allow)).is_some()
    }

    #[test]
    fn public_addresses_are_open() {
        for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(judged(&[address], &[]), "{address}");
        }
        assert!(judged(&["::ffff:1.1.1.1"], &[]));
    }

    #[test]
    fn private_and_special_addresses_are_refused() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
        ] {
            assert!(!judged(&[address], &[]), "{address}");
            // One such address among good ones refuses the host.
            assert!(!judged(&["1.1.1.1", address], &[]), "{address}");
            assert!(!judged(&[address, "1.1.1.1"], &[]), "{address}");
        }
    }

    #[test]
    fn what_is_allowed_opens_private_addresses() {
        assert!(judged(&["10.1.2.3"], &["10.1.0.0/16"]));
        assert!(judged(&["10.1.2.3", "1.1.1.1"], &["10.1.0.0/16"]));
        assert!(!judged(&["10.2.2.3"], &["10.1.0.0/16"]));
        assert!(judged(&["192.168.7.7"], &["0.0.0.0/0"]));
        assert!(judged(&["::ffff:10.1.2.3"], &["10.1.0.0/16"]));
        assert!(judged(&["fd00::1"], &["::/0"]));
    }

    #[test]
    fn a_special_network_is_opened_only_by_its_name() {
        for (address, named) in [
            ("127.0.0.1", "127.0.0.0/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("169.254.1.1", "169.254.0.0/16"),
            ("fe80::1", "fe80::/10"),
            ("224.0.0.1", "224.0.0.0/24"),
            ("192.0.2.1", "192.0.2.0/24"),
        ] {
            assert!(judged(&[address], &[named]), "{address} {named}");
            let all = ["0.0.0.0/0", "::/0", "128.0.0.0/1", "0.0.0.0/1"];
            assert!(!judged(&[address], &all), "{address}");
        }
        assert!(!judged(&["127.0.0.1"], &["10.0.0.0/8"]));
    }

    #[test]
    fn plain_http_is_for_the_loopback() {
        let all = |addresses: &[&str]| {
            let parsed = addresses.iter().map(|address| address.parse().expect("an address"));
            are_loopback(&parsed.collect::<Vec<IpAddr>>())
        };
        assert!(all(&["127.0.0.1", "::1"]) && all(&["::ffff:127.0.0.1"]));
        assert!(!all(&["127.0.0.1", "10.0.0.1"]) && !all(&["1.1.1.1"]) && !all(&["0.0.0.0"]));
    }

    proptest! {
        #[test]
        fn the_mapped_form_of_an_address_is_judged_as_the_address(
            bits: u32, allow in proptest::sample::subsequence(
                vec!["10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/0", "::/0", "::ffff:0:0/96"], 0..5),
        ) {
            let (plain, allow) = (Ipv4Addr::from(bits), nets(&allow));
            let mapped = IpAddr::V6(plain.to_ipv6_mapped());
            prop_assert_eq!(judge(&[plain.into()], &allow), judge(&[mapped], &allow));
        }
    }
}
