//! What is in progress: acts, and creations by their idempotency keys.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Slots for acts in progress.
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

    /// Waits for a slot; `None` if no more acts may begin.
    pub(crate) async fn begin(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// Waits, up to this long, until all acts are done; no more may begin.
    pub(crate) async fn end(&self, wait: Duration) {
        let all = timeout(wait, self.places.acquire_many(self.max)).await;
        if all.is_err() {
            tracing::warn!("an act was still in progress at the end");
        }
        self.places.close();
    }
}

/// A caller's id and its idempotency key.
pub(crate) type Name = (String, String);

/// Creations in progress.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<HashSet<Name>>);

/// A creation in progress.
#[derive(Debug)]
pub(crate) struct UnderWay {
    marks: Arc<Marks>,
    name: Name,
}

impl UnderWay {
    /// `None` if it is already in progress.
    pub(crate) fn begin(marks: &Arc<Marks>, name: Name) -> Option<Self> {
        let is_first = marks.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        // Created only if it is the first, and after the lock is released: its drop takes the lock.
        is_first.then(|| Self { marks: marks.clone(), name })
    }

    /// The caller's id and its key.
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
    async fn closing_waits_only_for_acts_in_progress() {
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
    fn a_key_is_in_progress_only_once() {
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
