//! What the relay tells, as records, of `recorder`. A revocation among it is stored before it is recorded.

use std::{sync::Arc, time::Duration};

use stagedoor_bus::{Event, Revocation, Target};
use stagedoor_token::AppId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{Recorder, now};
use crate::{
    metrics::Metrics,
    revoker::Revoker,
    store::{audit::Record, revocations::RevocationRow},
};

/// Events that are made records of in one go.
const EVENTS_AT_ONCE_MAX: usize = 2_048;
/// How long nobody looks for further events, so that in a storm not each of them wakes the listener.
const EVENTS_PAUSE: Duration = Duration::from_millis(10);

/// Records what the relay tells, until it is told to close and nothing waits any more.
pub(crate) async fn listen(
    mut events: mpsc::Receiver<Event>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    revoker: Arc<Revoker>,
    mut closing: oneshot::Receiver<()>,
) {
    let mut told = Vec::new();
    loop {
        tokio::select! {
            // In this order: what a kick revoked just before the end is stored.
            biased;
            _ = events.recv_many(&mut told, EVENTS_AT_ONCE_MAX) => {}
            () = closed(&mut closing) => {}
        }
        if told.is_empty() {
            return;
        }
        let mut records = Vec::with_capacity(told.len());
        for event in told.drain(..) {
            if let Event::Dropped { events } = event {
                metrics.dropped(events);
            }
            records.push(of_event(event, &revoker).await);
        }
        recorder.hand_in(records).await;
        // It ends at once when there is no time left.
        let _ = timeout(EVENTS_PAUSE, closed(&mut closing)).await;
    }
}

/// Waits until it is time to close; asked again it answers again.
async fn closed(closing: &mut oneshot::Receiver<()>) {
    if !closing.is_terminated() {
        // The sender says it by going away.
        let _ = closing.await;
    }
}

async fn of_event(event: Event, revoker: &Revoker) -> Record {
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
        Event::Revoked { revocation, by } => revoked(revoker, revocation, by).await,
        Event::Renewed { app, room, user, jti, old_jti } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            jti: Some(jti),
            detail: Some(format!("old_jti={old_jti}")),
            ..now("seat.renewed", "ok")
        },
        Event::Invited { app, room, by, user, role, jti } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            jti: Some(jti),
            actor: Some(by),
            ..now("seat.invited", "ok")
        },
        Event::RoleChanged { app, room, user, role, by } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            actor: Some(by),
            ..now("seat.role", "ok")
        },
        Event::RoomOpened { app, room } => of_room(app, room, "room.opened"),
        Event::RoomClosed { app, room } => of_room(app, room, "room.closed"),
        Event::Dropped { events } => {
            Record { detail: Some(format!("events={events}")), ..now("events.dropped", "dropped") }
        }
    }
}

fn of_room(app: AppId, room: String, kind: &str) -> Record {
    Record { app: Some(app.0), room: Some(room), ..now(kind, "ok") }
}

/// Stores what a member's act revoked.
async fn revoked(revoker: &Revoker, revocation: Revocation, by: String) -> Record {
    let app = revocation.app;
    let code = match revoker.add(revocation, &by).await {
        Ok(Some(row)) => return of_revocation("revocation.add", &row, by, ""),
        // The app went meanwhile, and its keys with it.
        Ok(None) => "app_unknown",
        Err(error) => {
            tracing::warn!(%error, "a revocation was not stored");
            "internal"
        }
    };
    Record { app: Some(app.0), actor: Some(by), ..now("revocation.add", code) }
}

/// A record of what was done with a revocation; `more` goes into its detail.
pub(crate) fn of_revocation(kind: &str, row: &RevocationRow, actor: String, more: &str) -> Record {
    let entry = &row.entry;
    let mut record = Record { app: Some(entry.app.0), actor: Some(actor), ..now(kind, "ok") };
    let mut detail = format!("generation={}", entry.generation);
    match entry.target.clone() {
        Target::Jti(jti) => record.jti = Some(jti),
        Target::User(user) => record.user = Some(user),
        Target::RoomUser { room, user } => {
            (record.room, record.user) = (Some(room), Some(user));
        }
        Target::Room(room) => record.room = Some(room),
        Target::RoomRole { room, role } => {
            (record.room, record.role) = (Some(room), Some(role));
        }
        Target::Role(role) => record.role = Some(role),
        Target::Key(kid) => detail += &format!(" kid={kid}"),
        Target::App => detail += " app",
    }
    match (entry.ban, entry.ends_s) {
        (true, Some(ends_s)) => detail += &format!(" ban until={ends_s}"),
        (true, None) => detail += " ban",
        (false, _) => {}
    }
    detail += more;
    if let Some(reason) = &entry.reason {
        detail += &format!(" reason={reason}");
    }
    Record { detail: Some(detail), ..record }
}
