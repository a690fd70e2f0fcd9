//! Records the relay's events and the API's refusals, counting repeats.

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
    store::key_uses::KeyUse,
    uses::KeyUses,
};

/// Events that are converted to records at once.
const EVENTS_AT_ONCE_MAX: usize = 2_048;
/// How long the listener pauses between events, so that a storm does not wake it for each of them.
const EVENTS_PAUSE: Duration = Duration::from_millis(10);

/// What it has to do with.
pub(crate) struct Listener {
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) refusals: Refusals,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) repeats: Repeats,
    pub(crate) uses: Arc<KeyUses>,
}

/// What was received at once.
#[derive(Default)]
struct Received {
    events: Vec<Event>,
    refusals: Vec<Record>,
}

impl Listener {
    /// Records until it is time to close and nothing is queued.
    pub(crate) async fn listen(mut self, mut closing: oneshot::Receiver<()>) {
        let (mut received, mut words) = (Received::default(), Words::default());
        loop {
            let goes_on = self.receive(&mut received, &mut closing).await;
            let now = Instant::now();
            let mut records = Vec::with_capacity(received.events.len() + received.refusals.len());
            words.at_ms = unix_ms() as i64;
            for event in received.events.drain(..) {
                let Some((record, class)) = self.record_of(event, &mut words) else { continue };
                records.extend(self.repeats.add(record, class, now));
            }
            for refusal in received.refusals.drain(..) {
                records.extend(self.repeats.add(refusal, Class::Refusal, now));
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
            // Ends at once when no time is left.
            let _ = timeout(EVENTS_PAUSE, closed(&mut closing)).await;
        }
    }

    /// Waits for events, refusals, or the end of a window; `false` when it is time to close and the queues are empty.
    async fn receive(
        &mut self,
        received: &mut Received,
        closing: &mut oneshot::Receiver<()>,
    ) -> bool {
        let Self { events, refusals, repeats, .. } = self;
        let window_ends = async {
            match repeats.next_end() {
                Some(end) => sleep_until(end).await,
                None => std::future::pending().await,
            }
        };
        let is_open = !events.is_closed() || !events.is_empty();
        tokio::select! {
            // Biased: events from just before the end are still recorded.
            biased;
            _ = events.recv_many(&mut received.events, EVENTS_AT_ONCE_MAX), if is_open => {}
            _ = refusals.waiting.recv_many(&mut received.refusals, EVENTS_AT_ONCE_MAX) => {}
            () = closed(closing) => return false,
            () = window_ends => {}
        }
        // The other queue as well, so that neither starves in a storm of the other.
        while received.refusals.len() < EVENTS_AT_ONCE_MAX
            && let Ok(refusal) = refusals.waiting.try_recv()
        {
            received.refusals.push(refusal);
        }
        true
    }

    fn note_missed(&self, events: u64, records: &mut Vec<Record>) {
        if events > 0 {
            self.metrics.dropped(events);
            records.push(Record::gap(events));
        }
    }

    /// The record of an event, and the rule by which it counts as a repeat; `None` if it is not for the trail.
    fn record_of(&self, event: Event, words: &mut Words) -> Option<(Record, Class)> {
        match event {
            Event::Dropped { events } => {
                self.metrics.dropped(events);
                Some((Record::gap(events), Class::Single))
            }
            Event::KeyUsed { app, kid, tokens, iat_max } => {
                let at_ms = self.bus.clock().unix_ms();
                self.uses.add(app, kid, KeyUse { tokens, iat_max, at_ms });
                None
            }
            event => words.of_event(event),
        }
    }
}

/// Waits until it is time to close; may be called again afterwards.
pub(crate) async fn closed(closing: &mut oneshot::Receiver<()>) {
    if !closing.is_terminated() {
        // The sender signals by being dropped.
        let _ = closing.await;
    }
}
