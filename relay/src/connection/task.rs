//! A connection as its task has it, and how it passes from one phase to the next: a stranger, a member, on the way
//! out.

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
    login::{Admitted, Step, Stranger},
    token_timers::TokenTimers,
    turn::Turn,
    ws_io::{self, WsIo, web_socket},
};
use crate::{
    door::Denied,
    log::{encode, mailbox::Mailbox},
    net::{addresses::Peer, io::Io, outbox::Outbox},
    session::{self, Seated, Session},
    shared::{Connected, Shared},
};

/// The connection's task.
///
/// In this order, since what every turn looks at lies together: most members' memory is far away when there
/// is something for them.
#[repr(C)]
pub(crate) struct Connection {
    pub(super) span: Span,
    pub(super) shared: Arc<Shared>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    pub(super) turn: Turn,
    pub(super) io: Io,
    /// Of the mailbox, for the socket to read from and the timer.
    pub(super) io_waker: Waker,
    pub(super) deadlines: Deadlines,
    /// By itself, so that neither it nor the task is rounded up by much when it is allocated.
    pub(super) ws: Box<WebSocket<WsIo>>,
    peer: Peer,
    _connected: Connected,
}

/// Where a connection is.
pub(super) enum Phase {
    /// It has no seat yet.
    Stranger(Stranger),
    /// A member.
    Seated { session: Box<Session>, timers: TokenTimers },
    /// On the way out: what the outbox holds is written, the peer's goodbye awaited.
    Closing {
        until: Instant,
        /// Whether the peer said goodbye: nothing more comes of it that anybody waits for.
        heard: bool,
        shut: bool,
    },
}

/// How a connection begins after its upgrade.
pub(crate) enum Begin {
    /// With a `login` to come.
    Stranger,
    /// With the seat that the handshake's token took.
    Seated(Box<Seated>),
    /// With the refusal of a cookie's token, sent as a browser can read it.
    Refused(Box<Denied>),
    /// With a refusal.
    Close(Close),
}

/// The connection is over.
pub(super) struct Over;

pub(super) type Flow = Result<(), Over>;

impl Connection {
    /// A connection after its upgrade. `ahead` is what came behind the request head; the timer may come
    /// sooner than anything is due.
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

    /// Begins with the seat that the handshake's token took, or with a close.
    pub(crate) fn begin(&mut self, begin: Begin) {
        match begin {
            Begin::Stranger => {}
            Begin::Seated(seated) => {
                self.sit(Admitted { id: 0, seated: *seated, login_bytes: None });
            }
            Begin::Refused(denied) => {
                self.push(session::refused(Some(0), denied.refusal(None)));
                self.close(denied.close());
            }
            Begin::Close(close) => self.close(close),
        }
    }

    /// Adds a frame to what is written next.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.outbox.push(frame);
    }

    /// Takes a text message of a stranger's.
    pub(super) fn text_of_stranger(&mut self, text: &str) {
        let Phase::Stranger(stranger) = &mut self.phase else { return };
        let mut cx = Context::from_waker(&self.io_waker);
        let step = stranger.text(text, &self.shared, (&self.mailbox, self.peer), &mut cx);
        self.follow(step);
    }

    /// Goes on with a login that waits; whether it is done.
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

    /// Begins to close: the seat is given up at once, what is under way is written, then the close.
    pub(super) fn close(&mut self, close: Close) {
        self.turn.unsettle();
        // A stranger was sent nothing but why it gets no seat.
        let seated = matches!(self.phase, Phase::Seated { .. });
        if self.leave(close.reason()) {
            self.shared.metrics.closes.one(close.reason());
            if seated && close.is_hurried() {
                self.outbox.forget_unbegun();
            }
            self.push(encode::close(close.code(), close.reason()));
        }
    }

    /// Until when nothing is read, because the member published faster than its role may.
    pub(super) fn paused(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused(),
            _ => None,
        }
    }

    /// Whether what came may be taken now.
    pub(super) fn reads(&self) -> bool {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused().is_none(),
            Phase::Stranger(stranger) => !stranger.is_pending(),
            Phase::Closing { .. } => true,
        }
    }

    /// Gives the seat up. `false` if the connection is on its way out already.
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
