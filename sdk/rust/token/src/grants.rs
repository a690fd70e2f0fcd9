//! A role narrowed by a token (`spec/roles.md` §Narrowing). After `key`, before `role`. A token never
//! widens: what goes beyond the role is refused, not cut.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    claims::Claims,
    pattern::Patterns,
    refusal::Refusal,
    role::{Grants, Kinds, Role, Roles, Verbs},
};

/// The `grants` claim: each field that is given replaces the role's, and must lie within it; each that is
/// absent stays the role's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Narrowing {
    /// What it may publish.
    #[serde(skip_serializing_if = "is_default")]
    pub publish: PublishNarrowing,
    /// What it may subscribe to.
    #[serde(skip_serializing_if = "is_default")]
    pub subscribe: SubscribeNarrowing,
    /// Whom it may message.
    #[serde(skip_serializing_if = "is_default")]
    pub send: SendNarrowing,
    /// Keys of the room's state that it may set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<Patterns>,
    /// Acts of moderation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moderate: Option<Verbs>,
    /// Whom it sees, and who sees it.
    #[serde(skip_serializing_if = "is_default")]
    pub presence: PresenceNarrowing,
}

/// Narrows [`Publish`](crate::Publish).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishNarrowing {
    /// Names of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<Patterns>,
    /// Kinds of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Kinds>,
    /// How many at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams_max: Option<u32>,
}

/// Narrows [`Subscribe`](crate::Subscribe).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubscribeNarrowing {
    /// Names of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<Patterns>,
    /// Roles of their publishers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Patterns>,
}

/// Narrows [`SendTo`](crate::SendTo).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendNarrowing {
    /// Everybody in the room at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<bool>,
    /// Everybody of these roles at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Patterns>,
    /// One user, of these roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Patterns>,
}

/// Narrows [`Presence`](crate::Presence).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PresenceNarrowing {
    /// Roles that it sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sees: Option<Patterns>,
    /// Roles that see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_by: Option<Patterns>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn narrow_to<T: Clone>(held: &mut T, wish: Option<&T>, fits: impl Fn(&T, &T) -> bool) -> Result<(), Refusal> {
    match wish {
        None => Ok(()),
        Some(wish) if fits(wish, held) => {
            *held = wish.clone();
            Ok(())
        }
        Some(_) => Err(Refusal::GrantsTooWide),
    }
}

/// The role's grants, narrowed. [`Refusal::GrantsTooWide`] if that would widen them anywhere.
pub fn narrow(role: &Role, narrowing: Option<&Narrowing>) -> Result<Arc<Grants>, Refusal> {
    let Some(wish) = narrowing else { return Ok(role.grants().clone()) };
    let mut grants = Grants::clone(role.grants());
    let patterns = Patterns::within;
    narrow_to(&mut grants.publish.streams, wish.publish.streams.as_ref(), patterns)?;
    narrow_to(&mut grants.publish.kinds, wish.publish.kinds.as_ref(), |wish, held| wish.within(*held))?;
    narrow_to(&mut grants.publish.streams_max, wish.publish.streams_max.as_ref(), |wish, held| wish <= held)?;
    narrow_to(&mut grants.subscribe.streams, wish.subscribe.streams.as_ref(), patterns)?;
    narrow_to(&mut grants.subscribe.from, wish.subscribe.from.as_ref(), patterns)?;
    narrow_to(&mut grants.send.room, wish.send.room.as_ref(), |wish, held| wish <= held)?;
    narrow_to(&mut grants.send.roles, wish.send.roles.as_ref(), patterns)?;
    narrow_to(&mut grants.send.users, wish.send.users.as_ref(), patterns)?;
    narrow_to(&mut grants.set, wish.set.as_ref(), patterns)?;
    narrow_to(&mut grants.moderate, wish.moderate.as_ref(), |wish, held| wish.within(*held))?;
    narrow_to(&mut grants.presence.sees, wish.presence.sees.as_ref(), patterns)?;
    narrow_to(&mut grants.presence.seen_by, wish.presence.seen_by.as_ref(), patterns)?;
    Ok(Arc::new(grants))
}

/// The effective grants of verified claims among an app's roles.
pub fn seat(claims: &Claims, roles: &Roles) -> Result<Arc<Grants>, Refusal> {
    let role = roles.get(&claims.role).ok_or(Refusal::RoleUnknown)?;
    narrow(role, claims.grants.as_ref())
}
