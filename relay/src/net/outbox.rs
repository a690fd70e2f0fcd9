//! Queued output for the socket, written with few system calls. Many small pieces are copied together and written at
//! once; from a few KiB each on they are written in place.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, IoSlice},
    iter,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// Pieces of this average size are written in place.
const VECTORED_PIECE_BYTES: usize = 4_096;
/// The most that is copied together for one write.
const COPY_BYTES_MAX: usize = 65_536;
/// Pieces in one vectored write.
const SLICES_MAX: usize = 64;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Whole frames, preceded by the rest of one half written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The first piece; most batches have no other. Empty only if the outbox is.
    first: Bytes,
    more: VecDeque<Bytes>,
    bytes: usize,
    /// All bytes ever queued.
    given: u64,
    /// Whether the first piece is partly written.
    half: bool,
}

impl Outbox {
    /// Adds whole frames.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.given += piece.len() as u64;
            if self.first.is_empty() {
                self.first = piece;
            } else {
                self.more.push_back(piece);
            }
        }
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes ever queued.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// How many of these bytes have left the queue.
    pub(crate) fn taken(&self) -> u64 {
        self.given - self.bytes as u64
    }

    #[inline]
    fn advance(&mut self, written: usize) {
        self.bytes -= written;
        // Usually everything is written, and was one piece.
        if self.bytes == 0 && self.more.is_empty() {
            self.half = false;
            self.first = Bytes::new();
            return;
        }
        self.advance_pieces(written);
    }

    /// Separate, so that the usual case is written out where it is called.
    #[inline(never)]
    fn advance_pieces(&mut self, mut written: usize) {
        while !self.first.is_empty() {
            if self.first.len() > written {
                self.half |= written > 0;
                self.first.advance(written);
                return;
            }
            written -= self.first.len();
            self.half = false;
            self.first = self.more.pop_front().unwrap_or_default();
        }
    }

    /// Discards frames that were not begun, so that a close is sent soon.
    pub(crate) fn forget_unbegun(&mut self) {
        self.more.clear();
        if !self.half {
            self.first = Bytes::new();
        }
        self.bytes = self.first.len();
    }

    /// Writes once; returns how many bytes were accepted. Must not be called when the queue is empty.
    #[inline]
    pub(crate) fn poll_write(
        &mut self,
        io: Pin<&mut (impl AsyncWrite + Unpin)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let polled = if self.more.is_empty() {
            io.poll_write(cx, &self.first)
        } else {
            self.poll_many(io, cx)
        };
        if let Poll::Ready(Ok(written)) = polled {
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        polled
    }

    /// Separate, so that writing one piece does not pay for the stack space that many need.
    #[inline(never)]
    fn poll_many(
        &self,
        io: Pin<&mut (impl AsyncWrite + Unpin)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let pieces = || iter::once(&self.first).chain(&self.more);
        if io.is_write_vectored() && self.bytes / (1 + self.more.len()) >= VECTORED_PIECE_BYTES {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let mut filled = 0;
            for (slice, piece) in slices.iter_mut().zip(pieces()) {
                *slice = IoSlice::new(piece);
                filled += 1;
            }
            return io.poll_write_vectored(cx, &slices[..filled]);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            for piece in pieces() {
                let room = COPY_BYTES_MAX - scratch.len();
                scratch.extend_from_slice(&piece[..piece.len().min(room)]);
                if scratch.len() == COPY_BYTES_MAX {
                    break;
                }
            }
            io.poll_write(cx, scratch)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Accepts a few bytes at a time.
    struct Trickle {
        taken: Vec<u8>,
        steps: Vec<usize>,
        vectored: bool,
    }

    impl AsyncWrite for Trickle {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            let n = self.steps.pop().unwrap_or(usize::MAX).clamp(1, buf.len());
            self.taken.extend_from_slice(&buf[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let all: Vec<u8> = bufs.iter().flat_map(|b| b.iter().copied()).collect();
            let n = self.steps.pop().unwrap_or(usize::MAX).clamp(1, all.len());
            self.taken.extend_from_slice(&all[..n]);
            Poll::Ready(Ok(n))
        }

        fn is_write_vectored(&self) -> bool {
            self.vectored
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn clearing_keeps_only_the_piece_in_progress() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"first"));
        outbox.push(Bytes::from_static(b"second"));
        outbox.advance(2);
        outbox.forget_unbegun();
        assert_eq!(outbox.bytes(), 3);
        outbox.advance(3);
        assert_eq!((outbox.given(), outbox.taken()), (11, 11));
        outbox.push(Bytes::from_static(b"third"));
        outbox.forget_unbegun();
        assert_eq!(outbox.bytes(), 0);
    }

    proptest! {
        #[test]
        fn all_bytes_are_written_in_order_however_few_at_a_time(
            sizes in prop::collection::vec(0_usize..9_000, 1..80),
            steps in prop::collection::vec(1_usize..20_000, 0..60),
            vectored: bool,
        ) {
            let mut outbox = Outbox::default();
            let mut want = Vec::new();
            for (n, size) in sizes.iter().enumerate() {
                let piece = vec![n as u8; *size];
                want.extend_from_slice(&piece);
                outbox.push(Bytes::from(piece));
            }
            let mut io = Trickle { taken: Vec::new(), steps, vectored };
            let mut cx = Context::from_waker(std::task::Waker::noop());
            while outbox.bytes() > 0 {
                prop_assert!(matches!(outbox.poll_write(Pin::new(&mut io), &mut cx), Poll::Ready(Ok(_))));
            }
            prop_assert!(outbox.first.is_empty() && outbox.more.is_empty());
            prop_assert_eq!(io.taken, want);
        }
    }
}
