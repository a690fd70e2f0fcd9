//! Bounds: what is one, what each refuses, and what lies within what.

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
    let roles = proptest::option::of(proptest::sample::subsequence(vec!["host", "guest"], 0..=2));
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
