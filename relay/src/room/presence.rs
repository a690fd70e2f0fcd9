//! Who came and who left since members were last told. Of `room`. Pure: keeps the order of arrival, lets
//! those who came and went in between cancel out, and hands out a batch at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use stagedoor_token::Grants;
use stagedoor_wire::member::Member;

use super::{Occupant, pages::member_bytes};

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

    /// Whether nobody can tell it from another.
    fn is_alike(&self, other: &Self) -> bool {
        self.member == other.member && self.grants.presence.seen_by == other.grants.presence.seen_by
    }
}

/// What others are still to be told of one user: that it left, that it came, or first the one and then the
/// other.
#[derive(Debug, Default)]
struct Pending {
    left: Option<Change>,
    joined: Option<Change>,
}

impl Pending {
    fn joined_bytes(&self) -> usize {
        self.joined.as_ref().map_or(0, |joined| member_bytes(&joined.member))
    }
}

/// How much is told at a time, of leaves and of joins each.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchMax {
    pub(super) members: usize,
    /// Of a list of members as JSON; one member always fits.
    pub(super) bytes: usize,
}

/// What is told at a time: first who left, then who came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) left: Vec<Change>,
    pub(super) joined: Vec<Change>,
    joined_bytes: usize,
}

/// Joins and leaves that nobody was told of yet.
#[derive(Debug, Default)]
pub(super) struct Presence {
    order: VecDeque<String>,
    pending: HashMap<String, Pending>,
}

impl Batch {
    fn is_full(&self, max: BatchMax) -> bool {
        self.left.len() >= max.members
            || self.joined.len() >= max.members
            || self.joined_bytes >= max.bytes
    }

    /// Whether what is pending of a user is no more than is told at a time.
    fn fits(&self, pending: &Pending, max: BatchMax) -> bool {
        let bytes = pending.joined_bytes();
        bytes == 0 || self.joined.is_empty() || self.joined_bytes + bytes <= max.bytes
    }

    fn add(&mut self, pending: Pending) {
        self.joined_bytes += pending.joined_bytes();
        self.left.extend(pending.left);
        self.joined.extend(pending.joined);
    }
}

impl Presence {
    fn of(&mut self, user: &str) -> &mut Pending {
        if !self.pending.contains_key(user) {
            self.order.push_back(user.to_owned());
        }
        self.pending.entry(user.to_owned()).or_default()
    }

    /// Takes back what is pending of a user. Its place in the order stays, without meaning, until there are
    /// more such than others: so that this costs the same however many wait.
    fn cancel(&mut self, user: &str) -> Option<Pending> {
        let pending = self.pending.remove(user)?;
        if self.order.len() > 2 * self.pending.len() + STALE_MAX {
            let pending = &self.pending;
            // A user that is pending again has a later place as well: the first counts, then it is gone.
            self.order.retain(|user| pending.contains_key(user));
        }
        Some(pending)
    }

    /// A member came. If it had left, nobody was told, and it is the same to every viewer, nothing happened.
    pub(super) fn joined(&mut self, change: Change) {
        let pending = self.of(&change.member.user);
        if pending.left.as_ref().is_some_and(|left| left.is_alike(&change)) {
            drop(self.cancel(&change.member.user));
        } else {
            pending.joined = Some(change);
        }
    }

    /// A member that is still to be told as having come is another now. `false` if everybody was told.
    pub(super) fn changed(&mut self, change: &Change) -> bool {
        let pending = self.pending.get(&change.member.user);
        let waits = pending.is_some_and(|pending| pending.joined.is_some());
        if waits {
            self.joined(change.clone());
        }
        waits
    }

    /// A member left. If nobody was told that it came, nothing happened.
    pub(super) fn left(&mut self, change: Change) {
        let pending = self.of(&change.member.user);
        match (pending.joined.take(), &pending.left) {
            (Some(_), None) => drop(self.cancel(&change.member.user)),
            (Some(_), Some(_)) => {}
            (None, _) => pending.left = Some(change),
        }
    }

    /// Whether something is pending of this user.
    pub(super) fn waits_for(&self, user: &str) -> bool {
        !self.pending.is_empty() && self.pending.contains_key(user)
    }

    /// What is told next: what is pending of `first`, if somebody has to know of that one now, and then those
    /// that wait longest.
    pub(super) fn take(&mut self, first: Option<&str>, max: BatchMax) -> Batch {
        let mut batch = Batch::default();
        if let Some(pending) = first.and_then(|first| self.cancel(first)) {
            batch.add(pending);
        }
        while !batch.is_full(max)
            && let Some(user) = self.order.front()
        {
            match self.pending.get(user) {
                Some(pending) if !batch.fits(pending, max) => break,
                Some(_) => self.pending.remove(user).into_iter().for_each(|some| batch.add(some)),
                None => {}
            }
            self.order.pop_front();
        }
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests;
