//! Ends what leaked, in one transaction.

mod operators;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use stagedoor_bus::{Bearer, Revocation, Target};
use stagedoor_token::{AppId, Claims, CredentialKind, KeyState, verify_with_key};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::super::keys;
use crate::{
    act::Audited,
    credential::Presented,
    doors::{Hold, News},
    error::ApiError,
    lines::{Successor, succession},
    record::Record,
    secret,
    state::AppState,
    store::{keys::KeyRow, revocations::RevocationRow, write::Tx},
    suspect::Suspect,
};

/// The reason in the revocation of what leaked.
const LEAKED: &str = "leaked";
/// Apps whose keys are read at a time.
const APPS_AT_A_TIME: u32 = 500;

/// A signing key, with its secret.
pub(super) type Secret = (AppId, String, Zeroizing<Vec<u8>>);

/// What a text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeakKind {
    /// The root credential.
    Root,
    /// An API key.
    ApiKey,
    /// An access token.
    AccessToken,
    /// A personal token.
    PersonalToken,
    /// A link to log in.
    Link,
    /// A room token.
    Token,
    /// The secret of a signing key.
    SigningKey,
    /// Nothing of ours.
    Unknown,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeakState {
    /// It was good until now, and is no longer.
    Revoked,
    /// It had ended before.
    Ended,
    /// It is nothing of ours.
    Unknown,
}

/// What is said of one text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeakView {
    /// What it was.
    kind: LeakKind,
    /// Its id: an API key's, an access token's, a token's `jti`, a key's `kid`; `null` for what is unknown, and for a root credential of
    /// before credentials had ids.
    id: Option<String>,
    /// The app it belongs to; `null`: none.
    app: Option<u32>,
    /// What became of it.
    state: LeakState,
    /// Live seats that were closed; `null`: none of that kind, or no relay answered.
    pub(super) seats: Option<usize>,
    /// What to do next.
    next: Option<String>,
}

impl LeakView {
    fn unknown() -> Self {
        Self {
            kind: LeakKind::Unknown,
            id: None,
            app: None,
            state: LeakState::Unknown,
            seats: None,
            next: None,
        }
    }

    fn of(kind: LeakKind, id: Option<String>, app: Option<AppId>, was_good: bool) -> Self {
        let state = if was_good { LeakState::Revoked } else { LeakState::Ended };
        Self { kind, id, app: app.map(|app| app.0), state, seats: None, next: None }
    }

    fn record(&self, audited: &Audited, found_at: Option<&str>) -> Option<Record> {
        let (kind, state) = match (self.kind, self.state) {
            (LeakKind::Unknown, _) | (_, LeakState::Unknown) => return None,
            (kind, state) => (kind, state),
        };
        let kind = match kind {
            LeakKind::Root => "root",
            LeakKind::ApiKey => "api_key",
            LeakKind::AccessToken => "access_token",
            LeakKind::PersonalToken => "personal_token",
            LeakKind::Link => "link",
            LeakKind::Token => "token",
            LeakKind::SigningKey => "signing_key",
            LeakKind::Unknown => return None,
        };
        let state = if state == LeakState::Revoked { "revoked" } else { "ended" };
        let record = match self.app {
            Some(app) => audited.record(AppId(app), "credential.leaked"),
            None => audited.record_of_none("credential.leaked"),
        };
        let id = self.id.as_deref().unwrap_or("none");
        let record = record.detail(&format!("kind={kind} id={id} state={state}"));
        Some(match found_at {
            Some(found_at) => record.detail(&format!("found_at={found_at}")),
            None => record,
        })
    }
}

/// What a report ends, until its transaction is committed.
pub(super) struct Ending<'a> {
    audited: &'a Audited,
    tx: Tx,
    /// As in a rotation: until the commit nothing is minted with a key that ends here.
    hold: Hold<'a>,
    now_ms: u64,
    /// Apps whose keys changed.
    changed: Vec<AppId>,
    /// Revocations, and which text they are for.
    revoked: Vec<(usize, RevocationRow)>,
}

impl<'a> Ending<'a> {
    /// Begins with an open transaction, and waits for the reads of the apps in which something may end.
    pub(super) async fn begin(
        audited: &'a Audited,
        tx: Tx,
        suspects: &[Suspect<'_>],
        keys: &[Secret],
    ) -> Self {
        let apps = suspects.iter().flat_map(|suspect| apps_of(&audited.state, suspect, keys));
        let hold = audited.state.doors.hold(&tx, apps).await;
        let now_ms = audited.state.unix_ms();
        Self { audited, tx, hold, now_ms, changed: Vec::new(), revoked: Vec::new() }
    }

    /// Records what became of a text, if it was ours.
    pub(super) async fn record(
        &mut self,
        view: &LeakView,
        found_at: Option<&str>,
    ) -> Result<(), ApiError> {
        if let Some(record) = view.record(self.audited, found_at) {
            self.tx.add_record(record).await?;
        }
        Ok(())
    }

    fn state(&self) -> &AppState {
        &self.audited.state
    }

    /// Ends what a text is; `at` is its place in the report.
    pub(super) async fn end(
        &mut self,
        at: usize,
        suspect: &Suspect<'_>,
        keys: &[Secret],
    ) -> Result<LeakView, ApiError> {
        match suspect {
            Suspect::Credential(presented) => self.credential(presented).await,
            Suspect::Secret(bytes) => {
                let mut found = keys.iter().filter(|(_, _, secret)| secret::same(secret, bytes));
                match found.next_back() {
                    Some((app, kid, _)) => self.signing_key(at, *app, kid).await,
                    None => Ok(LeakView::unknown()),
                }
            }
            Suspect::Token(token) => self.token(at, token).await,
            Suspect::Nothing => Ok(LeakView::unknown()),
        }
    }

    async fn credential(&mut self, presented: &Presented<'_>) -> Result<LeakView, ApiError> {
        let hash = presented.hash();
        match presented {
            Presented::OldRoot { .. } => self.root(&hash).await,
            Presented::OldApiKey { id, .. } => self.api_key(id, &hash).await,
            Presented::Checked(credential) => match credential.kind() {
                CredentialKind::Root => self.root(&hash).await,
                CredentialKind::ApiKey => self.api_key(credential.id(), &hash).await,
                CredentialKind::AccessToken => self.access_token(credential.id(), &hash).await,
                CredentialKind::Personal => self.personal(credential.id(), &hash).await,
                CredentialKind::Link => self.link(credential.id(), &hash).await,
            },
        }
    }

    async fn api_key(&mut self, id: &str, hash: &[u8]) -> Result<LeakView, ApiError> {
        let Some(row) = self.tx.api_key(id).await? else { return Ok(LeakView::unknown()) };
        let is_current = secret::same(&row.hash, hash);
        let is_old = row.old_hash.as_ref().is_some_and(|old| secret::same(old, hash));
        let lives = |ends_ms: Option<u64>| ends_ms.is_none_or(|ends| ends > self.now_ms);
        let was_good = lives(row.expires_ms) && row.leaked_ms.is_none();
        let next = format!("rotate the API key {id}: its holder needs another secret");
        if is_current {
            if row.leaked_ms.is_none() {
                self.tx.api_key_leaked(id, self.now_ms).await?;
            }
            let view = LeakView::of(LeakKind::ApiKey, Some(row.id), Some(row.app), was_good);
            return Ok(LeakView { next: Some(next), ..view });
        }
        if is_old {
            // Whoever has the old secret does not have the new one.
            let was_good = was_good && lives(row.old_ends_ms);
            if was_good {
                self.tx.end_old_secret(id, self.now_ms).await?;
            }
            return Ok(LeakView::of(LeakKind::ApiKey, Some(row.id), Some(row.app), was_good));
        }
        Ok(LeakView::unknown())
    }

    /// Its client stays good: an access token says nothing of its secret.
    async fn access_token(&mut self, id: &str, hash: &[u8]) -> Result<LeakView, ApiError> {
        let row = self.tx.access_token(id).await?.filter(|row| secret::same(&row.hash, hash));
        let Some(row) = row else { return Ok(LeakView::unknown()) };
        let was_good = row.leaked_ms.is_none() && row.expires_ms > self.now_ms;
        if row.leaked_ms.is_none() {
            self.tx.access_token_leaked(id, self.now_ms).await?;
        }
        Ok(LeakView::of(LeakKind::AccessToken, Some(row.id), row.app, was_good))
    }

    /// The key is retired at once, and whatever it signed is refused, even what claims to be of the future.
    async fn signing_key(
        &mut self,
        at: usize,
        app: AppId,
        kid: &str,
    ) -> Result<LeakView, ApiError> {
        let rows = self.tx.keys(app).await?;
        let Some(row) = rows.iter().find(|row| row.kid == kid) else {
            return Ok(LeakView::unknown());
        };
        let was_good = row.state != KeyState::Retired;
        let mut view = LeakView::of(LeakKind::SigningKey, Some(kid.into()), Some(app), was_good);
        if was_good {
            let mut old = row.clone();
            old.retire(self.now_ms);
            self.tx.change_key(&old).await?;
            if row.state == KeyState::Current {
                view.next = Some(match self.succeed(&rows, row).await? {
                    Some(current) => format!(
                        "the line {} signs with {current} now; rotate it once more for a secret to sign with elsewhere",
                        row.line
                    ),
                    None => format!("the line {} has no current key; create one", row.line),
                });
            }
            self.changed.push(app);
        }
        let entry = keys::lines::whatever_it_signed(row, LEAKED, self.now_ms);
        self.revoke(at, entry).await?;
        Ok(view)
    }

    /// Makes the line's next key current, or a new one; returns its id. `None` where none can be made here.
    async fn succeed(&mut self, rows: &[KeyRow], old: &KeyRow) -> Result<Option<String>, ApiError> {
        let limits = keys::limits_of(&self.state().config);
        match succession(rows, &old.line, None, true, limits).map(|succession| succession.new) {
            Ok(Successor::Next(next)) => {
                let mut next = next.clone();
                next.state = KeyState::Current;
                next.times.current_ms = Some(self.now_ms);
                self.tx.change_key(&next).await?;
                Ok(Some(next.kid))
            }
            Ok(Successor::Made(alg)) => {
                let (line, bounds) = (old.line.clone(), old.bounds.clone());
                let (state, now_ms) = (KeyState::Current, self.now_ms);
                let place = keys::Place { app: old.app, line, bounds, state, now_ms };
                let new = keys::make(place, alg)?;
                self.tx.add_key(&new).await?;
                Ok(Some(new.kid))
            }
            Err(_) => Ok(None),
        }
    }

    async fn token(&mut self, at: usize, token: &str) -> Result<LeakView, ApiError> {
        let Some((claims, kid)) = signed(self.state(), token) else {
            return Ok(LeakView::unknown());
        };
        let now_s = self.now_ms / 1_000;
        let hit = self.state().bus.revocations().find(&Bearer::of(&claims, &kid), now_s);
        let was_good = claims.exp > now_s && hit.is_none();
        if hit.is_none() {
            // A seat may outlive its token.
            let entry = Revocation {
                app: claims.app,
                target: Target::Jti(claims.jti.clone()),
                generation: 0,
                at_s: now_s,
                ends_s: None,
                ban: false,
                reason: Some(LEAKED.into()),
            };
            self.revoke(at, entry).await?;
        }
        Ok(LeakView::of(LeakKind::Token, Some(claims.jti), Some(claims.app), was_good))
    }

    async fn revoke(&mut self, at: usize, entry: Revocation) -> Result<(), ApiError> {
        let mut row = RevocationRow::new(entry, &self.audited.caller.actor());
        // Without an app there is nothing left to revoke.
        let Some(generation) = self.tx.add_revocation(&row).await? else { return Ok(()) };
        row.entry.generation = generation;
        self.revoked.push((at, row));
        Ok(())
    }

    /// Commits, tells the doors, and returns the revocations.
    pub(super) async fn commit(mut self) -> Result<Vec<(usize, RevocationRow)>, ApiError> {
        let state = &self.audited.state;
        let mut news = Vec::new();
        self.changed.sort_unstable();
        self.changed.dedup();
        for app in &self.changed {
            news.push((*app, News::App(state.app_in(&mut self.tx, *app).await?)));
        }
        for (_, row) in &self.revoked {
            news.push((row.entry.app, News::Revoked(row.entry.clone())));
        }
        state.doors.commit_held(self.hold, self.tx, news).await?;
        state.retirements.notify_one();
        Ok(self.revoked)
    }
}

/// The apps whose keys or revocations may change for a text.
fn apps_of(state: &AppState, suspect: &Suspect<'_>, keys: &[Secret]) -> Vec<AppId> {
    match suspect {
        Suspect::Secret(bytes) => {
            let found = keys.iter().filter(|(_, _, secret)| secret::same(secret, bytes));
            found.map(|(app, ..)| *app).collect()
        }
        Suspect::Token(token) => {
            signed(state, token).into_iter().map(|(claims, _)| claims.app).collect()
        }
        Suspect::Credential(_) | Suspect::Nothing => Vec::new(),
    }
}

/// The claims of a token that one of our keys signed, whether or not it is good now, and the id of the key.
pub(in crate::routes) fn signed(state: &AppState, token: &str) -> Option<(Claims, String)> {
    let directory = state.bus.directory();
    // Its own time: an expired token may still hold a seat.
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let time = |claim: &str| payload[claim].as_u64().unwrap_or(0);
    let at_s = time("iat").max(time("nbf"));
    let (claims, key) = verify_with_key(token, directory.keys(), at_s).ok()?;
    Some((claims, key.kid().to_owned()))
}

/// Every signing key, with its secret. Read before the transaction, which reads again what it finds.
pub(super) async fn signing_keys(state: &AppState) -> Result<Vec<Secret>, ApiError> {
    let (mut after, mut all) = (0, Vec::new());
    loop {
        let apps = state.store.apps(after, APPS_AT_A_TIME).await?;
        let Some(last) = apps.last() else { return Ok(all) };
        after = last.id.0;
        for app in &apps {
            let keys = state.store.keys(app.id).await?;
            all.extend(keys.into_iter().filter_map(|key| Some((key.app, key.kid, key.secret?))));
        }
    }
}
