//! How much a connection takes from the logs at a time. One that reads `media` takes no more than its socket has been
//! accepting, so that what waits can still be skipped. Pure.

/// The least at a time, where the kernel is left to hold what it likes.
const BYTES_MIN: usize = 16_384;

/// The bound.
#[derive(Debug)]
pub(super) struct Intake {
    /// Of a connection that reads `media`.
    bytes: Option<usize>,
}

impl Intake {
    /// For a connection that reads no `media`.
    pub(super) fn new() -> Self {
        Self { bytes: None }
    }

    /// Whether it is for a connection that reads `media`.
    #[inline]
    pub(super) fn is_bounded(&self) -> bool {
        self.bytes.is_some()
    }

    /// The connection begins to read `media`, or no longer does. `least` is what the kernel holds unsent.
    pub(super) fn bound(&mut self, is_bounded: bool, least: usize) {
        self.bytes = is_bounded.then(|| least_of(least));
    }

    /// How much to take at a time.
    #[inline]
    pub(super) fn bytes_max(&self, limit: usize) -> usize {
        self.bytes.map_or(limit, |bytes| bytes.min(limit))
    }

    /// The socket accepted `written` bytes; `more` are left.
    #[inline]
    pub(super) fn wrote(&mut self, written: usize, more: bool, least: usize) {
        let Some(bytes) = &mut self.bytes else { return };
        if more {
            *bytes = written.max(least_of(least));
        } else if written >= *bytes {
            *bytes = bytes.saturating_mul(2);
        }
    }
}

fn least_of(least: usize) -> usize {
    if least == 0 { BYTES_MIN } else { least }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_media_takes_what_its_socket_accepts() {
        let mut intake = Intake::new();
        intake.wrote(10, true, 100);
        assert_eq!((intake.bytes_max(5_000), intake.is_bounded()), (5_000, false));
        intake.bound(true, 100);
        assert_eq!((intake.bytes_max(5_000), intake.is_bounded()), (100, true));
        intake.wrote(40, false, 100);
        assert_eq!(intake.bytes_max(5_000), 100, "it had no more to write");
        for expected in [200, 400, 800, 1_600, 3_200, 5_000] {
            intake.wrote(intake.bytes_max(5_000), false, 100);
            assert_eq!(intake.bytes_max(5_000), expected);
        }
        intake.wrote(300, true, 100);
        assert_eq!(intake.bytes_max(5_000), 300);
        intake.wrote(0, true, 100);
        assert_eq!(intake.bytes_max(5_000), 100);
        intake.bound(false, 100);
        assert_eq!(intake.bytes_max(5_000), 5_000);
    }
}
