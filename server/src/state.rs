//! What all requests share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use stagedoor_bus::{App, Bus};
use stagedoor_token::AppId;
use tokio::sync::Notify;

use crate::{
    channel::Channel,
    config::Config,
    doors::{Doors, News, app_of},
    error::ApiError,
    metrics::Metrics,
    oidc::Oidc,
    rates::Buckets,
    record::Record,
    recorder::Recorder,
    revoker::Revoker,
    store::{Store, apps::AppRow, write::Tx},
    under_way::{Acts, Marks},
    uses::KeyUses,
};

/// The shared state.
pub(crate) struct AppState {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) recorder: Recorder,
    pub(crate) revoker: Revoker,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) requests: Buckets,
    pub(crate) refusals: Buckets,
    /// Exchanges of strangers, by address.
    pub(crate) exchanges: Buckets,
    /// Issuers of ID tokens.
    pub(crate) oidc: Oidc,
    pub(crate) doors: Arc<Doors>,
    pub(crate) acts: Acts,
    pub(crate) marks: Arc<Marks>,
    /// Rotations in progress, by app and line.
    pub(crate) rotations: Arc<Marks>,
    /// Notified when a key begins to retire.
    pub(crate) retirements: Notify,
    pub(crate) uses: Arc<KeyUses>,
    /// How browsers reach this server, once that is known.
    pub(crate) channel: OnceLock<Channel>,
    /// The app that `dev` made, if this is `dev`.
    pub(crate) dev_app: OnceLock<AppId>,
    /// The backend of the classroom, if it is served.
    pub(crate) classroom: Classroom,
}

/// The backend of the classroom. It holds the state by the API that it calls, so it must be taken out at the end.
#[derive(Default)]
pub(crate) struct Classroom(Mutex<Option<Router>>);

impl Classroom {
    /// The backend, if the classroom is served.
    pub(crate) fn get(&self) -> Option<Router> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves it, or no longer.
    pub(crate) fn set(&self, backend: Option<Router>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = backend;
    }
}

impl AppState {
    /// How browsers reach this server. Until that is known, nobody signs in.
    pub(crate) fn channel(&self) -> &Channel {
        self.channel.get().unwrap_or(&Channel::Clear)
    }

    /// Milliseconds since the Unix epoch, by the clock of the bus.
    pub(crate) fn unix_ms(&self) -> u64 {
        self.bus.clock().unix_ms()
    }

    /// Seconds since the Unix epoch, by the clock of the bus.
    pub(crate) fn unix_s(&self) -> u64 {
        self.bus.clock().unix_s()
    }

    /// The record in the trail of an app; in none if the app is gone.
    pub(crate) fn filed(&self, record: Record, app: AppId) -> Record {
        match self.bus.directory().app(app).map(App::life) {
            Some(life) => record.of_app(life),
            None => record,
        }
    }

    /// Commits a change to an app, and updates the doors.
    pub(crate) async fn commit_app(&self, mut tx: Tx, id: AppId) -> Result<(), ApiError> {
        let news = News::App(self.app_in(&mut tx, id).await?);
        Ok(self.doors.commit(tx, id, news).await?)
    }

    /// An app as the doors will see it after this transaction.
    pub(crate) async fn app_in(&self, tx: &mut Tx, id: AppId) -> Result<App, ApiError> {
        let row = tx.app(id).await?.ok_or(ApiError::Internal)?;
        let (keys, roles) = (tx.keys(id).await?, tx.role_set(id).await?);
        Ok(app_of(&row, &keys, roles.as_ref())?)
    }

    /// Registers a stored app with the doors. Only at the start, before any act.
    pub(crate) async fn register_app(&self, row: &AppRow) -> Result<(), ApiError> {
        let (keys, roles) = (self.store.keys(row.id).await?, self.store.role_set(row.id).await?);
        Ok(self.bus.put_app(app_of(row, &keys, roles.as_ref())?).await?)
    }
}
