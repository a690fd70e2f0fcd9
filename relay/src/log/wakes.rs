//! Readers that waited for a frame, to be woken some at a time.

use std::{collections::VecDeque, sync::Arc};

use super::mailbox::Mailbox;

/// Readers that are woken in one go: few enough for the runtime's own queue of a thread, and for what waking
/// them touches to be in the caches still when they have their turns.
pub(super) const WAKES_AT_ONCE: usize = 128;

/// Readers that are still to be woken, at the latest when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct PendingWakes(VecDeque<(Arc<Mailbox>, u32)>);

impl PendingWakes {
    /// None.
    #[inline]
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Makes space for `count` more.
    #[inline]
    pub(super) fn reserve(&mut self, count: usize) {
        self.0.reserve(count);
    }

    /// Adds the reader of a cursor.
    #[inline]
    pub(super) fn push(&mut self, mailbox: Arc<Mailbox>, cursor: u32) {
        self.0.push_back((mailbox, cursor));
    }

    /// Wakes some; whether there are more.
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
