//! What a member does to others: the acts of a moderator, a raised hand, an invitation. The relay decides;
//! nothing is checked here.

use std::time::Duration;

use serde_json::Value;
use stagedoor_wire::{
    member::Kind,
    reply::{Admitted, Invited},
    request::{self, Act, Request, Verb, op},
};

use crate::{error::RequestError, room::Room};

fn act(act: impl Into<Act>, user: Option<&str>) -> request::Moderate {
    request::Moderate {
        op: op::Moderate,
        id: 0,
        verb: act.into(),
        user: user.map(ToOwned::to_owned),
        users: None,
        all: false,
        role: None,
        kinds: None,
        for_s: None,
    }
}

/// Whole seconds, never fewer than asked for.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Whom to invite.
#[derive(Clone, Debug)]
pub struct Invite(request::Invite);

impl Invite {
    /// A guest of a role of lower rank, with a token that is good for so long, but not beyond the end of
    /// the member's own.
    pub fn new(role: impl Into<String>, ttl: Duration) -> Self {
        Self(request::Invite {
            op: op::Invite,
            id: 0,
            role: role.into(),
            ttl_s: seconds(ttl),
            name: None,
            once: false,
        })
    }

    /// Shown to others as the guest's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// The token logs in once: whoever comes second with it is refused.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.0.once = true;
        self
    }
}

impl Room {
    /// Asks to be given a role (a raised hand), in the place of what it asked before. The outcome comes as
    /// [`Event::AskEnded`](crate::Event::AskEnded), and with
    /// [`Event::GrantsChanged`](crate::Event::GrantsChanged) where it was given.
    pub async fn ask(&self, role: &str) -> Result<(), RequestError> {
        let ask = request::Ask { op: op::Ask, id: 0, role: role.to_owned() };
        self.request::<Value>(Request::Ask(ask)).await.map(drop)
    }

    /// Takes an [`Room::ask`] back.
    pub async fn unask(&self) -> Result<(), RequestError> {
        self.request::<Value>(Request::Unask(request::Unask { op: op::Unask, id: 0 }))
            .await
            .map(drop)
    }

    /// A token for a guest. The relay chooses the guest's user id.
    pub async fn invite(&self, invite: Invite) -> Result<Invited, RequestError> {
        self.request(Request::Invite(invite.0)).await
    }

    /// Removes a member of lower rank; the tokens that it used do not get back in.
    pub async fn kick(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Verb::Kick, Some(user))).await
    }

    /// Removes a member of lower rank and keeps the user out of the room, whatever token comes, for so long
    /// or, with `None`, for good.
    pub async fn ban(&self, user: &str, how_long: Option<Duration>) -> Result<(), RequestError> {
        let for_s = how_long.map(seconds);
        self.moderate(request::Moderate { for_s, ..act(Verb::Ban, Some(user)) }).await
    }

    /// Ends a member's streams of these kinds and keeps it from publishing them; `None`: of every kind.
    pub async fn mute(&self, user: &str, kinds: Option<&[Kind]>) -> Result<(), RequestError> {
        let kinds = kinds.map(<[Kind]>::to_vec);
        self.moderate(request::Moderate { kinds, ..act(Verb::Mute, Some(user)) }).await
    }

    /// Takes a [`Room::mute`] back, for these kinds or, with `None`, for every kind.
    pub async fn unmute(&self, user: &str, kinds: Option<&[Kind]>) -> Result<(), RequestError> {
        let kinds = kinds.map(<[Kind]>::to_vec);
        self.moderate(request::Moderate { kinds, ..act(Verb::Unmute, Some(user)) }).await
    }

    /// Gives a member a role of no lower rank than it has; so an [`Room::ask`] is accepted, too.
    pub async fn promote(&self, user: &str, role: &str) -> Result<(), RequestError> {
        let role = Some(role.to_owned());
        self.moderate(request::Moderate { role, ..act(Verb::Promote, Some(user)) }).await
    }

    /// Gives a member a role of no higher rank than it has.
    pub async fn demote(&self, user: &str, role: &str) -> Result<(), RequestError> {
        let role = Some(role.to_owned());
        self.moderate(request::Moderate { role, ..act(Verb::Demote, Some(user)) }).await
    }

    /// Lets a member in that waits.
    pub async fn admit(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Verb::Admit, Some(user))).await
    }

    /// Lets members in that wait; those who do not are passed over. One request admits a limited number: as long
    /// as the answer says that some still wait, and that some were admitted, ask again for the rest.
    pub async fn admit_many(&self, users: &[&str]) -> Result<Admitted, RequestError> {
        let users = Some(users.iter().map(|user| (*user).to_owned()).collect());
        let admit = request::Moderate { users, ..act(Verb::Admit, None) };
        self.request(Request::Moderate(admit)).await
    }

    /// Lets everybody in who waits and whom the member may admit, as [`Room::admit_many`] does.
    pub async fn admit_all(&self) -> Result<Admitted, RequestError> {
        let admit = request::Moderate { all: true, ..act(Verb::Admit, None) };
        self.request(Request::Moderate(admit)).await
    }

    /// Refuses what a member asked for; who waits for admission is removed.
    pub async fn decline(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Act::Decline, Some(user))).await
    }

    /// Closes the room for everybody.
    pub async fn close_room(&self) -> Result<(), RequestError> {
        self.moderate(act(Verb::Close, None)).await
    }

    async fn moderate(&self, moderate: request::Moderate) -> Result<(), RequestError> {
        self.request::<Value>(Request::Moderate(moderate)).await.map(drop)
    }
}
