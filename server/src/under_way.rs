//! What is under way: acts, and creations by their idempotency keys. Counts and marks; decides nothing.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Places for acts under way.
#[derive(Debug)]
pub(crate) struct Acts {
    places: Arc<Semaphore>,
    max: u32,
}

impl Acts {
    pub(crate) fn new(max: u32) -> Self {
        let max = max.max(1);
        Self { places: Arc::new(Semaphore::new(max as usize)), max }
    }

    /// Waits for a place; `None` when no others begin.
    pub(crate) async fn begin(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Waits until the acts under way are done, and lets no others begin; at most this long.
    pub(crate) async fn end(&self, wait: Duration) {
        let all = timeout(wait, self.places.acquire_many(self.max)).await;
        if all.is_err() {
            tracing::warn!("an act was still under way at the end");
        }
        self.places.close();
    }
}

/// A caller's id, and its key.
pub(crate) type Name = (String, String);

/// Creations under way.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<HashSet<Name>>);

/// A creation under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    marks: Arc<Marks>,
    name: Name,
}

impl UnderWay {
    /// `None` if it is under way already.
    pub(crate) fn begin(marks: &Arc<Marks>, name: Name) -> Option<Self> {
        let is_first = marks.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        // Made only where it is the first, and with the lock let go of: its end takes the lock.
        is_first.then(|| Self { marks: marks.clone(), name })
    }

    /// Whose it is.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.marks.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_acts_under_way_and_no_longer() {
        let acts = Acts::new(2);
        let place = acts.begin().await.expect("a place");
        let mut end = Box::pin(acts.end(Duration::from_secs(60)));
        assert!(timeout(Duration::from_millis(20), &mut end).await.is_err(), "one is under way");
        drop(place);
        end.await;
        assert!(acts.begin().await.is_none(), "no others begin");
        let acts = Acts::new(2);
        let _place = acts.begin().await.expect("a place");
        let before = Instant::now();
        acts.end(Duration::from_millis(20)).await;
        assert!(before.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_name_is_under_way_once_until_its_end() {
        let marks = Arc::new(Marks::default());
        let name = |caller: &str| (caller.to_owned(), "k".to_owned());
        let first = UnderWay::begin(&marks, name("a")).expect("the first");
        assert!(UnderWay::begin(&marks, name("a")).is_none());
        assert!(UnderWay::begin(&marks, name("a")).is_none(), "the loser took nothing away");
        assert!(UnderWay::begin(&marks, name("b")).is_some());
        drop(first);
        assert!(UnderWay::begin(&marks, name("a")).is_some());
        assert!(marks.0.lock().expect("free").is_empty());
    }
}
