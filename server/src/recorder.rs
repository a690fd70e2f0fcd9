//! The audit trail's one writer. After `state`, before `error`. Records that come at the same time are
//! committed in one transaction, and who asked waits for that commit; nobody waits for a second one.

use stagedoor_bus::Event;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::ApiError,
    metrics::Metrics,
    store::{Store, audit::Record},
};

use std::sync::Arc;

/// Records of one transaction.
const TRANSACTION_RECORDS_MAX: usize = 512;

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

async fn write(
    mut receiver: mpsc::Receiver<(Record, Committed)>,
    store: Store,
    metrics: Arc<Metrics>,
) {
    let mut batch = Vec::new();
    while receiver.recv_many(&mut batch, TRANSACTION_RECORDS_MAX).await > 0 {
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

/// Records what the relay tells, until the bus is gone.
pub(crate) async fn listen(
    mut events: mpsc::Receiver<Event>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
) {
    while let Some(event) = events.recv().await {
        if let Event::Dropped { events } = event {
            metrics.dropped(events);
        }
        recorder.hand_in(of_event(event)).await;
    }
}

/// A record of something that happened now.
pub(crate) fn now(kind: &str, code: &str) -> Record {
    let at_ms = crate::state::unix_ms() as i64;
    Record { at_ms, kind: kind.into(), code: code.into(), ..Record::default() }
}

fn of_event(event: Event) -> Record {
    match event {
        Event::Seated { app, room, user, role, jti, peer } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            jti: Some(jti),
            peer: Some(peer),
            ..now("door", "ok")
        },
        Event::Refused { code, app, room, user, jti, peer } => Record {
            app: app.map(|app| app.0),
            room,
            user,
            jti,
            peer: Some(peer),
            ..now("door", &code)
        },
        Event::Left { app, room, user, jti, reason, held_ms } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            jti: Some(jti),
            detail: Some(format!("held_ms={held_ms}")),
            ..now("seat.left", &reason)
        },
        Event::Moderated { app, room, by, verb, user, code } => Record {
            app: Some(app.0),
            room: Some(room),
            user,
            actor: Some(by),
            ..now(&format!("moderate.{verb}"), &code)
        },
        Event::Revoked { revocation, by } => {
            Record { app: Some(revocation.app.0), actor: Some(by), ..now("revocation.add", "ok") }
        }
        Event::Renewed { app, room, user, jti, old_jti } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            jti: Some(jti),
            detail: Some(format!("old_jti={old_jti}")),
            ..now("seat.renewed", "ok")
        },
        Event::RoleChanged { app, room, user, role, by } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            actor: Some(by),
            ..now("seat.role", "ok")
        },
        Event::RoomOpened { app, room } => {
            Record { app: Some(app.0), room: Some(room), ..now("room.opened", "ok") }
        }
        Event::RoomClosed { app, room } => {
            Record { app: Some(app.0), room: Some(room), ..now("room.closed", "ok") }
        }
        Event::Dropped { events } => {
            Record { detail: Some(format!("events={events}")), ..now("events.dropped", "dropped") }
        }
    }
}
