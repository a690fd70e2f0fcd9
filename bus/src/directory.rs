//! What the relay must know about each app to decide at the door: keys that verify, their bounds, roles and policy. No
//! key here signs; a secret of HS256 or of Token04 could. A snapshot never changes, apart from the counts of uses; a new one replaces it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use stagedoor_token::{AppId, Claims, KeySet, KeyState, Roles, SecondLogin, VerifyingKey};

use crate::{
    bounds::Bounds,
    token04::{NotOpened, SECRETS_TRIED_MAX, Token04, Token04Key, Trial, open_among, reveal_among},
};

/// The identity of an app, from creation to deletion. An app created again with the same AppID is another one, and
/// inherits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppLife {
    /// The AppID.
    pub id: AppId,
    /// When it was created, Unix milliseconds.
    pub since_ms: u64,
}

/// One app as the door sees it.
#[derive(Clone, Debug)]
pub struct App {
    /// The AppID.
    pub id: AppId,
    /// When it was created, Unix milliseconds.
    pub since_ms: u64,
    /// Every known key, including retired ones, so that the log can say `key_retired`.
    pub keys: Vec<AppKey>,
    /// The app's roles.
    pub roles: Arc<Roles>,
    /// What happens when a user who is in a room logs in to it again, if the role does not say.
    pub second_login: Option<SecondLogin>,
    /// Which Token04 it takes; `None`: none.
    pub token04: Option<Token04>,
}

impl App {
    /// The app as audit records name it.
    pub fn life(&self) -> AppLife {
        AppLife { id: self.id, since_ms: self.since_ms }
    }
}

/// What of a key the door needs. One kind never serves as the other.
#[derive(Clone, Debug)]
pub enum DoorKey {
    /// It verifies signatures.
    Signature(VerifyingKey),
    /// It opens Token04.
    Token04(Token04Key),
}

impl DoorKey {
    /// The key id.
    pub fn kid(&self) -> &str {
        match self {
            Self::Signature(key) => key.kid(),
            Self::Token04(key) => &key.kid,
        }
    }

    /// The key id as shared text.
    pub fn shared_kid(&self) -> Arc<str> {
        match self {
            Self::Signature(key) => key.shared_kid(),
            Self::Token04(key) => key.kid.clone(),
        }
    }

    /// The app that has it.
    pub fn app(&self) -> AppId {
        match self {
            Self::Signature(key) => key.app(),
            Self::Token04(key) => key.app,
        }
    }

    /// What the key may do.
    pub fn state(&self) -> KeyState {
        match self {
            Self::Signature(key) => key.state(),
            Self::Token04(key) => key.state,
        }
    }

    /// Whether it is public: nobody can make a token with it.
    pub fn is_public(&self) -> bool {
        self.verifying().is_some_and(VerifyingKey::is_public)
    }

    /// What verifies signatures.
    pub fn verifying(&self) -> Option<&VerifyingKey> {
        match self {
            Self::Signature(key) => Some(key),
            Self::Token04(_) => None,
        }
    }

    /// What opens Token04, if it still does.
    fn opening(&self) -> Option<&Token04Key> {
        match self {
            Self::Token04(key) if key.state != KeyState::Retired => Some(key),
            Self::Token04(_) | Self::Signature(_) => None,
        }
    }
}

/// A key as the door sees it.
#[derive(Clone, Debug)]
pub struct AppKey {
    /// What of it the door needs.
    pub key: DoorKey,
    /// How far its tokens reach: the bounds of its line.
    pub bounds: Arc<Bounds>,
    uses: Arc<KeyUses>,
}

impl AppKey {
    /// A key with bounds.
    pub fn new(key: impl Into<VerifyingKey>, bounds: Arc<Bounds>) -> Self {
        Self { key: DoorKey::Signature(key.into()), bounds, uses: Arc::default() }
    }

    /// A secret of Token04, with bounds.
    pub fn token04(key: Token04Key, bounds: Arc<Bounds>) -> Self {
        Self { key: DoorKey::Token04(key), bounds, uses: Arc::default() }
    }

    /// Counts a token of this key that opened a seat or renewed one.
    pub fn used(&self, iat: u64) {
        self.uses.tokens.fetch_add(1, Ordering::Relaxed);
        self.uses.iat_max.fetch_max(iat, Ordering::Relaxed);
    }

    /// How many tokens it opened since the last call, and when the newest ever was issued, Unix seconds.
    pub fn take_uses(&self) -> Option<(u64, u64)> {
        let tokens = self.uses.tokens.swap(0, Ordering::Relaxed);
        (tokens > 0).then(|| (tokens, self.uses.iat_max.load(Ordering::Relaxed)))
    }
}

impl<K: Into<VerifyingKey>> From<K> for AppKey {
    fn from(key: K) -> Self {
        Self::new(key, Arc::default())
    }
}

/// The uses of one key, for as long as the directory knows it.
#[derive(Debug, Default)]
struct KeyUses {
    tokens: AtomicU64,
    iat_max: AtomicU64,
}

/// A snapshot of the directory. Cheap to hold for one decision.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    keys: KeySet,
    by_kid: HashMap<Arc<str>, AppKey>,
    apps: HashMap<AppId, App>,
    /// The apps that take Token04 and have a secret, in order, so that the same token is always tried with the same secrets.
    token04: BTreeSet<AppId>,
}

impl Directory {
    /// One key, with its bounds.
    pub fn key(&self, kid: &str) -> Option<&AppKey> {
        self.by_kid.get(kid)
    }

    /// All keys, with their bounds.
    pub fn app_keys(&self) -> impl Iterator<Item = &AppKey> {
        self.by_kid.values()
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }

    /// The keys of all apps.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// One app.
    pub fn app(&self, id: AppId) -> Option<&App> {
        self.apps.get(&id)
    }

    /// The directory with this app added or replaced.
    pub fn with(&self, app: App) -> Self {
        let mut next = self.without(app.id);
        next.put(app, self);
        next
    }

    /// A directory of these apps alone. Keys that were known keep their uses.
    pub fn replaced_by(&self, apps: impl IntoIterator<Item = App>) -> Self {
        let mut next = Self::default();
        apps.into_iter().for_each(|app| next.put(app, self));
        next
    }

    fn put(&mut self, app: App, before: &Self) {
        for key in &app.keys {
            let known = before.key(key.key.kid()).filter(|old| old.key.app() == app.id);
            let uses = known.unwrap_or(key).uses.clone();
            let key = AppKey { uses, ..key.clone() };
            if let Some(verifying) = key.key.verifying() {
                self.keys.insert(verifying.clone());
            }
            self.by_kid.insert(key.key.shared_kid(), key);
        }
        if app.token04.is_some() && app.keys.iter().any(|key| key.key.opening().is_some()) {
            self.token04.insert(app.id);
        }
        self.apps.insert(app.id, app);
    }

    /// The directory without this app.
    pub fn without(&self, id: AppId) -> Self {
        let mut next = self.clone();
        next.token04.remove(&id);
        if let Some(old) = next.apps.remove(&id) {
            for key in &old.keys {
                next.keys.remove(key.key.kid());
                next.by_kid.remove(key.key.kid());
            }
        }
        next
    }

    /// Opens a Token04 for a login that names its app, or none, and its room, or none. Every secret that may have made
    /// it is tried, always. Returns what it says, and the id of its key.
    ///
    /// # Errors
    ///
    /// The first check that fails.
    pub fn open_token04(
        &self,
        text: &str,
        app: Option<AppId>,
        room: Option<&str>,
        now_s: u64,
    ) -> Result<(Claims, Arc<str>), NotOpened> {
        open_among(text, &self.trial(app)?, room, now_s)
    }

    /// Which app a refused Token04 is counted to, and if it proved itself what it says.
    pub fn reveal_token04(
        &self,
        text: &str,
        app: Option<AppId>,
        is_proven: bool,
    ) -> (Option<&App>, Option<stagedoor_token04::Opened>) {
        let trial = self.trial(app).unwrap_or_default();
        let opened = is_proven.then(|| reveal_among(text, &trial)).flatten();
        let mut apps = trial.iter().map(|(key, _)| key.app);
        let only = apps.next().filter(|first| apps.all(|app| app == *first));
        let app = opened.as_ref().map(|opened| AppId(opened.claims.app)).or(only);
        (app.and_then(|app| self.app(app)), opened)
    }

    /// The secrets of one app, or of all.
    fn trial(&self, app: Option<AppId>) -> Result<Trial<'_>, NotOpened> {
        let (first, last) = app.map_or((AppId(0), AppId(u32::MAX)), |app| (app, app));
        let apps = self.token04.range(first..=last);
        let apps = apps.filter_map(|id| self.apps.get(id));
        let terms = apps.filter_map(|app| Some((app, app.token04.as_ref()?)));
        let all = terms.flat_map(|(app, terms)| {
            let keys = app.keys.iter().filter_map(|key| key.key.opening());
            keys.map(move |key| (key, terms))
        });
        let trial: Trial<'_> = all.take(SECRETS_TRIED_MAX + 1).collect();
        if trial.len() > SECRETS_TRIED_MAX { Err(NotOpened::AppMissing) } else { Ok(trial) }
    }
}

/// The slot of the newest [`Directory`].
#[derive(Debug, Default)]
pub(crate) struct Newest(RwLock<Arc<Directory>>);

impl Newest {
    pub(crate) fn get(&self) -> Arc<Directory> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&Directory) -> Directory) {
        let mut newest = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Arc::new(change(&newest));
    }
}
