//! One publisher of a run: its receivers, and its frames in flight.

/// A publisher and its receivers.
pub(crate) struct Publisher {
    pub(crate) member: usize,
    pub(crate) group: u32,
    pub(crate) number: u32,
    pub(crate) room: String,
    /// Receivers that count for the window.
    pub(crate) receivers: u32,
    pub(crate) sent: u64,
    /// Frames that all of these receivers have.
    pub(crate) done: u64,
    /// For each frame in flight, how many of these receivers have it.
    pub(crate) have: Vec<u32>,
}

impl Publisher {
    /// A receiver that counts for the window has this frame.
    pub(crate) fn count(&mut self, seq: u64) {
        let window = self.have.len() as u64;
        // A frame already passed has given its slot to a later one.
        if seq >= self.done {
            self.have[(seq % window) as usize] += 1;
        }
    }

    /// Advances past the frames that all of these receivers have; returns whether there are any.
    pub(crate) fn is_due(&mut self) -> bool {
        let (window, before) = (self.have.len() as u64, self.done);
        while self.done < self.sent && self.have[(self.done % window) as usize] >= self.receivers {
            self.have[(self.done % window) as usize] = 0;
            self.done += 1;
        }
        self.done > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publisher(receivers: u32, sent: u64) -> Publisher {
        Publisher {
            member: 0,
            group: 0,
            number: 0,
            room: String::new(),
            receivers,
            sent,
            done: 0,
            have: vec![0; 2],
        }
    }

    #[test]
    fn frames_are_done_in_order_once_all_have_them() {
        let mut publisher = publisher(2, 2);
        [0, 1, 1].iter().for_each(|seq| publisher.count(*seq));
        assert!(!publisher.is_due());
        publisher.count(0);
        assert!(publisher.is_due());
        assert_eq!((publisher.done, &*publisher.have), (2, &[0, 0][..]));
    }

    #[test]
    fn a_late_receiver_does_not_count_for_a_later_frame() {
        let mut publisher = publisher(2, 2);
        publisher.count(0);
        // The receiver without it no longer counts for the window.
        publisher.receivers = 1;
        assert!(publisher.is_due());
        publisher.sent = 3;
        publisher.count(0);
        publisher.count(1);
        assert!(publisher.is_due());
        assert_eq!(publisher.done, 2, "nobody has frame 2");
    }
}
