//! Converts the relay's events to records. Pure.

use std::{borrow::Cow, sync::Arc};

use stagedoor_bus::{Actor, AppLife, Attempt, Event, Target, Text};

use super::repeats::Class;
use crate::{record::Record, store::revocations::RevocationRow};

/// The time of the records, and the texts that most of them share: each is made once, since there are few.
#[derive(Default)]
pub(super) struct Words {
    pub(super) at_ms: i64,
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

    fn record(&mut self, kind: &'static str, code: impl Into<Cow<'static, str>>) -> Record {
        let (kind, code) = (self.word(kind.into()), self.word(code.into()));
        Record { at_ms: self.at_ms, kind, code, ..Record::default() }
    }

    fn of_room(
        &mut self,
        kind: &'static str,
        code: impl Into<Cow<'static, str>>,
        (app, room): (AppLife, Arc<str>),
        about: About,
    ) -> Record {
        let About { by, user, role, jti, peer, detail } = about;
        Record {
            app: Some(app),
            actor: by,
            room: Text::room(room),
            user,
            role: role.and_then(Text::role),
            jti: jti.and_then(Text::jti),
            peer: peer.and_then(Text::peer),
            detail: detail.and_then(Text::detail),
            ..self.record(kind, code)
        }
    }

    /// An event as a record, and the rule by which it counts as a repeat; `None` if it is not for the trail.
    pub(super) fn of_event(&mut self, event: Event) -> Option<(Record, Class)> {
        Some(match event {
            Event::Seated { app, room, user, role, jti, peer } => {
                let about = About { role: Some(role), ..About::seat(user, jti, peer) };
                (self.of_room("door", "ok", (app, room), about), Class::Act)
            }
            Event::Refused { code, app, room, user, jti, peer, attempt } => {
                let (peer, detail) = (Text::peer(peer), attempt.and_then(said));
                let record = self.record("door", code);
                (Record { app, room, user, jti, peer, detail, ..record }, Class::Refusal)
            }
            Event::Left { app, room, user, jti, reason, peer, held_ms } => {
                let detail = Some(format!("held_ms={held_ms}"));
                let about = About { detail, ..About::seat(user, jti, peer) };
                (self.of_room("seat.left", reason, (app, room), about), Class::Act)
            }
            Event::Moderated { app, room, by, peer, verb, user, code } => {
                let class = if code == "ok" { Class::Act } else { Class::Refusal };
                let about = About { user, ..About::by(Actor::User(by), Some(peer)) };
                let record = self.of_room("", code, (app, room), about);
                (Record { kind: format!("moderate.{verb}").into(), ..record }, class)
            }
            Event::Renewed { app, room, user, jti, old_jti, peer } => {
                let detail = Some(format!("old_jti={old_jti}"));
                let about = About { detail, ..About::seat(user, jti, peer) };
                (self.of_room("seat.renewed", "ok", (app, room), about), Class::Act)
            }
            Event::RenewRefused { code, app, room, user, jti, new_jti, peer, attempt } => {
                let parts = [
                    attempt.map(|attempt| format!("attempt={attempt}")),
                    new_jti.map(|jti| format!("new_jti={}", &*jti)),
                ];
                let detail = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let about = About { detail: Some(detail), ..About::seat(user, jti, peer) };
                (self.of_room("seat.renew_refused", code, (app, room), about), Class::Refusal)
            }
            Event::RoleChanged { app, room, user, role, by, peer } => {
                let (user, role) = (Text::user(user), Some(role));
                let about = About { user, role, ..About::by(by, peer) };
                (self.of_room("seat.role", "ok", (app, room), about), Class::Act)
            }
            Event::RoomOpened { app, room } => {
                (self.of_room("room.opened", "ok", (app, room), About::default()), Class::Act)
            }
            Event::RoomClosed { app, room } => {
                (self.of_room("room.closed", "ok", (app, room), About::default()), Class::Act)
            }
            Event::ClockJumped { by_ms } => {
                let detail = Text::detail(format!("by_ms={by_ms}"));
                (Record { detail, ..self.record("clock.jumped", "jumped") }, Class::Single)
            }
            Event::Dropped { events } => (Record::gap(events), Class::Single),
            Event::KeyUsed { .. } => return None,
        })
    }
}

/// The number of a refused attempt, as a record's detail begins.
fn said(attempt: Attempt) -> Option<Text> {
    Text::detail(format!("attempt={attempt}"))
}

/// The room, user, role and token of a record.
#[derive(Default)]
struct About {
    by: Option<Actor>,
    user: Option<Text>,
    role: Option<Arc<str>>,
    jti: Option<Arc<str>>,
    peer: Option<Arc<str>>,
    detail: Option<String>,
}

impl About {
    fn seat(user: Arc<str>, jti: Arc<str>, peer: Arc<str>) -> Self {
        Self { user: Text::user(user), jti: Some(jti), peer: Some(peer), ..Self::default() }
    }

    fn by(by: Actor, peer: Option<Arc<str>>) -> Self {
        Self { by: Some(by), peer, ..Self::default() }
    }
}

/// The record of an act on a revocation.
pub(crate) fn of_revocation(record: Record, row: &RevocationRow) -> Record {
    let entry = &row.entry;
    let record = record.detail(&format!("generation={}", entry.generation));
    let record = match &entry.target {
        Target::Jti(jti) => record.jti(jti),
        Target::User(user) => record.user(user),
        Target::RoomUser { room, user } => record.room(room).user(user),
        Target::Room(room) => record.room(room),
        Target::RoomRole { room, role } => record.room(room).role(role),
        Target::Role(role) => record.role(role),
        Target::Key(kid) => record.detail(&format!("kid={kid}")),
        Target::App => record.detail("app"),
    };
    let record = match (entry.ban, entry.ends_s) {
        (true, Some(ends_s)) => record.detail(&format!("ban until={ends_s}")),
        (true, None) => record.detail("ban"),
        (false, _) => record,
    };
    match &entry.reason {
        Some(reason) => record.detail(&format!("reason={reason}")),
        None => record,
    }
}
