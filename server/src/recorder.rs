//! The audit trail's one writer. Records that come at the same time are committed in one transaction, and who
//! asked waits for that commit; nobody waits for a second one. What is repeated is counted, and what cannot
//! be written is counted too, so that no number is lost.

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

/// Batches of records that nobody waits for, which wait to be taken.
const BATCHES_WAITING_MAX: usize = 2;

/// Where records are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    asked: mpsc::Sender<(Record, Committed)>,
    told: mpsc::Sender<Vec<Record>>,
    refusals: mpsc::Sender<Record>,
    /// Refusals that found no place to wait.
    missed: Arc<AtomicU64>,
    gate: Arc<Gate>,
}

/// Where refusals are taken from, to be counted.
pub(crate) struct Refusals {
    waiting: mpsc::Receiver<Record>,
    missed: Arc<AtomicU64>,
}

impl Refusals {
    /// How many found no place to wait since this was asked last.
    fn take_missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

impl Recorder {
    /// A recorder, the refusals that are to be counted, and the task that writes, which ends when every recorder
    /// is gone.
    pub(crate) fn start(
        store: Store,
        metrics: Arc<Metrics>,
        gate: Arc<Gate>,
        waiting_max: usize,
    ) -> (Self, Refusals, tokio::task::JoinHandle<()>) {
        let (recorder, refusals, waiting) = channels(gate.clone(), waiting_max);
        (recorder, refusals, tokio::spawn(writer::write(waiting, store, metrics, gate)))
    }

    /// Whether what must be recorded may be done.
    pub(crate) fn may_record(&self) -> Result<(), ApiError> {
        if self.gate.is_open() { Ok(()) } else { Err(ApiError::StoreUnavailable) }
    }

    /// Hands a record in and waits until it is committed.
    pub(crate) async fn record(&self, record: Record) -> Result<(), ApiError> {
        self.may_record()?;
        let (committed, done) = oneshot::channel();
        self.asked.send((record, committed)).await.map_err(|_| ApiError::StoreUnavailable)?;
        done.await.map_err(|_| ApiError::StoreUnavailable)
    }

    /// Notes a refusal, without waiting: what one source repeats is counted.
    pub(crate) fn refused(&self, record: Record) {
        let count = record.count;
        if self.refusals.try_send(record).is_err() {
            self.missed.fetch_add(count, Ordering::Relaxed);
        }
    }

    async fn hand_in(&self, records: Vec<Record>) {
        // The writer ends last; records that come after it have nowhere to go.
        let _ = self.told.send(records).await;
    }
}

fn channels(gate: Arc<Gate>, waiting_max: usize) -> (Recorder, Refusals, writer::Waiting) {
    let (asked, asked_end) = mpsc::channel(waiting_max);
    let (told, told_end) = mpsc::channel(BATCHES_WAITING_MAX);
    let (refusals, refusals_end) = mpsc::channel(waiting_max);
    let missed = Arc::<AtomicU64>::default();
    let waiting = writer::Waiting::new(asked_end, told_end);
    let counted = Refusals { waiting: refusals_end, missed: missed.clone() };
    (Recorder { asked, told, refusals, missed, gate }, counted, waiting)
}
