//! The wake rules of a connection's task: what a turn looks at, when it leaves the rest to a later turn, and when it
//! lets others go first. Pure.

/// Requests of one turn may cost so much, in bytes read and answered, before others go first.
const REQUESTS_BYTES_A_TURN: usize = 32_768;
/// What each of them costs besides.
const REQUEST_BYTES: usize = 128;

/// What the turns go by.
///
/// Socket and timer wake the task by way of the mailbox, which says so before it wakes: whatever wakes it last, a
/// turn follows that finds it said. From then on the socket is asked in each turn that may read, until it refuses. A
/// refusal alone leaves our waker with it; so a turn that does not ask leaves either that waker, or `unread`.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Turn {
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
    /// Whether readers of what was published are still to be woken.
    waking: bool,
    /// Whether the timer is set for what comes next, and has not woken the task.
    settled: bool,
}

impl Turn {
    /// Of a connection that was not looked at yet.
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

    /// Whether there may be something to take.
    pub(super) fn may_read(&self) -> bool {
        self.unread || self.held
    }

    /// Begins to read; whether requests are held that come first.
    pub(super) fn begins_to_read(&mut self) -> bool {
        self.spent_bytes = 0;
        std::mem::take(&mut self.held)
    }

    /// The socket was asked, and may hold more unless it refused.
    pub(super) fn asked(&mut self, refused: bool) {
        self.unread = !refused;
    }

    /// Something that was read lies in front of the socket again.
    pub(super) fn put_back(&mut self) {
        self.unread = true;
    }

    /// Whether the requests of this turn have cost so much that the others wait for a later one: for others to go
    /// first, or, with a full outbox, for the peer to take its answers.
    pub(super) fn is_spent(&self, outbox_is_full: impl FnOnce() -> bool) -> bool {
        self.spent_bytes >= REQUESTS_BYTES_A_TURN || (self.spent_bytes > 0 && outbox_is_full())
    }

    /// A request was taken, and answered.
    pub(super) fn spend(&mut self, request_bytes: usize, answered_bytes: usize) {
        self.spent_bytes += REQUEST_BYTES + request_bytes + answered_bytes;
    }

    /// Leaves the other requests to a later turn.
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

    /// Whether the task lets all others that are ready go first, once before it writes: so what many publish at
    /// once goes to each socket by one write.
    pub(super) fn stands_back(&mut self) -> bool {
        let stands_back = std::mem::take(&mut self.published) && !self.stood_back;
        self.stood_back |= stands_back;
        stands_back
    }

    /// The task writes.
    pub(super) fn writes(&mut self) {
        self.stood_back = false;
    }

    /// Whether readers of what was published are still to be woken.
    pub(super) fn is_waking(&self) -> bool {
        self.waking
    }

    /// Some of them were woken; whether there are more.
    pub(super) fn woke(&mut self, more: bool) {
        self.waking = more;
    }

    /// Whether the timer is set for what comes next.
    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    /// The timer is set for what comes next.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// What comes next may be something else.
    pub(super) fn unsettle(&mut self) {
        self.settled = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_stands_back_once_until_it_writes() {
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
        assert!(!turn.is_spent(|| true), "the first is always taken");
        turn.spend(1, 1);
        assert!(turn.is_spent(|| true) && !turn.is_spent(|| false));
        turn.spend(REQUESTS_BYTES_A_TURN, 0);
        assert!(turn.is_spent(|| false));
        assert!(!turn.begins_to_read() && !turn.is_spent(|| true));
    }
}
