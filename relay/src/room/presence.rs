//! Who came and who left since members were last told. Of `room`. Pure: keeps the order of arrival, lets
//! those who came and went in between cancel out, and hands out a batch at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use stagedoor_token::Grants;
use stagedoor_wire::member::Member;

use super::Occupant;

/// Places in the order that may be without meaning, before they are cleared away.
const STALE_MAX: usize = 64;

/// A member that came or left, with what decides who may know.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) member: Member,
    pub(super) grants: Arc<Grants>,
}

impl Change {
    pub(super) fn of(member: &Arc<Occupant>) -> Self {
        Self { member: member.member.clone(), grants: member.grants.clone() }
    }
}

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<String>,
    waiting: HashMap<String, Change>,
}

/// Joins and leaves that nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct Presence {
    joined: Queue,
    left: Queue,
}

impl Queue {
    fn push(&mut self, change: Change) {
        let user = change.member.user.clone();
        if self.waiting.insert(user.clone(), change).is_none() {
            self.order.push_back(user);
        }
    }

    /// Takes a change back. Its place in the order stays, without meaning, until there are more such than
    /// others: so that this costs the same however many wait.
    fn cancel(&mut self, user: &str) -> Option<Change> {
        let change = self.waiting.remove(user)?;
        if self.order.len() > 2 * self.waiting.len() + STALE_MAX {
            let waiting = &self.waiting;
            self.order.retain(|user| waiting.contains_key(user));
        }
        Some(change)
    }

    fn take(&mut self, max: usize) -> Vec<Change> {
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(user) = self.order.pop_front()
        {
            taken.extend(self.waiting.remove(&user));
        }
        taken
    }
}

impl Presence {
    /// A member came. If it had left and nobody was told, and it is the same to every viewer, nothing
    /// happened; if it is not the same, what has to be told first is returned.
    pub(super) fn joined(&mut self, change: Change) -> Option<Change> {
        let left = self.left.cancel(&change.member.user);
        let same = left.as_ref().is_some_and(|left| {
            left.member == change.member
                && left.grants.presence.seen_by == change.grants.presence.seen_by
        });
        if same {
            return None;
        }
        self.joined.push(change);
        left
    }

    /// A member that is still to be told as having come is another now. `false` if everybody was told.
    pub(super) fn changed(&mut self, change: &Change) -> bool {
        let waiting = self.joined.waiting.get_mut(&change.member.user);
        waiting.map(|waiting| *waiting = change.clone()).is_some()
    }

    /// A member left. If nobody was told that it came, nothing happened.
    pub(super) fn left(&mut self, change: Change) {
        if self.joined.cancel(&change.member.user).is_none() {
            self.left.push(change);
        }
    }

    /// At most `max` who left and `max` who came, oldest first.
    pub(super) fn take(&mut self, max: usize) -> (Vec<Change>, Vec<Change>) {
        (self.left.take(max), self.joined.take(max))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined.waiting.is_empty() && self.left.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stagedoor_token::Roles;

    fn change(user: &str, role: &str) -> Change {
        let grants = Roles::built_in().get(role).expect("a built-in role").grants().clone();
        let member = Member { user: user.into(), role: role.into(), name: None, meta: None };
        Change { member, grants }
    }

    fn users(changes: &[Change]) -> Vec<&str> {
        changes.iter().map(|change| change.member.user.as_str()).collect()
    }

    #[test]
    fn who_came_and_went_is_not_told() {
        let mut presence = Presence::default();
        presence.joined(change("anna", "host"));
        presence.left(change("anna", "host"));
        assert!(presence.is_empty());
        presence.left(change("bob", "host"));
        assert!(presence.joined(change("bob", "host")).is_none());
        assert!(presence.is_empty());
    }

    #[test]
    fn who_comes_back_changed_is_told_as_leaving_first() {
        let mut presence = Presence::default();
        presence.left(change("bob", "host"));
        let told_first = presence.joined(change("bob", "observer")).expect("the old one left");
        assert_eq!(told_first.member.role, "host");
        assert_eq!(users(&presence.take(9).1), ["bob"]);
    }

    #[test]
    fn those_who_come_and_go_for_ever_leave_nothing_behind() {
        let mut presence = Presence::default();
        for n in 0..10_000 {
            let user = format!("u{}", n % 700);
            presence.joined(change(&user, "host"));
            presence.left(change(&user, "host"));
        }
        assert!(presence.is_empty());
        assert!(presence.joined.order.len() <= STALE_MAX, "{}", presence.joined.order.len());
        presence.joined(change("u1", "host"));
        assert_eq!(users(&presence.take(9).1), ["u1"]);
    }

    #[test]
    fn a_batch_is_bounded_and_keeps_the_order() {
        let mut presence = Presence::default();
        for user in ["c", "a", "b"] {
            presence.joined(change(user, "host"));
        }
        assert_eq!(users(&presence.take(2).1), ["c", "a"]);
        assert_eq!(users(&presence.take(2).1), ["b"]);
        assert!(presence.is_empty());
    }
}
