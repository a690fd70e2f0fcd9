//! Who came and who left since members were last told. Of `room`. Pure: keeps the order of arrival, lets
//! those who came and went in between cancel out, and hands out a batch at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use stagedoor_token::Grants;
use stagedoor_wire::member::Member;

/// A member that came or left, with what decides who may know.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) member: Member,
    pub(super) grants: Arc<Grants>,
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

    fn cancel(&mut self, user: &str) -> Option<Change> {
        let change = self.waiting.remove(user)?;
        self.order.retain(|waiting| waiting != user);
        Some(change)
    }

    fn take(&mut self, max: usize) -> Vec<Change> {
        let count = self.order.len().min(max);
        self.order.drain(..count).filter_map(|user| self.waiting.remove(&user)).collect()
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
        self.joined.order.is_empty() && self.left.order.is_empty()
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
