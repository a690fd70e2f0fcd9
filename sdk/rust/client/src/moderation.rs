//! Moderation, requests for a role, and invitations. The relay decides; nothing is checked here.

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

/// An invitation: a token for a guest. Pass it to [`Room::invite`].
#[derive(Clone, Debug)]
pub struct Invite(request::Invite);

impl Invite {
    /// A guest with a role of lower rank than yours. The token is good for `ttl`, but never longer than your own.
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

    /// The guest's name as others see it, at most 128 bytes.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.0.name = Some(name.into());
        self
    }

    /// The token logs in only once; a second login with it is refused.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.0.once = true;
        self
    }
}

impl Room {
    /// Asks for a role (a raised hand). It replaces what you asked for before. The outcome comes as
    /// [`Event::AskEnded`](crate::Event::AskEnded), and as [`Event::GrantsChanged`](crate::Event::GrantsChanged)
    /// where you get the role.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `ask_denied`, `role_unknown` or `asks_exceeded`.
    pub async fn ask(&self, role: &str) -> Result<(), RequestError> {
        let ask = request::Ask { op: op::Ask, id: 0, role: role.to_owned() };
        self.request::<Value>(Request::Ask(ask)).await.map(drop)
    }

    /// Takes an [`Room::ask`] back.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `ask_unknown` where you asked for nothing.
    pub async fn unask(&self) -> Result<(), RequestError> {
        self.request::<Value>(Request::Unask(request::Unask { op: op::Unask, id: 0 }))
            .await
            .map(drop)
    }

    /// Obtains a token for a guest. The relay chooses the guest's user id.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `invite_denied` or `role_unknown`.
    pub async fn invite(&self, invite: Invite) -> Result<Invited, RequestError> {
        self.request(Request::Invite(invite.0)).await
    }

    /// Removes a member of lower rank. The tokens that it used do not log in again.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `store_unavailable` where the act cannot be stored.
    pub async fn kick(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Verb::Kick, Some(user))).await
    }

    /// Removes a member of lower rank and keeps the user out of the room, whatever token it brings: for `how_long`,
    /// rounded up to seconds, or with `None` for good.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `store_unavailable` where the act cannot be stored.
    pub async fn ban(&self, user: &str, how_long: Option<Duration>) -> Result<(), RequestError> {
        let for_s = how_long.map(seconds);
        self.moderate(request::Moderate { for_s, ..act(Verb::Ban, Some(user)) }).await
    }

    /// Ends a member's streams of these kinds, or with `None` of every kind, and keeps it from publishing them.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`.
    pub async fn mute(&self, user: &str, kinds: Option<&[Kind]>) -> Result<(), RequestError> {
        let kinds = kinds.map(<[Kind]>::to_vec);
        self.moderate(request::Moderate { kinds, ..act(Verb::Mute, Some(user)) }).await
    }

    /// Takes a [`Room::mute`] back, for these kinds or with `None` for every kind.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`.
    pub async fn unmute(&self, user: &str, kinds: Option<&[Kind]>) -> Result<(), RequestError> {
        let kinds = kinds.map(<[Kind]>::to_vec);
        self.moderate(request::Moderate { kinds, ..act(Verb::Unmute, Some(user)) }).await
    }

    /// Gives a member a role of no lower rank than it has. This also accepts an [`Room::ask`].
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `role_unknown` or `role_full`.
    pub async fn promote(&self, user: &str, role: &str) -> Result<(), RequestError> {
        let role = Some(role.to_owned());
        self.moderate(request::Moderate { role, ..act(Verb::Promote, Some(user)) }).await
    }

    /// Gives a member a role of no higher rank than it has.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `role_unknown` or `role_full`.
    pub async fn demote(&self, user: &str, role: &str) -> Result<(), RequestError> {
        let role = Some(role.to_owned());
        self.moderate(request::Moderate { role, ..act(Verb::Demote, Some(user)) }).await
    }

    /// Lets a waiting member in.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `ask_unknown` where it does not wait.
    pub async fn admit(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Verb::Admit, Some(user))).await
    }

    /// Lets waiting members in, and passes over those of the list that do not wait. One request admits at most
    /// `admits_at_once_max` (1,000 by default). While the answer says that some were admitted and some still wait,
    /// ask again.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied`.
    pub async fn admit_many(&self, users: &[&str]) -> Result<Admitted, RequestError> {
        let users = Some(users.iter().map(|user| (*user).to_owned()).collect());
        let admit = request::Moderate { users, ..act(Verb::Admit, None) };
        self.request(Request::Moderate(admit)).await
    }

    /// Lets in every waiting member that you may admit, otherwise like [`Room::admit_many`].
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied`.
    pub async fn admit_all(&self) -> Result<Admitted, RequestError> {
        let admit = request::Moderate { all: true, ..act(Verb::Admit, None) };
        self.request(Request::Moderate(admit)).await
    }

    /// Refuses what a member asked for. A member that waits for admission is removed.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied` or `user_unknown`, and with `ask_unknown` where it asked for nothing.
    pub async fn decline(&self, user: &str) -> Result<(), RequestError> {
        self.moderate(act(Act::Decline, Some(user))).await
    }

    /// Closes the room for everybody, yourself included.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; the relay refuses with `moderate_denied`.
    pub async fn close_room(&self) -> Result<(), RequestError> {
        self.moderate(act(Verb::Close, None)).await
    }

    async fn moderate(&self, moderate: request::Moderate) -> Result<(), RequestError> {
        self.request::<Value>(Request::Moderate(moderate)).await.map(drop)
    }
}
