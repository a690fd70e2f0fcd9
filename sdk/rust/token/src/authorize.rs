//! Grants and an action become a decision (`spec/roles.md` §Actions). What no grant names is refused, and the
//! refusal says which rule it was.

use stagedoor_grants::{Grants, Kind, Verb};

use crate::rule::Rule;

/// What a member wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Begin a stream.
    Publish {
        /// Its name.
        stream: &'a str,
        /// What it carries.
        kind: Kind,
        /// How many streams of the member live already.
        live: u32,
    },
    /// Receive a stream.
    Subscribe {
        /// Its name.
        stream: &'a str,
        /// The role of its publisher.
        publisher_role: &'a str,
    },
    /// Message everybody.
    SendRoom,
    /// Message everybody of a role.
    SendRole(&'a str),
    /// Message one user.
    SendUser {
        /// That user's role.
        role: &'a str,
    },
    /// Set a key of the room's state.
    Set {
        /// The key.
        key: &'a str,
    },
    /// Act as a moderator.
    Moderate {
        /// The act.
        verb: Verb,
        /// The other's rank; none when the act is on the room itself.
        target_rank: Option<u16>,
    },
    /// Give a member another role.
    Assign {
        /// [`Verb::Promote`] or [`Verb::Demote`]; no other verb gives a role.
        verb: Verb,
        /// The other's rank.
        target_rank: u16,
        /// The rank of the role that it has.
        from_rank: u16,
        /// The rank of the role that it is to have.
        to_rank: u16,
    },
    /// Ask to be given a role.
    Ask {
        /// That role.
        role: &'a str,
    },
    /// Obtain a token for somebody else.
    Invite {
        /// Its role.
        role: &'a str,
        /// That role's rank.
        rank: u16,
    },
    /// Know of another member.
    See {
        /// What the other has.
        member: &'a Grants,
    },
}

/// Whether an action is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allowed,
    /// It is not, by this rule.
    Refused(Rule),
}

/// Decides.
pub fn authorize(grants: &Grants, action: &Action<'_>) -> Decision {
    let broken = match *action {
        Action::Publish { stream, kind, live } => first([
            (!grants.publish.streams.matches(stream), Rule::PublishStreams),
            (!grants.publish.kinds.contains(kind), Rule::PublishKinds),
            (live >= grants.publish.streams_max, Rule::PublishStreamsMax),
        ]),
        Action::Subscribe { stream, publisher_role } => first([
            (!grants.subscribe.streams.matches(stream), Rule::SubscribeStreams),
            (!grants.subscribe.from.matches(publisher_role), Rule::SubscribeFrom),
        ]),
        Action::SendRoom => first([(!grants.send.room, Rule::SendRoom)]),
        Action::SendRole(role) => first([(!grants.send.roles.matches(role), Rule::SendRoles)]),
        Action::SendUser { role } => first([(!grants.send.users.matches(role), Rule::SendUsers)]),
        Action::Set { key } => first([(!grants.set.matches(key), Rule::Set)]),
        Action::Moderate { verb, target_rank } => first([
            (!grants.moderate.contains(verb), Rule::Moderate),
            (target_rank.is_some_and(|rank| rank >= grants.rank), Rule::ModerateRank),
        ]),
        Action::Assign { verb, target_rank, from_rank, to_rank } => first([
            (!grants.moderate.contains(verb), Rule::Moderate),
            (target_rank.max(to_rank) >= grants.rank, Rule::ModerateRank),
            (!leads(verb, from_rank, to_rank), Rule::ModerateDirection),
        ]),
        Action::Ask { role } => first([(!grants.ask.matches(role), Rule::Ask)]),
        Action::Invite { role, rank } => first([
            (!grants.invite.matches(role), Rule::Invite),
            (rank >= grants.rank, Rule::InviteRank),
        ]),
        Action::See { member } => first([
            (!grants.presence.sees.matches(&member.role), Rule::PresenceSees),
            (!member.presence.seen_by.matches(&grants.role), Rule::PresenceSeenBy),
        ]),
    };
    broken.map_or(Decision::Allowed, Decision::Refused)
}

/// Whether a verb leads from one rank to another.
fn leads(verb: Verb, from_rank: u16, to_rank: u16) -> bool {
    match verb {
        Verb::Promote => to_rank >= from_rank,
        Verb::Demote => to_rank <= from_rank,
        _ => false,
    }
}

fn first<const N: usize>(rules: [(bool, Rule); N]) -> Option<Rule> {
    rules.into_iter().find_map(|(broken, rule)| broken.then_some(rule))
}
