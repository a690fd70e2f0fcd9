//! Members request a role or wait for admission. Those who may decide are notified of requests and of their end.

use std::{collections::HashSet, sync::Arc};

use serde_json::value::RawValue;
use stagedoor_token::Grants;
use stagedoor_wire::event::{Event, Outcome};

use super::{
    core::{Inner, Room},
    inbox::{Letter, News},
    member::Occupant,
    requests::{MemberRequest, RequestError, Wants, asked, decides},
};
use crate::log::encode;

type Private = Event<Box<RawValue>>;

impl Room {
    /// Records a member's request, and notifies those who may decide.
    pub(crate) fn ask(&self, asker: &Arc<Occupant>, wants: Wants) -> Result<(), RequestError> {
        let mut inner = self.lock();
        let user = &asker.member.user;
        // Otherwise the wait would be lost, and nobody would be asked again to admit that seat.
        if inner.requests.get(user).is_some_and(|request| request.wants.is_none()) {
            return Err(RequestError::Waits);
        }
        if !inner.requests.has_place(user, self.limits.asks_max) {
            return Err(RequestError::Full);
        }
        self.begin_request(&mut inner, asker, Some(wants));
        Ok(())
    }

    /// Withdraws a member's request.
    pub(crate) fn unask(&self, asker: &Occupant) -> Result<(), RequestError> {
        let mut inner = self.lock();
        match inner.requests.get(&asker.member.user) {
            Some(MemberRequest { wants: Some(_), .. }) => {
                inner.withdraw(asker, self.clock.now_ms());
                Ok(())
            }
            _ => Err(RequestError::Unknown),
        }
    }

    /// Denies a member's request; returns whether it waited for admission.
    pub(crate) fn decline(&self, asker: &Occupant) -> Result<bool, RequestError> {
        let mut inner = self.lock();
        let request =
            inner.requests.get(&asker.member.user).cloned().ok_or(RequestError::Unknown)?;
        inner.settle(asker, Outcome::Declined, self.clock.now_ms());
        Ok(request.wants.is_none())
    }

    /// A user's request, if there is one: a role, or admission.
    pub(crate) fn request_of(&self, user: &str) -> Option<Option<Wants>> {
        self.lock().requests.get(user).map(|request| request.wants.clone())
    }

    /// Whether a member with `grants` may know of a user because it decides that user's request.
    pub(crate) fn decides(&self, grants: &Grants, asker: &Occupant) -> bool {
        let inner = self.lock();
        let request = inner.requests.get(&asker.member.user);
        request.is_some_and(|ask| decides(grants, &asker.grants, ask.wants.as_ref()))
    }

    /// Those who wait for admission: of a list, in its order, or all of them by user id; with `grants`, only those whom
    /// a member with these grants may admit.
    pub(crate) fn waiting(
        &self,
        users: Option<&[String]>,
        grants: Option<&Grants>,
    ) -> Vec<Arc<Occupant>> {
        let inner = self.lock();
        let waits = |user: &str| inner.waits(user, grants).cloned();
        match users {
            None => inner.requests.after(None).filter_map(|(user, _)| waits(user)).collect(),
            Some(users) => {
                let mut named = HashSet::new();
                let users = users.iter().filter(|user| named.insert(user.as_str()));
                users.filter_map(|user| waits(user)).collect()
            }
        }
    }

    /// Begins a request for a role or admission, and notifies those who may decide.
    pub(super) fn begin_request(
        &self,
        inner: &mut Inner,
        asker: &Arc<Occupant>,
        wants: Option<Wants>,
    ) {
        let event = Private::Asked { ask: asked(asker, wants.as_ref()) };
        inner.notify_deciders(asker, wants.as_ref(), &event, self.clock.now_ms());
        inner.requests.begin(&asker.member.user, wants);
    }
}

impl Inner {
    fn waits(&self, user: &str, grants: Option<&Grants>) -> Option<&Arc<Occupant>> {
        self.requests.get(user).filter(|ask| ask.wants.is_none())?;
        let member = self.roster.get(user)?;
        grants.is_none_or(|grants| decides(grants, &member.grants, None)).then_some(member)
    }

    fn notify_deciders(
        &mut self,
        asker: &Occupant,
        wants: Option<&Wants>,
        event: &Private,
        now_ms: u64,
    ) {
        self.introduce(&asker.member.user, now_ms);
        let (frame, dues) = (encode::json(event), self.dues());
        let staff = self.roster.staff();
        for decider in staff.filter(|decider| decides(&decider.grants, &asker.grants, wants)) {
            let letter = Letter::new(dues.clone(), News::Event(frame.clone()));
            decider.inbox.put(letter, self.limits.outbox_bytes_max);
        }
    }

    /// Ends a request, if there is one; notifies the requester and those who may decide.
    pub(super) fn settle(&mut self, asker: &Occupant, outcome: Outcome, now_ms: u64) {
        if let Some(MemberRequest { wants, .. }) = self.requests.end(&asker.member.user) {
            let event = Private::AskEnded { user: asker.member.user.clone(), outcome };
            self.notify_deciders(asker, wants.as_ref(), &event, now_ms);
            if outcome != Outcome::Withdrawn {
                let letter = Letter::new(self.dues(), News::Event(encode::json(&event)));
                if let Some(entry) = self.roster.entry(&asker.member.user, asker.seat) {
                    entry.inbox.put(letter, self.limits.outbox_bytes_max);
                }
            }
        }
    }

    /// Ends a request because its member withdraws it or leaves.
    pub(super) fn withdraw(&mut self, asker: &Occupant, now_ms: u64) {
        if self.requests.get(&asker.member.user).is_some() {
            self.settle(asker, Outcome::Withdrawn, now_ms);
        }
    }
}
