//! A room: members, presence, events, streams and state. It knows a member by a mailbox and by grants, never
//! by a connection. Each act holds the room's lock for a moment; frames never need it.

mod change;
mod entry;
mod inbox;
mod interests;
pub(crate) mod overrides;
mod pages;
mod presence;
mod queries;
pub(crate) mod registry;
mod requests;
mod roster;
pub(crate) mod seat_token;
mod state;
mod trail;
mod views;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;
use stagedoor_bus::{Actor, AppLife, Bus, By, Clock};
use stagedoor_token::{
    Action, AppId, Decision, Grants, Kind as GrantKind, Pattern, Rule, authorize,
};
use stagedoor_wire::{
    event::Event,
    limits::Limits,
    member::{Delivery, Kind, Member, StreamInfo},
    name::{StateKey, StreamName, Topic},
    request::To,
};
use tokio::time::Instant;

pub(crate) use self::{
    change::{Act, RegrantError, Regranted, Switch},
    entry::{EnterError, Entering, Found, Gone},
    inbox::{Dues, Letter, News},
    pages::{Lists, Rest, member_bytes, stream_bytes},
    requests::{AskError, Wants},
    state::SetError,
    views::{View, ViewPlace, may_subscribe, sees},
};
use crate::{
    log::encode,
    log::mailbox::Mailbox,
    log::stream::{Ended, Stream, Wish},
    room::overrides::Standing,
    room::seat_token::Pass,
};

use self::{
    interests::Interests,
    presence::{Batch, BatchMax, Presence},
    requests::Asks,
    roster::People,
    state::State,
    trail::Story,
    views::Views,
};

/// The number of the cursor on the room's events; streams are numbered from 1.
pub(crate) const EVENTS: u32 = 0;
/// So many prefixes are tried at each stream; of more, those are looked up that the stream's name has.
const PREFIXES_TRIED_MAX: usize = 8;

/// What users were given in a room.
pub(crate) type Standings = HashMap<String, Standing>;

/// A room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) app: AppId,
    pub(crate) name: Arc<str>,
    since_ms: u64,
    clock: Clock,
    limits: Arc<Limits>,
    story: Story,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Whether a member ever came.
    opened: bool,
    closed: bool,
    members: People,
    hidden: u32,
    views: Views,
    presence: Presence,
    told_at: Option<Instant>,
    telling: bool,
    interests: Interests,
    streams: BTreeMap<u32, Live>,
    names: HashMap<StreamName, u32>,
    last_stream: u32,
    standings: Standings,
    /// How many there may be before those of which nothing is left are cleared away.
    standings_clear_at: usize,
    limits: Arc<Limits>,
    asks: Asks,
    /// The share of each stream.
    stream_bytes_max: usize,
    state: State,
}

/// A member as the room knows it. Whatever changes makes a new one of it.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    pub(crate) seat: u64,
    pub(crate) member: Member,
    pub(crate) grants: Arc<Grants>,
    /// Whether it waits for admission.
    pub(crate) waiting: bool,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) pass: Arc<Pass>,
    /// Its user id, as it is told to the server.
    pub(crate) user: Arc<str>,
    /// Its peer's address, as it is told to the server.
    pub(crate) peer: Arc<str>,
    /// When it came, Unix milliseconds.
    pub(crate) since_ms: u64,
    /// The same on the monotonic clock.
    pub(crate) began_ms: u64,
    /// When the stay began that its token may bound, Unix milliseconds.
    pub(crate) stay_ms: u64,
}

impl Occupant {
    /// As it is named where it did something.
    pub(crate) fn by(&self) -> By {
        By { actor: Actor::User(self.user.clone()), peer: Some(self.peer.clone()) }
    }
}

#[derive(Debug)]
struct Live {
    stream: Arc<Stream>,
    seat: u64,
}

/// Why a stream did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishError {
    /// Another member publishes that name.
    Exists,
    /// `streams_per_room_max`.
    Full,
    /// The member's seat is gone.
    Gone,
    /// The grants do not allow it, or not any more.
    Denied(Rule),
}

/// What a member publishes.
#[derive(Debug)]
pub(crate) struct Publishing {
    pub(crate) name: StreamName,
    pub(crate) kind: Kind,
    pub(crate) delivery: Delivery,
    pub(crate) meta: Option<String>,
    pub(crate) wish: Wish,
    /// How many streams of the member's live already.
    pub(crate) live: u32,
}

/// Whom a member may not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserUnknown;

impl Room {
    /// A room without members; `standings` is what users were given in an earlier one of its name.
    pub(crate) fn new(
        app: AppLife,
        name: Arc<str>,
        clock: Clock,
        limits: Arc<Limits>,
        standings: Standings,
        bus: Arc<dyn Bus>,
    ) -> Arc<Self> {
        let since_ms = clock.unix_ms();
        let inner = Mutex::new(Inner { standings, limits: limits.clone(), ..Inner::default() });
        let story = Story { app, room: name.clone(), bus };
        Arc::new(Self { app: app.id, name, since_ms, clock, limits, story, inner })
    }

    /// The app whose room it is.
    pub(crate) fn app_life(&self) -> AppLife {
        self.story.app
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a stream. The same user's stream of that name gives way.
    pub(crate) fn publish(
        &self,
        user: &str,
        seat: u64,
        publishing: Publishing,
        epoch: u32,
    ) -> Result<Arc<Stream>, PublishError> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let occupant = inner.members.seat(user, seat).ok_or(PublishError::Gone)?;
        may_publish(&occupant.grants, &publishing).map_err(PublishError::Denied)?;
        let role = occupant.member.role.clone();
        if let Some(number) = inner.names.get(&publishing.name).copied() {
            if inner.streams.get(&number).is_some_and(|live| live.stream.info.user != user) {
                return Err(PublishError::Exists);
            }
            inner.end_stream(number, Ended::Replaced, now_ms);
        }
        if inner.streams.len() >= self.limits.streams_per_room_max {
            return Err(PublishError::Full);
        }
        inner.last_stream += 1;
        let number = inner.last_stream;
        let Publishing { name, kind, delivery, meta, wish, live: _ } = publishing;
        let info = StreamInfo {
            stream: number,
            name: name.clone(),
            user: user.into(),
            role,
            kind,
            delivery,
            meta,
        };
        let bytes_max = self.stream_bytes_max(inner.streams.len() + 1);
        let stream = Arc::new(Stream::new(info, wish, epoch, &self.limits, bytes_max));
        inner.streams.insert(number, Live { stream: stream.clone(), seat });
        inner.names.insert(name, number);
        self.share_memory(&mut inner, now_ms);
        inner.introduce(user, now_ms);
        inner.views.tell_published(&stream, now_ms);
        let (dues, bytes_max) = (inner.dues(), self.limits.outbox_bytes_max);
        inner.interests.each(&stream.info.name, |mailbox| {
            mailbox.told(Letter::new(dues.clone(), News::Found(stream.clone())), bytes_max);
        });
        Ok(stream)
    }

    /// Ends a stream of the seat's. `false` if it is not there.
    pub(crate) fn unpublish(&self, name: &StreamName, seat: u64) -> bool {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let number = inner.names.get(name).copied();
        let own =
            number.filter(|number| inner.streams.get(number).is_some_and(|live| live.seat == seat));
        if let Some(number) = own {
            inner.end_stream(number, Ended::Unpublished, now_ms);
            self.share_memory(&mut inner, now_ms);
        }
        own.is_some()
    }

    /// Notes what a seat waits for, and returns the live streams that match, and how far the room's events
    /// have told of their publishers.
    pub(crate) fn subscribe(
        &self,
        seat: u64,
        mailbox: &Arc<Mailbox>,
        patterns: &[Pattern],
    ) -> (Vec<Arc<Stream>>, Dues) {
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.add(pattern, seat, mailbox);
        }
        (inner.matching(patterns), inner.dues())
    }

    /// The live streams that match.
    pub(crate) fn matching(&self, patterns: &[Pattern]) -> Vec<Arc<Stream>> {
        self.lock().matching(patterns)
    }

    /// Forgets what a seat waits for.
    pub(crate) fn unsubscribe(&self, seat: u64, patterns: &[Pattern]) {
        let mut inner = self.lock();
        for pattern in patterns {
            inner.interests.remove(pattern, seat);
        }
    }

    /// The live stream of this name.
    pub(crate) fn stream(&self, name: &str) -> Option<Arc<Stream>> {
        let inner = self.lock();
        let number = inner.names.get(&StreamName::new(name).ok()?)?;
        inner.streams.get(number).map(|live| live.stream.clone())
    }

    /// Passes a message on; how many seats it is for. A user that is not there is an error.
    pub(crate) fn send(
        &self,
        from: Option<&Member>,
        to: &To,
        topic: Option<&Topic>,
        data: &RawValue,
    ) -> Result<usize, UserUnknown> {
        let (now_ms, at_ms) = (self.clock.now_ms(), self.clock.unix_ms());
        let message = |n| Event::Message {
            n,
            from: from.cloned(),
            to: to.clone(),
            topic: topic.cloned(),
            data: data.to_owned(),
            at_ms,
        };
        let mut inner = self.lock();
        if let Some(from) = from {
            inner.introduce(&from.user, now_ms);
        }
        match to {
            To::Room => {
                inner.views.tell(now_ms, |_, n| Some(message(Some(n))));
                Ok(inner.members.seats_len())
            }
            To::Role(role) => {
                inner
                    .views
                    .tell(now_ms, |grants, n| (*grants.role == **role).then(|| message(Some(n))));
                Ok(inner.members.count_of(role))
            }
            To::User(user) => {
                let (frame, dues) = (encode::json(&message(None)), inner.dues());
                let mut seats = 0;
                for occupant in inner.members.seats(user) {
                    let letter = Letter::new(dues.clone(), News::Event(frame.clone()));
                    occupant.mailbox.told(letter, self.limits.outbox_bytes_max);
                    seats += 1;
                }
                if seats > 0 { Ok(seats) } else { Err(UserUnknown) }
            }
        }
    }

    /// Sets a key of the room's state and tells everybody.
    pub(crate) fn set(
        &self,
        by: &Occupant,
        key: &StateKey,
        value: &RawValue,
        if_version: Option<u64>,
    ) -> Result<u64, SetError> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let version = inner.state.set(key, value, if_version, self.limits.state_keys_max)?;
        inner.introduce(&by.member.user, now_ms);
        inner.views.tell(now_ms, |grants, n| {
            let by = sees(grants, &by.grants).then(|| by.member.user.clone());
            Some(Event::State {
                n: Some(n),
                key: key.clone(),
                value: value.to_owned(),
                version,
                by,
            })
        });
        Ok(version)
    }

    /// Its views, for tests of what stays.
    #[cfg(test)]
    pub(crate) fn views(&self) -> Vec<std::sync::Weak<views::View>> {
        self.lock().views.all().map(Arc::downgrade).collect()
    }

    /// The share of so many streams. It falls in steps, at each doubling, so that a room with many streams
    /// does not bound all of them anew at each that begins.
    fn stream_bytes_max(&self, streams: usize) -> usize {
        let shares = streams.max(1).next_power_of_two();
        self.limits.stream_log_bytes_max.min(self.limits.room_log_bytes_max / shares)
    }

    fn share_memory(&self, inner: &mut Inner, now_ms: u64) {
        let bytes_max = self.stream_bytes_max(inner.streams.len());
        if std::mem::replace(&mut inner.stream_bytes_max, bytes_max) == bytes_max {
            return;
        }
        for live in inner.streams.values() {
            live.stream.feed.keep_bytes(bytes_max, now_ms);
        }
    }

    /// Whether who comes may be told at once: nobody waits to be told of, and the last telling is long ago.
    fn tells_at_once(&self, inner: &Inner) -> bool {
        let interval = Duration::from_millis(self.limits.presence_batch_interval_ms);
        inner.presence.is_empty()
            && !inner.telling
            && inner.told_at.is_none_or(|told| told.elapsed() >= interval)
    }

    /// Tells joins and leaves now if the last telling is long enough ago; what is left over, later.
    fn tell_presence(self: &Arc<Self>, inner: &mut Inner, now_ms: u64) {
        let interval = Duration::from_millis(self.limits.presence_batch_interval_ms);
        let now = Instant::now();
        if inner.telling || inner.presence.is_empty() {
            return;
        }
        let due = inner.told_at.map_or(now, |told| told + interval);
        if due <= now {
            inner.tell_batch(None, now_ms);
        }
        if inner.presence.is_empty() {
            return;
        }
        inner.telling = true;
        let due = inner.told_at.map_or(now, |told| told + interval);
        let room = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            if let Some(room) = room.upgrade() {
                let mut inner = room.lock();
                inner.telling = false;
                room.tell_presence(&mut inner, room.clock.now_ms());
            }
        });
    }
}

fn may_publish(grants: &Grants, publishing: &Publishing) -> Result<(), Rule> {
    let kind = grant_kind(publishing.kind);
    let live = publishing.live;
    match authorize(grants, &Action::Publish { stream: &publishing.name, kind, live }) {
        Decision::Allowed => Ok(()),
        Decision::Refused(rule) => Err(rule),
    }
}

/// The kind as grants call it.
pub(crate) fn grant_kind(kind: Kind) -> GrantKind {
    match kind {
        Kind::Audio => GrantKind::Audio,
        Kind::Video => GrantKind::Video,
        Kind::Screen => GrantKind::Screen,
        Kind::Data => GrantKind::Data,
    }
}

fn is_hidden(grants: &Grants) -> bool {
    grants.presence.seen_by.is_empty()
}

impl Inner {
    fn count(&self) -> u32 {
        self.members.len() as u32 - self.hidden
    }

    /// Tells some of the joins and leaves that wait, those of `first` before all others.
    fn tell_batch(&mut self, first: Option<&str>, now_ms: u64) {
        let max = BatchMax {
            members: self.limits.presence_batch_members_max.max(1),
            bytes: self.limits.page_bytes_max,
        };
        let Batch { left, joined, .. } = self.presence.take(first, max);
        let count = self.count();
        self.views.tell_presence(&left, &joined, count, now_ms);
        self.told_at = Some(Instant::now());
    }

    fn matching(&self, patterns: &[Pattern]) -> Vec<Arc<Stream>> {
        let (exact, prefixes): (Vec<&Pattern>, Vec<&Pattern>) =
            patterns.iter().partition(|pattern| pattern.is_exact());
        let mut found = BTreeMap::new();
        let mut find =
            |live: &Live| drop(found.insert(live.stream.info.stream, live.stream.clone()));
        for pattern in exact {
            let number = StreamName::new(pattern.as_str()).ok();
            let number = number.and_then(|name| self.names.get(&name));
            number.and_then(|number| self.streams.get(number)).into_iter().for_each(&mut find);
        }
        let live = self.streams.values();
        if prefixes.len() <= PREFIXES_TRIED_MAX {
            let matches = |name: &str| prefixes.iter().any(|prefix| prefix.matches(name));
            live.filter(|live| matches(&live.stream.info.name)).for_each(&mut find);
        } else {
            let prefixes: HashSet<&str> =
                prefixes.iter().map(|prefix| prefix.as_str().trim_end_matches('*')).collect();
            let matches = |name: &str| (0..=name.len()).any(|end| prefixes.contains(&name[..end]));
            live.filter(|live| matches(&live.stream.info.name)).for_each(&mut find);
        }
        found.into_values().collect()
    }

    fn end_stream(&mut self, number: u32, why: Ended, now_ms: u64) {
        if let Some(live) = self.streams.remove(&number) {
            self.names.remove(&live.stream.info.name);
            live.stream.feed.end(why);
            self.views.tell_unpublished(&live.stream, why, now_ms);
        }
    }
}
