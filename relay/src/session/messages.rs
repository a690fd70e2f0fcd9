//! Requests about messages, state and members.

use bytes::Bytes;
use stagedoor_token::Action;
use stagedoor_wire::{
    code::ErrorCode,
    reply::{Done, MembersPage, Refusal, Versioned},
    request::{self, To},
};

use super::{
    replies::{ok, refusal},
    requester::Requester,
};
use crate::room::{SetError, sees};

impl Requester {
    pub(super) fn send(&mut self, send: &request::Send) -> Result<Bytes, Box<Refusal>> {
        if send.data.get().len() > self.shared.limits.message_bytes_max {
            return Err(refusal(ErrorCode::TooLarge, "`data` is longer than `message_bytes_max`"));
        }
        self.check_depth(&send.data)?;
        let unknown = || refusal(ErrorCode::UserUnknown, "no such user is in the room");
        match &send.to {
            To::Room => self.allow(&Action::SendRoom)?,
            To::Role(role) => self.allow(&Action::SendRole(role))?,
            To::User(user) => {
                if self.seat.grants().send.users.is_empty() {
                    self.allow(&Action::SendUser { role: "" })?;
                }
                let target = self.seat.room().occupant(user);
                let target = target.filter(|target| sees(self.seat.grants(), &target.grants));
                let target = target.ok_or_else(unknown)?;
                self.allow(&Action::SendUser { role: &target.member.role })?;
            }
        }
        let from = Some(&self.seat.me().member);
        self.seat
            .room
            .send(from, &send.to, send.topic.as_ref(), &send.data)
            .map_err(|_| unknown())?;
        self.shared.metrics.messages.add(1);
        Ok(ok(send.id, Done {}))
    }

    pub(super) fn set(&mut self, set: &request::Set) -> Result<Bytes, Box<Refusal>> {
        self.allow(&Action::Set { key: &set.key })?;
        if set.value.get().len() > self.shared.limits.state_value_bytes_max {
            return Err(refusal(
                ErrorCode::TooLarge,
                "`value` is longer than `state_value_bytes_max`",
            ));
        }
        self.check_depth(&set.value)?;
        match self.seat.room().set(self.seat.me(), &set.key, &set.value, set.if_version) {
            Ok(version) => Ok(ok(set.id, Versioned { version })),
            Err(SetError::Full) => Err(refusal(
                ErrorCode::StateExceeded,
                "the room's state already has `state_keys_max` keys; remove one first",
            )),
            Err(SetError::Conflict(version)) => {
                let conflict = refusal(
                    ErrorCode::VersionConflict,
                    "the key has another version; read it and try again",
                );
                Err(Box::new(Refusal { version: Some(version), ..*conflict }))
            }
        }
    }

    pub(super) fn members(&self, members: &request::Members) -> Bytes {
        let (grants, after) = (self.seat.grants(), members.after.as_deref());
        let (count, page, next) = self.seat.room().members(grants, after);
        ok(members.id, MembersPage { count, members: page, next })
    }
}
