//! What publishers are told of their readers: `spec/wire.md` §Keyframes on demand, §Watched.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    acts::{Done, no},
    client::text,
    world::{Out, Room, Seat, World},
};

/// What a client heard of the readers of its streams.
#[derive(Debug, Default)]
pub(crate) struct HeardOfReaders {
    /// The streams that are read.
    watched: BTreeSet<u32>,
    /// How often a keyframe was wanted, by stream.
    wanted: BTreeMap<u32, usize>,
}

/// What it should have heard.
#[derive(Debug)]
pub(crate) struct Readers {
    own: BTreeSet<u32>,
    watched: BTreeSet<u32>,
}

/// Wishes so far, by the publisher's seat and the stream.
#[derive(Debug, Default)]
pub(crate) struct Wishes(BTreeMap<(u64, u32), usize>);

impl Wishes {
    pub(crate) fn add(&mut self, out: &Out) {
        for wished in &out.wished {
            *self.0.entry(*wished).or_default() += 1;
        }
    }
}

impl HeardOfReaders {
    /// Takes an event; returns what it is in words, unless it is `watched`, which must alternate.
    pub(crate) fn event(&mut self, event: &Value) -> Result<Option<String>> {
        let number = event["stream"].as_u64().unwrap_or(0) as u32;
        if event["ev"] == "keyframe_wanted" {
            *self.wanted.entry(number).or_default() += 1;
            return Ok(Some(format!("keyframe_wanted {number} {}", text(event, "name"))));
        }
        let is_news = match event["watched"] == true {
            true => self.watched.insert(number),
            false => self.watched.remove(&number),
        };
        ensure!(is_news, "no news: {event}");
        Ok(None)
    }

    /// Whether it heard who is watched now.
    pub(crate) fn is_up_to_date(&self, readers: &Readers) -> bool {
        self.watched.intersection(&readers.own).copied().collect::<BTreeSet<_>>() == readers.watched
    }

    /// Whether a keyframe was wanted no more often than readers wished. Wishes of one operation may become one.
    pub(crate) fn may_want(&self, words: &str, seat: u64, wishes: &Wishes) -> bool {
        let mut parts = words.split(' ');
        let is_wish = parts.next() == Some("keyframe_wanted");
        let number = parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let most = wishes.0.get(&(seat, number)).copied().unwrap_or(0);
        is_wish && self.wanted.get(&number).copied().unwrap_or(0) <= most
    }
}

impl Room {
    /// What a seat should know of the readers of its streams.
    pub(crate) fn readers(&self, seat: u64) -> Readers {
        let own = self.streams.values().filter(|stream| stream.seat == seat);
        let own: BTreeSet<u32> = own.map(|stream| stream.number).collect();
        let is_read = |number: &&u32| self.seats.iter().any(|seat| seat.reads.contains(number));
        let watched = own.iter().filter(is_read).copied().collect();
        Readers { own, watched }
    }
}

impl World {
    /// Each live stream's publisher is told that a keyframe is wanted.
    pub(crate) fn pass_wishes_on(&mut self) {
        let wished: BTreeSet<(u64, u32)> = self.out.wished.iter().copied().collect();
        for room in self.rooms.values() {
            let live = room.streams.values();
            for stream in live.filter(|live| wished.contains(&(live.seat, live.number))) {
                let Some(publisher) = room.seat(stream.seat) else { continue };
                let told = format!("keyframe_wanted {} {}", stream.number, stream.name);
                self.out.send(publisher.client, told);
            }
        }
    }

    pub(crate) fn keyframe(&mut self, room: &str, me: &Seat, number: u32) -> Done {
        let stream = self.rooms[room].streams.get(&number);
        let stream = stream.filter(|_| me.reads.contains(&number)).ok_or(no("stream_unknown"))?;
        if stream.delivery != "media" {
            return Err(no("request_invalid"));
        }
        self.out.wished.push((stream.seat, number));
        Ok(json!({}))
    }
}
