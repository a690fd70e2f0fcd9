//! How far API keys reach, as `spec/bounds.md` and the scopes of `spec/codes.md` say. Written only from them.

use serde_json::{Map, Value, json};

/// Every scope of an app, in the order of the index.
pub(crate) const SCOPES: [&str; 15] = [
    "tokens:mint",
    "tokens:verify",
    "tokens:revoke",
    "rooms:read",
    "rooms:moderate",
    "roles:write",
    "keys:manage",
    "credentials:manage",
    "issuers:manage",
    "team:manage",
    "audit:read",
    "usage:read",
    "webhooks:manage",
    "apps:read",
    "apps:admin",
];

/// Bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reach {
    pub(crate) rooms: Option<Vec<String>>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) rank_max: Option<u64>,
    pub(crate) ttl_s_max: Option<u64>,
    pub(crate) once: bool,
    pub(crate) bound: bool,
    pub(crate) label: Option<String>,
    /// Networks of IPv4: an address, and how many bits of it count.
    pub(crate) addresses: Option<Vec<([u8; 4], u32)>>,
}

/// A token that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) room: String,
    pub(crate) role: String,
    pub(crate) rank: u64,
    pub(crate) life_s: u64,
    pub(crate) once: bool,
    pub(crate) bound: bool,
    /// The role that a seat gets when the token expires, and its rank.
    pub(crate) then: Option<(String, u64)>,
}

fn stands_for(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

fn lies_within(pattern: &str, outer: &str) -> bool {
    match (pattern.strip_suffix('*'), outer.strip_suffix('*')) {
        (Some(prefix), Some(outer)) => prefix.starts_with(outer),
        (Some(_), None) => false,
        (None, _) => stands_for(outer, pattern),
    }
}

fn bits((address, bits): ([u8; 4], u32)) -> (u64, u32) {
    (u64::from(u32::from_be_bytes(address)), bits)
}

fn is_part(net: ([u8; 4], u32), outer: ([u8; 4], u32)) -> bool {
    let ((net, long), (outer, short)) = (bits(net), bits(outer));
    long >= short && net >> (32 - short) == outer >> (32 - short)
}

fn field<T>(own: &Option<T>, outer: &Option<T>, within: impl Fn(&T, &T) -> bool) -> bool {
    match (own, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(outer)) => within(own, outer),
    }
}

impl Reach {
    pub(crate) fn json(&self) -> Value {
        let mut json = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.into(), value);
            }
        };
        put("rooms", self.rooms.as_ref().map(|rooms| json!(rooms)));
        put("roles", self.roles.as_ref().map(|roles| json!(roles)));
        put("rank_max", self.rank_max.map(Into::into));
        put("ttl_s_max", self.ttl_s_max.map(Into::into));
        put("once", self.once.then_some(true.into()));
        put("bound", self.bound.then_some(true.into()));
        put("label", self.label.as_ref().map(|label| json!(label)));
        let net = |([a, b, c, d], bits): &([u8; 4], u32)| format!("{a}.{b}.{c}.{d}/{bits}");
        let nets = self.addresses.as_ref();
        put("addresses", nets.map(|nets| nets.iter().map(net).collect::<Vec<_>>().into()));
        Value::Object(json)
    }

    /// Whether the tests, which ask from 127.0.0.1, may use it.
    pub(crate) fn has_us(&self) -> bool {
        let us = ([127, 0, 0, 1], 32);
        self.addresses.as_ref().is_none_or(|nets| nets.iter().any(|net| is_part(us, *net)))
    }

    pub(crate) fn has_room(&self, room: &str) -> bool {
        let within = |rooms: &Vec<String>| rooms.iter().any(|pattern| stands_for(pattern, room));
        self.rooms.as_ref().is_none_or(within)
    }

    fn exceeded_by_role(&self, role: &str, rank: u64) -> Option<&'static str> {
        if self.roles.as_ref().is_some_and(|roles| !roles.iter().any(|of| of == role)) {
            return Some("roles");
        }
        self.rank_max.filter(|max| rank > *max).map(|_| "rank_max")
    }

    /// The first bound that a token exceeds.
    pub(crate) fn exceeded_by(&self, wish: &Wish) -> Option<&'static str> {
        if !self.has_room(&wish.room) {
            return Some("rooms");
        }
        let by_role = self.exceeded_by_role(&wish.role, wish.rank);
        let by_life = self.ttl_s_max.filter(|max| wish.life_s > *max).map(|_| "ttl_s_max");
        let by_once = (self.once && !wish.once).then_some("once");
        let by_bound = (self.bound && !wish.bound).then_some("bound");
        let then = wish.then.as_ref();
        let by_then = then.and_then(|(role, rank)| self.exceeded_by_role(role, *rank));
        by_role.or(by_life).or(by_once).or(by_bound).or(by_then)
    }

    /// The first field in which these bounds are wider than others.
    pub(crate) fn wider_than(&self, outer: &Self) -> Option<&'static str> {
        let all_in = |own: &Vec<String>, outer: &Vec<String>| {
            own.iter().all(|one| outer.iter().any(|outer| lies_within(one, outer)))
        };
        let is_one_of =
            |own: &Vec<String>, outer: &Vec<String>| own.iter().all(|one| outer.contains(one));
        let not_greater = |own: &u64, outer: &u64| own <= outer;
        let parts = |own: &Vec<([u8; 4], u32)>, outer: &Vec<([u8; 4], u32)>| {
            own.iter().all(|net| outer.iter().any(|outer| is_part(*net, *outer)))
        };
        [
            ("rooms", field(&self.rooms, &outer.rooms, all_in)),
            ("roles", field(&self.roles, &outer.roles, is_one_of)),
            ("rank_max", field(&self.rank_max, &outer.rank_max, not_greater)),
            ("ttl_s_max", field(&self.ttl_s_max, &outer.ttl_s_max, not_greater)),
            ("once", self.once || !outer.once),
            ("bound", self.bound || !outer.bound),
            ("label", field(&self.label, &outer.label, |own, outer| own == outer)),
            ("addresses", field(&self.addresses, &outer.addresses, parts)),
        ]
        .into_iter()
        .find_map(|(name, within)| (!within).then_some(name))
    }

    /// The first of these fields that bounds something.
    pub(crate) fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        let json = self.json();
        names.iter().copied().find(|name| json.get(*name).is_some())
    }
}

/// Whether scopes open what one of them opens.
pub(crate) fn open(held: &[&str], scope: &str) -> bool {
    held.contains(&scope)
        || held.contains(&"apps:admin")
        || (scope == "tokens:verify" && held.contains(&"tokens:mint"))
}
