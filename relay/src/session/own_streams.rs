//! The streams that a member publishes. Ended ones stay known for a while, so that frames which were under way are
//! told from frames that were never the member's.

use std::sync::Arc;

use stagedoor_wire::name::StreamName;

use crate::log::stream::Stream;

/// Ended streams that stay known, at most; of more, the oldest are forgotten.
const ENDED_KNOWN_MAX: usize = 16;

/// The streams.
#[derive(Debug, Default)]
pub(super) struct OwnStreams(Vec<Arc<Stream>>);

impl OwnStreams {
    /// The one of this number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<&Arc<Stream>> {
        self.0.iter().find(|stream| stream.info.stream == number)
    }

    /// The numbers of all of them.
    #[cfg(feature = "bench")]
    pub(super) fn numbers(&self) -> Vec<u32> {
        self.0.iter().map(|stream| stream.info.stream).collect()
    }

    /// How many of them live.
    pub(super) fn live(&self) -> u32 {
        self.0.iter().filter(|stream| !stream.feed.is_ended()).count() as u32
    }

    /// Adds one that began.
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

    /// Forgets those of a name.
    pub(super) fn forget(&mut self, name: &StreamName) {
        self.0.retain(|stream| stream.info.name != *name);
    }
}
