//! A member's requests, decided by its grants and executed in its room. Every request gets exactly one answer; nothing
//! here reads or writes a socket.

mod admission;
mod admit;
mod ask;
mod audience;
mod cursors;
mod enter;
mod gather;
mod grant_updates;
mod list_pages;
mod login;
mod messages;
mod moderate;
mod own_streams;
mod paging;
mod rates;
mod removal;
mod renew;
mod replies;
mod requester;
mod seat;
mod streams;
mod subscribe;
mod subscriptions;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    event::Event,
    frame::FrameHeader,
    reply::{Done, Pong, Refusal},
    request::{self, Refused, Request},
};

use crate::{
    log::{encode, mailbox::Mail, wakes::PendingWakes},
    net::outbox::Outbox,
    room::{ChangeError, GrantChange, Occupant},
    shared::Shared,
};

pub(crate) use self::{
    admission::{Admission, admit},
    login::{Arrival, NotSeated, Refused as RefusedLogin, Seated, Waiting, log_in},
    removal::Removal,
    replies::{ok, refusal, refused},
    seat::Seat,
};
use self::{
    rates::{Pacing, Rates, Throttled},
    replies::label,
    requester::Requester,
};

/// A member's session. Field order matters: what every turn needs lies together.
#[repr(C)]
pub(crate) struct Session {
    pacing: Pacing,
    requester: Requester,
    /// Readers to be woken for what the member published.
    wakes: PendingWakes,
    rates: Rates,
}

/// What follows a request.
pub(crate) enum Next {
    /// The connection continues.
    On,
    /// The member leaves.
    Leave,
    /// The relay closes it.
    Close(Close),
}

/// The result of a data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in its stream's log.
    Kept,
    /// The relay had ended its stream.
    Dropped,
    /// The number is not one of the member's.
    NotYours,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, seat: Seat, now: Instant) -> Self {
        let rates = Rates::new(&shared.limits, seat.grants(), now);
        let requester = Requester::new(shared, seat);
        Self { pacing: Pacing::new(now), requester, wakes: PendingWakes::default(), rates }
    }

    /// The member.
    pub(crate) fn me(&self) -> &Arc<Occupant> {
        self.requester.seat.me()
    }

    /// Until when reading is paused, because the member published faster than its role allows.
    pub(crate) fn paused(&self) -> Option<Instant> {
        self.pacing.paused()
    }

    /// Ends an expired pause; returns whether there was one.
    pub(crate) fn resume(&mut self, now: Instant) -> bool {
        self.pacing.resume(now)
    }

    /// Changes the grants of the member itself.
    pub(crate) fn change_grants(&self, change: &GrantChange) -> Result<Arc<Occupant>, ChangeError> {
        self.requester.seat.change_grants(change)
    }

    /// Handles the member's letters. An error is the reason why the connection must close.
    pub(crate) fn refresh(&mut self, out: impl FnMut(Bytes)) -> Result<(), Close> {
        self.requester.seat.refresh(out)
    }

    /// Fills the outbox; see [`Seat::gather`].
    #[inline]
    pub(crate) fn gather(
        &mut self,
        mail: &mut Mail,
        outbox: &mut Outbox,
        bounds: (usize, bool),
    ) -> Result<bool, Close> {
        self.requester.seat.gather(mail, outbox, bounds)
    }

    /// Whether the member reads a stream of delivery `media`.
    #[inline]
    pub(crate) fn reads_media(&self) -> bool {
        self.requester.seat.reads_media()
    }

    /// Wakes some of the readers of what the member published; returns whether there are more.
    pub(crate) fn wake_some(&mut self) -> bool {
        self.wakes.wake_some()
    }

    /// The session ends: all readers are woken, and the seat is given up.
    pub(crate) fn end(mut self, reason: &'static str) {
        self.wakes.wake_all();
        self.requester.seat.ends_for(reason);
    }

    /// Handles a text message; frames to be written go to `answer`.
    pub(crate) fn text(&mut self, text: &str, now: Instant, mut answer: impl FnMut(Bytes)) -> Next {
        // For everybody, what the request causes must follow the frames before it.
        self.wakes.wake_all();
        if let Err(close) = self.refresh(&mut answer) {
            return Next::Close(close);
        }
        let shared = self.requester.shared.clone();
        let limits = &shared.limits;
        if let Err(wait) = self.rates.request(text.len(), limits, now) {
            let (id, op) = Request::head(text);
            return self.throttle(op.unwrap_or("request"), id, wait, now, answer);
        }
        let request = match Request::parse(text) {
            Ok(request) => request,
            Err(Refused { id, code, message }) => {
                shared.metrics.requests_refused.one(code.as_str());
                answer(refused(id, *refusal(code, message)));
                return Next::On;
            }
        };
        shared.metrics.requests.one(request.op());
        let id = request.id();
        if matches!(request, Request::Send(_))
            && let Err(wait) = self.rates.send(limits, self.requester.seat.grants(), now)
        {
            return self.throttle(request.op(), Some(id), wait, now, answer);
        }
        self.rates.passed();
        let leave = matches!(request, Request::Leave(_));
        let subscribes = matches!(request, Request::Subscribe(_));
        let carried_out = self.requester.carry_out(request, &mut answer);
        // What the request did to the member itself precedes its answer. What came after a subscription found its
        // streams follows it.
        if !subscribes && let Err(close) = self.refresh(&mut answer) {
            return Next::Close(close);
        }
        match carried_out {
            Ok(Some(frame)) => answer(frame),
            Ok(None) => {}
            Err(refusal) => {
                shared.metrics.requests_refused.one(label(&refusal.code));
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
        let shared = &self.requester.shared;
        shared.metrics.requests_refused.one(ErrorCode::RateLimited.as_str());
        match self.rates.throttle(wait, &shared.limits, now) {
            Throttled::TooOften => Next::Close(Close::RateExceeded),
            Throttled::Once { retry_ms, says_so } => {
                let limited = refusal(ErrorCode::RateLimited, "too many requests; slow down");
                answer(refused(id, Refusal { retry_ms: Some(retry_ms), ..*limited }));
                if says_so {
                    let event = Event::<Box<RawValue>>::Throttled { op: op.into(), retry_ms };
                    answer(encode::json(&event));
                }
                Next::On
            }
        }
    }

    /// The longest data frame that the member may publish, in bytes.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        let cap = self.requester.seat.grants().caps.frame_bytes_max;
        let bytes_max = self.requester.shared.limits.frame_bytes_max;
        cap.map_or(bytes_max, |cap| bytes_max.min(cap.get() as usize))
    }

    /// Counts published bytes, and pauses reading if there are too many.
    pub(crate) fn pace(&mut self, bytes: usize, now: Instant) {
        self.pacing.count(bytes, self.requester.seat.grants(), now);
    }

    /// Handles a data frame that was read at `now`.
    pub(crate) fn data(&mut self, header: FrameHeader, frame: &[u8], now: Instant) -> Taken {
        let Requester { seat, shared, .. } = &self.requester;
        let metrics = &shared.metrics;
        let Some(stream) = seat.own(header.stream) else { return Taken::NotYours };
        let now_ms = shared.clock.ms_at(now);
        if stream.append(frame, header.keyframe, now_ms, &mut self.wakes) {
            metrics.frames_in.add(1);
            metrics.frame_bytes_in.add(frame.len() as u64);
            Taken::Kept
        } else {
            metrics.frames_dropped.add(1);
            Taken::Dropped
        }
    }
}

impl Requester {
    /// The answer; `None` if it comes later. Events that came before it go to `before`.
    fn carry_out(
        &mut self,
        request: Request,
        before: &mut dyn FnMut(Bytes),
    ) -> Result<Option<Bytes>, Box<Refusal>> {
        match request {
            Request::Renew(renew) => self.renew(&renew),
            Request::Moderate(moderate) => self.moderate(&moderate),
            Request::Invite(invite) => self.invite(&invite).map(|()| None),
            request => self.carry_out_now(request, before).map(Some),
        }
    }

    fn carry_out_now(
        &mut self,
        request: Request,
        before: &mut dyn FnMut(Bytes),
    ) -> Result<Bytes, Box<Refusal>> {
        match request {
            Request::Login(_) | Request::Renew(_) | Request::Moderate(_) | Request::Invite(_) => {
                Err(refusal(ErrorCode::AlreadyLoggedIn, "the connection already has a seat"))
            }
            Request::Publish(publish) => self.publish(publish),
            Request::Unpublish(unpublish) => self.unpublish(&unpublish),
            Request::Subscribe(subscribe) => self.subscribe(&subscribe, before),
            Request::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe),
            Request::Send(send) => self.send(&send),
            Request::Set(set) => self.set(&set),
            Request::Ask(ask) => self.ask(&ask),
            Request::Unask(request::Unask { id, .. }) => self.unask(id),
            Request::Members(members) => Ok(self.members(&members)),
            Request::Ping(request::Ping { id, .. }) => {
                Ok(ok(id, Pong { now_ms: self.shared.clock.unix_ms() }))
            }
            Request::Keyframe(keyframe) => self.keyframe(&keyframe),
            Request::Leave(request::Leave { id, .. }) => Ok(ok(id, Done {})),
        }
    }
}
