//! The only writer of the audit trail. Records that arrive together are committed in one transaction, and each request
//! waits for at most the commit that contains its record. Repeats and records that cannot be written are counted, so
//! that the numbers always add up.

pub(crate) mod events;
pub(crate) mod gate;
pub(crate) mod keeper;
pub(crate) mod listener;
pub(crate) mod repeats;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use self::{gate::Gate, writer::Committed};
use crate::{error::ApiError, metrics::Metrics, record::Record, store::Store};

/// Batches of unawaited records that may queue.
const BATCHES_WAITING_MAX: usize = 2;

/// Hands records to the writer.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    awaited: mpsc::Sender<(Record, Committed)>,
    unawaited: mpsc::Sender<Vec<Record>>,
    refusals: mpsc::Sender<Record>,
    /// Refusals that found the queue full.
    missed: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

/// Refusals to be counted.
pub(crate) struct Refusals {
    waiting: mpsc::Receiver<Record>,
    missed: Arc<AtomicU64>,
}

impl Refusals {
    /// How many refusals found the queue full since the last call.
    fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Recorder {
    /// A recorder, the refusals to be counted, and the writer task, which ends when every recorder is dropped.
    pub(crate) fn start(
        store: Store,
        metrics: Arc<Metrics>,
        gate: Arc<Gate>,
        waiting_max: usize,
    ) -> (Self, Refusals, tokio::task::JoinHandle<()>) {
        let (recorder, refusals, waiting) = channels(gate.clone(), waiting_max);
        (recorder, refusals, tokio::spawn(writer::write(waiting, store, metrics, gate)))
    }

    /// Whether acts that must be recorded are allowed.
    pub(crate) fn may_record(&self) -> Result<(), ApiError> {
        if self.gate.is_open() { Ok(()) } else { Err(ApiError::StoreUnavailable) }
    }

    /// Hands in a record and waits until it is committed.
    pub(crate) async fn record(&self, record: Record) -> Result<(), ApiError> {
        self.may_record()?;
        let (committed, done) = oneshot::channel();
        self.awaited.send((record, committed)).await.map_err(|_| ApiError::StoreUnavailable)?;
        done.await.map_err(|_| ApiError::StoreUnavailable)
    }

    /// Hands in a refusal without waiting; repeats from one source are counted.
    pub(crate) fn refused(&self, record: Record) {
        let count = record.count;
        if self.refusals.try_send(record).is_err() {
            self.missed.fetch_add(count, Ordering::Relaxed);
        }
    }

    async fn hand_in(&self, records: Vec<Record>) {
        // The writer ends last, so later records have nowhere to go.
        let _ = self.unawaited.send(records).await;
    }
}

fn channels(gate: Arc<Gate>, waiting_max: usize) -> (Recorder, Refusals, writer::Waiting) {
    let (awaited, awaited_end) = mpsc::channel(waiting_max);
    let (unawaited, unawaited_end) = mpsc::channel(BATCHES_WAITING_MAX);
    let (refusals, refusals_end) = mpsc::channel(waiting_max);
    let missed = Arc::<AtomicU64>::default();
    let waiting = writer::Waiting::new(awaited_end, unawaited_end);
    let counted = Refusals { waiting: refusals_end, missed: missed.clone() };
    (Recorder { awaited, unawaited, refusals, missed, gate }, counted, waiting)
}
