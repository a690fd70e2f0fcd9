//! Takes what the relay tells and what the API refuses, and hands it in. What is repeated is counted on the
//! way.

use std::{sync::Arc, time::Duration};

use stagedoor_bus::{Bus, Event};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Recorder, Refusals,
    events::Words,
    repeats::{Class, Repeats},
};
use crate::{
    metrics::Metrics,
    record::{Record, unix_ms},
};

/// Events that are made records of in one go.
const EVENTS_AT_ONCE_MAX: usize = 2_048;
/// How long nobody looks for further events, so that in a storm not each of them wakes the listener.
const EVENTS_PAUSE: Duration = Duration::from_millis(10);

/// What it has to do with.
pub(crate) struct Listener {
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) refusals: Refusals,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) repeats: Repeats,
}

/// What was taken at once.
#[derive(Default)]
struct Taken {
    events: Vec<Event>,
    refusals: Vec<Record>,
}

impl Listener {
    /// Records until it is time to close and nothing waits any more.
    pub(crate) async fn listen(mut self, mut closing: oneshot::Receiver<()>) {
        let (mut taken, mut words) = (Taken::default(), Words::default());
        loop {
            let goes_on = self.take(&mut taken, &mut closing).await;
            let now = Instant::now();
            let mut records = Vec::with_capacity(taken.events.len() + taken.refusals.len());
            words.at_ms = unix_ms() as i64;
            for event in taken.events.drain(..) {
                let (record, class) = self.record_of(event, &mut words);
                records.extend(self.repeats.take(record, class, now));
            }
            for refusal in taken.refusals.drain(..) {
                records.extend(self.repeats.take(refusal, Class::Refusal, now));
            }
            records.extend(self.repeats.ended(now));
            self.note_missed(self.refusals.take_missed(), &mut records);
            if !goes_on {
                self.note_missed(self.bus.take_dropped(), &mut records);
                records.extend(self.repeats.end_all());
            }
            if !records.is_empty() {
                self.recorder.hand_in(records).await;
            }
            if !goes_on {
                return;
            }
            // It ends at once when there is no time left.
            let _ = timeout(EVENTS_PAUSE, closed(&mut closing)).await;
        }
    }

    /// Waits for events, refusals, or the end of a window; `false` when it is time to close and all was taken.
    async fn take(&mut self, taken: &mut Taken, closing: &mut oneshot::Receiver<()>) -> bool {
        let Self { events, refusals, repeats, .. } = self;
        let window_ends = async {
            match repeats.next_end() {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let is_open = !events.is_closed() || !events.is_empty();
        tokio::select! {
            // In this order: what happened just before the end is recorded.
            biased;
            _ = events.recv_many(&mut taken.events, EVENTS_AT_ONCE_MAX), if is_open => {}
            _ = refusals.waiting.recv_many(&mut taken.refusals, EVENTS_AT_ONCE_MAX) => {}
            () = closed(closing) => return false,
            () = window_ends => {}
        }
        // The others that are there, so that none waits behind a storm of the first.
        while taken.refusals.len() < EVENTS_AT_ONCE_MAX
            && let Ok(refusal) = refusals.waiting.try_recv()
        {
            taken.refusals.push(refusal);
        }
        true
    }

    fn note_missed(&self, events: u64, records: &mut Vec<Record>) {
        if events > 0 {
            self.metrics.dropped(events);
            records.push(Record::gap(events));
        }
    }

    fn record_of(&self, event: Event, words: &mut Words) -> (Record, Class) {
        match event {
            Event::Dropped { events } => {
                self.metrics.dropped(events);
                (Record::gap(events), Class::Single)
            }
            event => words.of_event(event),
        }
    }
}

/// Waits until it is time to close; asked again it answers again.
pub(crate) async fn closed(closing: &mut oneshot::Receiver<()>) {
    if !closing.is_terminated() {
        // The sender says it by going away.
        let _ = closing.await;
    }
}
