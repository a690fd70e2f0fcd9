//! Messages between members, and the room's shared state.

use serde_json::value::RawValue;
use stagedoor_wire::{
    event::Event,
    member::Member,
    name::{StateKey, Topic},
    request::To,
};

use super::{
    core::Room,
    inbox::{Letter, News},
    member::{Occupant, sees},
    state::SetError,
};
use crate::log::encode;

/// The user is not in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserUnknown;

impl Room {
    /// Delivers a message; returns to how many seats. Fails if the user is not in the room.
    pub(crate) fn send(
        &self,
        from: Option<&Member>,
        to: &To,
        topic: Option<&Topic>,
        data: &RawValue,
    ) -> Result<usize, UserUnknown> {
        let (now_ms, at_ms) = (self.clock.now_ms(), self.clock.unix_ms());
        let message = |n| Event::Message {
            n,
            from: from.cloned(),
            to: to.clone(),
            topic: topic.cloned(),
            data: data.to_owned(),
            at_ms,
        };
        let mut inner = self.lock();
        if let Some(from) = from {
            inner.introduce(&from.user, now_ms);
        }
        match to {
            To::Room => {
                inner.events.emit(now_ms, |_, n| Some(message(Some(n))));
                Ok(inner.roster.seats_len())
            }
            To::Role(role) => {
                inner
                    .events
                    .emit(now_ms, |grants, n| (*grants.role == **role).then(|| message(Some(n))));
                Ok(inner.roster.count_of(role))
            }
            To::User(user) => {
                let (frame, dues) = (encode::json(&message(None)), inner.dues());
                let mut seats = 0;
                for entry in inner.roster.seats(user) {
                    let letter = Letter::new(dues.clone(), News::Event(frame.clone()));
                    entry.inbox.put(letter, self.limits.outbox_bytes_max);
                    seats += 1;
                }
                if seats > 0 { Ok(seats) } else { Err(UserUnknown) }
            }
        }
    }

    /// Sets a key of the room's state, and announces it to everybody.
    pub(crate) fn set(
        &self,
        by: &Occupant,
        key: &StateKey,
        value: &RawValue,
        if_version: Option<u64>,
    ) -> Result<u64, SetError> {
        let now_ms = self.clock.now_ms();
        let mut inner = self.lock();
        let version = inner.state.set(key, value, if_version, self.limits.state_keys_max)?;
        inner.introduce(&by.member.user, now_ms);
        inner.events.emit(now_ms, |grants, n| {
            let by = sees(grants, &by.grants).then(|| by.member.user.clone());
            Some(Event::State {
                n: Some(n),
                key: key.clone(),
                value: value.to_owned(),
                version,
                by,
            })
        });
        Ok(version)
    }
}
