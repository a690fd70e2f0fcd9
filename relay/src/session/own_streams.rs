//! The streams that a member publishes. Ended ones are remembered for a while, to tell late frames from frames of
//! streams that the member never had.

use std::sync::Arc;

use stagedoor_wire::name::StreamName;

use crate::log::stream::Stream;

/// Ended streams remembered at most; beyond this the oldest are forgotten.
const ENDED_KNOWN_MAX: usize = 16;

/// The streams.
#[derive(Debug, Default)]
pub(super) struct OwnStreams(Vec<Arc<Stream>>);

impl OwnStreams {
    /// The stream with this number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Arc<Stream>> {
        self.0.iter().find(|stream| stream.info.stream == number)
    }

    /// All their numbers.
    #[cfg(feature = "bench")]
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.0.iter().map(|stream| stream.info.stream).collect()
    }

    /// The number of live ones.
    pub(super) fn live(&self) -> u32 {
        self.0.iter().filter(|stream| !stream.feed.is_ended()).count() as u32
    }

    /// Adds a new stream.
    pub(super) fn add(&mut self, stream: Arc<Stream>) {
        self.0.push(stream);
        let ended = self.0.iter().filter(|stream| stream.feed.is_ended()).count();
        let mut surplus = ended.saturating_sub(ENDED_KNOWN_MAX);
        self.0.retain(|stream| {
            let forget = surplus > 0 && stream.feed.is_ended();
            surplus -= usize::from(forget);
            !forget
        });
    }

    /// Forgets those with this name.
    pub(super) fn forget(&mut self, name: &StreamName) {
        self.0.retain(|stream| stream.info.name != *name);
    }
}
