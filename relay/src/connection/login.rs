//! Into the seat: how it begins after its upgrade, and a `login` as the first message.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use stagedoor_wire::{
    close::Close,
    code::ErrorCode,
    request::{Login, Request},
};

use super::{Connection, Phase, STRAY_REQUESTS_MAX, TokenTimers, web_socket};
use crate::{
    door::{Denied, Presented, ProofError},
    session::{self, Session},
    session::{Arrival, NotSeated, Seated, Waiting, log_in},
    shared::nonce,
};

/// How a connection begins after its upgrade.
pub(crate) enum Begin {
    /// With a `login` to come.
    Stranger,
    /// With the seat that the handshake's token took.
    Seated(Box<Seated>),
    /// With the refusal of a cookie's token, told as a browser can read it.
    Refused(Box<Denied>),
    /// With a refusal.
    Close(Close),
}

/// A login that waits for the store.
pub(super) struct Pending {
    id: u64,
    /// The size of its message.
    login_bytes: usize,
    waiting: Box<Waiting>,
}

impl Connection {
    /// Begins with the seat that the handshake's token took, or with a close.
    pub(crate) fn begin(&mut self, begin: Begin) {
        match begin {
            Begin::Stranger => {}
            Begin::Seated(seated) => self.sit(0, *seated, None),
            Begin::Refused(denied) => {
                self.push(session::refused(Some(0), denied.refusal(None)));
                self.close(denied.close());
            }
            Begin::Close(close) => self.close(close),
        }
    }

    /// Takes the seat. `login_bytes` is the size of the message that asked for it, if one did.
    fn sit(&mut self, id: u64, (seat, answer): Seated, login_bytes: Option<usize>) {
        let now = Instant::now();
        let limits = &self.shared.limits;
        let bytes_max = limits.frame_bytes_max.max(limits.control_bytes_max);
        if self.ws.get_ref().is_at_an_end(login_bytes) {
            // The buffer that the login's token filled goes, and with it most of what a seat costs.
            self.ws = web_socket(std::mem::take(self.ws.get_mut()), bytes_max);
        } else {
            self.ws.set_config(|config| {
                config.max_message_size = Some(bytes_max);
                config.max_frame_size = Some(bytes_max);
            });
        }
        self.ws.get_mut().limit(limits.control_bytes_max, limits.frame_bytes_max);
        let timers = TokenTimers::of(&seat.me().token, limits, self.shared.clock.unix_ms());
        self.push(session::ok(id, answer));
        let session = Box::new(Session::new(self.shared.clone(), seat, now));
        self.phase = Phase::Seated { session, timers };
    }

    pub(super) fn take_login(&mut self, text: &str, strays: u8) {
        let (id, code, message) = match Request::parse(text) {
            Ok(Request::Login(login)) if strays <= STRAY_REQUESTS_MAX => {
                return self.log_in(&login, text.len());
            }
            Ok(other) => (
                Some(other.id()),
                ErrorCode::LoginRequired,
                "the first request is `login`".to_owned(),
            ),
            Err(refused) => (refused.id, refused.code, refused.message),
        };
        self.shared.metrics.requests_refused.one(code.as_str());
        self.push(session::refused(id, *session::refusal(code, message)));
        if strays >= STRAY_REQUESTS_MAX {
            self.close(Close::RateExceeded);
        }
    }

    fn log_in(&mut self, login: &Login, login_bytes: usize) {
        let by_ticket = login.token.is_none();
        let token = login.token.as_deref().or(login.ticket.as_deref()).unwrap_or_default();
        let asked = match &mut self.phase {
            Phase::Stranger { nonce, .. } => nonce.take(),
            _ => None,
        };
        let presented = Presented {
            token,
            room: login.room.as_deref(),
            user: login.user.as_deref(),
            proof: login.proof.as_deref(),
            nonce: asked.as_deref(),
        };
        let (peer, resume) = (self.peer, login.resume);
        let arrival = Arrival { peer, presented, by_ticket, resume };
        match log_in(&self.shared, &self.mailbox, arrival) {
            Ok(seated) => self.sit(login.id, seated, Some(login_bytes)),
            Err(NotSeated::Denied(denied)) => self.refuse_login(login.id, denied),
            Err(NotSeated::Waits(waiting)) => {
                let new = Pending { id: login.id, login_bytes, waiting };
                if let Phase::Stranger { pending, .. } = &mut self.phase {
                    *pending = Some(Box::new(new));
                }
                // So that it wakes the task when it is done.
                self.poll_login();
            }
        }
    }

    fn refuse_login(&mut self, id: u64, denied: Denied) {
        let asks = denied == Denied::Proof(ProofError::Required);
        let fresh = if asks { nonce() } else { None };
        if let Phase::Stranger { nonce, .. } = &mut self.phase {
            nonce.clone_from(&fresh);
        }
        self.push(session::refused(Some(id), denied.refusal(fresh)));
        // Who is asked for a proof may try again: that much counts as a stray request.
        if !asks {
            self.close(denied.close());
        }
    }

    /// Goes on with a login that waits, if one does. Whether it is done.
    fn poll_login(&mut self) -> bool {
        let Phase::Stranger { pending, .. } = &mut self.phase else { return false };
        let Some(login) = pending else { return false };
        let mut cx = Context::from_waker(&self.io_waker);
        let Poll::Ready(done) = Pin::new(&mut login.waiting).poll(&mut cx) else { return false };
        let Pending { id, login_bytes, .. } = **login;
        *pending = None;
        self.settled = false;
        match done {
            Ok(seated) => self.sit(id, seated, Some(login_bytes)),
            Err(denied) => self.refuse_login(id, denied),
        }
        true
    }

    /// Goes on with a login that waits; when it is done, with what came behind it.
    pub(super) fn go_on_with_login(&mut self) {
        if self.poll_login() {
            self.unread = true;
            self.take_messages();
        }
    }
}
