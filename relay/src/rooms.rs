//! Every room by app and name. After `seat`, before `room`. A room is made by its first seat and gone
//! with its last; rooms of different apps never meet, whatever their names.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use stagedoor_token::AppId;

use crate::room::{Room, Standings};

type Name = (AppId, Arc<str>);

/// The registry.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Mutex<BTreeMap<Name, Arc<Room>>>,
    /// What users were given in rooms that are closed, and until when it is kept.
    kept: Mutex<HashMap<Name, (u64, Standings)>>,
    seats: Mutex<HashMap<AppId, usize>>,
    seat_ids: AtomicU64,
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Name, (u64, Standings)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<AppId, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other seat of this relay ever has.
    pub(crate) fn seat_id(&self) -> u64 {
        self.seat_ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a seat of an app. `false` when `max` are taken.
    pub(crate) fn take_seat(&self, app: AppId, max: usize) -> bool {
        let mut seats = self.seats();
        let taken = seats.entry(app).or_default();
        let free = *taken < max;
        if free {
            *taken += 1;
        }
        free
    }

    /// Whether `max` seats of an app are taken.
    pub(crate) fn is_full(&self, app: AppId, max: usize) -> bool {
        self.seats().get(&app).is_some_and(|taken| *taken >= max) || max == 0
    }

    /// Gives a counted seat back.
    pub(crate) fn give_seat(&self, app: AppId) {
        let mut seats = self.seats();
        if let Some(taken) = seats.get_mut(&app) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&app);
            }
        }
    }

    /// The room, made by `make` if it is not there or is `gone`: closed, and on its way out.
    pub(crate) fn find_or(
        &self,
        app: AppId,
        name: &Arc<str>,
        gone: Option<&Arc<Room>>,
        make: impl FnOnce(Standings) -> Arc<Room>,
    ) -> Arc<Room> {
        let mut rooms = self.lock();
        let key = (app, name.clone());
        match rooms.get(&key) {
            Some(room) if !gone.is_some_and(|gone| Arc::ptr_eq(gone, room)) => room.clone(),
            _ => {
                let mut kept = self.kept();
                let kept = if kept.is_empty() { None } else { kept.remove(&key) };
                let room = make(kept.map(|(_, standings)| standings).unwrap_or_default());
                rooms.insert(key, room.clone());
                room
            }
        }
    }

    /// The room, if it is there.
    pub(crate) fn get(&self, app: AppId, name: &str) -> Option<Arc<Room>> {
        self.lock().get(&(app, name.into())).cloned()
    }

    /// Forgets a closed room; what users were given in it is kept until `until_ms`. A newer room of its name
    /// stays.
    pub(crate) fn forget(&self, gone: &Arc<Room>, now_ms: u64, until_ms: u64) {
        let standings = gone.take_standings();
        let mut rooms = self.lock();
        let key = (gone.app, gone.name.clone());
        let mut kept = self.kept();
        kept.retain(|_, (until_ms, _)| *until_ms > now_ms);
        if !standings.is_empty() {
            kept.insert(key.clone(), (until_ms, standings));
        }
        drop(kept);
        if rooms.get(&key).is_some_and(|room| Arc::ptr_eq(room, gone)) {
            rooms.remove(&key);
        }
    }

    /// Rooms of an app after a name, in byte order; one more than `limit` if more follow.
    pub(crate) fn page(&self, app: AppId, after: Option<String>, limit: usize) -> Vec<Arc<Room>> {
        let from = after
            .map_or(Bound::Included((app, "".into())), |name| Bound::Excluded((app, name.into())));
        let rooms = self.lock();
        let page = rooms.range((from, Bound::Unbounded)).take_while(|((of, _), _)| *of == app);
        page.take(limit.saturating_add(1)).map(|(_, room)| room.clone()).collect()
    }

    /// How many rooms, and how many seats in them.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.lock().len(), self.seats().values().sum())
    }

    /// Every room.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        self.lock().values().cloned().collect()
    }
}
