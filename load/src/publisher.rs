//! One publisher of a run: its receivers, and which of its frames are under way.

/// A publisher and its receivers.
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
    fn a_frame_is_done_when_all_have_it_and_frames_are_done_in_their_order() {
        let mut publisher = publisher(2, 2);
        [0, 1, 1].iter().for_each(|seq| publisher.count(*seq));
        assert!(!publisher.is_due());
        publisher.count(0);
        assert!(publisher.is_due());
        assert_eq!((publisher.done, &*publisher.have), (2, &[0, 0][..]));
    }

    #[test]
    fn a_late_receiver_of_a_passed_frame_does_not_count_for_a_later_one() {
        let mut publisher = publisher(2, 2);
        publisher.count(0);
        // The one that has not got it holds the window no more.
        publisher.receivers = 1;
        assert!(publisher.is_due());
        publisher.sent = 3;
        publisher.count(0);
        publisher.count(1);
        assert!(publisher.is_due());
        assert_eq!(publisher.done, 2, "nobody has frame 2");
    }
}
