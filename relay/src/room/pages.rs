//! The room's lists, a page at a time. What a member finds at one moment (streams, state, asks) is told in
//! pages of bounded size, as fast as it takes them: of what was there at that moment each thing once, as long
//! as it is as it was; what came or changed since is told by events anyway. Holds no copy of a list.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::{
    event::{Asked, Event},
    member::{Member, StreamInfo},
    name::StateKey,
    reply::StateEntry,
};

use super::{Inner, Occupant, Room, may_subscribe, requests};
use crate::log::encode;

/// What an entry of a list takes besides its texts: names of fields, numbers, quotes.
pub(super) const ENTRY_BYTES: usize = 160;

type Entry = StateEntry<Box<RawValue>>;

/// What of a room's lists is still to be told to one member.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    streams: Option<Streams>,
    state: Option<State>,
    asks: Option<Asks>,
    /// Whether the member waits for the end of it.
    listed: bool,
}

/// Streams after a number, up to another.
#[derive(Debug)]
struct Streams {
    after: u32,
    until: u32,
}

/// Keys after one, at versions up to another.
#[derive(Debug)]
struct State {
    after: Option<StateKey>,
    until: u64,
}

/// Asks of users after one, that began up to another.
#[derive(Debug)]
struct Asks {
    after: Option<String>,
    until: u64,
    /// The grants by which the member knew of some already.
    known_by: Option<Arc<Grants>>,
}

/// What a member finds at one moment, and the rest of it.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) members: Vec<Member>,
    /// The user to go on after.
    pub(crate) next: Option<String>,
    pub(crate) streams: Vec<StreamInfo>,
    pub(crate) state: Vec<Entry>,
    pub(crate) asks: Vec<Asked>,
    pub(crate) rest: Option<Box<Rest>>,
}

/// How long a text is in JSON, but for its quotes.
fn text_bytes(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\t' | b'\n' | b'\r' | 8 | 12 => 1,
        ..0x20 => 5,
        _ => 0,
    });
    text.len() + escaped.sum::<usize>()
}

/// How long a member is in JSON, at most.
pub(crate) fn member_bytes(member: &Member) -> usize {
    let Member { user, role, name, meta } = member;
    let texts = [Some(user), Some(role), name.as_ref(), meta.as_ref()];
    ENTRY_BYTES + texts.into_iter().flatten().map(|text| text_bytes(text)).sum::<usize>()
}

/// How long a stream is in JSON, at most.
pub(crate) fn stream_bytes(info: &StreamInfo) -> usize {
    let StreamInfo { name, user, role, meta, .. } = info;
    let meta = meta.as_ref().map_or(0, |meta| text_bytes(meta));
    ENTRY_BYTES + name.len() + text_bytes(user) + role.len() + meta
}

/// As many of the items as fit, one at least if `must_go_on`; and whether there are more.
pub(super) fn fitting<T>(
    items: impl Iterator<Item = T>,
    bytes_max: usize,
    must_go_on: bool,
    bytes_of: impl Fn(&T) -> usize,
) -> (Vec<T>, bool) {
    let (mut page, mut bytes) = (Vec::new(), 0);
    for item in items {
        bytes += bytes_of(&item);
        if bytes > bytes_max && !(must_go_on && page.is_empty()) {
            return (page, true);
        }
        page.push(item);
    }
    (page, false)
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.streams.is_none() && self.state.is_none() && self.asks.is_none()
    }
}

impl Inner {
    /// The streams that one with `grants` may subscribe to, of numbers after one and up to another.
    fn streams_between<'a>(
        &'a self,
        grants: &'a Grants,
        (after, until): (u32, u32),
    ) -> impl Iterator<Item = StreamInfo> + 'a {
        let live = self.streams.range((Bound::Excluded(after), Bound::Included(until)));
        let live = live.map(|(_, live)| &live.stream);
        live.filter(|stream| may_subscribe(grants, stream)).map(|stream| stream.info.clone())
    }

    /// What others ask for and one with `grants` decides.
    fn asks_between<'a>(
        &'a self,
        grants: &'a Grants,
        asks: &'a Asks,
    ) -> impl Iterator<Item = Asked> + 'a {
        let Asks { after, until, known_by } = asks;
        let decides_any = requests::decides_any(grants);
        let all = self.asks.after(after.as_deref()).take_while(move |_| decides_any);
        all.filter(|(_, ask)| ask.serial <= *until).filter_map(move |(user, ask)| {
            let (asker, wants) = (self.members.get(user)?, ask.wants.as_ref());
            let decides = |grants: &Grants| requests::decides(grants, &asker.grants, wants);
            let known = known_by.as_deref().is_some_and(decides);
            (decides(grants) && !known).then(|| requests::asked(asker, wants))
        })
    }

    /// All that a member finds now, as much of it as goes into an answer.
    pub(super) fn lists(&self, me: &Occupant) -> Lists {
        let (limits, grants) = (&self.limits, &me.grants);
        let bytes_max = limits.page_bytes_max;
        let mut rest = Rest { listed: true, ..Rest::default() };
        let (members, next) = self.members.page(grants, None, (limits.members_page_max, bytes_max));
        let until = self.last_stream;
        let streams = self.streams_between(grants, (0, until));
        let (streams, more) = fitting(streams, bytes_max, false, stream_bytes);
        if more {
            let after = streams.last().map_or(0, |info| info.stream);
            rest.streams = Some(Streams { after, until });
        }
        let (state, more) = match me.waiting {
            true => (Vec::new(), false),
            false => self.state.page(None, u64::MAX, bytes_max, false),
        };
        if more {
            let after = state.last().map(|(key, _)| key.clone());
            rest.state = Some(State { after, until: self.state.version() });
        }
        let mut all = Asks { after: None, until: self.asks.last(), known_by: None };
        let (asks, more) = fitting(self.asks_between(grants, &all), bytes_max, false, asked_bytes);
        if more {
            all.after = asks.last().map(|ask| ask.member.user.clone());
            rest.asks = Some(all);
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

    /// What a member may know now that it did not before its grants became others: asks that it decides, as many
    /// as are told at a time, and the rest of them; and, if it waited, all that it would have found.
    pub(super) fn lists_anew(
        &self,
        before: &Occupant,
        me: &Occupant,
    ) -> (Vec<Asked>, Option<Box<Rest>>) {
        let mut rest = Rest::default();
        if before.waiting && !me.waiting {
            rest.streams = Some(Streams { after: 0, until: self.last_stream });
            rest.state = Some(State { after: None, until: self.state.version() });
            rest.listed = true;
        }
        let known_by = Some(before.grants.clone());
        let mut all = Asks { after: None, until: self.asks.last(), known_by };
        let asks = self.asks_between(&me.grants, &all);
        let (asks, more) = fitting(asks, self.limits.page_bytes_max, false, asked_bytes);
        if more {
            all.after = asks.last().map(|ask| ask.member.user.clone());
            rest.asks = Some(all);
        }
        (asks, (!rest.is_empty()).then(|| Box::new(rest)))
    }
}

fn asked_bytes(ask: &Asked) -> usize {
    member_bytes(&ask.member) + ask.wants.as_ref().map_or(0, String::len)
}

impl Room {
    /// The next page of what is still to be told to a member, as frames; `None` when all was told.
    pub(crate) fn page(&self, user: &str, seat: u64, rest: &mut Rest) -> Option<Vec<Bytes>> {
        type Told = Event<Box<RawValue>>;
        let inner = self.lock();
        let bytes_max = self.limits.page_bytes_max;
        let me = inner.members.seat(user, seat)?;
        let events: Vec<Told> = if let Some(Streams { after, until }) = &mut rest.streams {
            let streams = inner.streams_between(&me.grants, (*after, *until));
            let (page, more) = fitting(streams, bytes_max, true, stream_bytes);
            *after = page.last().map_or(*until, |info| info.stream);
            rest.streams.take_if(|_| !more);
            page.into_iter().map(|info| Told::Published { n: None, info }).collect()
        } else if let Some(State { after, until }) = &mut rest.state {
            let (page, more) = inner.state.page(after.as_ref(), *until, bytes_max, true);
            *after = page.last().map(|(key, _)| key.clone());
            rest.state.take_if(|_| !more);
            let told = |(key, entry): (StateKey, Entry)| {
                let Entry { value, version, .. } = entry;
                Told::State { n: None, key, value, version, by: None }
            };
            page.into_iter().map(told).collect()
        } else if let Some(asks) = &mut rest.asks {
            let waiting = inner.asks_between(&me.grants, asks);
            let (page, more) = fitting(waiting, bytes_max, true, asked_bytes);
            asks.after = page.last().map(|ask| ask.member.user.clone());
            rest.asks.take_if(|_| !more);
            page.into_iter().map(|ask| Told::Asked { ask }).collect()
        } else if std::mem::take(&mut rest.listed) {
            vec![Told::Listed {}]
        } else {
            return None;
        };
        drop(inner);
        Some(events.iter().map(encode::json).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_what_fits_and_one_at_least_where_it_must_go_on() {
        let page = |items: &[usize], must_go_on| {
            fitting(items.iter().copied(), 10, must_go_on, |bytes| *bytes)
        };
        assert_eq!(page(&[4, 6, 1], false), (vec![4, 6], true));
        assert_eq!(page(&[4, 6], false), (vec![4, 6], false));
        assert_eq!(page(&[11, 1], false), (vec![], true));
        assert_eq!(page(&[11, 1], true), (vec![11], true));
        assert_eq!(page(&[], true), (vec![], false));
    }

    #[test]
    fn an_entry_is_no_longer_than_was_reckoned() {
        let text = "\u{1}\"\\é\n".repeat(9);
        let member = Member {
            user: text.clone(),
            role: "host".into(),
            name: Some(text.clone()),
            meta: Some(text),
        };
        let asked = Asked { member: member.clone(), wants: Some("speaker".into()) };
        let event = encode::json(&Event::<()>::Asked { ask: asked.clone() });
        assert!(event.len() <= asked_bytes(&asked), "{}", event.len());
        assert!(event.len() + ENTRY_BYTES > asked_bytes(&asked), "{}", event.len());
    }
}
