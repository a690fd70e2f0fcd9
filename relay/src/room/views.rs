//! The room's events as members of equal sight see them. Each view is one log: an event is encoded once a
//! view, whoever reads it. Decides who sees what by the grants alone.

use std::sync::Arc;

use stagedoor_token::{Action, Decision, Grants, authorize};
use stagedoor_wire::{
    event::Event,
    limits::Limits,
    member::{Cursor, Member},
};

use serde_json::value::RawValue;

use super::{EVENTS, Occupant, presence::Change};
use crate::{
    log::encode,
    log::feed::{Begin, Feed, Place},
    log::mailbox::Mailbox,
    log::segments::{Keep, Past},
    log::stream::{Ended, Stream},
};

/// One view.
#[derive(Debug)]
pub(crate) struct View {
    /// Its log.
    pub(crate) feed: Feed<()>,
    grants: Arc<Grants>,
    waiting: bool,
}

/// A reader's place in a view. It is given up with this value, read or not.
#[derive(Debug)]
pub(crate) struct ViewPlace {
    pub(crate) view: Arc<View>,
    pub(crate) place: Place,
}

impl ViewPlace {
    /// Takes a place; the second part says whether reading goes on exactly where `resume` says.
    pub(super) fn join(
        view: Arc<View>,
        mailbox: &Arc<Mailbox>,
        resume: Option<Cursor>,
    ) -> (Self, bool) {
        let (place, resumed) = view.feed.join(mailbox, EVENTS, Begin::Now, resume);
        (Self { view, place }, resumed)
    }
}

impl Drop for ViewPlace {
    fn drop(&mut self) {
        self.view.feed.leave(&self.place);
    }
}

#[derive(Debug)]
struct Held {
    view: Arc<View>,
    members: usize,
    empty_since_ms: u64,
}

/// All views of a room, each of another sight: few, and an event goes to each of them.
#[derive(Debug, Default)]
pub(super) struct Views(Vec<Held>);

/// Whether both see the same events. Most have their grants of one role, unchanged.
fn see_alike(view: &View, member: &Occupant) -> bool {
    let (ours, theirs) = (&view.grants, &member.grants);
    let same = || {
        ours.role == theirs.role
            && ours.presence.sees == theirs.presence.sees
            && ours.subscribe == theirs.subscribe
    };
    // Who waits for admission is told nothing of the room.
    view.waiting == member.waiting && (Arc::ptr_eq(ours, theirs) || same())
}

/// Whether one who has `viewer` sees a member that has `member`.
pub(crate) fn sees(viewer: &Grants, member: &Grants) -> bool {
    authorize(viewer, &Action::See { member }) == Decision::Allowed
}

/// Whether one who has `grants` may subscribe to the stream.
pub(crate) fn may_subscribe(grants: &Grants, stream: &Stream) -> bool {
    let action = Action::Subscribe { stream: &stream.info.name, publisher_role: &stream.info.role };
    authorize(grants, &action) == Decision::Allowed
}

impl View {
    /// Must be called under the room's lock: the event holds the number that it gets.
    fn append(&self, event: &Event<Box<RawValue>>, now_ms: u64) {
        match serde_json::to_vec(event) {
            Ok(text) => {
                self.feed.tell(encode::TEXT, &text, now_ms);
            }
            Err(error) => tracing::warn!(%error, "an event does not serialize"),
        }
    }
}

impl Views {
    /// The view of a member that comes; `epoch` is for a new one.
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

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<View>> {
        self.0.iter().map(|held| &held.view)
    }

    fn each(&self) -> impl Iterator<Item = &Arc<View>> {
        self.0.iter().map(|held| &held.view).filter(|view| !view.waiting)
    }

    /// Tells every view; `None` passes a view over.
    pub(super) fn tell(
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

    /// Tells who left and who came, each view what it may see.
    pub(super) fn tell_presence(
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
            // Of one that left as what it was and as what it was to become.
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

    /// Tells that a member is another now: those who see it go on with that, others that it left or came.
    pub(super) fn tell_changed(&self, old: &Change, new: &Change, count: u32, now_ms: u64) {
        let user = &new.member.user;
        self.tell(now_ms, |grants, n| {
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

    /// A member's view when its grants become others: where the old one ends for it, and the new one; none
    /// when both are the same.
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

    /// Tells that a stream began, those that may subscribe to it.
    pub(super) fn tell_published(&self, stream: &Stream, now_ms: u64) {
        self.tell(now_ms, |grants, n| {
            may_subscribe(grants, stream)
                .then(|| Event::Published { n: Some(n), info: stream.info.clone() })
        });
    }

    /// Tells that a stream ended, those that could subscribe to it.
    pub(super) fn tell_unpublished(&self, stream: &Stream, reason: Ended, now_ms: u64) {
        self.tell(now_ms, |grants, n| {
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
