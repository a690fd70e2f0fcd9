//! The room's events as members with equal visibility see them. Each view is one log: an event is encoded once per
//! view, however many read it. Who sees what follows from the grants alone.

use std::sync::Arc;

use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{
    event::Event,
    limits::Limits,
    member::{self, Member},
};

use super::{
    member::{Occupant, may_subscribe, sees},
    presence::Change,
};
use crate::log::{
    cursor::Cursor,
    encode,
    feed::{Begin, Feed, HasFeed},
    mailbox::Mailbox,
    segments::{Keep, Past},
    stream::{Ended, Stream},
};

/// The number of the cursor on the room's events; streams are numbered from 1.
pub(crate) const EVENTS: u32 = 0;

/// One view.
#[derive(Debug)]
pub(crate) struct View {
    /// Its log.
    pub(crate) feed: Feed<()>,
    grants: Arc<Grants>,
    waiting: bool,
}

impl HasFeed for View {
    type End = ();

    fn feed(&self) -> &Feed<()> {
        &self.feed
    }
}

/// A member's cursor on the room's events.
pub(crate) type EventsCursor = Cursor<View>;

/// A member's cursor on the events of a view. The second result says whether reading continues exactly where `resume`
/// says.
pub(super) fn join(
    view: Arc<View>,
    mailbox: &Arc<Mailbox>,
    resume: Option<member::Cursor>,
    now_ms: u64,
) -> (EventsCursor, bool) {
    Cursor::join(view, mailbox, EVENTS, Begin::Now, resume, now_ms)
}

/// The positions of a room's views at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dues(Arc<[member::Cursor]>);

impl Dues {
    /// The position in a view that everything said by then precedes; 0 in a view created since.
    pub(crate) fn of(&self, view: &View) -> u64 {
        let epoch = view.feed.epoch;
        self.0.iter().find(|due| due.epoch == epoch).map_or(0, |due| due.seq)
    }
}

#[derive(Debug)]
struct Held {
    view: Arc<View>,
    members: usize,
    empty_since_ms: u64,
}

/// All views of a room, with different visibility: few, and an event goes to each of them.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<Held>);

/// Whether both see the same events. Most members share their grants with their role.
fn see_alike(view: &View, member: &Occupant) -> bool {
    let (ours, theirs) = (&view.grants, &member.grants);
    let same = || {
        ours.role == theirs.role
            && ours.presence.sees == theirs.presence.sees
            && ours.subscribe == theirs.subscribe
    };
    // A member that waits for admission learns nothing about the room.
    view.waiting == member.waiting && (Arc::ptr_eq(ours, theirs) || same())
}

impl View {
    /// Must be called under the room's lock, because the event contains its number.
    fn append(&self, event: &Event<Box<RawValue>>, now_ms: u64) {
        match serde_json::to_vec(event) {
            Ok(text) => {
                self.feed.append_and_wake(encode::TEXT, &text, now_ms);
            }
            Err(error) => tracing::warn!(%error, "an event cannot be serialized"),
        }
    }
}

impl Views {
    /// The view of a new member; `epoch` is for a new view.
    pub(super) fn enter(
        &mut self,
        member: &Occupant,
        epoch: u32,
        limits: &Limits,
        now_ms: u64,
    ) -> Arc<View> {
        let kept_ms = limits.events_log_age_ms_max;
        self.0.retain(|held| {
            held.members > 0 || now_ms.saturating_sub(held.empty_since_ms) <= kept_ms
        });
        if let Some(held) = self.of(member) {
            held.members += 1;
            return held.view.clone();
        }
        let keep = Keep {
            bytes_max: limits.events_log_bytes_max,
            age_ms_max: kept_ms,
            past: Past::Nothing,
        };
        let (grants, waiting) = (member.grants.clone(), member.waiting);
        let view = Arc::new(View { feed: Feed::new(epoch, keep), grants, waiting });
        self.0.push(Held { view: view.clone(), members: 1, empty_since_ms: now_ms });
        view
    }

    fn of(&mut self, member: &Occupant) -> Option<&mut Held> {
        self.0.iter_mut().find(|held| see_alike(&held.view, member))
    }

    /// A member of the view left.
    pub(super) fn leave(&mut self, member: &Occupant, now_ms: u64) {
        if let Some(held) = self.of(member) {
            held.members -= 1;
            held.empty_since_ms = now_ms;
        }
    }

    /// The positions of all of them.
    pub(super) fn dues(&self) -> Dues {
        let dues = self.all().map(|view| {
            let feed = &view.feed;
            member::Cursor { epoch: feed.epoch, seq: feed.next() }
        });
        Dues(dues.collect())
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<View>> {
        self.0.iter().map(|held| &held.view)
    }

    fn each(&self) -> impl Iterator<Item = &Arc<View>> {
        self.0.iter().map(|held| &held.view).filter(|view| !view.waiting)
    }

    /// Adds an event to every view; `None` skips a view.
    pub(super) fn emit(
        &self,
        now_ms: u64,
        event: impl Fn(&Grants, u64) -> Option<Event<Box<RawValue>>>,
    ) {
        for view in self.each() {
            if let Some(event) = event(&view.grants, view.feed.next()) {
                view.append(&event, now_ms);
            }
        }
    }

    /// Announces who left and who came, in each view what it may see.
    pub(super) fn emit_presence(
        &self,
        left: &[Change],
        joined: &[Change],
        count: u32,
        now_ms: u64,
    ) {
        for view in self.each() {
            let seen = |changes: &[Change]| -> Vec<Member> {
                let seen = changes.iter().filter(|change| sees(&view.grants, &change.grants));
                seen.map(|change| change.member.clone()).collect()
            };
            let mut users: Vec<String> = seen(left).into_iter().map(|member| member.user).collect();
            // The version that left, and the version that it was to become.
            users.dedup();
            if !users.is_empty() {
                view.append(&Event::Left { n: view.feed.next(), users, count }, now_ms);
            }
            let members = seen(joined);
            if !members.is_empty() {
                view.append(&Event::Joined { n: view.feed.next(), members, count }, now_ms);
            }
        }
    }

    /// Announces a member's change: to viewers who saw it and still do; to others, that it left or came.
    pub(super) fn emit_changed(&self, old: &Change, new: &Change, count: u32, now_ms: u64) {
        let user = &new.member.user;
        self.emit(now_ms, |grants, n| {
            match (sees(grants, &old.grants), sees(grants, &new.grants)) {
                (true, true) if old.member.role != new.member.role => {
                    let role = new.member.role.clone();
                    Some(Event::RoleChanged { n, user: user.clone(), role })
                }
                (true, false) => Some(Event::Left { n, users: vec![user.clone()], count }),
                (false, true) => {
                    Some(Event::Joined { n, members: vec![new.member.clone()], count })
                }
                _ => None,
            }
        });
    }

    /// A member's view when its grants change: where the old one ends for it, and the new one; `None` if they are the
    /// same.
    pub(super) fn switch(
        &mut self,
        old: &Occupant,
        new: &Occupant,
        epoch: u32,
        limits: &Limits,
        now_ms: u64,
    ) -> Option<(u64, Arc<View>)> {
        let view = self.of(old).map(|held| held.view.clone());
        if view.as_ref().is_some_and(|view| see_alike(view, new)) {
            return None;
        }
        let end = view.map_or(0, |view| view.feed.next());
        self.leave(old, now_ms);
        Some((end, self.enter(new, epoch, limits, now_ms)))
    }

    /// Announces a new stream to those who may subscribe to it.
    pub(super) fn emit_published(&self, stream: &Stream, now_ms: u64) {
        self.emit(now_ms, |grants, n| {
            may_subscribe(grants, stream)
                .then(|| Event::Published { n: Some(n), info: stream.info.clone() })
        });
    }

    /// Announces the end of a stream to those who could subscribe to it.
    pub(super) fn emit_unpublished(&self, stream: &Stream, reason: Ended, now_ms: u64) {
        self.emit(now_ms, |grants, n| {
            let (number, name) = (stream.info.stream, stream.info.name.clone());
            may_subscribe(grants, stream).then_some(Event::Unpublished {
                n,
                stream: number,
                name,
                reason,
            })
        });
    }
}
