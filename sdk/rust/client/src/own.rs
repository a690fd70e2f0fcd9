//! Own streams: which of them end when the member's rights change, and which begin again. Pure. The relay sends a
//! publisher only its new grants, so what they end is computed here as the relay does (`spec/wire.md` §In the seat).

use std::collections::BTreeMap;

use stagedoor_grants::Publish;
use stagedoor_wire::{name::StreamName, request};

/// A stream that this member publishes.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) publish: request::Publish,
    /// Whether it begins again when it is allowed again.
    again: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The relay was asked for it.
    Asked,
    /// Its number on this connection.
    Live(u32),
    /// It may not be published now.
    Denied,
}

/// The streams, by the handle's number.
#[derive(Debug, Default)]
pub(crate) struct OwnStreams(BTreeMap<u64, Own>);

/// What a change of rights does to the member's own streams.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// Those that the relay has ended, each with whether it may begin again.
    pub(crate) denied: Vec<(StreamName, bool)>,
    /// Those to ask for, by their handles.
    pub(crate) asked: Vec<(u64, request::Publish)>,
}

fn allows(rights: &Publish, publish: &request::Publish) -> bool {
    rights.kinds.contains(publish.kind) && rights.streams.matches(&publish.stream)
}

impl Own {
    pub(crate) fn new(publish: request::Publish, again: bool) -> Self {
        Self { publish, again, state: State::Asked }
    }

    /// Whether the relay may have it.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.state, State::Live(_))
    }
}

impl OwnStreams {
    pub(crate) fn insert(&mut self, handle: u64, own: Own) {
        self.0.insert(handle, own);
    }

    pub(crate) fn remove(&mut self, handle: u64) -> Option<Own> {
        self.0.remove(&handle)
    }

    /// Its number, while it lives.
    pub(crate) fn number(&self, handle: u64) -> Option<u32> {
        match self.0.get(&handle)?.state {
            State::Live(number) => Some(number),
            State::Asked | State::Denied => None,
        }
    }

    /// Whether a handle stands for this name.
    pub(crate) fn has(&self, name: &StreamName) -> bool {
        self.0.values().any(|own| own.publish.stream == *name)
    }

    /// Asks for all of them: another connection gives other numbers.
    pub(crate) fn ask_all(&mut self) -> Vec<(u64, request::Publish)> {
        let own = self.0.iter_mut();
        own.map(|(handle, own)| {
            own.state = State::Asked;
            (*handle, own.publish.clone())
        })
        .collect()
    }

    /// It has a number. `false` if its handle is gone.
    pub(crate) fn began(&mut self, handle: u64, number: u32) -> bool {
        let own = self.0.get_mut(&handle);
        own.map(|own| own.state = State::Live(number)).is_some()
    }

    /// The relay refused to begin it again.
    pub(crate) fn refused(&mut self, handle: u64) {
        if let Some(own) = self.0.get_mut(&handle) {
            own.state = State::Denied;
            if !own.again {
                self.0.remove(&handle);
            }
        }
    }

    /// The member has other grants.
    pub(crate) fn grants_changed(&mut self, rights: &Publish) -> Change {
        let mut change = Change::default();
        let handles = self.0.keys();
        let mut live: Vec<(u32, u64)> =
            handles.filter_map(|handle| Some((self.number(*handle)?, *handle))).collect();
        // Of too many, the newest end.
        live.sort_unstable();
        let mut kept = 0;
        for (_, handle) in live {
            let Some(own) = self.0.get(&handle) else { continue };
            if kept < rights.streams_max && allows(rights, &own.publish) {
                kept += 1;
            } else {
                change.denied.push((own.publish.stream.clone(), own.again));
                self.refused(handle);
            }
        }
        for (handle, own) in &mut self.0 {
            if own.state == State::Denied
                && kept < rights.streams_max
                && allows(rights, &own.publish)
            {
                kept += 1;
                own.state = State::Asked;
                change.asked.push((*handle, own.publish.clone()));
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stagedoor_wire::{member::Kind, request::op};

    use super::*;

    fn rights(streams: &[&str], kinds: &[&str], streams_max: u32) -> Publish {
        let json = json!({"streams": streams, "kinds": kinds, "streams_max": streams_max});
        serde_json::from_value(json).expect("rights")
    }

    fn own() -> OwnStreams {
        let mut own = OwnStreams::default();
        for (handle, (name, kind, again)) in [
            (0, ("mic", Kind::Audio, true)),
            (1, ("cam", Kind::Video, true)),
            (2, ("chat", Kind::Data, false)),
        ] {
            let publish = request::Publish {
                op: op::Publish,
                id: 0,
                stream: StreamName::new(name).expect("a name"),
                kind,
                delivery: None,
                meta: None,
                keep_ms: None,
                history: false,
            };
            own.insert(handle, Own::new(publish, again));
            // The newest has the first handle.
            own.began(handle, 10 - handle as u32);
        }
        own
    }

    fn denied(change: &Change) -> Vec<(&str, bool)> {
        change.denied.iter().map(|(name, again)| (&**name, *again)).collect()
    }

    fn asked(change: &Change) -> Vec<u64> {
        change.asked.iter().map(|(handle, _)| *handle).collect()
    }

    #[test]
    fn what_may_not_be_published_ends_and_begins_again_unless_it_is_to_end() {
        let (all, kinds) = (["*"], ["audio", "video", "data"]);
        let mut own = own();
        let change = own.grants_changed(&rights(&all, &["video"], 8));
        assert_eq!(denied(&change), [("chat", false), ("mic", true)]);
        assert_eq!((own.number(0), own.number(1), asked(&change)), (None, Some(9), vec![]));
        let change = own.grants_changed(&rights(&["c*"], &kinds, 8));
        assert_eq!((denied(&change), asked(&change)), (vec![], vec![]));
        let change = own.grants_changed(&rights(&all, &kinds, 8));
        assert_eq!((denied(&change), asked(&change)), (vec![], vec![0]));
        let change = own.grants_changed(&rights(&all, &kinds, 8));
        assert!(change.asked.is_empty(), "it is asked for once");
        assert!(own.began(0, 20) && !own.began(2, 21));
    }

    #[test]
    fn of_too_many_the_newest_end() {
        let mut own = own();
        let change = own.grants_changed(&rights(&["*"], &["audio", "video", "data"], 2));
        assert_eq!(denied(&change), [("mic", true)]);
        own.remove(1);
        let change = own.grants_changed(&rights(&["*"], &["audio", "video", "data"], 2));
        assert_eq!(asked(&change), [0]);
    }
}
