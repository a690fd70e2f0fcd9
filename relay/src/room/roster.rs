//! The members of a room by user id, and by visibility. A page of members costs in proportion to the page, however many
//! the viewer cannot see. Of a user with several seats, others see the newest: its primary seat.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ops::{Bound, Deref},
    sync::Arc,
};

use stagedoor_token::{Grants, Verbs};
use stagedoor_wire::member::Member;

use super::{
    inbox::Inbox,
    member::{Occupant, is_hidden, sees},
    paging::{fitting, member_bytes},
};

/// A member, and its inbox.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) occupant: Arc<Occupant>,
    pub(super) inbox: Arc<Inbox>,
}

impl Deref for Entry {
    type Target = Occupant;

    fn deref(&self) -> &Occupant {
        &self.occupant
    }
}

/// A member, ordered by user id.
#[derive(Clone, Debug)]
struct ByUser<T>(T);

impl<T: Deref<Target = Occupant>> Borrow<str> for ByUser<T> {
    fn borrow(&self) -> &str {
        &self.0.member.user
    }
}

impl<T: Deref<Target = Occupant>> Ord for ByUser<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.member.user.cmp(&other.0.member.user)
    }
}

impl<T: Deref<Target = Occupant>> PartialOrd for ByUser<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Deref<Target = Occupant>> PartialEq for ByUser<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T: Deref<Target = Occupant>> Eq for ByUser<T> {}

/// Members of the same role that the same viewers see.
#[derive(Debug)]
struct VisibilityClass {
    grants: Arc<Grants>,
    members: BTreeSet<ByUser<Arc<Occupant>>>,
}

/// The members.
#[derive(Debug, Default)]
pub(super) struct Roster {
    all: BTreeSet<ByUser<Entry>>,
    /// Members with any right to moderate.
    staff: BTreeSet<ByUser<Arc<Occupant>>>,
    /// Each class of visibility: few.
    by_visibility: Vec<VisibilityClass>,
    /// Older seats of users with several, oldest first.
    others: HashMap<String, Vec<Entry>>,
    others_len: usize,
    /// Users with a hidden primary seat.
    hidden: usize,
}

/// Whether members with these two grants have the same visibility.
fn are_seen_alike(these: &Arc<Grants>, those: &Arc<Grants>) -> bool {
    Arc::ptr_eq(these, those)
        || (these.role == those.role && these.presence.seen_by == those.presence.seen_by)
}

fn from(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

impl Roster {
    /// The number of users.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number of seats.
    pub(super) fn seats_len(&self) -> usize {
        self.all.len() + self.others_len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A user's primary seat.
    pub(super) fn get(&self, user: &str) -> Option<&Arc<Occupant>> {
        self.primary(user).map(|entry| &entry.occupant)
    }

    fn primary(&self, user: &str) -> Option<&Entry> {
        self.all.get(user).map(|member| &member.0)
    }

    /// The number of users that others may see.
    pub(super) fn visible_len(&self) -> usize {
        self.all.len() - self.hidden
    }

    /// A user's seats, oldest first.
    pub(super) fn seats<'a>(&'a self, user: &str) -> impl Iterator<Item = &'a Entry> {
        self.others.get(user).into_iter().flatten().chain(self.primary(user))
    }

    /// One of a user's seats.
    pub(super) fn entry(&self, user: &str, seat: u64) -> Option<&Entry> {
        self.seats(user).find(|entry| entry.seat == seat)
    }

    /// The member of one of a user's seats.
    pub(super) fn seat(&self, user: &str, seat: u64) -> Option<&Arc<Occupant>> {
        self.entry(user, seat).map(|entry| &entry.occupant)
    }

    /// Every seat of everybody.
    pub(super) fn every_seat(&self) -> impl Iterator<Item = &Entry> {
        self.after(None).chain(self.others.values().flatten())
    }

    /// Adds a member, as its user's primary seat.
    pub(super) fn insert(&mut self, entry: Entry) {
        if let Some(older) = self.take_primary(&entry.member.user) {
            self.others.entry(older.member.user.clone()).or_default().push(older);
            self.others_len += 1;
        }
        self.put_primary(entry);
    }

    fn put_primary(&mut self, entry: Entry) {
        let member = ByUser(entry.occupant.clone());
        let grants = &entry.grants;
        let class =
            self.by_visibility.iter_mut().find(|class| are_seen_alike(&class.grants, grants));
        match class {
            Some(class) => drop(class.members.insert(member)),
            None => {
                let members = BTreeSet::from([member]);
                self.by_visibility.push(VisibilityClass { grants: grants.clone(), members });
            }
        }
        if grants.moderate != Verbs::default() {
            self.staff.insert(ByUser(entry.occupant.clone()));
        }
        self.hidden += usize::from(is_hidden(grants));
        self.all.insert(ByUser(entry));
    }

    /// Replaces a member by its new version.
    pub(super) fn replace(&mut self, occupant: &Arc<Occupant>) {
        let (user, seat) = (&occupant.member.user, occupant.seat);
        if self.primary(user).is_some_and(|primary| primary.seat == seat) {
            if let Some(old) = self.take_primary(user) {
                self.put_primary(Entry { occupant: occupant.clone(), ..old });
            }
        } else if let Some(old) = self
            .others
            .get_mut(user)
            .and_then(|others| others.iter_mut().find(|old| old.seat == seat))
        {
            old.occupant = occupant.clone();
        }
    }

    /// Removes a seat. The newest of the user's other seats becomes the primary one.
    pub(super) fn remove(&mut self, user: &str, seat: u64) -> Option<Entry> {
        if self.primary(user)?.seat == seat {
            let primary = self.take_primary(user);
            if let Some(next) = self.take_other(user, Vec::pop) {
                self.put_primary(next);
            }
            return primary;
        }
        self.take_other(user, |others| {
            let at = others.iter().position(|entry| entry.seat == seat)?;
            Some(others.remove(at))
        })
    }

    fn take_other(
        &mut self,
        user: &str,
        take: impl FnOnce(&mut Vec<Entry>) -> Option<Entry>,
    ) -> Option<Entry> {
        let others = self.others.get_mut(user)?;
        let taken = take(others)?;
        if others.is_empty() {
            self.others.remove(user);
        }
        self.others_len -= 1;
        Some(taken)
    }

    fn take_primary(&mut self, user: &str) -> Option<Entry> {
        let ByUser(entry) = self.all.take(user)?;
        self.staff.remove(user);
        let grants = &entry.grants;
        self.hidden -= usize::from(is_hidden(grants));
        let at = self.by_visibility.iter().position(|class| are_seen_alike(&class.grants, grants));
        if let Some(at) = at {
            self.by_visibility[at].members.remove(user);
            if self.by_visibility[at].members.is_empty() {
                self.by_visibility.swap_remove(at);
            }
        }
        Some(entry)
    }

    /// Everybody after this user, in order.
    pub(super) fn after(&self, after: Option<&str>) -> impl Iterator<Item = &Entry> {
        self.all.range::<str, _>(from(after)).map(|member| &member.0)
    }

    /// Members with any right to moderate.
    pub(super) fn staff(&self) -> impl Iterator<Item = &Entry> {
        let others = self.others.values().flatten();
        let others = others.filter(|other| other.grants.moderate != Verbs::default());
        let primaries = self.staff.iter().filter_map(|member| self.primary(&member.0.member.user));
        primaries.chain(others)
    }

    /// How many seats have a role.
    pub(super) fn count_of(&self, role: &str) -> usize {
        let of_role = self.by_visibility.iter().filter(|class| *class.grants.role == *role);
        let primaries: usize = of_role.map(|class| class.members.len()).sum();
        let others = self.others.values().flatten();
        primaries + others.filter(|other| *other.grants.role == *role).count()
    }

    /// A page, bounded in number and bytes, of the members after this user that a member with `grants` may see; and the
    /// user to continue after.
    pub(super) fn page(
        &self,
        grants: &Grants,
        after: Option<&str>,
        (limit, bytes_max): (usize, usize),
    ) -> (Vec<Member>, Option<String>) {
        let seen = self.by_visibility.iter().filter(|class| sees(grants, &class.grants));
        let mut heads: Vec<_> =
            seen.map(|class| class.members.range::<str, _>(from(after)).peekable()).collect();
        let mut page = std::iter::from_fn(|| {
            let first = heads
                .iter_mut()
                .enumerate()
                .filter_map(|(at, rest)| Some((*rest.peek()?, at)))
                .min_by_key(|(member, _)| *member);
            let (_, at) = first?;
            heads[at].next().map(|member| &member.0)
        });
        let members = page.by_ref().take(limit).map(|entry| &entry.member);
        let (members, more) = fitting(members, bytes_max, true, |member| member_bytes(member));
        let members: Vec<Member> = members.into_iter().cloned().collect();
        let more = more || page.next().is_some();
        let next = members.last().filter(|_| more).map(|member| member.user.clone());
        (members, next)
    }
}

#[cfg(test)]
mod tests;
