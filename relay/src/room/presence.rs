//! Joins and leaves that are not announced yet. Pure: keeps the order of arrival, cancels out members that came and
//! went in between, and returns a batch at a time.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use stagedoor_token::Grants;
use stagedoor_wire::member::Member;

use super::{member::Occupant, paging::member_bytes};

/// Obsolete places in the order that may collect before they are removed.
const STALE_MAX: usize = 64;

/// A member that came or left, with the grants that decide who may know.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) member: Member,
    pub(super) grants: Arc<Grants>,
}

impl Change {
    pub(super) fn of(member: &Arc<Occupant>) -> Self {
        Self { member: member.member.clone(), grants: member.grants.clone() }
    }

    /// Whether it looks the same to everybody.
    fn is_alike(&self, other: &Self) -> bool {
        self.member == other.member && self.is_seen_alike(other)
    }

    /// Whether the same viewers see it.
    fn is_seen_alike(&self, other: &Self) -> bool {
        let (these, those) = (&self.grants, &other.grants);
        these.role == those.role && these.presence.seen_by == those.presence.seen_by
    }
}

/// What is pending about a user: a leave, a join, or first a leave and then a join.
#[derive(Debug, Default)]
struct Pending {
    left: Option<Numbered>,
    /// A version that somebody found on a list before it was announced, and that is outdated. One for each such list.
    found: Vec<Change>,
    joined: Option<Numbered>,
}

/// A leave or a join.
#[derive(Debug)]
struct Numbered {
    change: Change,
    /// The count of changes when it was added.
    number: u64,
}

impl Pending {
    fn joined_bytes(&self) -> usize {
        self.joined.as_ref().map_or(0, |joined| member_bytes(&joined.change.member))
    }

    fn was_found(&mut self, change: Change) {
        if !self.found.iter().any(|found| found.is_seen_alike(&change)) {
            self.found.push(change);
        }
    }
}

/// The size of a batch, of leaves and of joins each.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchMax {
    pub(super) members: usize,
    /// As JSON in a list of members; one member always fits.
    pub(super) bytes: usize,
}

/// A batch: first leaves, then joins.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) left: Vec<Change>,
    pub(super) joined: Vec<Change>,
    joined_bytes: usize,
}

/// Joins and leaves that are not announced to everybody yet.
#[derive(Debug, Default)]
pub(super) struct Presence {
    order: VecDeque<String>,
    pending: HashMap<String, Pending>,
    /// The count of changes.
    changes: u64,
    /// The count of changes when somebody last read a list of members.
    listed: u64,
}

impl Batch {
    fn is_full(&self, max: BatchMax) -> bool {
        self.left.len() >= max.members
            || self.joined.len() >= max.members
            || self.joined_bytes >= max.bytes
    }

    /// Whether what is pending about a user fits into one batch.
    fn fits(&self, pending: &Pending, max: BatchMax) -> bool {
        let bytes = pending.joined_bytes();
        bytes == 0 || self.joined.is_empty() || self.joined_bytes + bytes <= max.bytes
    }

    fn add(&mut self, pending: Pending) {
        self.joined_bytes += pending.joined_bytes();
        self.left.extend(pending.left.map(|left| left.change));
        self.left.extend(pending.found);
        self.joined.extend(pending.joined.map(|joined| joined.change));
    }
}

impl Presence {
    fn of(&mut self, user: &str) -> &mut Pending {
        if !self.pending.contains_key(user) {
            self.order.push_back(user.to_owned());
        }
        self.pending.entry(user.to_owned()).or_default()
    }

    /// Removes what is pending about a user. Its place in the order stays, obsolete, until most places are; so this
    /// costs the same however many are pending.
    fn cancel(&mut self, user: &str) -> Option<Pending> {
        let pending = self.pending.remove(user)?;
        if self.order.len() > 2 * self.pending.len() + STALE_MAX {
            let pending = &self.pending;
            // A user that is pending again also has a later place; the first counts, then it is removed.
            self.order.retain(|user| pending.contains_key(user));
        }
        Some(pending)
    }

    /// Somebody reads a list of members, and so learns what was not announced yet.
    pub(super) fn is_listed(&mut self) {
        self.listed = self.changes;
    }

    fn numbered(&mut self, change: Change) -> Numbered {
        self.changes += 1;
        Numbered { change, number: self.changes }
    }

    /// A member came. If its leave was not announced and it looks the same to every viewer, nothing happened.
    pub(super) fn joined(&mut self, change: Change) {
        let joined = self.numbered(change);
        self.comes(joined);
    }

    fn comes(&mut self, joined: Numbered) {
        let (listed, change) = (self.listed, &joined.change);
        let pending = self.of(&change.member.user);
        let left = pending.left.as_ref();
        let as_before =
            left.is_some_and(|left| left.number > listed && left.change.is_alike(change));
        if as_before && pending.found.is_empty() {
            drop(self.cancel(&change.member.user));
        } else {
            pending.joined = Some(joined);
        }
    }

    /// A member whose join is pending has changed. `false` if the join was announced.
    pub(super) fn changed(&mut self, change: &Change) -> bool {
        let Some(pending) = self.pending.get_mut(&change.member.user) else { return false };
        let Some(old) = pending.joined.take() else { return false };
        let mut joined = Numbered { change: change.clone(), number: old.number };
        if old.number <= self.listed && !old.change.is_seen_alike(change) {
            pending.was_found(old.change);
            self.changes += 1;
            joined.number = self.changes;
        }
        self.comes(joined);
        true
    }

    /// A member left. If its join was not announced, nothing happened.
    pub(super) fn left(&mut self, change: Change) {
        let left = self.numbered(change);
        let (listed, user) = (self.listed, &left.change.member.user);
        let pending = self.of(user);
        match pending.joined.take() {
            Some(joined) if joined.number <= listed => pending.was_found(joined.change),
            Some(_) if pending.left.is_none() && pending.found.is_empty() => {
                drop(self.cancel(user));
            }
            Some(_) => {}
            None => pending.left = Some(left),
        }
    }

    /// Whether something is pending about this user.
    pub(super) fn waits_for(&self, user: &str) -> bool {
        !self.pending.is_empty() && self.pending.contains_key(user)
    }

    /// The next batch: what is pending about `first`, if that user must be known now, and then what has waited longest.
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
