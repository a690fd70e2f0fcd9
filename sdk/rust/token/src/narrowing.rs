//! A role's grants narrowed by a token (`spec/roles.md` §Narrowing). A token never widens them: what goes beyond the
//! role is refused, not cut.

use std::{num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};
use stagedoor_grants::{
    Caps, Grants, Kind, Kinds, Patterns, Presence, Publish, SecondLogin, SendTo, Subscribe, Verb,
    Verbs,
    strict::{objects_only, present},
};

use crate::{
    fault::{Fault, Why},
    field::Field,
    refusal::Refusal,
    role::Role,
    rule::Rule,
};

/// The `grants` claim. A field that is given replaces the role's and must lie within it; a field that is absent leaves
/// the role's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Narrowing {
    /// Which streams the member may publish.
    #[serde(skip_serializing_if = "is_default")]
    pub publish: PublishNarrowing,
    /// Which streams the member may receive.
    #[serde(skip_serializing_if = "is_default")]
    pub subscribe: SubscribeNarrowing,
    /// Whom the member may message.
    #[serde(skip_serializing_if = "is_default")]
    pub send: SendNarrowing,
    /// Which keys of the room's state the member may set.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub set: Option<Patterns>,
    /// Which acts of moderation the member may carry out.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub moderate: Option<Verbs>,
    /// Whom the member sees, and who sees it.
    #[serde(skip_serializing_if = "is_default")]
    pub presence: PresenceNarrowing,
    /// Which roles the member may ask for.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub ask: Option<Patterns>,
    /// For which roles the member may obtain a token for a guest.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub invite: Option<Patterns>,
    /// Whether the member waits until it is admitted.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub waits: Option<bool>,
    /// What a second login of the same user does.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub second_login: Option<SecondLogin>,
    /// How much the member may use.
    #[serde(skip_serializing_if = "is_default")]
    pub caps: CapsNarrowing,
}

/// Narrows [`Publish`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct PublishNarrowing {
    /// Names of streams.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub streams: Option<Patterns>,
    /// Kinds of streams.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub kinds: Option<Kinds>,
    /// Live streams of the member at once, at most.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub streams_max: Option<u32>,
}

/// Narrows [`Subscribe`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct SubscribeNarrowing {
    /// Names of streams.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub streams: Option<Patterns>,
    /// Roles of the publishers.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub from: Option<Patterns>,
}

/// Narrows [`SendTo`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct SendNarrowing {
    /// Whether one message may go to everybody in the room.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub room: Option<bool>,
    /// Roles whose members may be messaged all at once.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub roles: Option<Patterns>,
    /// Roles whose members may be messaged one by one.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub users: Option<Patterns>,
}

/// Narrows [`Presence`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct PresenceNarrowing {
    /// Roles that the member sees.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub sees: Option<Patterns>,
    /// Roles that see the member.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub seen_by: Option<Patterns>,
}

/// Narrows [`Caps`]. One token cannot bound how many members a role has, so there is no `members_max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct CapsNarrowing {
    /// Messages that the member may send in a second.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub messages_per_s: Option<NonZeroU32>,
    /// Bytes of data frames that the member may send in a second.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub bytes_per_s: Option<NonZeroU32>,
    /// The largest data frame of the member, in bytes, its header included.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub frame_bytes_max: Option<NonZeroU32>,
}

objects_only!(
    Narrowing,
    PublishNarrowing,
    SubscribeNarrowing,
    SendNarrowing,
    PresenceNarrowing,
    CapsNarrowing
);

/// Whether a cap is no looser than another. None is the loosest.
fn is_within(inner: Option<NonZeroU32>, outer: Option<NonZeroU32>) -> bool {
    outer.is_none_or(|outer| inner.is_some_and(|inner| inner <= outer))
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The role's grants, narrowed; without a narrowing the role's own.
///
/// # Errors
///
/// [`Refusal::GrantsTooWide`] with the field that goes beyond the role.
pub fn narrow(role: &Role, narrowing: Option<&Narrowing>) -> Result<Arc<Grants>, Fault> {
    let Some(wish) = narrowing else { return Ok(role.grants().clone()) };
    if let Some(rule) = widening(role, wish) {
        return Err(too_wide(role.grants(), wish, rule));
    }
    let Narrowing { publish, subscribe, send, presence, caps, .. } = wish;
    let held = role.grants();
    Ok(Arc::new(Grants {
        role: held.role.clone(),
        rank: held.rank,
        publish: Publish {
            streams: either(&publish.streams, &held.publish.streams),
            kinds: publish.kinds.unwrap_or(held.publish.kinds),
            streams_max: publish.streams_max.unwrap_or(held.publish.streams_max),
        },
        subscribe: Subscribe {
            streams: either(&subscribe.streams, &held.subscribe.streams),
            from: either(&subscribe.from, &held.subscribe.from),
        },
        send: SendTo {
            room: send.room.unwrap_or(held.send.room),
            roles: either(&send.roles, &held.send.roles),
            users: either(&send.users, &held.send.users),
        },
        set: either(&wish.set, &held.set),
        moderate: wish.moderate.unwrap_or(held.moderate),
        presence: Presence {
            sees: either(&presence.sees, &held.presence.sees),
            seen_by: either(&presence.seen_by, &held.presence.seen_by),
        },
        ask: either(&wish.ask, &held.ask),
        invite: either(&wish.invite, &held.invite),
        waits: wish.waits.unwrap_or(held.waits),
        second_login: wish.second_login.or(held.second_login),
        caps: Caps {
            members_max: held.caps.members_max,
            messages_per_s: caps.messages_per_s.or(held.caps.messages_per_s),
            bytes_per_s: caps.bytes_per_s.or(held.caps.bytes_per_s),
            frame_bytes_max: caps.frame_bytes_max.or(held.caps.frame_bytes_max),
        },
    }))
}

/// The token's, or else the role's.
fn either(wish: &Option<Patterns>, held: &Patterns) -> Patterns {
    wish.as_ref().unwrap_or(held).clone()
}

/// The fault at the place where a narrowing breaks this rule.
#[cold]
fn too_wide(held: &Grants, wish: &Narrowing, rule: Rule) -> Fault {
    let beyond = |wish: &Option<Patterns>, held: &Patterns| {
        wish.as_ref().and_then(|wish| wish.iter().position(|pattern| !pattern.within_any(held)))
    };
    let Narrowing { publish, subscribe, send, presence, .. } = wish;
    let at = match rule {
        Rule::PublishStreams => beyond(&publish.streams, &held.publish.streams),
        Rule::SubscribeStreams => beyond(&subscribe.streams, &held.subscribe.streams),
        Rule::SubscribeFrom => beyond(&subscribe.from, &held.subscribe.from),
        Rule::SendRoles => beyond(&send.roles, &held.send.roles),
        Rule::SendUsers => beyond(&send.users, &held.send.users),
        Rule::Set => beyond(&wish.set, &held.set),
        Rule::PresenceSees => beyond(&presence.sees, &held.presence.sees),
        Rule::PresenceSeenBy => beyond(&presence.seen_by, &held.presence.seen_by),
        Rule::Ask => beyond(&wish.ask, &held.ask),
        Rule::Invite => beyond(&wish.invite, &held.invite),
        _ => None,
    };
    let word = match rule {
        Rule::PublishKinds => {
            publish.kinds.and_then(|kinds| kinds.beyond(held.publish.kinds)).map(Kind::as_str)
        }
        Rule::Moderate => {
            wish.moderate.and_then(|verbs| verbs.beyond(held.moderate)).map(Verb::as_str)
        }
        _ => None,
    };
    let field = Field::of(&format!("grants.{}", rule.name()));
    let field = at.map_or(field, |at| field.element(at));
    Fault::new(Refusal::GrantsTooWide, field, Why::Wider(rule, word))
}

/// The first rule by which a narrowing goes beyond the role, in the order of the template; `None` where it lies
/// within.
pub fn widening(role: &Role, wish: &Narrowing) -> Option<Rule> {
    let held = role.grants();
    let wider = |wish: &Option<Patterns>, held: &Patterns| {
        wish.as_ref().is_some_and(|wish| !wish.within(held))
    };
    let looser = |wish: Option<NonZeroU32>, held| wish.is_some() && !is_within(wish, held);
    let Narrowing { publish, subscribe, send, presence, caps, .. } = wish;
    let checks = [
        (wider(&publish.streams, &held.publish.streams), Rule::PublishStreams),
        (publish.kinds.is_some_and(|kinds| !kinds.within(held.publish.kinds)), Rule::PublishKinds),
        (
            publish.streams_max.is_some_and(|max| max > held.publish.streams_max),
            Rule::PublishStreamsMax,
        ),
        (wider(&subscribe.streams, &held.subscribe.streams), Rule::SubscribeStreams),
        (wider(&subscribe.from, &held.subscribe.from), Rule::SubscribeFrom),
        (send.room == Some(true) && !held.send.room, Rule::SendRoom),
        (wider(&send.roles, &held.send.roles), Rule::SendRoles),
        (wider(&send.users, &held.send.users), Rule::SendUsers),
        (wider(&wish.set, &held.set), Rule::Set),
        (wish.moderate.is_some_and(|verbs| !verbs.within(held.moderate)), Rule::Moderate),
        (wider(&presence.sees, &held.presence.sees), Rule::PresenceSees),
        (wider(&presence.seen_by, &held.presence.seen_by), Rule::PresenceSeenBy),
        (wider(&wish.ask, &held.ask), Rule::Ask),
        (wider(&wish.invite, &held.invite), Rule::Invite),
        (wish.waits == Some(false) && held.waits, Rule::Waits),
        (wish.second_login.is_some_and(|one| !one.within(held.second_login)), Rule::SecondLogin),
        (looser(caps.messages_per_s, held.caps.messages_per_s), Rule::CapsMessagesPerS),
        (looser(caps.bytes_per_s, held.caps.bytes_per_s), Rule::CapsBytesPerS),
        (looser(caps.frame_bytes_max, held.caps.frame_bytes_max), Rule::CapsFrameBytesMax),
    ];
    checks.into_iter().find_map(|(wider, rule)| wider.then_some(rule))
}
