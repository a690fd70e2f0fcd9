//! How far the rights of a credential or of a line of keys reach (`spec/bounds.md`). Pure; it does not know who asks.

#[cfg(test)]
mod tests;

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use stagedoor_grants::{
    Patterns, RoleName,
    strict::{objects_only, present},
};
use stagedoor_token::{AtExp, Claims, Roles};

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

    /// Whether all that a token gives lies within the bounds, in an app with these roles: its own role, and the one that
    /// the seat gets when it expires. A role that the app does not have lies within no `rank_max`.
    ///
    /// # Errors
    ///
    /// The first bound that it exceeds.
    pub fn check_claims(&self, claims: &Claims, roles: &Roles) -> Result<(), Bound> {
        if self.is_empty() {
            return Ok(());
        }
        let rank = |name: &str| roles.get(name).map_or(u16::MAX, |role| role.grants().rank);
        self.check(&Asked {
            room: &claims.room,
            role: &claims.role,
            rank: rank(&claims.role),
            ttl_s: claims.exp.saturating_sub(claims.iat),
            once: claims.once,
            bound: claims.cnf.is_some(),
        })?;
        match &claims.at_exp {
            AtExp::Demote(role) => self.check_role(role, rank(role)),
            AtExp::Close | AtExp::Grace { .. } => Ok(()),
        }
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
