//! What is still to be told to a seat of long lists, a page at a time: the next when the peer has taken the
//! one before. So a peer that does not read holds one page, however long the lists are.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use stagedoor_wire::{
    close::Close,
    member::{Cursor, Subscribed},
};

use super::{Private, Seat};
use crate::{
    log::encode,
    log::stream::Stream,
    net::outbox::Batch,
    room::{Rest, stream_bytes},
};

/// Lists that may wait to be told.
const RESTS_MAX: usize = 8;

/// A stream that a pattern of the seat's found, and the cursor that was brought for it.
pub(super) type FoundStream = (Arc<Stream>, Option<Cursor>);

/// What is still to be told.
#[derive(Debug, Default)]
pub(super) struct Pages {
    found: VecDeque<FoundStream>,
    rests: VecDeque<Box<Rest>>,
    /// How much the batch had been given when it was given the last page.
    end: u64,
}

impl Seat {
    fn pages(&mut self) -> &mut Pages {
        self.pages.get_or_insert_default()
    }

    /// Something is to be told by and by. An error says why the connection must close.
    pub(super) fn tell_rest(&mut self, rest: Option<Box<Rest>>) -> Result<(), Close> {
        let Some(rest) = rest else { return Ok(()) };
        let rests = &mut self.pages().rests;
        if rests.len() >= RESTS_MAX {
            return Err(Close::Slow);
        }
        rests.push_back(rest);
        Ok(())
    }

    /// Begins to read streams, as many as are told at a time; the others follow.
    pub(super) fn attach_some(
        &mut self,
        streams: impl IntoIterator<Item = FoundStream>,
    ) -> Vec<Subscribed> {
        let mut streams = streams.into_iter();
        let some = self.attach_page(&mut streams);
        // Nothing is allocated for what is not there.
        if let Some(next) = streams.next() {
            self.pages().found.push_back(next);
            self.pages().found.extend(streams);
        }
        some
    }

    fn attach_page(&mut self, streams: &mut impl Iterator<Item = FoundStream>) -> Vec<Subscribed> {
        let bytes_max = self.shared.limits.page_bytes_max;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_max
            && let Some((stream, cursor)) = streams.next()
        {
            if let Some(subscribed) = self.attach(stream, cursor) {
                bytes += stream_bytes(&subscribed.info);
                page.push(subscribed);
            }
        }
        page
    }

    /// Puts the next page into the batch, if the peer has taken the one before. Whether there are more.
    pub(super) fn turn_page(&mut self, batch: &mut Batch) -> bool {
        let Some(mut pages) = self.pages.take() else { return false };
        if batch.taken() < pages.end {
            self.pages = Some(pages);
            return true;
        }
        let frames = self.next_page(&mut pages);
        let told = !frames.is_empty();
        frames.into_iter().for_each(|frame| batch.push(frame));
        pages.end = batch.given();
        // What was found meanwhile lies there, too.
        if let Some(newer) = self.pages.take() {
            pages.found.extend(newer.found);
            pages.rests.extend(newer.rests);
        }
        let more = told || !pages.found.is_empty() || !pages.rests.is_empty();
        self.pages = more.then_some(pages);
        more
    }

    fn next_page(&mut self, pages: &mut Pages) -> Vec<Bytes> {
        while !pages.found.is_empty() {
            let streams = self.attach_page(&mut std::iter::from_fn(|| pages.found.pop_front()));
            if !streams.is_empty() {
                return vec![encode::json(&Private::Subscribed { streams })];
            }
        }
        while let Some(rest) = pages.rests.front_mut() {
            match self.room.page(&self.me.member.user, self.id, rest) {
                // Of what one page is about nothing may be left by now.
                Some(frames) if frames.is_empty() => {}
                Some(frames) => return frames,
                None => drop(pages.rests.pop_front()),
            }
        }
        Vec::new()
    }
}
