//! The trait that every implementation of the bus implements.

use std::{future::Future, pin::Pin, sync::Arc};

use stagedoor_token::AppId;

use crate::{
    actor::By,
    clock::Clock,
    command::{Answer, Command},
    directory::{App, AppLife, Directory},
    error::BusError,
    event::Event,
    invite::{Invite, Inviting},
    revocation::{Revocation, Target},
    revocations::Revocations,
    store::Storing,
};

/// A future returned by an implementation of the bus.
pub type BusFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BusError>> + Send + 'a>>;

/// What server and relay share: the relay reads the directory and emits events, the server writes the directory and
/// sends commands.
pub trait Bus: Send + Sync + 'static {
    /// The newest directory.
    fn directory(&self) -> Arc<Directory>;

    /// Gives every relay a new or changed app. When the future completes, logins are decided by it.
    fn put_app(&self, app: App) -> BusFuture<'_, ()>;

    /// Removes an app and its revocations from every relay.
    fn remove_app(&self, id: AppId) -> BusFuture<'_, ()>;

    /// The revocations; the door and the mint read them without waiting.
    fn revocations(&self) -> Arc<Revocations>;

    /// Gives every door a revocation. Live seats are not touched: [`Command::Revoke`] does that afterwards, so that
    /// nobody enters in between.
    fn revoke(&self, revocation: &Revocation);

    /// Asks the server to store revocations of one app, all or none, in an actor's name. The doors enforce them from
    /// now on, until the result is known; then for good, or no longer. Nothing is stored for an app that was deleted or
    /// replaced.
    fn store(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing;

    /// The same for what already holds: the doors enforce it for good, and storing is retried until it succeeds.
    fn store_due(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing;

    /// Asks the server for a guest's token. The answer comes once the record of it is committed.
    fn invite(&self, invite: Invite) -> Inviting;

    /// Lifts a revocation at every door; `left` are those of the same target that remain.
    fn lift(&self, app: AppId, target: &Target, left: &[Revocation]);

    /// The clock by which all users of this bus decide.
    fn clock(&self) -> &Clock;

    /// Sends a command to the relay that holds the room, or to all relays, and waits for the answer.
    fn command(&self, command: Command) -> BusFuture<'_, Answer>;

    /// Emits an event for the server, without waiting.
    fn emit(&self, event: Event);

    /// The number of dropped events that no [`Event::Dropped`] has reported; resets it. For the end, when no further
    /// event would carry it.
    fn take_dropped(&self) -> u64;
}
