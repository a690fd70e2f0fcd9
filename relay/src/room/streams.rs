//! The live streams of a room, by number and by name, and each one's share of the room's memory.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
};

use stagedoor_token::Pattern;
use stagedoor_wire::{limits::Limits, member::StreamInfo, name::StreamName};

use super::member::Occupant;
use crate::log::stream::{Ended, Stream};

/// This many prefixes are tried for each new stream; beyond that, the stream name's own prefixes are looked up.
const PREFIXES_TRIED_MAX: usize = 8;

/// The streams.
#[derive(Debug, Default)]
pub(super) struct Streams {
    live: BTreeMap<u32, Live>,
    by_name: HashMap<StreamName, u32>,
    last: u32,
    /// The share of each stream.
    share_bytes: usize,
}

/// A stream, and the seat that publishes it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) stream: Arc<Stream>,
    pub(super) seat: u64,
}

/// The share of this many streams. It falls in steps, at each doubling, so that a room with many streams does not trim
/// all of them whenever one begins.
pub(super) fn share_bytes(limits: &Limits, streams: usize) -> usize {
    let shares = streams.max(1).next_power_of_two();
    limits.stream_log_bytes_max.min(limits.room_log_bytes_max / shares)
}

impl Streams {
    /// The number of live streams.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// The number of the newest.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// The number of the next.
    pub(super) fn next_number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// The live stream with this name.
    pub(super) fn named(&self, name: &StreamName) -> Option<&Live> {
        self.live.get(self.by_name.get(name)?)
    }

    /// Adds a seat's stream.
    pub(super) fn insert(&mut self, stream: Arc<Stream>, seat: u64) {
        let (number, name) = (stream.info.stream, stream.info.name.clone());
        self.live.insert(number, Live { stream, seat });
        self.by_name.insert(name, number);
    }

    /// Removes a stream, and returns it if it existed.
    pub(super) fn end(&mut self, number: u32, why: Ended) -> Option<Arc<Stream>> {
        let Live { stream, .. } = self.live.remove(&number)?;
        self.by_name.remove(&stream.info.name);
        stream.feed.end(why);
        Some(stream)
    }

    /// The numbers of a seat's streams.
    pub(super) fn of_seat(&self, seat: u64) -> Vec<u32> {
        let own = self.live.iter().filter(|(_, live)| live.seat == seat);
        own.map(|(number, _)| *number).collect()
    }

    /// The numbers of a member's streams that its grants do not allow; if there are too many, the newest.
    pub(super) fn denied(&self, member: &Occupant) -> Vec<u32> {
        let publish = &member.grants.publish;
        let own = self.live.iter().filter(|(_, live)| live.seat == member.seat);
        let mut kept = 0;
        let lost = own.filter(|(_, live)| {
            let info = &live.stream.info;
            let may = kept < publish.streams_max
                && publish.streams.matches(&info.name)
                && publish.kinds.contains(info.kind);
            kept += u32::from(may);
            !may
        });
        lost.map(|(number, _)| *number).collect()
    }

    /// Streams in a range of numbers.
    pub(super) fn between(&self, after: u32, until: u32) -> impl Iterator<Item = &Arc<Stream>> {
        let live = self.live.range((Bound::Excluded(after), Bound::Included(until)));
        live.map(|(_, live)| &live.stream)
    }

    /// The streams' descriptions for others.
    pub(super) fn infos(&self) -> Vec<StreamInfo> {
        self.live.values().map(|live| live.stream.info.clone()).collect()
    }

    /// Trims the logs to their share of the room's memory, if that has changed.
    pub(super) fn share_memory(&mut self, limits: &Limits, now_ms: u64) {
        let bytes_max = share_bytes(limits, self.live.len());
        if std::mem::replace(&mut self.share_bytes, bytes_max) == bytes_max {
            return;
        }
        for live in self.live.values() {
            live.stream.feed.keep_bytes(bytes_max, now_ms);
        }
    }

    /// The streams with matching names, by number.
    pub(super) fn matching(&self, patterns: &[Pattern]) -> Vec<Arc<Stream>> {
        let (exact, prefixes): (Vec<&Pattern>, Vec<&Pattern>) =
            patterns.iter().partition(|pattern| pattern.is_exact());
        let mut found = BTreeMap::new();
        let mut find =
            |live: &Live| drop(found.insert(live.stream.info.stream, live.stream.clone()));
        for pattern in exact {
            let number = StreamName::new(pattern.as_str()).ok();
            let number = number.and_then(|name| self.by_name.get(&name));
            number.and_then(|number| self.live.get(number)).into_iter().for_each(&mut find);
        }
        let live = self.live.values();
        if prefixes.len() <= PREFIXES_TRIED_MAX {
            let matches = |name: &str| prefixes.iter().any(|prefix| prefix.matches(name));
            live.filter(|live| matches(&live.stream.info.name)).for_each(&mut find);
        } else {
            let prefixes: HashSet<&str> =
                prefixes.iter().map(|prefix| prefix.as_str().trim_end_matches('*')).collect();
            let matches = |name: &str| (0..=name.len()).any(|end| prefixes.contains(&name[..end]));
            live.filter(|live| matches(&live.stream.info.name)).for_each(&mut find);
        }
        found.into_values().collect()
    }
}
