//! The audit trail's one writer. After `state`, before `revoker`. Records that come at the same time are
//! committed in one transaction, and who asked waits for that commit; nobody waits for a second one.

mod events;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    error::ApiError,
    metrics::Metrics,
    store::{Store, audit::Record},
};

pub(crate) use events::{closed, listen, of_revocation};

/// A transaction that has so many records takes no more.
const TRANSACTION_RECORDS_MAX: usize = 4_096;
/// How long records that nobody waits for wait for others.
const TRANSACTION_WAIT: Duration = Duration::from_millis(50);
/// Batches of records that nobody waits for, which wait to be taken.
const BATCHES_WAITING_MAX: usize = 2;

type Committed = oneshot::Sender<()>;

/// Where records are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    asked: mpsc::Sender<(Record, Committed)>,
    told: mpsc::Sender<Vec<Record>>,
}

impl Recorder {
    /// A recorder, and the task that writes, which ends when every recorder is gone.
    pub(crate) fn start(
        store: Store,
        metrics: Arc<Metrics>,
        waiting_max: usize,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (recorder, waiting) = channels(waiting_max);
        (recorder, tokio::spawn(write(waiting, store, metrics)))
    }

    /// Hands a record in and waits until it is committed.
    pub(crate) async fn record(&self, record: Record) -> Result<(), ApiError> {
        let (committed, done) = oneshot::channel();
        self.asked.send((record, committed)).await.map_err(|_| ApiError::StoreUnavailable)?;
        done.await.map_err(|_| ApiError::StoreUnavailable)
    }

    async fn hand_in(&self, records: Vec<Record>) {
        // The writer ends last; records that come after it have nowhere to go.
        let _ = self.told.send(records).await;
    }
}

fn channels(waiting_max: usize) -> (Recorder, Waiting) {
    let (asked, asked_end) = mpsc::channel(waiting_max);
    let (told, told_end) = mpsc::channel(BATCHES_WAITING_MAX);
    let waiting = Waiting {
        asked: asked_end,
        told: told_end,
        batches: Vec::new(),
        records: 0,
        committed: Vec::new(),
    };
    (Recorder { asked, told }, waiting)
}

/// What waits to be written: in the channels, and taken from them for the next transaction.
struct Waiting {
    asked: mpsc::Receiver<(Record, Committed)>,
    told: mpsc::Receiver<Vec<Record>>,
    /// As they came, so that none is moved.
    batches: Vec<Vec<Record>>,
    /// How many records are in them.
    records: usize,
    committed: Vec<Committed>,
}

impl Waiting {
    fn take_asked(&mut self, (record, committed): (Record, Committed)) {
        self.take_told(vec![record]);
        self.committed.push(committed);
    }

    fn take_told(&mut self, records: Vec<Record>) {
        self.records += records.len();
        self.batches.push(records);
    }

    /// Waits for more, and takes what is there; `false` if nothing comes any more.
    async fn take(&mut self) -> bool {
        tokio::select! {
            Some(asked) = self.asked.recv() => self.take_asked(asked),
            Some(records) = self.told.recv() => self.take_told(records),
            else => return false,
        }
        while self.records < TRANSACTION_RECORDS_MAX
            && let Ok(asked) = self.asked.try_recv()
        {
            self.take_asked(asked);
        }
        true
    }

    /// Takes a transaction's records. Those that nobody waits for wait a moment for more, so that a storm of
    /// logins is few transactions; who waits for its commit ends this at once.
    async fn transaction(&mut self, wait: Duration) -> bool {
        if !self.take().await {
            return false;
        }
        let end = Instant::now() + wait;
        while self.committed.is_empty() && self.records < TRANSACTION_RECORDS_MAX {
            if !matches!(timeout_at(end, self.take()).await, Ok(true)) {
                break;
            }
        }
        true
    }
}

async fn write(mut waiting: Waiting, store: Store, metrics: Arc<Metrics>) {
    let mut trail = store.trail();
    while waiting.transaction(TRANSACTION_WAIT).await {
        let records = std::mem::take(&mut waiting.batches);
        let count = std::mem::take(&mut waiting.records);
        let mut kinds = BTreeMap::<Arc<str>, u64>::new();
        for record in records.iter().flatten() {
            match kinds.get_mut(&record.kind) {
                Some(of_kind) => *of_kind += 1,
                None => drop(kinds.insert(record.kind.clone(), 1)),
            }
        }
        let added = trail.add(records).await;
        let waiting = waiting.committed.drain(..);
        match added {
            Ok(()) => {
                kinds.iter().for_each(|(kind, n)| metrics.audit(kind, *n));
                for committed in waiting {
                    // Who asked may be gone; the record stays.
                    let _ = committed.send(());
                }
            }
            // Whoever waits learns that it failed: its sender is dropped unused.
            Err(error) => {
                drop(waiting);
                tracing::warn!(%error, records = count, "audit records were not written");
            }
        }
    }
}

/// A record of something that happened now.
pub(crate) fn now(kind: &str, code: &str) -> Record {
    let at_ms = crate::state::unix_ms() as i64;
    Record { at_ms, kind: kind.into(), code: code.into(), ..Record::default() }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_transaction_ends_with_who_waits_for_its_commit_or_when_nothing_more_comes() {
        let (recorder, mut waiting) = channels(8);
        let (committed, _done) = oneshot::channel();
        let told = || vec![now("door", "ok")];

        recorder.hand_in(told()).await;
        recorder.hand_in(told()).await;
        assert!(waiting.transaction(TRANSACTION_WAIT).await);
        assert_eq!((waiting.records, waiting.committed.len()), (2, 0));

        waiting.records = 0;
        recorder.asked.send((now("token.mint", "ok"), committed)).await.expect("it hears");
        let at_once =
            timeout(Duration::from_secs(10), waiting.transaction(Duration::from_secs(3_600))).await;
        assert_eq!(at_once, Ok(true), "who waits for its commit does not wait for others");
        assert_eq!((waiting.records, waiting.committed.len()), (1, 1));

        recorder.hand_in(told()).await;
        assert!(waiting.take().await, "the mint is not held up");
        assert_eq!(waiting.records, 2);
        drop(recorder);
        assert!(!waiting.transaction(TRANSACTION_WAIT).await);
    }
}
