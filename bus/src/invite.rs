//! What the relay asks the server to mint: a guest's token, for a member that may invite. The relay has no key that
//! signs, and the server answers once the record is committed.

use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::directory::AppLife;

/// Invitations that may wait for the server; further ones are refused.
pub const INVITES_WAITING_MAX: usize = 1_024;
/// How long an invitation may take. Longer than the store of the server waits by default.
pub const INVITE_TIMEOUT: Duration = Duration::from_secs(8);

/// The answer to an invitation, once the server has it.
pub type Inviting = Pin<Box<dyn Future<Output = Result<Guest, NotInvited>> + Send>>;

/// An invitation that the grants of its member allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// The app.
    pub app: AppLife,
    /// The room.
    pub room: Arc<str>,
    /// The guest's role.
    pub role: String,
    /// The guest's name.
    pub name: Option<String>,
    /// Whether the guest's token can be used for only one login.
    pub once: bool,
    /// The lifetime that is asked for, in seconds.
    pub ttl_s: u64,
    /// The member that invites.
    pub by: Inviter,
}

/// The member that invites, and its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inviter {
    /// The user.
    pub user: Arc<str>,
    /// The address of its peer.
    pub peer: Arc<str>,
    /// Its rank now; the guest's is below it.
    pub rank: u16,
    /// The role that its token names.
    pub role: Arc<str>,
    /// The key that signed its token.
    pub kid: Arc<str>,
    /// When its token was issued, Unix seconds.
    pub iat: u64,
    /// When its token ends, Unix seconds; the guest's ends no later.
    pub exp: u64,
    /// The app's generation when its token was minted, if it has one.
    pub generation: Option<u64>,
}

/// A guest's token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// The token.
    pub token: String,
    /// The guest's user id.
    pub user: String,
    /// The token's id.
    pub jti: String,
    /// When it ends, Unix seconds.
    pub exp: u64,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("jti", &self.jti).finish_non_exhaustive()
    }
}

/// Why the server minted nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotInvited {
    /// It may not: a ban, a revocation of the member's token, a rank, or no key to sign with.
    Denied(String),
    /// The app has no such role.
    RoleUnknown,
    /// Part of the request is not valid.
    Invalid {
        /// Why.
        message: String,
        /// The part of the request.
        field: Option<String>,
    },
    /// The record cannot be stored now.
    StoreUnavailable,
    /// No server takes invitations now, or it did not answer in time.
    Unavailable,
}

/// An invitation, and the sender of its answer.
#[derive(Debug)]
pub struct InviteRequest {
    /// The invitation.
    pub invite: Invite,
    answer: oneshot::Sender<Result<Guest, NotInvited>>,
}

impl InviteRequest {
    /// Whether somebody still waits for the answer.
    pub fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

    /// Answers it.
    pub fn answer(self, answer: Result<Guest, NotInvited>) {
        // The requester may be gone; the token then opens nothing, because nobody has it.
        let _ = self.answer.send(answer);
    }
}

/// The queue of invitations for the server.
#[derive(Clone, Debug)]
pub(crate) struct InviteQueue(mpsc::Sender<InviteRequest>);

impl InviteQueue {
    /// A queue, and its receiving end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<InviteRequest>) {
        let (sender, end) = mpsc::channel(INVITES_WAITING_MAX);
        (Self(sender), end)
    }

    /// Queues an invitation and waits for the answer.
    pub(crate) fn put(&self, invite: Invite) -> Inviting {
        let (answer, answered) = oneshot::channel();
        let put = self.0.try_send(InviteRequest { invite, answer });
        Box::pin(async move {
            put.map_err(|_| NotInvited::Unavailable)?;
            let answer = timeout(INVITE_TIMEOUT, answered).await.ok().and_then(Result::ok);
            answer.unwrap_or(Err(NotInvited::Unavailable))
        })
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_token::AppId;

    use super::*;

    fn invite(user: &str) -> Invite {
        Invite {
            app: AppLife { id: AppId(1), since_ms: 1 },
            room: "lobby".into(),
            role: "audience".into(),
            name: None,
            once: false,
            ttl_s: 60,
            by: Inviter {
                user: user.into(),
                peer: "192.0.2.1:1".into(),
                rank: 100,
                role: "host".into(),
                kid: "k".into(),
                iat: 1,
                exp: 601,
                generation: None,
            },
        }
    }

    #[tokio::test]
    async fn an_invitation_is_answered_or_refused() {
        let (queue, mut end) = InviteQueue::new();
        let waiting = tokio::spawn(queue.put(invite("anna")));
        let asked = end.recv().await.expect("an invitation");
        assert_eq!((&*asked.invite.by.user, asked.is_awaited()), ("anna", true));
        asked.answer(Err(NotInvited::RoleUnknown));
        assert_eq!(waiting.await.expect("no panic"), Err(NotInvited::RoleUnknown));

        drop(queue.put(invite("anna")));
        let left = end.recv().await.expect("an invitation");
        assert!(!left.is_awaited(), "the member is gone");

        let waiting: Vec<_> = (0..INVITES_WAITING_MAX).map(|_| queue.put(invite("anna"))).collect();
        assert_eq!(
            queue.put(invite("ben")).await,
            Err(NotInvited::Unavailable),
            "the queue is full"
        );
        drop(end);
        for waiting in waiting {
            assert_eq!(waiting.await, Err(NotInvited::Unavailable), "nobody is there");
        }
        assert_eq!(queue.put(invite("anna")).await, Err(NotInvited::Unavailable));
    }

    #[test]
    fn a_guests_token_is_not_in_its_debug() {
        let guest = Guest { token: "secret".into(), user: "g".into(), jti: "j".into(), exp: 1 };
        assert!(!format!("{guest:?}").contains("secret"));
    }
}
