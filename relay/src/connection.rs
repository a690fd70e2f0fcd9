//! One task, one socket: reads, asks the session, gathers, writes. It never waits for another member, and
//! never leaves a frame half written with another inside.

mod deadlines;
mod frames;
mod login;
mod turn;
mod ws_io;

use std::{
    cell::RefCell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_wire::{close::Close, event::Event, frame::FrameHeader};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Sleep,
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::CapacityError,
    protocol::{Role, WebSocket, WebSocketConfig},
};
use tracing::Span;

pub(crate) use self::login::Begin;
use self::{deadlines::TokenTimers, login::Pending, ws_io::Tap};
use crate::{
    log::encode,
    log::mailbox::{Mail, Mailbox, Order},
    net::addresses::Peer,
    net::io::Io,
    net::outbox::Outbox,
    session::{Next, Session, Taken},
    shared::{Connected, Shared},
};

/// Requests before `login` that are answered, before the connection is closed.
const STRAY_REQUESTS_MAX: u8 = 8;
/// Requests of one turn may cost so much, in bytes read and answered, before others go first.
const REQUESTS_BYTES_A_TURN: usize = 32_768;
/// What each of them costs besides.
const REQUEST_BYTES: usize = 128;
/// What tungstenite keeps for a frame that has not come whole; it grows with a frame that needs it.
const FRAME_BUFFER_BYTES: usize = 128;

thread_local! {
    /// Where a connection of this thread lays the mail that it goes through.
    static MAIL: RefCell<Mail> = RefCell::default();
}

/// The connection's task.
///
/// In this order, since what every turn looks at lies together: most members' memory is far away when there
/// is something for them.
#[repr(C)]
pub(crate) struct Connection {
    span: Span,
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    phase: Phase,
    outbox: Outbox,
    /// Whether the socket may hold something: it gave something last, or has woken the task since it had
    /// nothing.
    unread: bool,
    /// Whether requests were read that are to be taken in a later turn.
    held: bool,
    /// What requests of this turn have cost, in bytes read and answered.
    spent_bytes: usize,
    /// Whether what was read last published something.
    published: bool,
    /// Whether the task has let the others go first since it wrote.
    stood_back: bool,
    /// Whether not all are told yet of what was published.
    waking: bool,
    /// Whether the timer is set for what comes next, and has not woken the task.
    settled: bool,
    io: Io,
    /// Of the mailbox, for the socket to read from and the timer.
    io_waker: Waker,
    armed: Instant,
    order: Option<Order>,
    /// When the socket last took some of what waits, or first refused it; none while it takes all.
    stalled_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    heard_at: Instant,
    pinged: bool,
    /// By itself, so that neither it nor the task is rounded up by much when it is allocated.
    ws: Box<WebSocket<Tap>>,
    peer: Peer,
    _connected: Connected,
}

enum Phase {
    /// Nobody yet.
    Stranger {
        until: Instant,
        strays: u8,
        /// What the proof of a login must contain, once that was asked for.
        nonce: Option<Box<str>>,
        /// A login that waits for the store; meanwhile nothing is read.
        pending: Option<Box<Pending>>,
    },
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

/// A WebSocket that reads frames of at most `bytes_max`.
fn web_socket(tap: Tap, bytes_max: usize) -> Box<WebSocket<Tap>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(FRAME_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(bytes_max));
    Box::new(WebSocket::from_raw_socket(tap, Role::Server, Some(config)))
}

/// The connection is over.
struct Over;

type Flow = Result<(), Over>;

impl Connection {
    /// A connection after its upgrade. `ahead` is what came behind the request head; the timer may come
    /// sooner than anything is due.
    pub(crate) fn new(
        io: Io,
        ahead: Bytes,
        shared: Arc<Shared>,
        (peer, timer): (Peer, Timer),
        mailbox: Arc<Mailbox>,
    ) -> Self {
        let now = Instant::now();
        let limits = &shared.limits;
        let bytes_max = limits.handshake_bytes_max;
        let until = now + Duration::from_millis(limits.login_timeout_ms);
        let connected = shared.connected(&mailbox);
        let mut io = io;
        io.unread(ahead);
        Self {
            io,
            ws: web_socket(Tap::default(), bytes_max),
            phase: Phase::Stranger { until, strays: 0, nonce: None, pending: None },
            peer,
            io_waker: Waker::from(mailbox.clone()),
            mailbox,
            span: Span::current(),
            outbox: Outbox::default(),
            order: None,
            heard_at: now,
            pinged: false,
            stalled_at: None,
            published: false,
            stood_back: false,
            waking: false,
            unread: true,
            held: false,
            spent_bytes: 0,
            timer: timer.sleep,
            armed: timer.until,
            settled: false,
            _connected: connected,
            shared,
        }
    }

    fn push(&mut self, frame: Bytes) {
        self.outbox.push(frame);
    }

    /// Begins to close: the seat is given up at once, what is under way is written, then the close.
    fn close(&mut self, close: Close) {
        self.settled = false;
        // Who has no seat was told nothing but why it gets none.
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
    fn paused(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused(),
            _ => None,
        }
    }

    /// Whether what came may be taken now.
    fn reads(&self) -> bool {
        match &self.phase {
            Phase::Seated { session, .. } => session.paused().is_none(),
            Phase::Stranger { pending, .. } => pending.is_none(),
            Phase::Closing { .. } => true,
        }
    }

    /// Gives the seat up. `false` if the connection is on its way out already.
    fn leave(&mut self, reason: &'static str) -> bool {
        let until = Instant::now() + Duration::from_millis(self.shared.limits.close_timeout_ms);
        let closing = Phase::Closing { until, heard: false, shut: false };
        match std::mem::replace(&mut self.phase, closing) {
            Phase::Stranger { .. } => true,
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

    fn poll_read(&mut self) -> Poll<Flow> {
        self.spent_bytes = 0;
        if std::mem::take(&mut self.held) {
            self.settled = false;
            self.heard_at = Instant::now();
            self.take_messages();
            return Poll::Ready(Ok(()));
        }
        let mut buffer = ws_io::borrow();
        let mut read = ReadBuf::new(&mut buffer);
        let mut cx = Context::from_waker(&self.io_waker);
        let polled = Pin::new(&mut self.io).poll_read(&mut cx, &mut read);
        let n = read.filled().len();
        self.unread = polled.is_ready();
        if !matches!(polled, Poll::Ready(Ok(()))) || n == 0 {
            ws_io::give_back(buffer);
            return polled.map(|_| Err(Over));
        }
        if matches!(self.phase, Phase::Closing { .. }) {
            ws_io::give_back(buffer);
            return Poll::Ready(Ok(()));
        }
        self.settled = false;
        self.heard_at = Instant::now();
        self.pinged = false;
        self.ws.get_mut().fill(buffer, n);
        self.take_messages();
        if let Some(rest) = self.ws.get_mut().empty() {
            // Behind a login that waits, or behind requests that cost enough for one turn; else nothing is left.
            self.io.unread(rest);
            self.unread = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the requests of this turn have cost so much that the others wait for a later one: for others to
    /// go first, or for the peer to take its answers.
    fn holds(&self) -> bool {
        self.spent_bytes >= REQUESTS_BYTES_A_TURN
            || (self.spent_bytes > 0 && self.outbox.bytes() >= self.shared.limits.outbox_bytes_max)
    }

    /// Takes what tungstenite holds, as far as it may be taken now.
    fn take_messages(&mut self) {
        self.take_each();
        let tap = self.ws.get_mut();
        if !tap.output.is_empty() {
            let output = std::mem::take(&mut tap.output);
            self.push(output.into());
        }
    }

    fn take_each(&mut self) {
        while !matches!(
            self.phase,
            Phase::Closing { .. } | Phase::Stranger { pending: Some(_), .. }
        ) {
            if self.holds() {
                self.held = true;
                return;
            }
            match self.ws.read() {
                Ok(Message::Text(text)) => {
                    let before = self.outbox.bytes();
                    self.take_text(&text);
                    let answered = self.outbox.bytes().saturating_sub(before);
                    self.spent_bytes += REQUEST_BYTES + text.len() + answered;
                }
                Ok(Message::Binary(frame)) => self.take_frame(&frame),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) => {
                    // Flushing cannot fail: the tap takes everything.
                    let _ = self.ws.flush();
                    self.leave("left");
                    if let Phase::Closing { heard, .. } = &mut self.phase {
                        *heard = true;
                    }
                }
                Err(Error::Io(_)) => {
                    // Nothing more comes, or nothing more that is good.
                    if let Some(close) = self.ws.get_ref().fault() {
                        tracing::debug!(?close, "a frame that is forbidden or too large");
                        self.close(close);
                    }
                    return;
                }
                Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
                    self.close(Close::TooLarge);
                }
                Err(error) => {
                    tracing::debug!(%error, "protocol error");
                    self.close(Close::ProtocolError);
                }
            }
        }
    }

    fn take_text(&mut self, text: &str) {
        if text.len() > self.shared.limits.control_bytes_max {
            return self.close(Close::TooLarge);
        }
        match &mut self.phase {
            Phase::Stranger { strays, .. } => {
                *strays += 1;
                let strays = *strays;
                self.take_login(text, strays);
            }
            Phase::Seated { session, .. } => {
                let now = self.heard_at;
                let outbox = &mut self.outbox;
                match session.text(text, now, |frame| outbox.push(frame)) {
                    Next::On => {}
                    Next::Leave => self.close(Close::Left),
                    Next::Close(close) => self.close(close),
                }
            }
            Phase::Closing { .. } => {}
        }
    }

    fn take_frame(&mut self, frame: &Bytes) {
        let Phase::Seated { session, .. } = &mut self.phase else {
            return self.close(Close::ProtocolError);
        };
        if frame.len() > session.frame_bytes_max() {
            return self.close(Close::TooLarge);
        }
        session.pace(frame.len(), self.heard_at);
        match FrameHeader::parse(frame) {
            Ok((header, _)) => {
                self.published = true;
                self.waking = true;
                if session.data(header, frame, self.heard_at) == Taken::NotYours {
                    self.close(Close::StreamNotYours);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "not a data frame");
                self.close(Close::ProtocolError);
            }
        }
    }

    /// Fills the outbox from mailbox and logs; whether there may be more. From here on new mail wakes the
    /// task.
    fn gather(&mut self, cx: &Context<'_>) -> bool {
        MAIL.with_borrow_mut(|mail| self.gather_by(mail, cx))
    }

    fn gather_by(&mut self, mail: &mut Mail, cx: &Context<'_>) -> bool {
        let bytes_max = self.shared.limits.gather_bytes_max;
        let room = self.outbox.bytes() < bytes_max;
        if let Some(order) = self.mailbox.take(mail, room, cx.waker()) {
            self.obey(order);
        }
        let Phase::Seated { session, .. } = &mut self.phase else { return false };
        if !room {
            return true;
        }
        let outbox = &mut self.outbox;
        let mut refreshed = Ok(());
        if self.mailbox.is_changing() {
            self.settled = false;
            refreshed = session.refresh(|frame| outbox.push(frame));
        }
        let gathered = refreshed.and_then(|()| session.gather(mail, outbox, bytes_max));
        gathered.unwrap_or_else(|close| {
            self.close(close);
            false
        })
    }

    fn obey(&mut self, order: Order) {
        self.settled = false;
        let now = Instant::now();
        let told = order.at > now || order.close == Close::Closing;
        if told && matches!(self.phase, Phase::Seated { .. }) {
            let event = Event::<Box<RawValue>>::Closing {
                code: order.close.code(),
                reason: order.close.reason().into(),
                next: order.close.next(),
                in_ms: order.at.saturating_duration_since(now).as_millis() as u64,
            };
            self.push(encode::json(&event));
        }
        if order.at <= now {
            self.close(order.close);
        } else if self.order.is_none_or(|old| order.at < old.at) {
            self.order = Some(order);
        }
    }
}

/// A connection's timer, which is the handshake's first.
pub(crate) struct Timer {
    pub(crate) sleep: Pin<Box<Sleep>>,
    until: Instant,
}

impl Timer {
    pub(crate) fn until(until: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(until.into())), until }
    }
}
