//! Decides whether grants allow an action (`spec/roles.md` §Actions). What no grant names is refused, and the decision
//! names the rule.

use stagedoor_grants::{Grants, Kind, Verb};

use crate::rule::Rule;

/// What a member wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<'a> {
    /// Begin a stream.
    Publish {
        /// The stream's name.
        stream: &'a str,
        /// What the stream carries.
        kind: Kind,
        /// How many live streams the member has already.
        live: u32,
    },
    /// Receive a stream.
    Subscribe {
        /// The stream's name.
        stream: &'a str,
        /// The role of its publisher.
        publisher_role: &'a str,
    },
    /// Message everybody in the room.
    SendRoom,
    /// Message every member of a role.
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
        /// The rank of the member to act on; `None` where the act is on the room itself.
        target_rank: Option<u16>,
    },
    /// Give a member another role.
    Assign {
        /// [`Verb::Promote`] or [`Verb::Demote`]; no other verb gives a role.
        verb: Verb,
        /// The rank of the member that gets another role.
        target_rank: u16,
        /// The rank of the role that it has now.
        from_rank: u16,
        /// The rank of the role that it would have.
        to_rank: u16,
    },
    /// Ask for a role.
    Ask {
        /// The role's name.
        role: &'a str,
    },
    /// Obtain a token for a guest.
    Invite {
        /// The guest's role.
        role: &'a str,
        /// The rank of the guest's role.
        rank: u16,
    },
    /// See another member.
    See {
        /// The other member's grants.
        member: &'a Grants,
    },
}

/// Whether an action is allowed. Complete: there is no third outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The grants allow it.
    Allowed,
    /// This rule refuses it.
    Refused(Rule),
}

/// Decides whether grants allow an action.
///
/// ```
/// use stagedoor_token::{Action, Decision, Kind, Roles, Rule, authorize};
///
/// let roles = Roles::built_in();
/// let audience = roles.get("audience").ok_or("a built-in role")?.grants();
/// let publish = Action::Publish { stream: "cam", kind: Kind::Video, live: 0 };
/// assert_eq!(authorize(audience, &publish), Decision::Refused(Rule::PublishStreams));
/// # Ok::<(), &str>(())
/// ```
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

/// Whether a verb may change one rank into another.
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
