//! A connection as its task sees it, and its phases: before the seat, member, closing.

use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use stagedoor_wire::close::Close;
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tracing::Span;

use super::{
    deadlines::{Deadlines, Timer},
    intake::Intake,
    login::{Admitted, Step, Stranger},
    token_timers::TokenTimers,
    turn::Turn,
    ws_io::{self, WsIo, web_socket},
};
use crate::{
    log::{encode, mailbox::Mailbox},
    net::{addresses::Peer, io::Io, outbox::Outbox},
    session::{self, RefusedLogin, Seated, Session},
    shared::{Connected, Shared},
};

/// The connection's task.
///
/// Field order matters: what every turn needs lies together, because most members' memory is not in the cache when
/// something arrives for them.
#[repr(C)]
pub(crate) struct Connection {
    pub(super) span: Span,
    pub(super) shared: Arc<Shared>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    pub(super) turn: Turn,
    pub(super) intake: Intake,
    pub(super) io: Io,
    /// Backed by the mailbox; for the socket's reads and the timer.
    pub(super) io_waker: Waker,
    pub(super) deadlines: Deadlines,
    /// Boxed, so that neither this nor the task is rounded up by much when allocated.
    pub(super) ws: Box<WebSocket<WsIo>>,
    peer: Peer,
    _connected: Connected,
}

/// The phase of a connection.
pub(super) enum Phase {
    /// It has no seat yet.
    Stranger(Stranger),
    /// A member.
    Seated { session: Box<Session>, timers: TokenTimers },
    /// Closing: what the outbox holds is written, and the peer's close awaited.
    Closing {
        until: Instant,
        /// Whether the peer has sent its close: nothing that follows matters.
        heard: bool,
        shut: bool,
    },
}

/// How a connection starts after its upgrade.
pub(crate) enum Begin {
    /// Waiting for a `login`.
    Stranger,
    /// With the seat that the handshake's token got.
    Seated(Box<Seated>),
    /// With the refusal of a cookie's token, sent in a form that a browser can read.
    Refused(Box<RefusedLogin>),
    /// With a refusal.
    Close(Close),
}

/// The connection is over.
pub(super) struct Over;

pub(super) type Flow = Result<(), Over>;

impl Connection {
    /// A connection after its upgrade. `ahead` is what arrived behind the request head; the timer may fire before
    /// anything is due.
    pub(crate) fn new(
        mut io: Io,
        ahead: Bytes,
        shared: Arc<Shared>,
        (peer, timer): (Peer, Timer),
        mailbox: Arc<Mailbox>,
    ) -> Self {
        let now = Instant::now();
        let limits = &shared.limits;
        let until = now + Duration::from_millis(limits.login_timeout_ms);
        let ws = web_socket(WsIo::default(), limits.handshake_bytes_max);
        let connected = shared.connected(&mailbox);
        io.unread(ahead);
        Self {
            span: Span::current(),
            phase: Phase::Stranger(Stranger::new(until)),
            outbox: Outbox::default(),
            turn: Turn::new(),
            intake: Intake::new(),
            io,
            io_waker: Waker::from(mailbox.clone()),
            deadlines: Deadlines::new(timer, now),
            ws,
            peer,
            _connected: connected,
            mailbox,
            shared,
        }
    }

    /// Starts with the seat that the handshake's token got, or with a close.
    pub(crate) fn begin(&mut self, begin: Begin) {
        match begin {
            Begin::Stranger => {}
            Begin::Seated(seated) => {
                self.sit(Admitted { id: 0, seated: *seated, login_bytes: None });
            }
            Begin::Refused(refused) => {
                let RefusedLogin { denied, attempt } = *refused;
                self.push(session::refused(Some(0), denied.refusal(None, attempt)));
                self.close(denied.close());
            }
            Begin::Close(close) => self.close(close),
        }
    }

    /// Queues a frame to be written next.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.outbox.push(frame);
    }

    /// Handles a stranger's text message.
    pub(super) fn text_of_stranger(&mut self, text: &str) {
        let Phase::Stranger(stranger) = &mut self.phase else { return };
        let mut cx = Context::from_waker(&self.io_waker);
        let step = stranger.text(text, &self.shared, (&self.mailbox, self.peer), &mut cx);
        self.follow(step);
    }

    /// Continues a waiting login; returns whether it is done.
    pub(super) fn poll_login(&mut self) -> bool {
        let Phase::Stranger(stranger) = &mut self.phase else { return false };
        let Some(step) = stranger.poll(&mut Context::from_waker(&self.io_waker)) else {
            return false;
        };
        self.turn.unsettle();
        self.follow(step);
        true
    }

    fn follow(&mut self, step: Step) {
        match step {
            Step::Answer(answer, close) => {
                self.push(answer);
                if let Some(close) = close {
                    self.close(close);
                }
            }
            Step::Seat(admitted) => self.sit(*admitted),
            Step::Wait => {}
        }
    }

    fn sit(&mut self, admitted: Admitted) {
        let Admitted { id, seated: (seat, answer), login_bytes } = admitted;
        let limits = &self.shared.limits;
        ws_io::seat(&mut self.ws, login_bytes, limits.control_bytes_max, limits.frame_bytes_max);
        let timers = TokenTimers::of(&seat.me().token, limits, self.shared.clock.unix_ms());
        self.push(session::ok(id, answer));
        let session = Box::new(Session::new(self.shared.clone(), seat, Instant::now()));
        self.phase = Phase::Seated { session, timers };
    }

    /// Begins to close: gives up the seat at once, finishes the frame being written, then sends the close.
    pub(super) fn close(&mut self, close: Close) {
        self.turn.unsettle();
        // A stranger is only sent the reason why it gets no seat.
        let seated = matches!(self.phase, Phase::Seated { .. });
        if self.leave(close.reason()) {
            self.shared.metrics.closes.one(close.reason());
            if seated && close.is_hurried() {
                self.outbox.forget_unbegun();
            }
            self.push(encode::close(close.code(), close.reason()));
        }
    }

    /// Until when reading is paused, because the member published faster than its role allows.
    pub(super) fn paused(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused(),
            _ => None,
        }
    }

    /// Whether input may be handled now.
    pub(super) fn reads(&self) -> bool {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused().is_none(),
            Phase::Stranger(stranger) => !stranger.is_pending(),
            Phase::Closing { .. } => true,
        }
    }

    /// Gives up the seat. `false` if the connection is already closing.
    pub(super) fn leave(&mut self, reason: &'static str) -> bool {
        let until = Instant::now() + Duration::from_millis(self.shared.limits.close_timeout_ms);
        let closing = Phase::Closing { until, heard: false, shut: false };
        match std::mem::replace(&mut self.phase, closing) {
            Phase::Stranger(_) => true,
            Phase::Seated { session, .. } => {
                session.end(reason);
                true
            }
            old @ Phase::Closing { .. } => {
                self.phase = old;
                false
            }
        }
    }
}
