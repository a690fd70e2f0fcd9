//! What a reconnect resumes: patterns, reading positions, own streams. Pure. Frames are counted as `spec/wire.md` §Data
//! frames says.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value;
use stagedoor_grants::Pattern;
use stagedoor_wire::{
    event::{Event, Why},
    member::{Cursor, StreamInfo, Subscribed},
    reply::{LoggedIn, Renewed},
    request::From,
};
use tokio::sync::watch;

use crate::{event::Granted, lenient, own::OwnStreams};

/// What is remembered across connections.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) patterns: BTreeSet<String>,
    reading: HashMap<u32, Reading>,
    /// The next event of the room.
    pub(crate) events: Option<Cursor>,
    /// Patterns that the relay refused when they were resumed.
    pub(crate) due: BTreeSet<String>,
    /// The member's own streams.
    pub(crate) own: OwnStreams,
    /// What the member may do now; handles read it.
    pub(crate) granted: watch::Sender<Granted>,
    /// The ticket that logs in next time, after a token of `once`.
    pub(crate) ticket: Option<String>,
}

#[derive(Debug)]
struct Reading {
    stream: Arc<StreamInfo>,
    epoch: u32,
    next: u64,
}

impl Memory {
    /// Streams were found. Returns those that had a cursor and did not resume.
    pub(crate) fn found(&mut self, streams: &[Subscribed]) -> Vec<String> {
        let mut anew = Vec::new();
        for found in streams {
            if found.resumed == Some(false) {
                anew.push(found.info.name.to_string());
            }
            let reading = Reading {
                stream: Arc::new(found.info.clone()),
                epoch: found.epoch,
                next: found.seq,
            };
            self.reading.insert(found.info.stream, reading);
        }
        anew
    }

    /// A frame came: its stream and its number; `None` for a stream that is no longer read.
    pub(crate) fn frame(&mut self, stream: u32) -> Option<(Arc<StreamInfo>, u64)> {
        let reading = self.reading.get_mut(&stream)?;
        let seq = reading.next;
        reading.next += 1;
        Some((reading.stream.clone(), seq))
    }

    /// The seat was taken.
    pub(crate) fn seated(&mut self, seat: &LoggedIn<Value>) {
        self.events = Some(seat.events);
        self.ticket.clone_from(&seat.ticket);
        self.granted.send_replace(Granted {
            role: seat.me.role.clone(),
            // Grants that cannot be read allow nothing.
            grants: lenient::grants(&seat.grants).unwrap_or_default(),
            exp: seat.exp,
            waiting: seat.waiting,
        });
    }

    /// The token was replaced, so its ticket is no longer good.
    pub(crate) fn renewed(&mut self, renewed: Renewed<Value>) -> Granted {
        self.ticket = None;
        let Renewed { role, grants, exp, .. } = renewed;
        let grants = lenient::grants(&grants);
        self.granted.send_modify(|granted| {
            granted.role = role;
            granted.exp = exp;
            granted.grants = grants.unwrap_or_default();
        });
        self.granted.borrow().clone()
    }

    /// An event came.
    pub(crate) fn event(&mut self, event: &Event<Value>) {
        match event {
            Event::Subscribed { streams } => drop(self.found(streams)),
            Event::Lagged { stream, seq, .. } => {
                if let Some(reading) = self.reading.get_mut(stream) {
                    reading.next = *seq;
                }
            }
            Event::Ended { stream, .. } => drop(self.reading.remove(stream)),
            Event::GrantsChanged { role, grants, why, .. } => {
                let grants = lenient::grants(grants);
                self.granted.send_modify(|granted| {
                    granted.role.clone_from(role);
                    granted.grants = grants.unwrap_or_default();
                    granted.waiting &= *why != Why::Admitted;
                });
            }
            _ => {}
        }
        let n = match event {
            Event::Joined { n, .. }
            | Event::Left { n, .. }
            | Event::Unpublished { n, .. }
            | Event::RoleChanged { n, .. }
            | Event::Published { n: Some(n), .. }
            | Event::State { n: Some(n), .. }
            | Event::Message { n: Some(n), .. } => *n,
            _ => return,
        };
        if let Some(cursor) = &mut self.events {
            cursor.seq = n + 1;
        }
    }

    /// Patterns were subscribed to.
    pub(crate) fn subscribed(&mut self, patterns: Vec<String>, streams: &[Subscribed]) {
        self.found(streams);
        for pattern in patterns {
            self.due.remove(&pattern);
            self.patterns.insert(pattern);
        }
    }

    /// Patterns could not be resumed; those still wanted are due later.
    pub(crate) fn refused(&mut self, patterns: Vec<String>) {
        let wanted = patterns.into_iter().filter(|pattern| self.patterns.contains(pattern));
        self.due.extend(wanted);
    }

    /// Patterns were taken back; streams that no other pattern matches are forgotten.
    pub(crate) fn unsubscribed(&mut self, patterns: &[String]) {
        for pattern in patterns {
            self.patterns.remove(pattern);
            self.due.remove(pattern);
        }
        let held: Vec<Pattern> =
            self.patterns.iter().filter_map(|pattern| pattern.parse().ok()).collect();
        self.reading
            .retain(|_, reading| held.iter().any(|pattern| pattern.matches(&reading.stream.name)));
    }

    /// Takes out the cursors of all streams: another connection gives them other numbers.
    pub(crate) fn take_cursors(&mut self) -> Vec<From> {
        let taken = std::mem::take(&mut self.reading).into_values();
        taken
            .map(|reading| From {
                stream: reading.stream.name.clone(),
                epoch: reading.epoch,
                seq: reading.next,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_wire::name::StateKey;

    use super::*;

    fn found(number: u32, name: &str, seq: u64, resumed: Option<bool>) -> Subscribed {
        let mut value = serde_json::json!({
            "stream": number, "name": name, "user": "anna", "role": "host", "kind": "data",
            "delivery": "reliable", "epoch": 7, "seq": seq,
        });
        if let Some(resumed) = resumed {
            value["resumed"] = resumed.into();
        }
        serde_json::from_value(value).expect("a stream")
    }

    #[test]
    fn frames_are_counted_and_what_was_lost_is_added() {
        let mut memory = Memory::default();
        assert!(memory.found(&[found(3, "cam", 10, None)]).is_empty());
        assert_eq!(memory.frame(3).expect("it is read").1, 10);
        memory.event(&Event::Lagged { stream: 3, lost: 5, seq: 16 });
        assert_eq!(memory.frame(3).expect("it is read").1, 16);
        let cursors = memory.take_cursors();
        assert_eq!((cursors[0].epoch, cursors[0].seq), (7, 17));
        assert!(memory.frame(3).is_none());
        assert_eq!(memory.found(&[found(4, "cam", 0, Some(false))]), ["cam"]);
    }

    #[test]
    fn unsubscribing_forgets_what_no_pattern_holds() {
        let patterns = BTreeSet::from(["cam".into(), "c*".into(), "x".into()]);
        let mut memory = Memory { patterns, ..Memory::default() };
        memory.found(&[found(1, "cam", 0, None), found(2, "x", 0, None)]);
        memory.unsubscribed(&["cam".into(), "x".into()]);
        assert!(memory.frame(1).is_some() && memory.frame(2).is_none());
    }

    #[test]
    fn the_rooms_events_move_their_cursor_and_private_ones_do_not() {
        let mut memory = Memory { events: Some(Cursor { epoch: 1, seq: 0 }), ..Memory::default() };
        memory.event(&Event::Left { n: 4, users: vec![], count: 0 });
        memory.event(&Event::Throttled { op: "send".into(), retry_ms: 1 });
        assert_eq!(memory.events, Some(Cursor { epoch: 1, seq: 5 }));
        let key = StateKey::new("k").expect("a key");
        let page = Event::State { n: None, key, value: Value::Null, version: 1, by: None };
        memory.event(&page);
        memory.event(&Event::Listed {});
        assert_eq!(memory.events, Some(Cursor { epoch: 1, seq: 5 }), "pages are not numbered");
        memory.event(&Event::RoleChanged { n: 7, user: "anna".into(), role: "host".into() });
        assert_eq!(memory.events, Some(Cursor { epoch: 1, seq: 8 }));
    }

    #[test]
    fn what_was_granted_follows_grants_changed_and_admission_ends_waiting() {
        let mut memory = Memory::default();
        memory.granted.send_modify(|granted| granted.waiting = true);
        let mut changed = |why, role: &str| {
            let (role, grants) = (role.to_owned(), serde_json::json!({"role": role}));
            memory.event(&Event::GrantsChanged { role, grants, why, by: None });
            memory.granted.borrow().clone()
        };
        assert!(changed(Why::Roles, "audience").waiting);
        let admitted = changed(Why::Admitted, "speaker");
        assert_eq!((admitted.waiting, admitted.role.as_str()), (false, "speaker"));
        assert_eq!(&*admitted.grants.role, "speaker");
    }

    #[test]
    fn a_renewal_ends_the_ticket_of_the_token_before() {
        let mut memory = Memory { ticket: Some("t".into()), ..Memory::default() };
        let renewed = Renewed { role: "host".into(), grants: Value::Null, exp: 9, now: 1 };
        assert_eq!(memory.renewed(renewed).exp, 9);
        assert_eq!(memory.ticket, None);
    }
}
