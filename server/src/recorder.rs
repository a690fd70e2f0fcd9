//! The audit trail's one writer. After `state`, before `revoker`. Records that come at the same time are
//! committed in one transaction, and who asked waits for that commit; nobody waits for a second one.

mod events;

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    error::ApiError,
    metrics::Metrics,
    store::{Store, audit::Record},
};

use std::{sync::Arc, time::Duration};

pub(crate) use events::{listen, of_revocation};

/// Records of one transaction.
const TRANSACTION_RECORDS_MAX: usize = 512;
/// How long a record that nobody waits for waits for others.
const TRANSACTION_WAIT: Duration = Duration::from_millis(10);

type Committed = Option<oneshot::Sender<()>>;

/// Where records are handed in.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(mpsc::Sender<(Record, Committed)>);

impl Recorder {
    /// A recorder, and the task that writes, which ends when every recorder is gone.
    pub(crate) fn start(
        store: Store,
        metrics: Arc<Metrics>,
        waiting_max: usize,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(waiting_max);
        (Self(sender), tokio::spawn(write(receiver, store, metrics)))
    }

    /// Hands a record in and waits until it is committed.
    pub(crate) async fn record(&self, record: Record) -> Result<(), ApiError> {
        let (committed, done) = oneshot::channel();
        self.0.send((record, Some(committed))).await.map_err(|_| ApiError::Internal)?;
        done.await.map_err(|_| ApiError::Internal)
    }

    async fn hand_in(&self, record: Record) {
        // The writer ends last; a record that comes after it has nowhere to go.
        let _ = self.0.send((record, None)).await;
    }
}

/// What nobody waits for waits a moment for more, so that a storm of logins is few transactions. Who waits
/// for its commit ends this at once.
async fn await_more(
    receiver: &mut mpsc::Receiver<(Record, Committed)>,
    batch: &mut Vec<(Record, Committed)>,
) {
    let end = Instant::now() + TRANSACTION_WAIT;
    let mut looked_at = 0;
    while batch.len() < TRANSACTION_RECORDS_MAX
        && batch[looked_at..].iter().all(|(_, committed)| committed.is_none())
    {
        looked_at = batch.len();
        let more = receiver.recv_many(batch, TRANSACTION_RECORDS_MAX - looked_at);
        if !matches!(timeout_at(end, more).await, Ok(1..)) {
            return;
        }
    }
}

async fn write(
    mut receiver: mpsc::Receiver<(Record, Committed)>,
    store: Store,
    metrics: Arc<Metrics>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, TRANSACTION_RECORDS_MAX).await > 0 {
        await_more(&mut receiver, &mut batch).await;
        let (records, waiting): (Vec<Record>, Vec<Committed>) = batch.drain(..).unzip();
        match store.add_records(&records).await {
            Ok(()) => {
                records.iter().for_each(|record| metrics.audit(&record.kind));
                for committed in waiting.into_iter().flatten() {
                    // Who asked may be gone; the record stays.
                    let _ = committed.send(());
                }
            }
            // Whoever waits learns that it failed: its sender is dropped unused.
            Err(error) => {
                tracing::warn!(%error, records = records.len(), "audit records were not written");
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
    use super::*;

    #[tokio::test]
    async fn a_batch_ends_with_who_waits_for_its_commit_or_when_nothing_more_comes() {
        let (sender, mut receiver) = mpsc::channel(8);
        let unawaited = || (now("door", "ok"), None);
        let mut batch = vec![unawaited()];
        sender.send(unawaited()).await.expect("it hears");
        await_more(&mut receiver, &mut batch).await;
        assert_eq!(batch.len(), 2);

        let (committed, _done) = oneshot::channel();
        let mut batch = vec![(now("token.mint", "ok"), Some(committed))];
        sender.send(unawaited()).await.expect("it hears");
        await_more(&mut receiver, &mut batch).await;
        assert_eq!(batch.len(), 1, "the mint is not held up");

        drop(sender);
        let mut batch = vec![unawaited()];
        await_more(&mut receiver, &mut batch).await;
        assert_eq!(batch.len(), 2);
    }
}
