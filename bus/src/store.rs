//! What the relay asks the server to store before it answers: revocations that members and logins make. The doors
//! enforce them from the request on: for good once they are stored, or no longer if they cannot be.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    actor::By, directory::AppLife, error::BusError, revocation::Revocation, revocations::Held,
};

/// Requests that may wait for the store; further ones are refused.
pub const STORES_WAITING_MAX: usize = 4_096;
/// Besides those, requests that follow from one that was stored.
pub const FOLLOWING_MAX: usize = 4_096;

/// A request to store something.
#[derive(Debug)]
pub struct StoreRequest {
    /// The app.
    pub app: AppLife,
    /// The change.
    pub change: Change,
    /// The actor.
    pub by: By,
    /// Whether it is retried until it is stored, because it already holds.
    pub is_due: bool,
    answer: Option<oneshot::Sender<Result<Stored, BusError>>>,
    queue: StoreQueue,
    held: Vec<Held>,
}

/// A change to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Revocations, all or none.
    Revoke(Vec<Revocation>),
    /// Lifts revocations that were made in vain, by number.
    Lift(Vec<u64>),
}

impl StoreRequest {
    /// It is stored, and the doors know. `generations` are the revocations' numbers, in order.
    pub fn stored(self, generations: Vec<u64>) {
        let Self { app, change, by, answer, queue, held, .. } = self;
        drop(held);
        let lift = matches!(change, Change::Revoke(_)).then_some((app, generations));
        // A requester that is gone does not need it: dropping it lifts it.
        let _ = answer.map(|answer| answer.send(Ok(Stored { lift, by, queue })));
    }

    /// It cannot be stored now, and none of it holds.
    pub fn failed(self) {
        let Self { answer, held, .. } = self;
        drop(held);
        // The requester may be gone.
        let _ = answer.map(|answer| answer.send(Err(BusError::StoreUnavailable)));
    }
}

/// Proof that revocations are stored. Unless it is kept, they are lifted again, because what they were stored for did
/// not happen.
#[derive(Debug)]
#[must_use = "dropping it lifts the revocations again"]
pub struct Stored {
    lift: Option<(AppLife, Vec<u64>)>,
    by: By,
    queue: StoreQueue,
}

impl Stored {
    /// Keeps the revocations.
    pub fn keep(mut self) {
        self.lift = None;
    }

    /// Lifts the revocations; completes when that is stored, however long the store fails.
    pub fn lift(mut self) -> Storing {
        match self.lift.take() {
            Some((app, generations)) => {
                self.queue.put(app, Change::Lift(generations), self.by.clone(), true, Vec::new())
            }
            None => Storing(None),
        }
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Some((app, generations)) = self.lift.take() {
            let lift = Change::Lift(generations);
            drop(self.queue.put(app, lift, self.by.clone(), true, Vec::new()));
        }
    }
}

/// An answer that arrives when the request is stored, or cannot be.
#[derive(Debug)]
#[must_use = "a future"]
pub struct Storing(Option<oneshot::Receiver<Result<Stored, BusError>>>);

impl Storing {
    /// Nothing is stored here.
    pub(crate) fn refused() -> Self {
        Self(None)
    }
}

impl Future for Storing {
    type Output = Result<Stored, BusError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unavailable = Err(BusError::StoreUnavailable);
        match &mut self.0 {
            Some(answer) => Pin::new(answer).poll(cx).map(|answer| answer.unwrap_or(unavailable)),
            None => Poll::Ready(unavailable),
        }
    }
}

/// The queue of requests for the server.
#[derive(Clone, Debug)]
pub(crate) struct StoreQueue(mpsc::Sender<StoreRequest>);

impl StoreQueue {
    /// A queue, and its receiving end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<StoreRequest>) {
        let (sender, end) = mpsc::channel(STORES_WAITING_MAX + FOLLOWING_MAX);
        (Self(sender), end)
    }

    /// Queues a request; if there is no room, it is answered at once.
    pub(crate) fn put(
        &self,
        app: AppLife,
        change: Change,
        by: By,
        is_due: bool,
        held: Vec<Held>,
    ) -> Storing {
        let (answer, answered) = oneshot::channel();
        let (answer, queue) = (Some(answer), self.clone());
        let request = StoreRequest { app, change, by, is_due, answer, queue, held };
        let kept_free = if is_due { 0 } else { FOLLOWING_MAX };
        let put = self.0.capacity() > kept_free && self.0.try_send(request).is_ok();
        Storing(put.then_some(answered))
    }
}
