//! One member's requests, decided by its grants and carried out in its room. Every request gets exactly one
//! answer; nothing here reads or writes a socket.

pub(crate) mod admission;
mod admit;
mod ask;
mod later;
pub(crate) mod login;
mod moderate;
pub(crate) mod removal;
mod renew;
pub(crate) mod seat;
mod subscriptions;

use std::{
    borrow::Cow,
    num::NonZero,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use stagedoor_token::{Action, Decision, Grants, Pattern, Rule, authorize};
use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    depth::is_within,
    event::Event,
    frame::FrameHeader,
    member::Delivery,
    rate::{Bucket, Rate},
    reply::{Done, MembersPage, Outcome, Pong, Refusal, Reply, SubscribedTo, Versioned},
    request::{self, Refused, Request, To},
};
use tokio::sync::oneshot;

use crate::{
    log::encode,
    log::feed::Untold,
    log::stream::Wish,
    room::{PublishError, Publishing, SetError, grant_kind, sees},
    session::seat::Seat,
    shared::Shared,
};

/// A member's session. In this order, since what every turn looks at lies together.
#[repr(C)]
pub(crate) struct Session {
    /// Until when nothing is read, because the member published faster than its role may.
    pub(crate) paused: Option<Instant>,
    pub(crate) seat: Seat,
    /// Who waits for what the member published.
    pub(crate) untold: Untold,
    shared: Arc<Shared>,
    /// What the proof of a renewal must contain, once that was asked for.
    nonce: Option<Box<str>>,
    /// Ends with the last renewal that waits for the store.
    renewing: Option<oneshot::Receiver<()>>,
    requests: Bucket,
    bytes: Bucket,
    sends: Bucket,
    /// Until when the bytes that the member published are within `caps.bytes_per_s`.
    paid_until: Instant,
    refusals: u32,
    throttled_at: Option<Instant>,
}

/// What follows a request.
pub(crate) enum Next {
    /// The connection goes on.
    On,
    /// The member leaves.
    Leave,
    /// The relay closes it.
    Close(Close),
}

/// What a data frame came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in its stream's log.
    Kept,
    /// The relay had ended its stream.
    Dropped,
    /// The number is not one of the member's.
    NotYours,
}

/// A request that was not carried out.
struct Denial(Box<Refusal>);

impl Denial {
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal::new(code.as_str(), message)))
    }

    fn rule(rule: Rule) -> Self {
        let message =
            format!("the rule `{}` of the member's grants does not allow it", rule.name());
        let denial = Self::new(ErrorCode::OpUnknown, message).0;
        Self(Box::new(Refusal {
            code: Cow::Borrowed(rule.code()),
            rule: Some(Cow::Borrowed(rule.name())),
            ..*denial
        }))
    }
}

/// The frame of an answer.
pub(crate) fn ok(id: u64, value: impl Serialize) -> Bytes {
    encode::json(&Reply { re: Some(id), outcome: Outcome::Ok(value) })
}

/// The frame of a refusal.
pub(crate) fn refused(id: Option<u64>, refusal: Refusal) -> Bytes {
    encode::json(&Reply::<Done> { re: id, outcome: Outcome::Error(refusal) })
}

/// The frame of a refusal that has a code and a text, no more.
pub(crate) fn refused_with(id: Option<u64>, code: ErrorCode, message: &str) -> Bytes {
    refused(id, *Denial::new(code, message).0)
}

fn patterns(texts: &[String]) -> Result<Vec<Pattern>, Denial> {
    let invalid = |_| {
        Denial::new(
            ErrorCode::RequestInvalid,
            "a pattern is a name, or a prefix followed by one `*`",
        )
    };
    texts.iter().map(|text| text.parse::<Pattern>().map_err(invalid)).collect()
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, seat: Seat, now: Instant) -> Self {
        let requests = Bucket::full(request_rate(&shared), now);
        let bytes = Bucket::full(byte_rate(&shared), now);
        let sends = Bucket::full(send_rate(&shared, &seat), now);
        Self {
            seat,
            untold: Untold::default(),
            nonce: None,
            renewing: None,
            requests,
            bytes,
            sends,
            paused: None,
            paid_until: now,
            refusals: 0,
            throttled_at: None,
            shared,
        }
    }

    /// Takes a text message; `answer` takes the frames to be written.
    pub(crate) fn text(&mut self, text: &str, now: Instant, mut answer: impl FnMut(Bytes)) -> Next {
        // What is told of the request comes after the frames before it, for everybody.
        self.untold.tell_all();
        if let Err(close) = self.seat.refresh(&mut answer) {
            return Next::Close(close);
        }
        let rate = self.requests.take(request_rate(&self.shared), now);
        let rate =
            rate.and_then(|()| self.bytes.take_many(text.len(), byte_rate(&self.shared), now));
        if let Err(wait) = rate {
            let (id, op) = Request::head(text);
            return self.throttle(op.unwrap_or("request"), id, wait, now, answer);
        }
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(Refused { id, code, message }) => {
                self.shared.metrics.requests_refused.one(code.as_str());
                answer(refused(id, *Denial::new(code, message).0));
                return Next::On;
            }
        };
        self.shared.metrics.requests.one(request.op());
        let id = request.id();
        if matches!(request, Request::Send(_))
            && let Err(wait) = self.sends.take(send_rate(&self.shared, &self.seat), now)
        {
            return self.throttle(request.op(), Some(id), wait, now, answer);
        }
        self.refusals = self.refusals.saturating_sub(1);
        let leave = matches!(request, Request::Leave(_));
        let subscribes = matches!(request, Request::Subscribe(_));
        let carried_out = self.carry_out(request, &mut answer);
        // What the request did to the member itself comes before its answer. What came after the streams of a
        // subscription were found comes after it.
        if !subscribes && let Err(close) = self.seat.refresh(&mut answer) {
            return Next::Close(close);
        }
        match carried_out {
            Ok(Some(frame)) => answer(frame),
            Ok(None) => {}
            Err(Denial(refusal)) => {
                self.shared.metrics.requests_refused.one(label(&refusal.code));
                answer(refused(Some(id), *refusal));
            }
        }
        if leave { Next::Leave } else { Next::On }
    }

    fn throttle(
        &mut self,
        op: &'static str,
        id: Option<u64>,
        wait: Duration,
        now: Instant,
        mut answer: impl FnMut(Bytes),
    ) -> Next {
        self.refusals += 1;
        self.shared.metrics.requests_refused.one(ErrorCode::RateLimited.as_str());
        if self.refusals > self.shared.limits.rate_refusals_max {
            return Next::Close(Close::RateExceeded);
        }
        let retry_ms = wait.as_millis() as u64 + 1;
        let denial = Denial::new(ErrorCode::RateLimited, "too many requests").0;
        answer(refused(id, Refusal { retry_ms: Some(retry_ms), ..*denial }));
        if self.throttled_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1)) {
            self.throttled_at = Some(now);
            let event = Event::<Box<RawValue>>::Throttled { op: op.into(), retry_ms };
            answer(encode::json(&event));
        }
        Next::On
    }

    /// The answer; none if it comes later. `told` takes what the room's events told before it.
    fn carry_out(
        &mut self,
        request: Request,
        told: &mut dyn FnMut(Bytes),
    ) -> Result<Option<Bytes>, Denial> {
        match request {
            Request::Renew(renew) => self.renew(&renew),
            Request::Moderate(moderate) => self.moderate(&moderate),
            request => self.carry_out_now(request, told).map(Some),
        }
    }

    fn carry_out_now(
        &mut self,
        request: Request,
        told: &mut dyn FnMut(Bytes),
    ) -> Result<Bytes, Denial> {
        match request {
            Request::Login(_) | Request::Renew(_) | Request::Moderate(_) => {
                Err(Denial::new(ErrorCode::AlreadyLoggedIn, "the connection has its seat"))
            }
            Request::Publish(publish) => self.publish(publish),
            Request::Unpublish(request::Unpublish { id, stream, .. }) => {
                if self.seat.unpublish(&stream) {
                    Ok(ok(id, Done {}))
                } else {
                    Err(Denial::new(
                        ErrorCode::StreamUnknown,
                        "the member publishes no stream of that name",
                    ))
                }
            }
            Request::Subscribe(subscribe) => self.subscribe(&subscribe, told),
            Request::Unsubscribe(request::Unsubscribe { id, streams, .. }) => {
                self.seat.unsubscribe(&patterns(&streams)?);
                Ok(ok(id, Done {}))
            }
            Request::Send(send) => self.send(&send),
            Request::Set(set) => self.set(&set),
            Request::Ask(ask) => self.ask(&ask),
            Request::Unask(request::Unask { id, .. }) => self.unask(id),
            Request::Invite(invite) => self.invite(&invite),
            Request::Members(request::Members { id, after, .. }) => {
                let (count, members, next) =
                    self.seat.room.members(self.seat.grants(), after.as_deref());
                Ok(ok(id, MembersPage { count, members, next }))
            }
            Request::Ping(request::Ping { id, .. }) => {
                Ok(ok(id, Pong { now_ms: self.shared.clock.unix_ms() }))
            }
            Request::Leave(request::Leave { id, .. }) => Ok(ok(id, Done {})),
        }
    }

    fn allow(&self, action: &Action<'_>) -> Result<(), Denial> {
        match authorize(self.seat.grants(), action) {
            Decision::Allowed => Ok(()),
            Decision::Refused(rule) => Err(Denial::rule(rule)),
        }
    }

    fn publish(&mut self, publish: request::Publish) -> Result<Bytes, Denial> {
        let kind = grant_kind(publish.kind);
        let live = self.seat.live();
        self.allow(&Action::Publish { stream: &publish.stream, kind, live })?;
        let limits = &self.shared.limits;
        if publish.meta.as_ref().is_some_and(|meta| meta.len() > limits.stream_meta_bytes_max) {
            return Err(Denial::new(
                ErrorCode::TooLarge,
                "`meta` is longer than `stream_meta_bytes_max`",
            ));
        }
        if self.shared.memory.is_full(self.shared.clock.now_ms()) {
            return Err(Denial::new(
                ErrorCode::MemoryExceeded,
                "the relay has as much memory as it may",
            ));
        }
        let publishing = Publishing {
            name: publish.stream,
            kind: publish.kind,
            delivery: publish.delivery.unwrap_or(Delivery::of(publish.kind)),
            meta: publish.meta,
            wish: Wish { keep_ms: publish.keep_ms, history: publish.history },
            live,
        };
        let user = self.seat.me.member.user.clone();
        let stream = self.seat.room.publish(&user, self.seat.id, publishing, self.shared.epoch());
        let stream = stream.map_err(|error| match error {
            PublishError::Exists => {
                Denial::new(ErrorCode::StreamExists, "another member publishes that name")
            }
            PublishError::Full => Denial::new(
                ErrorCode::StreamsExceeded,
                "the room has `streams_per_room_max` streams",
            ),
            PublishError::Gone => {
                Denial::new(ErrorCode::PublishDenied, "the member's seat is gone")
            }
            PublishError::Denied(rule) => Denial::rule(rule),
        })?;
        let published = stream.published();
        self.seat.began(stream);
        Ok(ok(publish.id, published))
    }

    fn subscribe(
        &mut self,
        subscribe: &request::Subscribe,
        told: &mut dyn FnMut(Bytes),
    ) -> Result<Bytes, Denial> {
        if subscribe.streams.len() > self.shared.limits.subscriptions_per_member_max {
            return Err(too_many_subscriptions());
        }
        let wanted = patterns(&subscribe.streams)?;
        let grants = self.seat.grants();
        for pattern in &wanted {
            let live = self.seat.room.stream(pattern.as_str()).filter(|_| pattern.is_exact());
            match live {
                Some(stream) => self.allow(&Action::Subscribe {
                    stream: pattern.as_str(),
                    publisher_role: &stream.info.role,
                })?,
                None => could_open(grants, pattern).map_err(Denial::rule)?,
            }
        }
        let new = wanted.iter().filter(|pattern| !self.seat.patterns.contains(pattern)).count();
        if self.seat.patterns.len() + new > self.shared.limits.subscriptions_per_member_max {
            return Err(too_many_subscriptions());
        }
        let streams = self.seat.subscribe(wanted, &subscribe.from, told);
        Ok(ok(subscribe.id, SubscribedTo { streams }))
    }

    fn send(&mut self, send: &request::Send) -> Result<Bytes, Denial> {
        if send.data.get().len() > self.shared.limits.message_bytes_max {
            return Err(Denial::new(
                ErrorCode::TooLarge,
                "`data` is longer than `message_bytes_max`",
            ));
        }
        self.check_depth(&send.data)?;
        let unknown = || Denial::new(ErrorCode::UserUnknown, "no such user is in the room");
        match &send.to {
            To::Room => self.allow(&Action::SendRoom)?,
            To::Role(role) => self.allow(&Action::SendRole(role))?,
            To::User(user) => {
                if self.seat.grants().send.users.is_empty() {
                    self.allow(&Action::SendUser { role: "" })?;
                }
                let target = self.seat.room.occupant(user);
                let target = target.filter(|target| sees(self.seat.grants(), &target.grants));
                let target = target.ok_or_else(unknown)?;
                self.allow(&Action::SendUser { role: &target.member.role })?;
            }
        }
        let from = Some(&self.seat.me.member);
        self.seat
            .room
            .send(from, &send.to, send.topic.as_ref(), &send.data)
            .map_err(|_| unknown())?;
        self.shared.metrics.messages.add(1);
        Ok(ok(send.id, Done {}))
    }

    /// Whether a field of a request, which is a level of its own, goes no deeper than it may: all else of a
    /// request has a form.
    fn check_depth(&self, json: &RawValue) -> Result<(), Denial> {
        if is_within(json.get().as_bytes(), self.shared.limits.json_depth_max.saturating_sub(1)) {
            return Ok(());
        }
        Err(Denial::new(ErrorCode::TooLarge, "the request goes deeper than `json_depth_max`"))
    }

    fn set(&mut self, set: &request::Set) -> Result<Bytes, Denial> {
        self.allow(&Action::Set { key: &set.key })?;
        if set.value.get().len() > self.shared.limits.state_value_bytes_max {
            return Err(Denial::new(
                ErrorCode::TooLarge,
                "`value` is longer than `state_value_bytes_max`",
            ));
        }
        self.check_depth(&set.value)?;
        match self.seat.room.set(&self.seat.me, &set.key, &set.value, set.if_version) {
            Ok(version) => Ok(ok(set.id, Versioned { version })),
            Err(SetError::Full) => Err(Denial::new(
                ErrorCode::StateExceeded,
                "the room's state has `state_keys_max` keys",
            )),
            Err(SetError::Conflict(version)) => {
                let denial =
                    Denial::new(ErrorCode::VersionConflict, "the key is at another version").0;
                Err(Denial(Box::new(Refusal { version: Some(version), ..*denial })))
            }
        }
    }

    /// Counts bytes that the member published against `caps.bytes_per_s`, and pauses it where they are too
    /// many; a second's worth may come at once.
    pub(crate) fn pace(&mut self, bytes: usize, now: Instant) {
        let Some(bytes_per_s) = self.seat.grants().caps.bytes_per_s else { return };
        let burst = Duration::from_secs(1);
        let cost = Duration::from_secs_f64(bytes as f64 / f64::from(bytes_per_s.get()));
        self.paid_until = self.paid_until.max(now) + cost;
        let free_at = self.paid_until.checked_sub(burst).filter(|free_at| *free_at > now);
        self.paused = free_at.or(self.paused);
    }

    /// Takes a data frame that was read at `now`.
    pub(crate) fn data(&mut self, header: FrameHeader, frame: &[u8], now: Instant) -> Taken {
        let metrics = &self.shared.metrics;
        let Some(stream) = self.seat.own(header.stream) else { return Taken::NotYours };
        let now_ms = self.shared.clock.ms_at(now);
        if stream.append(frame, header.keyframe, now_ms, &mut self.untold) {
            metrics.frames_in.add(1);
            metrics.frame_bytes_in.add(frame.len() as u64);
            Taken::Kept
        } else {
            metrics.frames_dropped.add(1);
            Taken::Dropped
        }
    }
}

fn too_many_subscriptions() -> Denial {
    let message = "a member has at most `subscriptions_per_member_max` subscriptions";
    Denial::new(ErrorCode::SubscriptionsExceeded, message)
}

/// Whether a pattern could find a stream that these grants open.
fn could_open(grants: &Grants, pattern: &Pattern) -> Result<(), Rule> {
    let overlaps = |allowed: &Pattern| {
        pattern.within(allowed) || allowed.within(pattern) || pattern.matches(allowed.as_str())
    };
    if !grants.subscribe.streams.iter().any(overlaps) {
        return Err(Rule::SubscribeStreams);
    }
    if grants.subscribe.from.is_empty() {
        return Err(Rule::SubscribeFrom);
    }
    Ok(())
}

/// `sends_per_s`, or less where the role's `caps.messages_per_s` say so.
fn send_rate(shared: &Shared, seat: &Seat) -> Rate {
    let limits = &shared.limits;
    let cap = seat.grants().caps.messages_per_s.map_or(u32::MAX, NonZero::get);
    Rate { per_s: limits.sends_per_s.min(cap), burst: limits.sends_burst.min(cap) }
}

fn byte_rate(shared: &Shared) -> Rate {
    let limits = &shared.limits;
    Rate { per_s: limits.control_bytes_per_s, burst: limits.control_bytes_burst }
}

fn request_rate(shared: &Shared) -> Rate {
    Rate { per_s: shared.limits.requests_per_s, burst: shared.limits.requests_burst }
}

/// The codes are of a closed set, so that metrics may carry them.
fn label(code: &str) -> &'static str {
    ErrorCode::ALL
        .iter()
        .map(|known| known.as_str())
        .find(|known| *known == code)
        .unwrap_or("other")
}
