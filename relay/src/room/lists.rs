//! The room's lists, a page at a time. What exists at one moment (streams, state, requests) is sent in bounded pages,
//! as fast as the member reads them: each item once, as long as it does not change; events report later changes. No
//! list is copied.

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{
    event::{Asked, Event},
    member::StreamInfo,
    name::StateKey,
    reply::StateEntry,
};

use super::{
    core::{Inner, Room},
    member::{Occupant, may_subscribe},
    paging::{asked_bytes, fitting, stream_bytes},
    requests::{asked, decides, decides_any},
    rest::{Lists, RequestsRest, Rest, StateRest, StreamsRest},
};
use crate::log::encode;

type Entry = StateEntry<Box<RawValue>>;

impl Inner {
    /// The streams that a member with `grants` may subscribe to, with numbers in this range.
    fn streams_between<'a>(
        &'a self,
        grants: &'a Grants,
        (after, until): (u32, u32),
    ) -> impl Iterator<Item = StreamInfo> + 'a {
        let live = self.streams.between(after, until);
        live.filter(|stream| may_subscribe(grants, stream)).map(|stream| stream.info.clone())
    }

    /// The requests of others that a member with `grants` may decide.
    fn requests_between<'a>(
        &'a self,
        grants: &'a Grants,
        rest: &'a RequestsRest,
    ) -> impl Iterator<Item = Asked> + 'a {
        let RequestsRest { after, until, known_by } = rest;
        let decides_any = decides_any(grants);
        let all = self.requests.after(after.as_deref()).take_while(move |_| decides_any);
        all.filter(|(_, ask)| ask.serial <= *until).filter_map(move |(user, ask)| {
            let (asker, wants) = (self.roster.get(user)?, ask.wants.as_ref());
            let may_decide = |grants: &Grants| decides(grants, &asker.grants, wants);
            let known = known_by.as_deref().is_some_and(may_decide);
            (may_decide(grants) && !known).then(|| asked(asker, wants))
        })
    }

    /// Everything a member sees now, as much as fits into an answer.
    pub(super) fn lists(&self, me: &Occupant) -> Lists {
        let (limits, grants) = (&self.limits, &me.grants);
        let bytes_max = limits.page_bytes_max;
        let mut rest = Rest { listed: true, ..Rest::default() };
        let (members, next) = self.roster.page(grants, None, (limits.members_page_max, bytes_max));
        let until = self.streams.last();
        let streams = self.streams_between(grants, (0, until));
        let (streams, more) = fitting(streams, bytes_max, false, stream_bytes);
        if more {
            let after = streams.last().map_or(0, |info| info.stream);
            rest.streams = Some(StreamsRest { after, until });
        }
        let (state, more) = match me.waiting {
            true => (Vec::new(), false),
            false => self.state.page(None, u64::MAX, bytes_max, false),
        };
        if more {
            let after = state.last().map(|(key, _)| key.clone());
            rest.state = Some(StateRest { after, until: self.state.version() });
        }
        let mut all = RequestsRest { after: None, until: self.requests.last(), known_by: None };
        let (asks, more) =
            fitting(self.requests_between(grants, &all), bytes_max, false, asked_bytes);
        if more {
            all.after = asks.last().map(|ask| ask.member.user.clone());
            rest.requests = Some(all);
        }
        Lists {
            members,
            next,
            streams,
            state: state.into_iter().map(|(_, entry)| entry).collect(),
            asks,
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
        }
    }

    /// What a member may see after its grants changed but not before: requests that it decides, as many as are sent at
    /// once, and the rest; and, if it was waiting, everything it would have found.
    pub(super) fn lists_anew(
        &self,
        before: &Occupant,
        me: &Occupant,
    ) -> (Vec<Asked>, Option<Box<Rest>>) {
        let mut rest = Rest::default();
        if before.waiting && !me.waiting {
            rest.streams = Some(StreamsRest { after: 0, until: self.streams.last() });
            rest.state = Some(StateRest { after: None, until: self.state.version() });
            rest.listed = true;
        }
        let known_by = Some(before.grants.clone());
        let mut all = RequestsRest { after: None, until: self.requests.last(), known_by };
        let asks = self.requests_between(&me.grants, &all);
        let (asks, more) = fitting(asks, self.limits.page_bytes_max, false, asked_bytes);
        if more {
            all.after = asks.last().map(|ask| ask.member.user.clone());
            rest.requests = Some(all);
        }
        (asks, (!rest.is_empty()).then(|| Box::new(rest)))
    }
}

impl Room {
    /// The next page of the rest, as frames; `None` when everything was sent.
    pub(crate) fn page(&self, user: &str, seat: u64, rest: &mut Rest) -> Option<Vec<Bytes>> {
        type Private = Event<Box<RawValue>>;
        let inner = self.lock();
        let bytes_max = self.limits.page_bytes_max;
        let me = inner.roster.seat(user, seat)?;
        let events: Vec<Private> = if let Some(StreamsRest { after, until }) = &mut rest.streams {
            let streams = inner.streams_between(&me.grants, (*after, *until));
            let (page, more) = fitting(streams, bytes_max, true, stream_bytes);
            *after = page.last().map_or(*until, |info| info.stream);
            rest.streams.take_if(|_| !more);
            page.into_iter().map(|info| Private::Published { n: None, info }).collect()
        } else if let Some(StateRest { after, until }) = &mut rest.state {
            let (page, more) = inner.state.page(after.as_ref(), *until, bytes_max, true);
            *after = page.last().map(|(key, _)| key.clone());
            rest.state.take_if(|_| !more);
            let told = |(key, entry): (StateKey, Entry)| {
                let StateEntry { value, version, .. } = entry;
                Private::State { n: None, key, value, version, by: None }
            };
            page.into_iter().map(told).collect()
        } else if let Some(requests) = &mut rest.requests {
            let waiting = inner.requests_between(&me.grants, requests);
            let (page, more) = fitting(waiting, bytes_max, true, asked_bytes);
            requests.after = page.last().map(|ask| ask.member.user.clone());
            rest.requests.take_if(|_| !more);
            page.into_iter().map(|ask| Private::Asked { ask }).collect()
        } else if std::mem::take(&mut rest.listed) {
            vec![Private::Listed {}]
        } else {
            return None;
        };
        drop(inner);
        Some(events.iter().map(encode::json).collect())
    }
}
