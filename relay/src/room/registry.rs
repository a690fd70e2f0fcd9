//! Every room by app and name. A room exists from its first seat to its last; rooms of different apps never meet,
//! whatever their names.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use stagedoor_token::{AppId, Patterns};

use super::{core::Room, overrides::OverridesByUser};

type Name = (AppId, Arc<str>);

/// The overrides of closed rooms, and until when they are kept.
#[derive(Debug, Default)]
struct Kept {
    by_room: HashMap<Name, (u64, OverridesByUser)>,
    /// The same times, earliest first; an entry is obsolete if its room is open again or was closed again.
    ends: VecDeque<(u64, Name)>,
}

impl Kept {
    /// Forgets what has expired at `now_ms`. Looks at nothing else, so that closing a room costs the same however many
    /// were closed before.
    fn forget_past(&mut self, now_ms: u64) {
        while let Some((until_ms, name)) =
            self.ends.pop_front_if(|(until_ms, _)| *until_ms <= now_ms)
        {
            if self.by_room.get(&name).is_some_and(|(kept_ms, _)| *kept_ms == until_ms) {
                self.by_room.remove(&name);
            }
        }
    }

    fn keep(&mut self, name: Name, until_ms: u64, overrides: OverridesByUser) {
        self.ends.push_back((until_ms, name.clone()));
        self.by_room.insert(name, (until_ms, overrides));
    }

    fn take(&mut self, name: &Name) -> OverridesByUser {
        // Usually nothing is kept, and then no name is hashed.
        let kept = if self.by_room.is_empty() { None } else { self.by_room.remove(name) };
        kept.map(|(_, overrides)| overrides).unwrap_or_default()
    }
}

/// The registry.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: Mutex<BTreeMap<Name, Arc<Room>>>,
    kept: Mutex<Kept>,
    seats: Mutex<HashMap<AppId, usize>>,
    seat_ids: AtomicU64,
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Room>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<AppId, usize>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other seat of this relay ever gets.
    pub(crate) fn seat_id(&self) -> u64 {
        self.seat_ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a seat of an app. `false` if it already has `max`.
    pub(crate) fn take_seat(&self, app: AppId, max: usize) -> bool {
        let mut seats = self.seats();
        let taken = seats.entry(app).or_default();
        let free = *taken < max;
        if free {
            *taken += 1;
        }
        free
    }

    /// Whether an app has `max` seats.
    pub(crate) fn is_full(&self, app: AppId, max: usize) -> bool {
        self.seats().get(&app).is_some_and(|taken| *taken >= max) || max == 0
    }

    /// Releases a counted seat.
    pub(crate) fn give_seat(&self, app: AppId) {
        let mut seats = self.seats();
        if let Some(taken) = seats.get_mut(&app) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&app);
            }
        }
    }

    /// The room, created by `make` if it does not exist or is `gone`: closed, and about to be removed.
    pub(crate) fn find_or(
        &self,
        app: AppId,
        name: &Arc<str>,
        gone: Option<&Arc<Room>>,
        make: impl FnOnce(OverridesByUser) -> Arc<Room>,
    ) -> Arc<Room> {
        let mut rooms = self.lock();
        let key = (app, name.clone());
        match rooms.get(&key) {
            Some(room) if !gone.is_some_and(|gone| Arc::ptr_eq(gone, room)) => room.clone(),
            _ => {
                let room = make(self.kept().take(&key));
                rooms.insert(key, room.clone());
                room
            }
        }
    }

    /// The room, if it exists.
    pub(crate) fn get(&self, app: AppId, name: &str) -> Option<Arc<Room>> {
        self.lock().get(&(app, name.into())).cloned()
    }

    /// Removes a closed room; its users' overrides are kept until `until_ms`. A newer room with its name stays.
    pub(crate) fn forget(&self, gone: &Arc<Room>, now_ms: u64, until_ms: u64) {
        let overrides = gone.take_overrides();
        let mut rooms = self.lock();
        let key = (gone.app, gone.name.clone());
        let mut kept = self.kept();
        kept.forget_past(now_ms);
        if overrides.len() > 0 {
            kept.keep(key.clone(), until_ms, overrides);
        }
        drop(kept);
        if rooms.get(&key).is_some_and(|room| Arc::ptr_eq(room, gone)) {
            rooms.remove(&key);
        }
    }

    /// Rooms of an app after this name, in byte order; one more than `limit` if more follow.
    pub(crate) fn page(&self, app: AppId, after: Option<String>, limit: usize) -> Vec<Arc<Room>> {
        let from = after
            .map_or(Bound::Included((app, "".into())), |name| Bound::Excluded((app, name.into())));
        let rooms = self.lock();
        let page = rooms.range((from, Bound::Unbounded)).take_while(|((of, _), _)| *of == app);
        page.take(limit.saturating_add(1)).map(|(_, room)| room.clone()).collect()
    }

    /// The same, of rooms that one of these patterns stands for. Looks at no more than a page for each pattern.
    pub(crate) fn page_within(
        &self,
        app: AppId,
        after: Option<&str>,
        limit: usize,
        names: &Patterns,
    ) -> Vec<Arc<Room>> {
        let rooms = self.lock();
        let mut found = BTreeMap::new();
        for pattern in names.iter() {
            let prefix = pattern.as_str().trim_end_matches('*');
            let from = match after.filter(|after| *after >= prefix) {
                Some(after) => Bound::Excluded((app, after.into())),
                None => Bound::Included((app, prefix.into())),
            };
            let near = rooms.range((from, Bound::Unbounded));
            let near = near.take_while(|((of, name), _)| *of == app && name.starts_with(prefix));
            // Of the names that begin with a pattern without `*`, only the first can be the one.
            let near = near.take(if pattern.is_exact() { 1 } else { limit.saturating_add(1) });
            let fitting = near.filter(|((_, name), _)| pattern.matches(name));
            found.extend(fitting.map(|((_, name), room)| (name.clone(), room.clone())));
        }
        found.into_values().take(limit.saturating_add(1)).collect()
    }

    /// The number of rooms, and of seats in them.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.lock().len(), self.seats().values().sum())
    }

    /// Every room.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        self.lock().values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::overrides::Overrides;
    use super::*;

    fn given() -> OverridesByUser {
        [("anna".into(), Overrides::default())].into_iter().collect()
    }

    #[test]
    fn overrides_are_kept_until_the_room_reopens_or_they_expire() {
        let mut kept = Kept::default();
        let name = |room: &str| (AppId(1), Arc::from(room));
        for (room, until_ms) in [("a", 10), ("b", 20), ("a", 30)] {
            kept.keep(name(room), until_ms, given());
        }
        kept.forget_past(20);
        assert_eq!(kept.take(&name("b")).len(), 0, "its time is over");
        assert_eq!(kept.take(&name("a")).len(), 1, "it was closed again since");
        assert_eq!(kept.take(&name("a")).len(), 0);
        kept.forget_past(30);
        assert!(kept.ends.is_empty() && kept.by_room.is_empty());
    }
}
