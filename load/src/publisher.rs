//! Who publishes, to whom, and which of its frames are under way. After `storm`, before `member`.

/// Who publishes, to whom.
pub(crate) struct Publisher {
    pub(crate) member: usize,
    pub(crate) group: u32,
    pub(crate) number: u32,
    pub(crate) room: String,
    /// Receivers that hold the window.
    pub(crate) receivers: u32,
    pub(crate) sent: u64,
    /// Frames that every such receiver has.
    pub(crate) done: u64,
    /// Of the frames under way, how many such receivers have each.
    pub(crate) have: Vec<u32>,
}

impl Publisher {
    /// A receiver that holds the window has this frame.
    pub(crate) fn count(&mut self, seq: u64) {
        let window = self.have.len() as u64;
        // One that was passed already has given its place to a later one.
        if seq >= self.done {
            self.have[(seq % window) as usize] += 1;
        }
    }

    /// Moves past the frames that all such receivers have; whether there are any.
    pub(crate) fn is_due(&mut self) -> bool {
        let (window, before) = (self.have.len() as u64, self.done);
        while self.done < self.sent && self.have[(self.done % window) as usize] >= self.receivers {
            self.have[(self.done % window) as usize] = 0;
            self.done += 1;
        }
        self.done > before
    }
}
