//! The wake rules of a connection's task: what a turn checks, what it leaves to a later turn, and when it yields. Pure.

/// The cost of a turn's requests, in bytes read and answered, after which the task yields.
const REQUESTS_BYTES_A_TURN: usize = 32_768;
/// The fixed cost of each request.
const REQUEST_BYTES: usize = 128;

/// The state that decides each turn.
///
/// Socket and timer wake the task through the mailbox, which sets a flag before it wakes; the turn that follows always
/// sees the flag. From then on every turn that may read polls the socket, until it returns pending. Only a pending read
/// leaves our waker with the socket; so a turn that does not poll it leaves either that waker, or `unread`.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Turn {
    /// Whether the socket may hold input: its last read returned some, or it has woken the task since it was empty.
    unread: bool,
    /// Whether requests were read that are handled in a later turn.
    held: bool,
    /// The cost of this turn's requests so far, in bytes read and answered.
    spent_bytes: usize,
    /// Whether the last input published something.
    published: bool,
    /// Whether the task has yielded since it last wrote.
    stood_back: bool,
    /// Whether readers of what was published have not been woken yet.
    waking: bool,
    /// Whether the timer is set for the next deadline and has not fired.
    settled: bool,
}

impl Turn {
    /// For a connection that had no turn yet.
    pub(super) fn new() -> Self {
        Self {
            unread: true,
            held: false,
            spent_bytes: 0,
            published: false,
            stood_back: false,
            waking: false,
            settled: false,
        }
    }

    /// Socket or timer woke the task.
    pub(super) fn io_ready(&mut self) {
        self.unread = true;
        self.settled = false;
    }

    /// Whether there may be input.
    pub(super) fn may_read(&self) -> bool {
        self.unread || self.held
    }

    /// Begins to read; returns whether held requests come first.
    pub(super) fn begins_to_read(&mut self) -> bool {
        self.spent_bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// The socket was polled; it may hold more unless it returned pending.
    pub(super) fn asked(&mut self, refused: bool) {
        self.unread = !refused;
    }

    /// Input that was read is put back in front of the socket.
    pub(super) fn put_back(&mut self) {
        self.unread = true;
    }

    /// Whether this turn's requests have cost so much that the rest waits for a later turn: to let other tasks run or,
    /// with a full outbox, to let the peer read its answers.
    pub(super) fn is_spent(&self, outbox_is_full: impl FnOnce() -> bool) -> bool {
        self.spent_bytes >= REQUESTS_BYTES_A_TURN || (self.spent_bytes > 0 && outbox_is_full())
    }

    /// A request was handled and answered.
    pub(super) fn spend(&mut self, request_bytes: usize, answered_bytes: usize) {
        self.spent_bytes += REQUEST_BYTES + request_bytes + answered_bytes;
    }

    /// Leaves the remaining requests to a later turn.
    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// Whether requests are left to a later turn.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    /// A frame was published.
    pub(super) fn published(&mut self) {
        self.published = true;
        self.waking = true;
    }

    /// Whether to yield to all ready tasks, once before writing, so that frames that many members publish at once go to
    /// each socket in one write.
    pub(super) fn stands_back(&mut self) -> bool {
        let stands_back = std::mem::take(&mut self.published) && !self.stood_back;
        self.stood_back |= stands_back;
        stands_back
    }

    /// The task writes.
    pub(super) fn writes(&mut self) {
        self.stood_back = false;
    }

    /// Whether readers of what was published have not been woken yet.
    pub(super) fn is_waking(&self) -> bool {
        self.waking
    }

    /// Some of them were woken; `more` remain.
    pub(super) fn woke(&mut self, more: bool) {
        self.waking = more;
    }

    /// Whether the timer is set for the next deadline.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The timer is set for the next deadline.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// The next deadline may have changed.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_yields_once_until_it_writes() {
        let mut turn = Turn::new();
        assert!(!turn.stands_back(), "nothing was published");
        turn.published();
        assert!(turn.stands_back());
        turn.published();
        assert!(!turn.stands_back());
        turn.writes();
        turn.published();
        assert!(turn.stands_back());
    }

    #[test]
    fn requests_are_held_when_they_cost_enough_or_answers_wait() {
        let mut turn = Turn::new();
        assert!(!turn.is_spent(|| true), "the first is always handled");
        turn.spend(1, 1);
        assert!(turn.is_spent(|| true) && !turn.is_spent(|| false));
        turn.spend(REQUESTS_BYTES_A_TURN, 0);
        assert!(turn.is_spent(|| false));
        assert!(!turn.begins_to_read() && !turn.is_spent(|| true));
    }
}
