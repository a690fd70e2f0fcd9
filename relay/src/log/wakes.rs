//! Readers that waited for a frame, to be woken a few at a time.

use std::{collections::VecDeque, sync::Arc};

use super::mailbox::Mailbox;

/// Readers woken at once: few enough for a thread's own run queue, and for the caches to still hold what waking touched
/// when they run.
pub(super) const WAKES_AT_ONCE: usize = 128;

/// Readers that have not been woken yet; dropping this wakes them all.
#[derive(Debug, Default)]
pub(crate) struct PendingWakes(VecDeque<(Arc<Mailbox>, u32)>);

impl PendingWakes {
    /// None.
    #[inline]
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Reserves space for `count` more.
    #[inline]
    pub(super) fn reserve(&mut self, count: usize) {
        self.0.reserve(count);
    }

    /// Adds the reader of a cursor.
    #[inline]
    pub(super) fn push(&mut self, mailbox: Arc<Mailbox>, cursor: u32) {
        self.0.push_back((mailbox, cursor));
    }

    /// Wakes some; returns whether more remain.
    #[inline]
    pub(crate) fn wake_some(&mut self) -> bool {
        for _ in 0..WAKES_AT_ONCE {
            let Some((mailbox, cursor)) = self.0.pop_front() else { break };
            mailbox.ready(cursor);
        }
        if self.0.is_empty() && self.0.capacity() > WAKES_AT_ONCE {
            self.0 = VecDeque::new();
        }
        !self.0.is_empty()
    }

    /// Wakes all.
    pub(crate) fn wake_all(&mut self) {
        while let Some((mailbox, cursor)) = self.0.pop_front() {
            mailbox.ready(cursor);
        }
    }
}

impl Drop for PendingWakes {
    fn drop(&mut self) {
        self.wake_all();
    }
}
