//! The members of a room by user id, and by how they look to others. Of `room`. A page of those whom a
//! viewer sees costs what the page holds, however many there are whom it does not see.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use stagedoor_token::{Grants, Patterns, RoleName, Verbs};
use stagedoor_wire::member::Member;

use super::{Occupant, sees};

/// A member in the order of user ids.
#[derive(Clone, Debug)]
struct ByUser(Arc<Occupant>);

impl Borrow<str> for ByUser {
    fn borrow(&self) -> &str {
        &self.0.member.user
    }
}

impl Ord for ByUser {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.member.user.cmp(&other.0.member.user)
    }
}

impl PartialOrd for ByUser {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByUser {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByUser {}

/// What decides who sees a member.
type Look = (RoleName, Patterns);

#[derive(Debug)]
struct Alike {
    grants: Arc<Grants>,
    members: BTreeSet<ByUser>,
}

/// The members.
#[derive(Debug, Default)]
pub(super) struct People {
    all: BTreeSet<ByUser>,
    /// Those who may do some act of moderation.
    staff: BTreeSet<ByUser>,
    by_look: HashMap<Look, Alike>,
}

fn look(grants: &Grants) -> Look {
    (grants.role.clone(), grants.presence.seen_by.clone())
}

fn from(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, user: &str) -> Option<&Arc<Occupant>> {
        self.all.get(user).map(|member| &member.0)
    }

    /// Adds a member; one of its user must have been removed before.
    pub(super) fn insert(&mut self, occupant: Arc<Occupant>) {
        let alike = self
            .by_look
            .entry(look(&occupant.grants))
            .or_insert_with(|| Alike { grants: occupant.grants.clone(), members: BTreeSet::new() });
        alike.members.insert(ByUser(occupant.clone()));
        if occupant.grants.moderate != Verbs::default() {
            self.staff.insert(ByUser(occupant.clone()));
        }
        self.all.insert(ByUser(occupant));
    }

    /// Puts a member in the place of one of its user that looks the same to others and may do the same.
    pub(super) fn replace(&mut self, occupant: &Arc<Occupant>) {
        self.remove(&occupant.member.user);
        self.insert(occupant.clone());
    }

    pub(super) fn remove(&mut self, user: &str) -> Option<Arc<Occupant>> {
        let ByUser(occupant) = self.all.take(user)?;
        self.staff.remove(user);
        let look = look(&occupant.grants);
        if let Some(alike) = self.by_look.get_mut(&look) {
            alike.members.remove(user);
            if alike.members.is_empty() {
                self.by_look.remove(&look);
            }
        }
        Some(occupant)
    }

    /// Everybody after a user, in order.
    pub(super) fn after(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<Occupant>> {
        self.all.range::<str, _>(from(after)).map(|member| &member.0)
    }

    /// Those who may do some act of moderation.
    pub(super) fn staff(&self) -> impl Iterator<Item = &Arc<Occupant>> {
        self.staff.iter().map(|member| &member.0)
    }

    /// How many have a role.
    pub(super) fn count_of(&self, role: &str) -> usize {
        let of_role = self.by_look.iter().filter(|((name, _), _)| **name == *role);
        of_role.map(|(_, alike)| alike.members.len()).sum()
    }

    /// The members after a user that one with `grants` may see, a page, and the user to go on after.
    pub(super) fn page(
        &self,
        grants: &Grants,
        after: Option<&str>,
        limit: usize,
    ) -> (Vec<Member>, Option<String>) {
        let seen = self.by_look.values().filter(|alike| sees(grants, &alike.grants));
        let mut heads: Vec<_> =
            seen.map(|alike| alike.members.range::<str, _>(from(after)).peekable()).collect();
        let mut page = std::iter::from_fn(|| {
            let first = heads
                .iter_mut()
                .enumerate()
                .filter_map(|(at, rest)| Some((*rest.peek()?, at)))
                .min_by_key(|(member, _)| *member);
            let (_, at) = first?;
            heads[at].next().map(|member| &member.0)
        });
        let members: Vec<Member> =
            page.by_ref().take(limit).map(|occupant| occupant.member.clone()).collect();
        let next = page.next().and_then(|_| members.last().map(|member| member.user.clone()));
        (members, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stagedoor_token::{AppId, Claims, Roles};

    use crate::pass::Pass;

    fn occupant(user: &str, role: &str) -> Arc<Occupant> {
        let grants = Roles::built_in().get(role).expect("a built-in role").grants().clone();
        let grants_role = grants.role.clone();
        Arc::new(Occupant {
            seat: 0,
            member: Member { user: user.into(), role: role.into(), name: None, meta: None },
            grants,
            waiting: false,
            mailbox: Arc::default(),
            pass: Arc::new(Pass::of(
                &mut Claims::new(AppId(1), "r", user, grants_role, "t", 0, 60),
                "k",
            )),
            since_ms: 0,
            stay_ms: 0,
        })
    }

    fn role() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&["host", "cohost", "speaker", "audience", "observer"][..])
    }

    proptest! {
        #[test]
        fn a_page_holds_those_seen_in_order_and_pages_hold_all(
            comes in prop::collection::vec(("[a-f]{1,2}", role()), 0..40),
            goes in prop::collection::vec("[a-f]{1,2}", 0..20),
            viewer in role(),
            limit in 1_usize..5,
        ) {
            let mut people = People::default();
            for (user, role) in &comes {
                people.remove(user);
                people.insert(occupant(user, role));
            }
            goes.iter().for_each(|user| drop(people.remove(user)));
            let viewer = occupant("viewer", viewer).grants.clone();
            let seen: Vec<Member> = people
                .after(None)
                .filter(|occupant| sees(&viewer, &occupant.grants))
                .map(|occupant| occupant.member.clone())
                .collect();
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let (page, next) = people.page(&viewer, after.as_deref(), limit);
                prop_assert!(page.len() <= limit);
                paged.extend(page);
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(paged, seen);
            let hosts = people.after(None).filter(|occupant| occupant.member.role == "host");
            prop_assert_eq!(people.count_of("host"), hosts.count());
        }
    }
}
