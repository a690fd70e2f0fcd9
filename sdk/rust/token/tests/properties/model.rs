//! Written from `spec/roles.md` alone, as nothing but conditions: what grants allow, and how wide they are.

use std::num::NonZeroU32;

use stagedoor_token::{
    Action, Decision, Grants, Kind, Patterns, SecondLogin, Until, Verb, authorize,
};

/// An action that owns what [`Action`] borrows.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Publish(String, Kind, u32),
    Subscribe(String, String),
    SendRoom,
    SendRole(String),
    SendUser(String),
    Set(String),
    Moderate(Verb, Option<u16>),
    Assign(Verb, u16, u16, u16),
    Ask(String),
    Invite(String, u16),
    See(Box<Grants>),
}

impl Act {
    pub(crate) fn action(&self) -> Action<'_> {
        match self {
            Self::Publish(stream, kind, live) => {
                Action::Publish { stream, kind: *kind, live: *live }
            }
            Self::Subscribe(stream, publisher_role) => Action::Subscribe { stream, publisher_role },
            Self::SendRoom => Action::SendRoom,
            Self::SendRole(role) => Action::SendRole(role),
            Self::SendUser(role) => Action::SendUser { role },
            Self::Set(key) => Action::Set { key },
            Self::Moderate(verb, target_rank) => {
                Action::Moderate { verb: *verb, target_rank: *target_rank }
            }
            Self::Assign(verb, target_rank, from_rank, to_rank) => Action::Assign {
                verb: *verb,
                target_rank: *target_rank,
                from_rank: *from_rank,
                to_rank: *to_rank,
            },
            Self::Ask(role) => Action::Ask { role },
            Self::Invite(role, rank) => Action::Invite { role, rank: *rank },
            Self::See(member) => Action::See { member },
        }
    }
}

/// Whether a pattern stands for a name, said in another way than the crate does.
pub(crate) fn stands_for(patterns: &Patterns, name: &str) -> bool {
    patterns.iter().map(ToString::to_string).any(|pattern| match pattern.find('*') {
        Some(at) => name.len() >= at && name.as_bytes()[..at] == pattern.as_bytes()[..at],
        None => pattern == name,
    })
}

/// Whether grants allow an action, written from `spec/roles.md` §Actions as nothing but conditions.
pub(crate) fn model(g: &Grants, act: &Act) -> bool {
    let kinds: Vec<Kind> = g.publish.kinds.into();
    let verbs: Vec<Verb> = g.moderate.into();
    match act {
        Act::Publish(stream, kind, live) => {
            stands_for(&g.publish.streams, stream)
                && kinds.contains(kind)
                && *live < g.publish.streams_max
        }
        Act::Subscribe(stream, role) => {
            stands_for(&g.subscribe.streams, stream) && stands_for(&g.subscribe.from, role)
        }
        Act::SendRoom => g.send.room,
        Act::SendRole(role) => stands_for(&g.send.roles, role),
        Act::SendUser(role) => stands_for(&g.send.users, role),
        Act::Set(key) => stands_for(&g.set, key),
        Act::Moderate(verb, None) => verbs.contains(verb),
        Act::Moderate(verb, Some(rank)) => verbs.contains(verb) && g.rank > *rank,
        Act::Assign(verb, target, from, to) => {
            let leads = match verb {
                Verb::Promote => to >= from,
                Verb::Demote => to <= from,
                _ => false,
            };
            verbs.contains(verb) && g.rank > *target && g.rank > *to && leads
        }
        Act::Ask(role) => stands_for(&g.ask, role),
        Act::Invite(role, rank) => stands_for(&g.invite, role) && g.rank > *rank,
        Act::See(member) => {
            stands_for(&g.presence.sees, &member.role)
                && stands_for(&member.presence.seen_by, &g.role)
        }
    }
}

pub(crate) fn allows(grants: &Grants, act: &Act) -> bool {
    authorize(grants, &act.action()) == Decision::Allowed
}

/// When the section of the grants that an act needs is over.
pub(crate) fn end_of(until: &Until, act: &Act) -> Option<u64> {
    match act {
        Act::Publish(..) => until.publish,
        Act::Subscribe(..) => until.subscribe,
        Act::SendRoom | Act::SendRole(_) | Act::SendUser(_) => until.send,
        Act::Set(_) => until.set,
        Act::Moderate(..) | Act::Assign(..) => until.moderate,
        Act::Ask(_) | Act::Invite(..) | Act::See(_) => None,
    }
}

/// How many may come and how much they may take, as numbers: less is less. A second login that the app
/// decides counts as the least, since the app may decide for that.
pub(crate) fn widths(grants: &Grants) -> [u64; 6] {
    let cap = |cap: Option<NonZeroU32>| cap.map_or(u64::MAX, |cap| cap.get().into());
    [
        u64::from(!grants.waits),
        match grants.second_login {
            Some(SecondLogin::Reject) => 0,
            Some(SecondLogin::Replace) => 1,
            Some(SecondLogin::Allow(seats)) => seats.into(),
            None => 0,
        },
        cap(grants.caps.members_max),
        cap(grants.caps.messages_per_s),
        cap(grants.caps.bytes_per_s),
        cap(grants.caps.frame_bytes_max),
    ]
}
