//! The phase of an HTTP connection, and how long it may last. It does not parse requests: it sees bytes pass, and
//! learns when a request has arrived and when its answer begins.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use stagedoor_relay::Io;
use stagedoor_server::BodyTimeout;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use crate::config::Http;

/// The phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A head is arriving.
    Head,
    /// A request is being answered; its body, if any, has a time limit of its own.
    Working,
    /// An answer is being sent.
    Answer,
    /// Idle.
    Idle,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// Whether the whole answer was taken from its body.
    is_given: bool,
}

/// A connection's phase, shared by its parts.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Arc<Mutex<State>>);

impl Pace {
    /// A connection whose first head is arriving.
    pub(crate) fn new() -> Self {
        let state = State { phase: Phase::Head, since: Instant::now(), is_given: false };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phase, and since when.
    pub(crate) fn now(&self) -> (Phase, Instant) {
        let state = self.state();
        (state.phase, state.since)
    }

    fn enter(&self, phase: Phase) {
        *self.state() = State { phase, since: Instant::now(), is_given: false };
    }

    /// A request's head has arrived.
    pub(crate) fn requested(&self) {
        self.enter(Phase::Working);
    }

    /// An answer begins; the returned body reports when it was taken completely.
    pub(crate) fn answered(&self, body: Body) -> Body {
        self.enter(Phase::Answer);
        let is_streamed = body.size_hint().exact().is_none();
        Body::new(Answer { body, pace: self.clone(), is_streamed })
    }

    /// Whether no request waits for an answer: what is written now answers nothing that was read.
    pub(crate) fn is_unasked(&self) -> bool {
        matches!(self.state().phase, Phase::Head | Phase::Idle)
    }

    fn given(&self) {
        self.state().is_given = true;
    }

    fn read(&self) {
        if self.state().phase == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn flushed(&self) {
        let is_over = {
            let state = self.state();
            state.phase == Phase::Answer && state.is_given
        };
        if is_over {
            self.enter(Phase::Idle);
        }
    }
}

impl Http {
    /// When the present phase must end. `scarce`: whether connections are scarce.
    pub(crate) fn deadline(
        &self,
        (phase, since): (Phase, Instant),
        scarce: bool,
    ) -> Option<Instant> {
        let ms = match phase {
            Phase::Head => self.head_timeout_ms,
            Phase::Working => return None,
            Phase::Answer => self.answer_timeout_ms,
            Phase::Idle if scarce => self.head_timeout_ms.min(self.idle_timeout_ms),
            Phase::Idle => self.idle_timeout_ms,
        };
        Some(since + Duration::from_millis(ms))
    }
}

/// A connection that observes its bytes.
pub(crate) struct Paced {
    io: Io,
    pace: Pace,
    /// Whether everything written was sent.
    pub(crate) is_flushed: bool,
    /// Hyper's own answer to a head that it cannot parse. It has no body, so it is held back, and the caller writes one
    /// with a body.
    held_back: Vec<u8>,
}

impl Paced {
    pub(crate) fn new(io: Io, pace: Pace) -> Self {
        Self { io, pace, is_flushed: true, held_back: Vec::new() }
    }

    /// The status of an answer that was held back.
    pub(crate) fn held_back(&self) -> Option<StatusCode> {
        StatusCode::from_bytes(self.held_back.get(9..12)?).ok()
    }

    /// Holds back bytes that answer no request; returns how many.
    fn hold_back<'a>(&mut self, bufs: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
        if !self.pace.is_unasked() {
            return None;
        }
        let before = self.held_back.len();
        bufs.for_each(|buf| self.held_back.extend_from_slice(buf));
        Some(self.held_back.len() - before)
    }

    pub(crate) fn into_inner(self) -> Io {
        self.io
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pace.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(held_back) = self.hold_back(std::iter::once(buf)) {
            return Poll::Ready(Ok(held_back));
        }
        self.is_flushed = false;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(held_back) = self.hold_back(bufs.iter().map(|buf| &**buf)) {
            return Poll::Ready(Ok(held_back));
        }
        self.is_flushed = false;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// Called when everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.is_flushed = true;
        self.pace.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held_back.is_empty() {
            // The answer is still to come.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// An answer's body.
struct Answer {
    body: Body,
    pace: Pace,
    /// Whether it is made while it is sent; then each part has the time of an answer.
    is_streamed: bool,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if self.is_streamed && frame.is_some() {
            self.pace.enter(Phase::Answer);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pace.given();
    }
}

/// A request's body, which must arrive in time.
pub(crate) struct Timed {
    body: Incoming,
    until: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    pub(crate) fn new(body: Incoming, http: &Http) -> Self {
        let until = Instant::now() + Duration::from_millis(http.body_timeout_ms);
        Self { body, until, timer: None }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let until = self.until;
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyTimeout.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
