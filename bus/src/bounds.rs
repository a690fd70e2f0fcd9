//! How far the rights of a credential or of a line of keys reach (`spec/bounds.md`). Pure; it does not know who asks.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use stagedoor_grants::{
    Patterns, RoleName,
    strict::{objects_only, present},
};

/// The most roles that bounds name.
pub const ROLES_MAX: usize = 64;
/// The most ranges of addresses that bounds name.
pub const ADDRESSES_MAX: usize = 64;
/// The longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 64;

/// What a credential, or a line of keys, is held to. A field that is absent bounds nothing.
///
/// Reads strictly: an unknown field or a `null` is an error, because a mistyped bound that is ignored bounds nothing.
/// Not `#[non_exhaustive]`: code that compares bounds field by field must fail to compile when a field is added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Bounds {
    /// Names of rooms.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub rooms: Option<Patterns>,
    /// Names of roles.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "roles")]
    pub roles: Option<Arc<[RoleName]>>,
    /// The highest rank of a role.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub rank_max: Option<u16>,
    /// The longest life of a token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub ttl_s_max: Option<u64>,
    /// Whether tokens must be for one login.
    #[serde(skip_serializing_if = "is_false")]
    pub once: bool,
    /// Whether tokens must be bound to a client's key (`cnf`).
    #[serde(skip_serializing_if = "is_false")]
    pub bound: bool,
    /// What is written into the record of each mint, 1 to 64 bytes of `[0-9A-Za-z_.:-]`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "label")]
    pub label: Option<Arc<str>>,
    /// Whence the credential may be used.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "addresses")]
    pub addresses: Option<Arc<[IpNet]>>,
}

objects_only!(Bounds);

/// One bound, by the name of its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// `rooms`
    Rooms,
    /// `roles`
    Roles,
    /// `rank_max`
    RankMax,
    /// `ttl_s_max`
    TtlSMax,
    /// `once`
    Once,
    /// `bound`
    Bound,
    /// `label`
    Label,
    /// `addresses`
    Addresses,
}

impl Bound {
    /// The name of the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Roles => "roles",
            Self::RankMax => "rank_max",
            Self::TtlSMax => "ttl_s_max",
            Self::Once => "once",
            Self::Bound => "bound",
            Self::Label => "label",
            Self::Addresses => "addresses",
        }
    }
}

/// A token as far as bounds look at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its room.
    pub room: &'a str,
    /// Its role.
    pub role: &'a RoleName,
    /// The rank of that role in its app.
    pub rank: u16,
    /// Its life, in seconds.
    pub ttl_s: u64,
    /// Whether it is for one login.
    pub once: bool,
    /// Whether it is bound to a client's key.
    pub bound: bool,
}

impl Bounds {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a room lies within the bounds.
    pub fn has_room(&self, room: &str) -> bool {
        self.rooms.as_ref().is_none_or(|rooms| rooms.matches(room))
    }

    /// Whether a role of this rank lies within the bounds.
    ///
    /// # Errors
    ///
    /// The first bound that it exceeds.
    pub fn check_role(&self, role: &RoleName, rank: u16) -> Result<(), Bound> {
        if self.roles.as_ref().is_some_and(|roles| !roles.contains(role)) {
            return Err(Bound::Roles);
        }
        if self.rank_max.is_some_and(|rank_max| rank > rank_max) {
            return Err(Bound::RankMax);
        }
        Ok(())
    }

    /// Whether a token lies within the bounds.
    ///
    /// # Errors
    ///
    /// The first bound that it exceeds, in the order of the fields.
    pub fn check(&self, asked: &Asked<'_>) -> Result<(), Bound> {
        if !self.has_room(asked.room) {
            return Err(Bound::Rooms);
        }
        self.check_role(asked.role, asked.rank)?;
        if self.ttl_s_max.is_some_and(|ttl_s_max| asked.ttl_s > ttl_s_max) {
            return Err(Bound::TtlSMax);
        }
        if self.once && !asked.once {
            return Err(Bound::Once);
        }
        if self.bound && !asked.bound {
            return Err(Bound::Bound);
        }
        Ok(())
    }

    /// Whether the credential may be used from this address. An IPv4 address in IPv6 form counts as IPv4.
    pub fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses.as_ref().is_none_or(|nets| nets.iter().any(|net| net.contains(&address)))
    }

    /// Whether these bounds are at most as wide as `outer`, field by field.
    ///
    /// # Errors
    ///
    /// The first field that is wider.
    pub fn within(&self, outer: &Self) -> Result<(), Bound> {
        let Self { rooms, roles, rank_max, ttl_s_max, once, bound, label, addresses } = self;
        let fields = [
            (Bound::Rooms, inner(rooms, &outer.rooms, Patterns::within)),
            (
                Bound::Roles,
                inner(roles, &outer.roles, |a, b| a.iter().all(|role| b.contains(role))),
            ),
            (Bound::RankMax, inner(rank_max, &outer.rank_max, |a, b| a <= b)),
            (Bound::TtlSMax, inner(ttl_s_max, &outer.ttl_s_max, |a, b| a <= b)),
            (Bound::Once, *once || !outer.once),
            (Bound::Bound, *bound || !outer.bound),
            (Bound::Label, inner(label, &outer.label, |a, b| a == b)),
            (Bound::Addresses, inner(addresses, &outer.addresses, |a, b| are_within(a, b))),
        ];
        fields.into_iter().find(|(_, is_within)| !is_within).map_or(Ok(()), |(field, _)| Err(field))
    }
}

/// Whether one field lies within another: always within one that bounds nothing.
fn inner<T>(field: &Option<T>, outer: &Option<T>, within: impl Fn(&T, &T) -> bool) -> bool {
    match (field, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(field), Some(outer)) => within(field, outer),
    }
}

/// Whether each range lies within one of `outer`.
fn are_within(nets: &[IpNet], outer: &[IpNet]) -> bool {
    nets.iter().all(|net| outer.iter().any(|outer| outer.contains(net)))
}

fn roles<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Arc<[RoleName]>>, D::Error> {
    let roles = <Vec<RoleName>>::deserialize(d)?;
    if roles.len() > ROLES_MAX {
        return Err(D::Error::custom("bounds must name at most 64 roles"));
    }
    Ok(Some(roles.into()))
}

fn label<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Arc<str>>, D::Error> {
    let label = String::deserialize(d)?;
    let clean = label.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b));
    if !clean || !(1..=LABEL_BYTES_MAX).contains(&label.len()) {
        return Err(D::Error::custom("a label must be 1 to 64 bytes of [0-9A-Za-z_.:-]"));
    }
    Ok(Some(label.into()))
}

fn addresses<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Arc<[IpNet]>>, D::Error> {
    let texts = <Vec<String>>::deserialize(d)?;
    if texts.len() > ADDRESSES_MAX {
        return Err(D::Error::custom("bounds must name at most 64 ranges of addresses"));
    }
    let net = |text: &String| {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        // Bits behind the prefix would be a range that somebody meant otherwise.
        net.ok().filter(|net| net.addr() == net.network())
    };
    let wrong = || {
        D::Error::custom(
            "a range of addresses must be `192.0.2.0/24` or `2001:db8::/32`, without bits behind the prefix",
        )
    };
    let nets: Option<Vec<IpNet>> = texts.iter().map(net).collect();
    Ok(Some(nets.ok_or_else(wrong)?.into()))
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(json: &str) -> Bounds {
        serde_json::from_str(json).expect("bounds")
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for json in [
            r#"[]"#,
            r#"{"rooms":null}"#,
            r#"{"rooms":["a*b"]}"#,
            r#"{"room":["a"]}"#,
            r#"{"roles":["A"]}"#,
            r#"{"roles":null}"#,
            r#"{"rank_max":-1}"#,
            r#"{"rank_max":1,"rank_max":2}"#,
            r#"{"once":1}"#,
            r#"{"label":""}"#,
            r#"{"label":"a b"}"#,
            r#"{"addresses":["192.0.2.1/24"]}"#,
            r#"{"addresses":["192.0.2"]}"#,
        ] {
            assert!(serde_json::from_str::<Bounds>(json).is_err(), "{json}");
        }
        let many = |field: &str, item: &str, count| {
            let items = vec![item; count].join(",");
            serde_json::from_str::<Bounds>(&format!(r#"{{"{field}":[{items}]}}"#)).is_ok()
        };
        for (field, item) in [("rooms", "\"a\""), ("roles", "\"a\""), ("addresses", "\"::/0\"")] {
            assert!(many(field, item, 64) && !many(field, item, 65), "{field}");
        }
    }

    #[test]
    fn bounds_are_written_as_they_are_read() {
        let json = r#"{"rooms":["team-a-*"],"roles":["audience","speaker"],"rank_max":50,"ttl_s_max":900,"once":true,"bound":true,"label":"team-a","addresses":["192.0.2.0/24"]}"#;
        assert_eq!(serde_json::to_string(&bounds(json)).expect("json"), json);
        assert_eq!(serde_json::to_string(&Bounds::default()).expect("json"), "{}");
    }

    #[test]
    fn each_bound_refuses_what_exceeds_it() {
        let role: RoleName = "host".parse().expect("a role");
        let asked = Asked { room: "a", role: &role, rank: 9, ttl_s: 60, once: false, bound: false };
        for (json, exceeded) in [
            ("{}", None),
            (r#"{"rooms":["a"],"roles":["host"],"rank_max":9,"ttl_s_max":60}"#, None),
            (r#"{"rooms":[]}"#, Some(Bound::Rooms)),
            (r#"{"rooms":["b*"]}"#, Some(Bound::Rooms)),
            (r#"{"roles":[]}"#, Some(Bound::Roles)),
            (r#"{"rank_max":8}"#, Some(Bound::RankMax)),
            (r#"{"ttl_s_max":59}"#, Some(Bound::TtlSMax)),
            (r#"{"once":true}"#, Some(Bound::Once)),
            (r#"{"bound":true}"#, Some(Bound::Bound)),
        ] {
            assert_eq!(bounds(json).check(&asked).err(), exceeded, "{json}");
        }
    }

    #[test]
    fn a_bound_is_written_as_it_is_named() {
        for bound in [Bound::Rooms, Bound::RankMax, Bound::TtlSMax, Bound::Addresses] {
            let json = serde_json::to_value(bound).expect("json");
            assert_eq!(json, bound.as_str());
        }
    }

    #[test]
    fn an_address_is_looked_for_in_every_range() {
        let bounds = bounds(r#"{"addresses":["192.0.2.0/24","2001:db8::1"]}"#);
        for (address, has) in [
            ("192.0.2.7", true),
            ("::ffff:192.0.2.7", true),
            ("192.0.3.7", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
        ] {
            assert_eq!(bounds.has_address(address.parse().expect("an address")), has, "{address}");
        }
        assert!(Bounds::default().has_address(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn the_field_that_is_wider_is_named() {
        for (inner, outer, wider) in [
            ("{}", "{}", None),
            (r#"{"rooms":["a"]}"#, "{}", None),
            ("{}", r#"{"rooms":["*"]}"#, Some(Bound::Rooms)),
            (r#"{"rooms":["a*","b"]}"#, r#"{"rooms":["a*"]}"#, Some(Bound::Rooms)),
            (r#"{"roles":["a"]}"#, r#"{"roles":["b"]}"#, Some(Bound::Roles)),
            (r#"{"rank_max":2}"#, r#"{"rank_max":1}"#, Some(Bound::RankMax)),
            (r#"{"ttl_s_max":2}"#, r#"{"ttl_s_max":1}"#, Some(Bound::TtlSMax)),
            ("{}", r#"{"once":true}"#, Some(Bound::Once)),
            ("{}", r#"{"bound":true}"#, Some(Bound::Bound)),
            (r#"{"label":"a"}"#, r#"{"label":"b"}"#, Some(Bound::Label)),
            (
                r#"{"addresses":["192.0.0.0/16"]}"#,
                r#"{"addresses":["192.0.0.0/17","192.0.128.0/17"]}"#,
                Some(Bound::Addresses),
            ),
        ] {
            assert_eq!(bounds(inner).within(&bounds(outer)).err(), wider, "{inner} in {outer}");
        }
    }

    fn any_bounds() -> impl Strategy<Value = Bounds> {
        let rooms =
            proptest::option::of(proptest::sample::subsequence(vec!["a", "a*", "ab", "b*"], 0..=3));
        let roles =
            proptest::option::of(proptest::sample::subsequence(vec!["host", "guest"], 0..=2));
        let number = || proptest::option::of(0..3_u16);
        let nets = ["192.0.2.0/24", "192.0.0.0/16", "::/0"];
        let nets = proptest::option::of(proptest::sample::subsequence(nets.to_vec(), 0..=2));
        (rooms, roles, number(), number(), any::<bool>(), any::<bool>(), nets).prop_map(
            |(rooms, roles, rank_max, ttl_s_max, once, bound, nets)| Bounds {
                rooms: rooms.map(|rooms| Patterns::of(&rooms).expect("patterns")),
                roles: roles.map(|r| r.iter().map(|role| role.parse().expect("a role")).collect()),
                rank_max,
                ttl_s_max: ttl_s_max.map(u64::from),
                once,
                bound,
                label: None,
                addresses: nets.map(|n| n.iter().map(|net| net.parse().expect("a net")).collect()),
            },
        )
    }

    proptest! {
        #[test]
        fn what_inner_bounds_allow_outer_ones_allow(
            inner in any_bounds(), outer in any_bounds(), room in "[ab]{1,3}", role in "host|guest",
            rank in 0..3_u16, ttl_s in 0..3_u64, once: bool, bound: bool,
        ) {
            let role = role.parse().expect("a role");
            let asked = Asked { room: &room, role: &role, rank, ttl_s, once, bound };
            prop_assert!(inner.within(&inner).is_ok());
            prop_assert!(inner.within(&Bounds::default()).is_ok());
            if inner.within(&outer).is_ok() && inner.check(&asked).is_ok() {
                prop_assert_eq!(outer.check(&asked), Ok(()));
            }
        }

        #[test]
        fn within_is_transitive(a in any_bounds(), b in any_bounds(), c in any_bounds()) {
            if a.within(&b).is_ok() && b.within(&c).is_ok() {
                prop_assert_eq!(a.within(&c), Ok(()));
            }
        }
    }
}
