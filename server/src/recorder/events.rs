//! What the relay tells, as records, of `recorder`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use stagedoor_bus::{Event, Target};
use stagedoor_token::AppId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{Recorder, now};
use crate::{
    metrics::Metrics,
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
    mut closing: oneshot::Receiver<()>,
) {
    let mut told = Vec::new();
    let mut words = Words::default();
    loop {
        tokio::select! {
            // In this order: what happened just before the end is recorded.
            biased;
            _ = events.recv_many(&mut told, EVENTS_AT_ONCE_MAX) => {}
            () = closed(&mut closing) => {}
        }
        if told.is_empty() {
            return;
        }
        let mut records = Vec::with_capacity(told.len());
        words.at_ms = crate::state::unix_ms() as i64;
        for event in told.drain(..) {
            if let Event::Dropped { events } = event {
                metrics.dropped(events);
            }
            records.push(of_event(event, &mut words));
        }
        recorder.hand_in(records).await;
        // It ends at once when there is no time left.
        let _ = timeout(EVENTS_PAUSE, closed(&mut closing)).await;
    }
}

/// Waits until it is time to close; asked again it answers again.
pub(crate) async fn closed(closing: &mut oneshot::Receiver<()>) {
    if !closing.is_terminated() {
        // The sender says it by going away.
        let _ = closing.await;
    }
}

/// When records are made, and the words that most of them hold: each is made once, since there are few.
#[derive(Default)]
struct Words {
    at_ms: i64,
    known: Vec<(&'static str, Arc<str>)>,
}

impl Words {
    fn word(&mut self, word: Cow<'static, str>) -> Arc<str> {
        let Cow::Borrowed(word) = word else { return word.into() };
        if let Some((_, text)) = self.known.iter().find(|(known, _)| std::ptr::eq(*known, word)) {
            return text.clone();
        }
        let text = Arc::<str>::from(word);
        self.known.push((word, text.clone()));
        text
    }

    fn record(&mut self, kind: &'static str, code: Cow<'static, str>) -> Record {
        let (kind, code) = (self.word(kind.into()), self.word(code));
        Record { at_ms: self.at_ms, kind, code, ..Record::default() }
    }

    fn ok(&mut self, kind: &'static str) -> Record {
        self.record(kind, "ok".into())
    }
}

fn of_event(event: Event, words: &mut Words) -> Record {
    match event {
        Event::Seated { app, room, user, role, jti, peer } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            jti: Some(jti),
            peer: Some(peer),
            ..words.ok("door")
        },
        Event::Refused { code, app, room, user, jti, peer } => Record {
            app: app.map(|app| app.0),
            room,
            user,
            jti,
            peer: Some(peer),
            ..words.record("door", code)
        },
        Event::Left { app, room, user, jti, reason, held_ms } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            jti: Some(jti),
            detail: Some(format!("held_ms={held_ms}").into()),
            ..words.record("seat.left", reason)
        },
        Event::Moderated { app, room, by, verb, user, code } => Record {
            app: Some(app.0),
            room: Some(room),
            user,
            actor: Some(by),
            ..now(&format!("moderate.{verb}"), &code)
        },
        Event::Renewed { app, room, user, jti, old_jti } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            jti: Some(jti),
            detail: Some(format!("old_jti={old_jti}").into()),
            ..words.ok("seat.renewed")
        },
        Event::Invited { app, room, by, user, role, jti } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            jti: Some(jti),
            actor: Some(by),
            ..words.ok("seat.invited")
        },
        Event::RoleChanged { app, room, user, role, by } => Record {
            app: Some(app.0),
            room: Some(room),
            user: Some(user),
            role: Some(role),
            actor: Some(by),
            ..words.ok("seat.role")
        },
        Event::RoomOpened { app, room } => of_room(app, room, words.ok("room.opened")),
        Event::RoomClosed { app, room } => of_room(app, room, words.ok("room.closed")),
        Event::ClockJumped { by_ms } => {
            let detail = Some(format!("by_ms={by_ms}").into());
            Record { detail, ..words.record("clock.jumped", "jumped".into()) }
        }
        Event::Dropped { events } => {
            let detail = Some(format!("events={events}").into());
            Record { detail, ..words.record("events.dropped", "dropped".into()) }
        }
    }
}

fn of_room(app: AppId, room: Arc<str>, record: Record) -> Record {
    Record { app: Some(app.0), room: Some(room), ..record }
}

/// A record of what was done with a revocation; `more` goes into its detail.
pub(crate) fn of_revocation(
    kind: &str,
    row: &RevocationRow,
    actor: Arc<str>,
    more: &str,
) -> Record {
    let entry = &row.entry;
    let mut record = Record { app: Some(entry.app.0), actor: Some(actor), ..now(kind, "ok") };
    let mut detail = format!("generation={}", entry.generation);
    match entry.target.clone() {
        Target::Jti(jti) => record.jti = Some(jti.into()),
        Target::User(user) => record.user = Some(user.into()),
        Target::RoomUser { room, user } => {
            (record.room, record.user) = (Some(room.into()), Some(user.into()));
        }
        Target::Room(room) => record.room = Some(room.into()),
        Target::RoomRole { room, role } => {
            (record.room, record.role) = (Some(room.into()), Some(role.into()));
        }
        Target::Role(role) => record.role = Some(role.into()),
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
    Record { detail: Some(detail.into()), ..record }
}
