//! The member that makes a request: its seat, and what its requests need.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use stagedoor_token::{Action, Decision, Role, authorize};
use stagedoor_wire::{code::ErrorCode, depth::is_within, reply::Refusal};
use tokio::sync::oneshot;

use super::{
    replies::{denied, label, refusal, refused},
    seat::Seat,
};
use crate::{
    room::{Inbox, Letter},
    shared::Shared,
};

/// The member.
pub(crate) struct Requester {
    pub(super) seat: Seat,
    pub(super) shared: Arc<Shared>,
    /// The nonce that the proof of a renewal must contain, if one was requested.
    pub(super) nonce: Option<Box<str>>,
    /// Dropped with the last renewal that waits for the store.
    pub(super) renewing: Option<oneshot::Receiver<()>>,
}

impl Requester {
    pub(super) fn new(shared: Arc<Shared>, seat: Seat) -> Self {
        Self { seat, shared, nonce: None, renewing: None }
    }

    /// Whether the member's grants allow an action.
    pub(super) fn allow(&self, action: &Action<'_>) -> Result<(), Box<Refusal>> {
        match authorize(self.seat.grants(), action) {
            Decision::Allowed => Ok(()),
            Decision::Refused(rule) => Err(denied(rule)),
        }
    }

    /// Whether a field of a request, itself one level deep, stays within the depth limit; the rest of a request has a
    /// fixed form.
    pub(super) fn check_depth(&self, json: &RawValue) -> Result<(), Box<Refusal>> {
        let depth_max = self.shared.limits.json_depth_max.saturating_sub(1);
        if is_within(json.get().as_bytes(), depth_max) {
            return Ok(());
        }
        Err(refusal(ErrorCode::TooLarge, "the request is nested deeper than `json_depth_max`"))
    }

    /// A role of the app.
    pub(super) fn role(&self, name: &str) -> Result<Role, Box<Refusal>> {
        let roles = self.shared.roles(self.seat.room().app);
        let unknown = || refusal(ErrorCode::RoleUnknown, "the app has no such role");
        roles.get(name).cloned().ok_or_else(unknown)
    }

    /// The destination of an answer that comes when something is stored or minted.
    pub(super) fn later(&self, id: u64) -> LaterAnswer {
        LaterAnswer { shared: self.shared.clone(), inbox: self.seat.inbox.clone(), id }
    }
}

/// An answer that comes when the request is stored. The connection continues meanwhile, and may be gone by then.
pub(super) struct LaterAnswer {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    id: u64,
}

impl LaterAnswer {
    /// Sends the answer.
    pub(super) fn send(self, answer: Result<Bytes, Box<Refusal>>) {
        let Self { shared, inbox, id } = self;
        let frame = answer.unwrap_or_else(|refusal| {
            shared.metrics.requests_refused.one(label(&refusal.code));
            refused(Some(id), *refusal)
        });
        inbox.put(Letter::answer(frame), shared.limits.outbox_bytes_max);
    }
}
