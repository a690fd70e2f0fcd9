//! Reads from the socket: bytes, then messages, then requests and frames.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use stagedoor_wire::{close::Close, frame::FrameHeader};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::tungstenite::{Error, Message, error::CapacityError};

use super::{
    task::{Connection, Flow, Over, Phase},
    ws_io,
};
use crate::session::{Next, Taken};

impl Connection {
    /// Reads once, and handles what arrived.
    pub(super) fn poll_read(&mut self) -> Poll<Flow> {
        if self.turn.begins_to_read() {
            self.turn.unsettle();
            self.deadlines.heard(false, Instant::now());
            self.take_messages();
            return Poll::Ready(Ok(()));
        }
        let mut buffer = ws_io::borrow();
        let mut read = ReadBuf::new(&mut buffer);
        let mut cx = Context::from_waker(&self.io_waker);
        let polled = Pin::new(&mut self.io).poll_read(&mut cx, &mut read);
        let n = read.filled().len();
        self.turn.asked(polled.is_pending());
        if !matches!(polled, Poll::Ready(Ok(()))) || n == 0 {
            ws_io::give_back(buffer);
            return polled.map(|_| Err(Over));
        }
        if matches!(self.phase, Phase::Closing { .. }) {
            ws_io::give_back(buffer);
            return Poll::Ready(Ok(()));
        }
        self.turn.unsettle();
        self.deadlines.heard(true, Instant::now());
        self.ws.get_mut().fill(buffer, n);
        self.take_messages();
        if let Some(rest) = self.ws.get_mut().empty() {
            // If a login waits, or the turn's requests were expensive enough; otherwise nothing is left.
            self.io.unread(rest);
            self.turn.put_back();
        }
        Poll::Ready(Ok(()))
    }

    /// Handles the messages that tungstenite has buffered, as far as allowed now.
    fn take_messages(&mut self) {
        self.take_each();
        if let Some(output) = self.ws.get_mut().take_output() {
            self.push(output);
        }
    }

    /// Whether messages are handled: not while a login waits, and not while closing.
    fn takes(&self) -> bool {
        match &self.phase {
            Phase::Stranger(stranger) => !stranger.is_pending(),
            Phase::Seated { .. } => true,
            Phase::Closing { .. } => false,
        }
    }

    fn take_each(&mut self) {
        let outbox_bytes_max = self.shared.limits.outbox_bytes_max;
        while self.takes() {
            if self.turn.is_spent(|| self.outbox.bytes() >= outbox_bytes_max) {
                return self.turn.hold();
            }
            match self.ws.read() {
                Ok(Message::Text(text)) => {
                    let before = self.outbox.bytes();
                    self.take_text(&text);
                    let answered = self.outbox.bytes().saturating_sub(before);
                    self.turn.spend(text.len(), answered);
                }
                Ok(Message::Binary(frame)) => self.take_frame(&frame),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(_)) => {
                    // Flushing cannot fail: its destination accepts everything.
                    let _ = self.ws.flush();
                    self.leave("left");
                    if let Phase::Closing { heard, .. } = &mut self.phase {
                        *heard = true;
                    }
                }
                Err(Error::Io(_)) => {
                    // Nothing more arrives, or nothing more that is valid.
                    if let Some(close) = self.ws.get_ref().fault() {
                        tracing::debug!(?close, "a forbidden or oversized frame");
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
            Phase::Stranger(_) => self.text_of_stranger(text),
            Phase::Seated { session, .. } => {
                let now = self.deadlines.heard_at();
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
        let now = self.deadlines.heard_at();
        session.pace(frame.len(), now);
        match FrameHeader::parse(frame) {
            Ok((header, _)) => {
                self.turn.published();
                if session.data(header, frame, now) == Taken::NotYours {
                    self.close(Close::StreamNotYours);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a malformed data frame");
                self.close(Close::ProtocolError);
            }
        }
    }

    /// Continues a waiting login; when it is done, handles the input behind it.
    pub(super) fn go_on_with_login(&mut self) {
        if self.poll_login() {
            self.turn.put_back();
            self.take_messages();
        }
    }
}
