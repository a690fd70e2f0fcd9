//! The server as a whole: opens the store, registers apps with the relay, closes.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use stagedoor_bus::{Actor, AppLife, Bus, Event, InviteRequest, StoreRequest};
use stagedoor_token::{AppId, KeyState};
use stagedoor_wire::rate::Rate;
use thiserror::Error;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    channel::Channel,
    config::Config,
    credential::Presented,
    doors::{Doors, News},
    error::ApiError,
    first::{Making, link_in, set_root},
    folder::DataFolder,
    forgetting::forget,
    inviter,
    lines::{MAIN, of_state},
    lookup::Origin,
    metrics::Metrics,
    oidc::Oidc,
    opening::{OpenError, open_store},
    public_url::PublicUrl,
    rates::Buckets,
    record::{Record, unix_ms},
    recorder::{
        Recorder,
        gate::Gate,
        keeper::{Bounds, checkpoint, keep},
        listener::Listener,
        repeats::Repeats,
    },
    resealer::follow,
    retirer::retire_when_due,
    revoker::Revoker,
    router,
    routes::{
        api_keys::{self, ApiKeyCreated, NewApiKey},
        apps::{self, AppCreated, NewApp},
        keys::KeyCreated,
    },
    scope::Scope,
    state::{AppState, Classroom},
    storer::Storer,
    under_way::Acts,
    uses::writer::{self, write_uses},
};

/// How long each step of closing may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Apps registered with the relay at a time.
const APPS_AT_A_TIME: u32 = 500;

/// Why the server cannot work now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotReady {
    /// Writes fail for this reason.
    #[error("the store cannot be written: {0}")]
    Unwritable(String),
    /// Reads fail.
    #[error("the store cannot be read")]
    Unreadable,
    /// Acts that must be recorded are refused, because the disk or the audit trail is full.
    #[error("nothing can be recorded, because the disk or the audit trail is full")]
    Unrecordable,
}

/// What a client of an app needs now.
pub struct Usable {
    /// The id of the current key.
    pub kid: String,
    /// Its secret, base64url without padding; of EdDSA the private JWK.
    pub secret: String,
    /// The app's roles, the lowest rank first.
    pub roles: Vec<String>,
}

/// The server.
pub struct Server {
    state: Arc<AppState>,
    tasks: Vec<JoinHandle<()>>,
    /// Tasks to close, in this order.
    ending: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
    writer: JoinHandle<()>,
}

impl Server {
    /// Opens the data folder, locking out other processes, and registers every app with the relay. `events` are the
    /// relay's events, `stores` its requests to store revocations, `invites` those to mint for guests.
    pub async fn open(
        config: Config,
        bus: Arc<dyn Bus>,
        events: mpsc::Receiver<Event>,
        stores: mpsc::Receiver<StoreRequest>,
        invites: mpsc::Receiver<InviteRequest>,
    ) -> Result<Self, OpenError> {
        let store = open_store(DataFolder::open(&config.data_dir)?, &config).await?;
        store.keep_of_peers(config.audit_peer);
        // At once, so that each backup has the key of every checkpoint that is kept elsewhere.
        if let Err(error) = store.audit_key().await {
            tracing::warn!(%error, "could not make the audit key");
        }
        let clock = bus.clock();
        clock.settle_after(Duration::from_secs(config.clock_settle_s));
        if let Some(settled_ms) = store.settled_ms().await.map_err(ApiError::from)? {
            clock.settled_at(settled_ms);
        }
        let metrics = Arc::new(Metrics::default());
        let gate = Arc::<Gate>::default();
        let (recorder, refusals, writer) = Recorder::start(
            store.clone(),
            metrics.clone(),
            gate.clone(),
            config.audit_waiting_max.max(1),
        );
        let doors = Arc::new(Doors::new(bus.clone(), metrics.clone()));
        let revoker = Revoker::new(store.clone(), bus.clone());
        let state = Arc::new(AppState {
            requests: requests(&config),
            refusals: failures(&config),
            exchanges: exchanges(&config),
            oidc: Oidc::of(&config),
            acts: Acts::new(config.acts_under_way_max),
            marks: Arc::default(),
            rotations: Arc::default(),
            retirements: Notify::new(),
            uses: Arc::default(),
            channel: OnceLock::new(),
            dev_app: OnceLock::new(),
            classroom: Classroom::default(),
            doors,
            store,
            bus,
            recorder: recorder.clone(),
            revoker,
            metrics: metrics.clone(),
            config,
        });
        state.revoker.load().await.map_err(ApiError::from)?;
        register_apps(&state).await?;
        let (close_storer, closing) = oneshot::channel();
        let storer = Storer::new(state.store.clone(), state.doors.clone(), gate.clone());
        let storing = tokio::spawn(storer.serve(stores, closing));
        let (close_inviter, closing) = oneshot::channel();
        let inviting = tokio::spawn(inviter::serve(state.clone(), invites, closing));
        let (close_listener, closing) = oneshot::channel();
        let (bus, repeats) = (state.bus.clone(), Repeats::new(&state.config));
        let uses = state.uses.clone();
        let listener = Listener { events, refusals, recorder, metrics, bus, repeats, uses };
        let listening = tokio::spawn(listener.listen(closing));
        let ending =
            vec![(close_storer, storing), (close_inviter, inviting), (close_listener, listening)];
        let clock = state.bus.clock().clone();
        let keeping = keep(state.store.clone(), gate, Bounds::of(&state.config), clock);
        let sealing = follow(state.store.clone(), state.config.clone());
        let tasks = vec![
            tokio::spawn(keeping),
            tokio::spawn(forget(state.clone())),
            tokio::spawn(sealing),
            tokio::spawn(retire_when_due(state.clone())),
            tokio::spawn(write_uses(state.clone())),
        ];
        Ok(Self { state, tasks, ending, writer })
    }

    /// Makes the root credential, unless it exists. Call it once everything else has succeeded: the credential is
    /// passed to `show`, and becomes valid only if that succeeds.
    pub async fn first_root(
        &self,
        show: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Result<(), OpenError> {
        set_root(&self.state.store, Making::First(None), |root, _| show(root)).await
    }

    /// The same, and a first owner with a link that logs it in, which is passed to `show` too.
    pub async fn first_owner(
        &self,
        show: impl FnOnce(&str, &str) -> std::io::Result<()>,
    ) -> Result<(), OpenError> {
        let of_owner = Making::First(Some((self.state.unix_ms(), self.state.config.link_ttl_s)));
        let base = self.state.channel().base();
        let show = |root: &str, path: Option<&str>| match path {
            Some(path) => show(root, &format!("{base}{path}")),
            None => Ok(()),
        };
        set_root(&self.state.store, of_owner, show).await
    }

    /// Replaces the root credential in a data folder that no process is using. The new one is passed to `show`, and
    /// becomes valid only if that succeeds.
    pub async fn reset_root(
        folder: DataFolder,
        config: &Config,
        show: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Result<(), OpenError> {
        let store = open_store(folder, config).await?;
        set_root(&store, Making::Another, |root, _| show(root)).await?;
        store.close().await;
        Ok(())
    }

    /// Says how browsers reach the listener: whether it speaks TLS, and its address if that is of the loopback. Only
    /// the first call counts.
    pub fn listens(&self, speaks_tls: bool, loopback: Option<SocketAddr>) {
        let url = self.state.config.public_url.as_ref().map(PublicUrl::as_str);
        let loopback = loopback.map(|address| format!("http://{address}"));
        self.state.channel.get_or_init(|| Channel::of(url, speaks_tls, loopback));
    }

    /// Makes a link that logs an operator in, in a data folder that no process is using. Its path is passed to `show`,
    /// and it becomes valid only if that succeeds.
    pub async fn link(
        folder: DataFolder,
        config: &Config,
        operator: &str,
        show: impl FnOnce(&str) -> std::io::Result<()>,
    ) -> Result<(), OpenError> {
        let store = open_store(folder, config).await?;
        let done = link_in(&store, operator, (unix_ms(), config.link_ttl_s), show).await;
        store.close().await;
        done
    }

    /// All paths of the HTTP API and its pages. A request's peer must be in its extension `std::net::SocketAddr`.
    pub fn router(&self) -> axum::Router {
        router::router(self.state.clone())
    }

    /// Creates an app with its first key.
    pub async fn create_app(&self, name: &str) -> Result<AppCreated, OpenError> {
        let mut tx = self.state.store.begin().await.map_err(ApiError::from)?;
        let created = apps::make(&self.state.config, &mut tx, &NewApp::named(name)).await?;
        let app = AppId(created.app);
        let row = tx.app(app).await.map_err(ApiError::from)?.ok_or(ApiError::Internal)?;
        tx.add_record(own_record(row.life(), "app.create")).await.map_err(ApiError::from)?;
        self.state.commit_app(tx, app).await?;
        Ok(created)
    }

    /// Creates an API key of an app.
    pub async fn create_api_key(
        &self,
        app: u32,
        name: &str,
        scopes: &[Scope],
    ) -> Result<ApiKeyCreated, OpenError> {
        let new =
            NewApiKey { name: name.into(), scopes: scopes.to_vec(), bounds: None, ttl_s: None };
        let mut tx = self.state.store.begin().await.map_err(ApiError::from)?;
        let created = api_keys::make(&self.state.config, &mut tx, AppId(app), &new).await?;
        let row = tx.app(AppId(app)).await.map_err(ApiError::from)?.ok_or(ApiError::Internal)?;
        let record = own_record(row.life(), "api_key.create");
        let record = record.detail(&format!("api_key={}", created.id));
        tx.add_record(record).await.map_err(ApiError::from)?;
        let done = self.state.doors.commit(tx, AppId(app), News::Nothing).await;
        done.map_err(ApiError::from)?;
        Ok(created)
    }

    /// The number of apps with a current key of HS256 or Token04, whose tokens a relay without secrets refuses.
    pub async fn apps_with_secrets(&self) -> Result<u64, OpenError> {
        Ok(self.state.store.apps_with_secrets().await.map_err(ApiError::from)?)
    }

    /// The current key of an app and the roles that its tokens can name; `None` if the app does not exist, or nothing
    /// here can sign with its key.
    pub async fn usable(&self, app: u32) -> Result<Option<Usable>, OpenError> {
        let keys = self.state.store.keys(AppId(app)).await.map_err(ApiError::from)?;
        let current = of_state(&keys, MAIN, KeyState::Current);
        let directory = self.state.bus.directory();
        let (Some(key), Some(app)) = (current, directory.app(AppId(app))) else { return Ok(None) };
        let mut roles: Vec<_> =
            app.roles.iter().map(|role| (role.grants().rank, role.name().to_string())).collect();
        roles.sort();
        let roles = roles.into_iter().map(|(_, role)| role).collect();
        let KeyCreated { kid, secret, private_jwk, .. } = KeyCreated::of(key);
        let secret = secret.or_else(|| private_jwk.map(|jwk| jwk.to_string()));
        Ok(secret.map(|secret| Usable { kid, secret, roles }))
    }

    /// Makes the front page the one of `dev`, whose next steps name this app. Only the first call counts.
    pub fn show_dev(&self, app: u32) {
        self.state.dev_app.get_or_init(|| AppId(app));
    }

    /// Serves the classroom from now on: its page at `/`, and its backend at `/classroom/…`.
    pub fn show_classroom(&self, backend: axum::Router) {
        self.state.classroom.set(Some(backend));
    }

    /// Whether a credential is valid for the API now.
    pub async fn knows(&self, credential: &str) -> bool {
        match Presented::parse(credential) {
            Ok(presented) => presented.known(&self.state, &Origin::default()).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Whether the store can be read and written. While writes fail, one is attempted now and then.
    pub async fn ready(&self) -> Result<(), NotReady> {
        if let Err(error) = self.state.store.writable().await {
            let reason =
                error.reason().map_or_else(|| "a fault".into(), |reason| reason.to_string());
            return Err(NotReady::Unwritable(reason));
        }
        if self.state.recorder.may_record().is_err() {
            return Err(NotReady::Unrecordable);
        }
        if self.state.store.answers().await { Ok(()) } else { Err(NotReady::Unreadable) }
    }

    /// The server's counters, in the Prometheus text format.
    pub fn metrics(&self) -> String {
        self.state.metrics.render()
    }

    /// Writes what is queued and closes the database. Call it when the relay and the listener have ended.
    pub async fn close(self) {
        self.state.acts.end(CLOSE_TIMEOUT).await;
        for (close, ending) in self.ending {
            drop(close);
            // Neither a request nor a disk that hangs may keep the process from ending.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, ending).await;
        }
        self.tasks.iter().for_each(JoinHandle::abort);
        for task in self.tasks {
            // An aborted task ends with an error, as intended.
            let _ = task.await;
        }
        if let Err(error) = writer::write(&self.state).await {
            tracing::warn!(code = error.code(), "could not write the last uses of keys");
        }
        let store = self.state.store.clone();
        self.state.classroom.set(None);
        drop(self.state);
        // It ends when the last recorder is dropped.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.writer).await;
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, checkpoint(&store)).await;
        store.close().await;
    }
}

/// The rate of each credential.
fn requests(config: &Config) -> Buckets {
    Buckets::of_known(Rate { per_s: config.rate_per_s, burst: config.rate_burst })
}

/// The rate of failed authentications.
fn failures(config: &Config) -> Buckets {
    let rate = Rate { per_s: config.refusals_per_s, burst: config.refusals_burst };
    Buckets::bounded(rate, config.rates_kept_max)
}

/// The rate of exchanges of strangers.
fn exchanges(config: &Config) -> Buckets {
    let rate = Rate { per_s: config.exchange_per_s, burst: config.exchange_burst };
    Buckets::bounded(rate, config.rates_kept_max)
}

/// A record of an act of the process itself in an app.
fn own_record(app: AppLife, kind: &str) -> Record {
    Record { actor: Some(Actor::System), ..Record::now(kind, "ok").of_app(app) }
}

async fn register_apps(state: &AppState) -> Result<(), OpenError> {
    let mut after = 0;
    loop {
        let apps = state.store.apps(after, APPS_AT_A_TIME).await.map_err(ApiError::from)?;
        let Some(last) = apps.last() else { return Ok(()) };
        after = last.id.0;
        for app in &apps {
            state.bus.revocations().raise(app.id, app.generation);
            state.register_app(app).await?;
        }
    }
}
