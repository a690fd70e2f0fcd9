//! The task that writes the audit trail.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::gate::Gate;
use crate::{
    metrics::Metrics,
    record::Record,
    store::{Store, audit::Trail},
};

/// Reports that a record is committed.
pub(super) type Committed = oneshot::Sender<()>;

/// A transaction with this many records accepts no more.
const TRANSACTION_RECORDS_MAX: usize = 4_096;
/// How long unawaited records wait for others.
const TRANSACTION_WAIT: Duration = Duration::from_millis(50);
/// How long a gap waits at most for records to be written with.
const GAP_WAIT: Duration = Duration::from_secs(1);

/// Records to be written: queued, and taken for the next transaction.
pub(super) struct Waiting {
    awaited: mpsc::Receiver<(Record, Committed)>,
    unawaited: mpsc::Receiver<Vec<Record>>,
    /// In batches as received, so that no record is moved.
    batches: Vec<Vec<Record>>,
    /// Number of records in the batches.
    records: usize,
    /// Number of events that unawaited records stand for.
    unawaited_events: u64,
    committed: Vec<Committed>,
}

impl Waiting {
    pub(super) fn new(
        awaited: mpsc::Receiver<(Record, Committed)>,
        unawaited: mpsc::Receiver<Vec<Record>>,
    ) -> Self {
        let (batches, committed) = (Vec::new(), Vec::new());
        Self { awaited, unawaited, batches, records: 0, unawaited_events: 0, committed }
    }

    fn add_awaited(&mut self, (record, committed): (Record, Committed)) {
        self.records += 1;
        self.batches.push(vec![record]);
        self.committed.push(committed);
    }

    fn add_unawaited(&mut self, records: Vec<Record>) {
        self.unawaited_events += records.iter().map(|record| record.count).sum::<u64>();
        self.records += records.len();
        self.batches.push(records);
    }

    /// Waits for records and takes what is queued; `false` if no recorder is left.
    async fn receive(&mut self) -> bool {
        tokio::select! {
            Some(asked) = self.awaited.recv() => self.add_awaited(asked),
            Some(records) = self.unawaited.recv() => self.add_unawaited(records),
            else => return false,
        }
        while self.records < TRANSACTION_RECORDS_MAX
            && let Ok(asked) = self.awaited.try_recv()
        {
            self.add_awaited(asked);
        }
        true
    }

    /// Collects a transaction's records. Unawaited ones wait a moment for more, so that a storm of logins is few
    /// transactions; an awaited record ends the wait at once.
    async fn transaction(&mut self, wait: Duration) -> bool {
        if !self.receive().await {
            return false;
        }
        let end = Instant::now() + wait;
        while self.committed.is_empty() && self.records < TRANSACTION_RECORDS_MAX {
            if !matches!(timeout_at(end, self.receive()).await, Ok(true)) {
                break;
            }
        }
        true
    }
}

/// Writes until every recorder is dropped.
pub(super) async fn write(
    mut waiting: Waiting,
    store: Store,
    metrics: Arc<Metrics>,
    gate: Arc<Gate>,
) {
    let mut trail = store.trail();
    // Events that were received and could not be written.
    let mut lost = 0;
    loop {
        let more = waiting.transaction(TRANSACTION_WAIT);
        let goes_on = if lost > 0 {
            // The gap is written even if no more records follow.
            tokio::time::timeout(GAP_WAIT, more).await.unwrap_or(true)
        } else {
            more.await
        };
        lost = write_one(&mut waiting, &mut trail, &metrics, &gate, lost).await;
        if !goes_on {
            break;
        }
    }
    if lost > 0 {
        tracing::error!(events = lost, "could not record events");
    }
}

/// Writes the collected records, preceded by the gap; returns how many events could not be written.
async fn write_one(
    waiting: &mut Waiting,
    trail: &mut Trail,
    metrics: &Metrics,
    gate: &Gate,
    lost: u64,
) -> u64 {
    let mut records = std::mem::take(&mut waiting.batches);
    let told = std::mem::take(&mut waiting.unawaited_events);
    let count = std::mem::take(&mut waiting.records);
    // Dropping the sender unused reports the failure.
    let committed = std::mem::take(&mut waiting.committed);
    if records.is_empty() && lost == 0 {
        return 0;
    }
    if !gate.is_open() {
        metrics.dropped(told);
        return lost + told;
    }
    if lost > 0 {
        records.insert(0, vec![Record::gap(lost)]);
    }
    let kinds = kinds(&records);
    match trail.add(records).await {
        Ok(()) => {
            kinds.iter().for_each(|(kind, n)| metrics.audit(kind, *n));
            for committed in committed {
                // The requester may be gone; the record stays.
                let _ = committed.send(());
            }
            0
        }
        Err(error) => {
            tracing::warn!(%error, records = count, "could not write audit records");
            metrics.dropped(told);
            lost + told
        }
    }
}

fn kinds(records: &[Vec<Record>]) -> BTreeMap<Arc<str>, u64> {
    let mut kinds = BTreeMap::<Arc<str>, u64>::new();
    for record in records.iter().flatten() {
        match kinds.get_mut(&record.kind) {
            Some(of_kind) => *of_kind += 1,
            None => drop(kinds.insert(record.kind.clone(), 1)),
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::{super::channels, *};
    use crate::store::{audit::Filter, tests::opened};

    #[tokio::test]
    async fn an_awaited_record_or_an_empty_queue_ends_a_transaction() {
        let (recorder, _refusals, mut waiting) = channels(Arc::default(), 8);
        let (committed, _done) = oneshot::channel();
        let told = || vec![Record::now("door", "ok")];

        recorder.hand_in(told()).await;
        recorder.hand_in(told()).await;
        assert!(waiting.transaction(TRANSACTION_WAIT).await);
        assert_eq!((waiting.records, waiting.committed.len()), (2, 0));

        waiting.records = 0;
        let mint = Record::now("token.mint", "ok");
        recorder.awaited.send((mint, committed)).await.expect("it hears");
        let at_once =
            timeout(Duration::from_secs(10), waiting.transaction(Duration::from_secs(3_600))).await;
        assert_eq!(at_once, Ok(true), "who waits for its commit does not wait for others");
        assert_eq!((waiting.records, waiting.committed.len()), (1, 1));

        recorder.hand_in(told()).await;
        assert!(waiting.receive().await, "the mint is not held up");
        assert_eq!(waiting.records, 2);
        drop(recorder);
        assert!(!waiting.transaction(TRANSACTION_WAIT).await);
    }

    #[tokio::test]
    async fn unwritten_events_become_a_gap_of_exactly_their_number() {
        let (store, _folder) = opened().await;
        let (gate, metrics) = (Arc::<Gate>::default(), Metrics::default());
        let (recorder, _refusals, mut waiting) = channels(gate.clone(), 8);
        let (mut trail, mut lost) = (store.trail(), 0);
        for (is_low, count, left) in
            [(false, 1, 0), (true, 1, 2), (true, 20, 42), (false, 3, 0), (false, 4, 0)]
        {
            gate.disk_is_low(is_low);
            let mint = recorder.record(Record::now("token.mint", "ok"));
            if is_low {
                assert!(mint.await.is_err(), "what must be recorded is refused");
            }
            let told = Record { count, ..Record::now("door", "ok") };
            recorder.hand_in(vec![told; 2]).await;
            assert!(waiting.receive().await);
            lost = write_one(&mut waiting, &mut trail, &metrics, &gate, lost).await;
            assert_eq!(lost, left);
        }
        let records = store.records(&Filter::default(), 99).await.expect("the records");
        let of =
            |kind: &str| records.iter().filter(|r| r.kind == kind).map(|r| r.count).sum::<u64>();
        assert_eq!((of("door"), of("events.dropped")), (2 + 6 + 8, 42));
    }

    #[tokio::test]
    async fn events_that_the_store_refuses_become_a_gap() {
        let (store, _folder) = opened().await;
        let (gate, metrics) = (Arc::<Gate>::default(), Metrics::default());
        let (recorder, _refusals, mut waiting) = channels(gate.clone(), 8);
        let (committed, done) = oneshot::channel();
        let mut trail = store.trail();
        store.refuse_inserts(true).await;
        let mint = Record::now("token.mint", "ok");
        recorder.awaited.send((mint, committed)).await.expect("it hears");
        recorder.hand_in(vec![Record::now("door", "ok"); 5]).await;
        while waiting.records < 6 {
            assert!(waiting.receive().await);
        }
        let lost = write_one(&mut waiting, &mut trail, &metrics, &gate, 0).await;
        assert_eq!(lost, 5, "who waited was told, and has no gap");
        assert!(done.await.is_err());
        store.refuse_inserts(false).await;
        let lost = write_one(&mut waiting, &mut trail, &metrics, &gate, lost).await;
        assert_eq!(lost, 0, "the gap is written by itself");
        let records = store.records(&Filter::default(), 99).await.expect("the records");
        assert_eq!((records.len(), &*records[0].kind, records[0].count), (1, "events.dropped", 5));
    }
}
