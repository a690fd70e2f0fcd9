//! The members of a room by user id, and by how they look to others. A page of those whom a viewer sees costs
//! what the page holds, however many there are whom it does not see. Of a user with several seats others see
//! the newest: its face.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use stagedoor_token::{Grants, Verbs};
use stagedoor_wire::member::Member;

use super::{
    Occupant,
    pages::{fitting, member_bytes},
    sees,
};

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

/// Members who look the same to everybody.
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
    /// Each of another look: few.
    by_look: Vec<Alike>,
    /// Older seats of users that have several, oldest first.
    others: HashMap<String, Vec<Arc<Occupant>>>,
    others_len: usize,
}

/// Whether who has these grants looks the same as who has those.
fn look_alike(these: &Arc<Grants>, those: &Arc<Grants>) -> bool {
    Arc::ptr_eq(these, those)
        || (these.role == those.role && these.presence.seen_by == those.presence.seen_by)
}

fn from(after: Option<&str>) -> (Bound<&str>, Bound<&str>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

impl People {
    /// How many users.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many seats.
    pub(super) fn seats_len(&self) -> usize {
        self.all.len() + self.others_len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A user's face.
    pub(super) fn get(&self, user: &str) -> Option<&Arc<Occupant>> {
        self.all.get(user).map(|member| &member.0)
    }

    /// A user's seats, oldest first.
    pub(super) fn seats<'a>(&'a self, user: &str) -> impl Iterator<Item = &'a Arc<Occupant>> {
        self.others.get(user).into_iter().flatten().chain(self.get(user))
    }

    /// One of a user's seats.
    pub(super) fn seat(&self, user: &str, seat: u64) -> Option<&Arc<Occupant>> {
        self.seats(user).find(|occupant| occupant.seat == seat)
    }

    /// Everybody, each seat.
    pub(super) fn every_seat(&self) -> impl Iterator<Item = &Arc<Occupant>> {
        self.after(None).chain(self.others.values().flatten())
    }

    /// Adds a member, as its user's face.
    pub(super) fn insert(&mut self, occupant: Arc<Occupant>) {
        if let Some(face) = self.take_face(&occupant.member.user) {
            self.others.entry(face.member.user.clone()).or_default().push(face);
            self.others_len += 1;
        }
        self.put_face(occupant);
    }

    fn put_face(&mut self, occupant: Arc<Occupant>) {
        let face = ByUser(occupant.clone());
        let alike =
            self.by_look.iter_mut().find(|alike| look_alike(&alike.grants, &occupant.grants));
        match alike {
            Some(alike) => drop(alike.members.insert(face)),
            None => self
                .by_look
                .push(Alike { grants: occupant.grants.clone(), members: BTreeSet::from([face]) }),
        }
        if occupant.grants.moderate != Verbs::default() {
            self.staff.insert(ByUser(occupant.clone()));
        }
        self.all.insert(ByUser(occupant));
    }

    /// Puts a member as it is now in the place of what it was.
    pub(super) fn replace(&mut self, occupant: &Arc<Occupant>) {
        let user = &occupant.member.user;
        if self.get(user).is_some_and(|face| face.seat == occupant.seat) {
            self.take_face(user);
            self.put_face(occupant.clone());
        } else if let Some(old) = self
            .others
            .get_mut(user)
            .and_then(|others| others.iter_mut().find(|old| old.seat == occupant.seat))
        {
            *old = occupant.clone();
        }
    }

    /// Takes a seat out. Of the others of its user the newest is the face then.
    pub(super) fn remove(&mut self, user: &str, seat: u64) -> Option<Arc<Occupant>> {
        if self.get(user)?.seat == seat {
            let face = self.take_face(user);
            if let Some(next) = self.take_other(user, Vec::pop) {
                self.put_face(next);
            }
            return face;
        }
        self.take_other(user, |others| {
            let at = others.iter().position(|occupant| occupant.seat == seat)?;
            Some(others.remove(at))
        })
    }

    fn take_other(
        &mut self,
        user: &str,
        take: impl FnOnce(&mut Vec<Arc<Occupant>>) -> Option<Arc<Occupant>>,
    ) -> Option<Arc<Occupant>> {
        let others = self.others.get_mut(user)?;
        let taken = take(others)?;
        if others.is_empty() {
            self.others.remove(user);
        }
        self.others_len -= 1;
        Some(taken)
    }

    fn take_face(&mut self, user: &str) -> Option<Arc<Occupant>> {
        let ByUser(occupant) = self.all.take(user)?;
        self.staff.remove(user);
        let grants = &occupant.grants;
        let at = self.by_look.iter().position(|alike| look_alike(&alike.grants, grants));
        if let Some(at) = at {
            self.by_look[at].members.remove(user);
            if self.by_look[at].members.is_empty() {
                self.by_look.swap_remove(at);
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
        let others = self.others.values().flatten();
        let others = others.filter(|other| other.grants.moderate != Verbs::default());
        self.staff.iter().map(|member| &member.0).chain(others)
    }

    /// How many seats have a role.
    pub(super) fn count_of(&self, role: &str) -> usize {
        let of_role = self.by_look.iter().filter(|alike| *alike.grants.role == *role);
        let faces: usize = of_role.map(|alike| alike.members.len()).sum();
        let others = self.others.values().flatten();
        faces + others.filter(|other| *other.grants.role == *role).count()
    }

    /// The members after a user that one with `grants` may see, a page of so many and so many bytes, and the
    /// user to go on after.
    pub(super) fn page(
        &self,
        grants: &Grants,
        after: Option<&str>,
        (limit, bytes_max): (usize, usize),
    ) -> (Vec<Member>, Option<String>) {
        let seen = self.by_look.iter().filter(|alike| sees(grants, &alike.grants));
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
        let members = page.by_ref().take(limit).map(|occupant| &occupant.member);
        let (members, more) = fitting(members, bytes_max, true, |member| member_bytes(member));
        let members: Vec<Member> = members.into_iter().cloned().collect();
        let more = more || page.next().is_some();
        let next = members.last().filter(|_| more).map(|member| member.user.clone());
        (members, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stagedoor_token::{AppId, Claims, Roles};

    use crate::room::seat_token::Pass;

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
                "k".into(),
            )),
            user: user.into(),
            peer: "peer".into(),
            since_ms: 0,
            began_ms: 0,
            stay_ms: 0,
        })
    }

    fn role() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&["host", "cohost", "speaker", "audience", "observer"][..])
    }

    #[test]
    fn the_newest_seat_of_a_user_is_its_face_and_an_older_one_follows_it() {
        let mut people = People::default();
        let seat = |seat: u64, role: &str| {
            Arc::new(Occupant { seat, ..Occupant::clone(&occupant("anna", role)) })
        };
        let face = |people: &People| people.get("anna").map(|face| face.seat);
        for (number, role) in [(1, "host"), (2, "audience"), (3, "speaker")] {
            people.insert(seat(number, role));
        }
        assert_eq!((people.len(), people.seats_len(), face(&people)), (1, 3, Some(3)));
        assert_eq!(people.staff().count(), 1, "also a seat that is not the face");
        people.replace(&seat(1, "cohost"));
        assert_eq!(people.seat("anna", 1).map(|seat| &*seat.member.role), Some("cohost"));
        assert!(people.remove("anna", 3).is_some() && people.remove("anna", 3).is_none());
        assert_eq!((face(&people), people.count_of("audience")), (Some(2), 1));
        assert!(people.remove("anna", 1).is_some() && people.remove("anna", 2).is_some());
        assert!(people.is_empty() && people.seats_len() == 0 && people.others.is_empty());
    }

    proptest! {
        #[test]
        fn a_page_holds_those_seen_in_order_and_pages_hold_all(
            comes in prop::collection::vec(("[a-f]{1,2}", role()), 0..40),
            goes in prop::collection::vec("[a-f]{1,2}", 0..20),
            viewer in role(),
            limit in 1_usize..5,
            bytes_max in 0_usize..1_000,
        ) {
            let mut people = People::default();
            for (user, role) in &comes {
                people.remove(user, 0);
                people.insert(occupant(user, role));
            }
            goes.iter().for_each(|user| drop(people.remove(user, 0)));
            let viewer = occupant("viewer", viewer).grants.clone();
            let seen: Vec<Member> = people
                .after(None)
                .filter(|occupant| sees(&viewer, &occupant.grants))
                .map(|occupant| occupant.member.clone())
                .collect();
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let (page, next) = people.page(&viewer, after.as_deref(), (limit, bytes_max));
                prop_assert!(page.len() <= limit);
                let bytes: usize = page.iter().map(member_bytes).sum();
                prop_assert!(page.len() == 1 || bytes <= bytes_max);
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
