//! Long lists go to a seat's outbox a page at a time.

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_wire::{close::Close, event::Event, member::Subscribed};

use super::{
    list_pages::{FoundStream, ListPages},
    seat::Seat,
};
use crate::{
    log::encode,
    net::outbox::Outbox,
    room::{Rest, stream_bytes},
};

impl Seat {
    fn pages(&mut self) -> &mut ListPages {
        self.pages.get_or_insert_default()
    }

    /// Queues a list to be sent in pages. An error is the reason why the connection must close.
    pub(super) fn send_rest(&mut self, rest: Box<Rest>) -> Result<(), Close> {
        self.pages().add_rest(rest)
    }

    /// Begins to read streams, as many as are sent at once; the others follow.
    pub(super) fn attach_some(
        &mut self,
        streams: impl IntoIterator<Item = FoundStream>,
    ) -> Vec<Subscribed> {
        let mut streams = streams.into_iter();
        let some = self.attach_page(&mut streams);
        // Nothing is allocated for an empty list.
        if let Some(next) = streams.next() {
            self.pages().add_found(std::iter::once(next).chain(streams));
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

    /// Adds the next page to the outbox, if the peer has read the previous one. Returns whether there are more.
    pub(super) fn turn_page(&mut self, outbox: &mut Outbox) -> bool {
        let Some(mut pages) = self.pages.take() else { return false };
        if !pages.is_taken(outbox) {
            self.pages = Some(pages);
            return true;
        }
        let frames = self.next_page(&mut pages);
        let sent = !frames.is_empty();
        frames.into_iter().for_each(|frame| outbox.push(frame));
        pages.given(outbox);
        // What was found meanwhile is there, too.
        if let Some(newer) = self.pages.take() {
            pages.append(*newer);
        }
        let more = sent || !pages.is_empty();
        self.pages = more.then_some(pages);
        more
    }

    fn next_page(&mut self, pages: &mut ListPages) -> Vec<Bytes> {
        while pages.has_found() {
            let streams = self.attach_page(&mut std::iter::from_fn(|| pages.next_found()));
            if !streams.is_empty() {
                return vec![encode::json(&Event::<Box<RawValue>>::Subscribed { streams })];
            }
        }
        while let Some(rest) = pages.rest() {
            match self.room.page(&self.me.member.user, self.id, rest) {
                // What a page is about may have vanished by now.
                Some(frames) if frames.is_empty() => {}
                Some(frames) => return frames,
                None => pages.rest_ended(),
            }
        }
        Vec::new()
    }
}
