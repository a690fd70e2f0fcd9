//! The phase before a seat: waits for a `login`, and for the store if the login needs it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use stagedoor_token::AppId;
use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    request::{Login, Request},
};

use crate::{
    door::{Denied, Presented, ProofError},
    log::mailbox::Mailbox,
    net::addresses::Peer,
    session::{self, Arrival, NotSeated, RefusedLogin, Seated, Waiting, log_in},
    shared::{Shared, nonce},
};

/// Requests before `login` that are answered before the connection is closed.
const STRAY_REQUESTS_MAX: u8 = 8;

/// The phase before a seat.
pub(super) struct Stranger {
    until: Instant,
    strays: u8,
    /// The nonce that a login's proof must contain, if one was requested.
    nonce: Option<Box<str>>,
    /// A login that waits for the store; nothing is read meanwhile.
    pending: Option<Box<Pending>>,
}

/// A login that waits for the store.
struct Pending {
    id: u64,
    /// The size of its message.
    login_bytes: usize,
    waiting: Box<Waiting>,
}

/// What follows from a message.
pub(super) enum Step {
    /// An answer, and perhaps a close.
    Answer(Bytes, Option<Close>),
    /// The seat.
    Seat(Box<Admitted>),
    /// Nothing yet.
    Wait,
}

/// A login that got its seat.
pub(super) struct Admitted {
    pub(super) id: u64,
    pub(super) seated: Seated,
    /// The size of the message that requested it, if there was one.
    pub(super) login_bytes: Option<usize>,
}

impl Stranger {
    /// Nothing has arrived yet, and a login must arrive before `until`.
    pub(super) fn new(until: Instant) -> Self {
        Self { until, strays: 0, nonce: None, pending: None }
    }

    /// When the login must have arrived.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// Whether a login waits for the store.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Handles a text message.
    pub(super) fn text(
        &mut self,
        text: &str,
        shared: &Arc<Shared>,
        (mailbox, peer): (&Arc<Mailbox>, Peer),
        cx: &mut Context<'_>,
    ) -> Step {
        self.strays += 1;
        let (id, code, message) = match Request::parse(text) {
            Ok(Request::Login(login)) if self.strays <= STRAY_REQUESTS_MAX => {
                return self.log_in(&login, text.len(), shared, (mailbox, peer), cx);
            }
            Ok(other) => (
                Some(other.id()),
                ErrorCode::LoginRequired,
                "the first request must be `login`".to_owned(),
            ),
            Err(refused) => (refused.id, refused.code, refused.message),
        };
        shared.metrics.requests_refused.one(code.as_str());
        let answer = session::refused(id, *session::refusal(code, message));
        let close = (self.strays >= STRAY_REQUESTS_MAX).then_some(Close::RateExceeded);
        Step::Answer(answer, close)
    }

    fn log_in(
        &mut self,
        login: &Login,
        login_bytes: usize,
        shared: &Arc<Shared>,
        (mailbox, peer): (&Arc<Mailbox>, Peer),
        cx: &mut Context<'_>,
    ) -> Step {
        let by_ticket = login.token.is_none();
        let token = login.token.as_deref().or(login.ticket.as_deref()).unwrap_or_default();
        let asked = self.nonce.take();
        let presented = Presented {
            token,
            app: login.app.map(AppId),
            room: login.room.as_deref(),
            user: login.user.as_deref(),
            proof: login.proof.as_deref(),
            nonce: asked.as_deref(),
        };
        let arrival = Arrival { peer, presented, by_ticket, resume: login.resume };
        let id = login.id;
        match log_in(shared, mailbox, arrival) {
            Ok(seated) => admitted(id, seated, login_bytes),
            Err(NotSeated::Denied(refused)) => self.refuse(id, refused),
            Err(NotSeated::Waits(waiting)) => {
                self.pending = Some(Box::new(Pending { id, login_bytes, waiting }));
                // So that it wakes the task when it is done.
                self.poll(cx).unwrap_or(Step::Wait)
            }
        }
    }

    fn refuse(&mut self, id: u64, RefusedLogin { denied, attempt }: RefusedLogin) -> Step {
        let asks = denied == Denied::Proof(ProofError::Required);
        self.nonce = if asks { nonce() } else { None };
        let answer = session::refused(Some(id), denied.refusal(self.nonce.clone(), attempt));
        // A client that was asked for a proof may try again, as often as it may send other requests.
        Step::Answer(answer, (!asks).then(|| denied.close()))
    }

    /// Continues a waiting login, if there is one; returns what follows when it is done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        let pending = self.pending.as_mut()?;
        let Poll::Ready(done) = Pin::new(&mut pending.waiting).poll(cx) else { return None };
        let (id, login_bytes) = (pending.id, pending.login_bytes);
        self.pending = None;
        Some(match done {
            Ok(seated) => admitted(id, seated, login_bytes),
            Err(refused) => self.refuse(id, refused),
        })
    }
}

fn admitted(id: u64, seated: Seated, login_bytes: usize) -> Step {
    Step::Seat(Box::new(Admitted { id, seated, login_bytes: Some(login_bytes) }))
}
