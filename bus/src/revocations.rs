//! The list of revocations, as the door reads it: small and fast. Targets are kept as keyed hashes, so it can answer
//! whether a token is covered, but not what it contains: that is in the server's store.

mod held;
mod mark;
mod table;

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use stagedoor_token::AppId;

pub use self::{held::Held, mark::REVOCATION_KEPT_S};
use self::{
    held::HeldMarks,
    mark::{JTI, Mark, worse},
    table::{Map, Place, Table},
};
use crate::{
    revocation::{Bearer, Hit, Revocation, Target},
    siphash::SipKey,
};

/// Kinds of targets.
const KINDS: usize = 8;
/// Tables of one kind: while a table grows it cannot be read, and a smaller one grows faster.
const PARTS: usize = 16;

const USER: usize = 1;
const ROOM_USER: usize = 2;
const ROOM: usize = 3;
const ROOM_ROLE: usize = 4;
const ROLE: usize = 5;
const KEY: usize = 6;
const APP: usize = 7;

/// What is known about an app.
#[derive(Clone, Copy, Default)]
struct OfApp {
    generation: u64,
    /// Targets of each kind, so that absent kinds are not looked up.
    targets: [u32; KINDS],
}

#[derive(Default)]
struct Lists {
    apps: Map<AppId, OfApp>,
    tables: [[Table; PARTS]; KINDS],
}

impl Lists {
    /// Removes what `keep` rejects from one table; returns how many.
    fn sweep(
        &mut self,
        kind: usize,
        part: usize,
        mut keep: impl FnMut(&Place, &mut Mark) -> bool,
    ) -> usize {
        let apps = &mut self.apps;
        self.tables[kind][part].sweep(|place, mark| {
            let kept = keep(place, mark);
            if !kept && let Some(app) = apps.get_mut(&place.app) {
                app.targets[kind] -= 1;
            }
            kept
        })
    }
}

/// The revocations of all apps.
pub struct Revocations {
    key: SipKey,
    lists: RwLock<Lists>,
    held: Arc<HeldMarks>,
    /// Targets in the list, so that an empty one costs nothing.
    len: AtomicUsize,
}

impl Default for Revocations {
    fn default() -> Self {
        Self {
            key: SipKey::random(),
            lists: RwLock::default(),
            held: Arc::default(),
            len: AtomicUsize::new(0),
        }
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Combines two hashes; their order matters. Kinds with two parts have their own tables.
fn joined(one: [u64; 2], other: [u64; 2]) -> [u64; 2] {
    [one[0].wrapping_add(other[0].rotate_left(17)), one[1].wrapping_add(other[1].rotate_left(31))]
}

impl Revocations {
    fn read(&self) -> RwLockReadGuard<'_, Lists> {
        self.lists.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Lists> {
        self.lists.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of revoked targets.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of an app's revoked targets: token ids, and others.
    pub fn targets_of(&self, app: AppId) -> (usize, usize) {
        let targets = self.read().apps.get(&app).map_or([0; KINDS], |app| app.targets);
        let all: usize = targets.iter().map(|targets| *targets as usize).sum();
        let ids = targets[JTI] as usize;
        (ids, all - ids)
    }

    /// The app's generation, which new tokens carry.
    pub fn generation(&self, app: AppId) -> u64 {
        self.read().apps.get(&app).map_or(0, |app| app.generation)
    }

    /// Raises an app's generation; it never falls.
    pub fn raise(&self, app: AppId, generation: u64) {
        let mut lists = self.write();
        let known = lists.apps.entry(app).or_default();
        known.generation = known.generation.max(generation);
    }

    /// Whether a token is covered, and how.
    pub fn find(&self, bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
        let listed = if self.is_empty() { None } else { self.listed(bearer, now_s) };
        if self.held.is_empty() {
            return listed;
        }
        let places = (0..KINDS).zip(self.places(bearer, |_| true));
        let held = places.filter_map(|at| self.held.hit(at, bearer, now_s));
        listed.into_iter().chain(held).reduce(worse)
    }

    /// Enforces an entry while the returned value lives, without adding it to the list.
    pub fn hold(list: &Arc<Self>, entry: &Revocation) -> Held {
        let at = list.place(entry.app, &entry.target);
        let mut mark = Mark::default();
        mark.add(entry);
        Held::new(list.held.clone(), at, mark)
    }

    fn listed(&self, bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
        let lists = self.read();
        let targets = lists.apps.get(&bearer.app)?.targets;
        let has = |kind: usize| targets[kind] > 0;
        let places = self.places(bearer, has);
        let hits = (0..KINDS).filter(|kind| has(*kind)).filter_map(|kind| {
            let place = &places[kind];
            lists.tables[kind][place.part(PARTS)].get(place)?.hit(kind, bearer, now_s)
        });
        hits.reduce(worse)
    }

    /// The places of a token's targets, of the wanted kinds.
    fn places(&self, bearer: &Bearer<'_>, has: impl Fn(usize) -> bool) -> [Place; KINDS] {
        let hash = |wanted: bool, text| if wanted { self.key.hash(text) } else { [0; 2] };
        let room = hash(has(ROOM) || has(ROOM_USER) || has(ROOM_ROLE), bearer.room);
        let user = hash(has(USER) || has(ROOM_USER), bearer.user);
        let role = hash(has(ROLE) || has(ROOM_ROLE), bearer.role);
        let hashes = [
            hash(has(JTI), bearer.jti),
            user,
            joined(room, user),
            room,
            joined(room, role),
            role,
            hash(has(KEY), bearer.kid),
            [0; 2],
        ];
        hashes.map(|hash| Place::new(bearer.app, hash))
    }

    fn place(&self, app: AppId, target: &Target) -> (usize, Place) {
        let hash = |text| self.key.hash(text);
        let (kind, hash) = match target {
            Target::Jti(jti) => (JTI, hash(jti)),
            Target::User(user) => (USER, hash(user)),
            Target::RoomUser { room, user } => (ROOM_USER, joined(hash(room), hash(user))),
            Target::Room(room) => (ROOM, hash(room)),
            Target::RoomRole { room, role } => (ROOM_ROLE, joined(hash(room), hash(role))),
            Target::Role(role) => (ROLE, hash(role)),
            Target::Key(kid) => (KEY, hash(kid)),
            Target::App => (APP, [0; 2]),
        };
        (kind, Place::new(app, hash))
    }

    /// Adds an entry; other entries of its target remain.
    pub fn add(&self, entry: &Revocation) {
        let (kind, place) = self.place(entry.app, &entry.target);
        let mut guard = self.write();
        let lists = &mut *guard;
        let app = lists.apps.entry(entry.app).or_default();
        app.generation = app.generation.max(entry.generation);
        let (mark, new) = lists.tables[kind][place.part(PARTS)].entry(place);
        if new {
            app.targets[kind] += 1;
            self.len.fetch_add(1, Ordering::Release);
        }
        mark.add(entry);
    }

    /// Removes a target, except for the entries `left`, which stay in force throughout.
    pub fn lift(&self, app: AppId, target: &Target, left: &[Revocation]) {
        let (kind, place) = self.place(app, target);
        let mut guard = self.write();
        let lists = &mut *guard;
        let table = &mut lists.tables[kind][place.part(PARTS)];
        let mut empty = false;
        table.change(&place, |mark| {
            *mark = Mark::default();
            left.iter().filter(|entry| entry.target == *target).for_each(|entry| mark.add(entry));
            empty = mark.ban_ends_s == 0 && mark.at_s == 0;
        });
        if empty {
            table.remove(&place);
            self.len.fetch_sub(1, Ordering::Release);
            if let Some(app) = lists.apps.get_mut(&app) {
                app.targets[kind] -= 1;
            }
        }
    }

    /// Drops bans that ended, and revocations without a valid token left. Returns how many targets went.
    pub fn forget(&self, now_s: u64) -> usize {
        self.sweep(|_, mark| mark.live(now_s))
    }

    /// Removes everything about a deleted app.
    pub fn forget_app(&self, app: AppId) {
        self.sweep(|place, _| place.app != app);
        self.write().apps.remove(&app);
    }

    /// Some tables at a time, so that a login waits for one part at most.
    fn sweep(&self, mut keep: impl FnMut(&Place, &mut Mark) -> bool) -> usize {
        let mut gone = 0;
        for kind in 0..KINDS {
            for part in 0..PARTS {
                let mut lists = self.write();
                let went = lists.sweep(kind, part, &mut keep);
                self.len.fetch_sub(went, Ordering::Release);
                gone += went;
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests;
