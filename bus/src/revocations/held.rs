//! Entries that are being stored: the doors enforce each while it is held. They are few and short-lived, and separate
//! from the list, which merges the marks of one target.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{
    mark::{Mark, worse},
    table::Place,
};
use crate::revocation::{Bearer, Hit};

/// A target: its kind, and its place.
pub(super) type At = (usize, Place);

/// What is held, by target.
#[derive(Default)]
pub(super) struct HeldMarks {
    marks: Mutex<HashMap<At, Vec<(u64, Mark)>>>,
    len: AtomicUsize,
    last_id: AtomicU64,
}

impl HeldMarks {
    fn lock(&self) -> MutexGuard<'_, HashMap<At, Vec<(u64, Mark)>>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    pub(super) fn hit(&self, at: At, bearer: &Bearer<'_>, now_s: u64) -> Option<Hit> {
        let marks = self.lock();
        let hits = marks.get(&at)?.iter().filter_map(|(_, mark)| mark.hit(at.0, bearer, now_s));
        hits.reduce(worse)
    }
}

/// An entry that the doors enforce while this lives.
pub struct Held {
    marks: Arc<HeldMarks>,
    at: At,
    id: u64,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Held {
    pub(super) fn new(held: Arc<HeldMarks>, at: At, mark: Mark) -> Self {
        let id = held.last_id.fetch_add(1, Ordering::Relaxed);
        held.lock().entry(at).or_default().push((id, mark));
        held.len.fetch_add(1, Ordering::Release);
        Self { marks: held, at, id }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let held = &self.marks;
        let mut marks = held.lock();
        if let Some(of_target) = marks.get_mut(&self.at) {
            of_target.retain(|(id, _)| *id != self.id);
            if of_target.is_empty() {
                marks.remove(&self.at);
            }
        }
        held.len.fetch_sub(1, Ordering::Release);
    }
}
