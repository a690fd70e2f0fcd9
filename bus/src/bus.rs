//! The trait that every implementation of the bus has. Says nothing of how.

use std::{future::Future, pin::Pin, sync::Arc};

use stagedoor_token::AppId;

use crate::{
    actor::By,
    clock::Clock,
    command::{Answer, Command},
    directory::{App, AppLife, Directory},
    error::BusError,
    event::Event,
    revocation::{Revocation, Target},
    revocations::Revocations,
    store::Storing,
};

/// A future that an implementation of the bus gives back.
pub type BusFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BusError>> + Send + 'a>>;

/// What both sides hold of the bus: the relay reads the directory and tells what happened, the server
/// writes the directory and asks.
pub trait Bus: Send + Sync + 'static {
    /// The newest directory.
    fn directory(&self) -> Arc<Directory>;

    /// Tells every relay of an app, new or changed. When the future is done, logins are decided by it.
    fn put_app(&self, app: App) -> BusFuture<'_, ()>;

    /// Tells every relay that an app is gone, and with it what was revoked of it.
    fn remove_app(&self, id: AppId) -> BusFuture<'_, ()>;

    /// What is revoked; the door and the mint read it without waiting.
    fn revocations(&self) -> Arc<Revocations>;

    /// Tells every door of a revocation. Live seats are not touched: [`Command::Revoke`] does that, and
    /// comes after, so that nobody gets in between.
    fn revoke(&self, revocation: &Revocation);

    /// Asks the server to store revocations of one app, all or none, in somebody's name. The doors go by them
    /// from now on, until it is known whether they are stored; then for good, or not any more. Nothing is
    /// stored of an app that is not there any more, or that was made again.
    fn store(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing;

    /// The same of what holds already: the doors know it for good, and it is tried until it is stored.
    fn store_due(&self, app: AppLife, revocations: Vec<Revocation>, by: By) -> Storing;

    /// Tells every door that a revocation of a target is lifted; `left` are those of the same target that
    /// still stand.
    fn lift(&self, app: AppId, target: &Target, left: &[Revocation]);

    /// The clock by which everybody on this bus decides.
    fn clock(&self) -> &Clock;

    /// Asks the relay that holds the room, or all relays, and waits for the answer.
    fn command(&self, command: Command) -> BusFuture<'_, Answer>;

    /// Tells the server what happened, without waiting.
    fn tell(&self, event: Event);

    /// Takes the number of events that were dropped and that no [`Event::Dropped`] told of yet: for the end, when
    /// no event comes that would bring it along.
    fn take_dropped(&self) -> u64;
}
