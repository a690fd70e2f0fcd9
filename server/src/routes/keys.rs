//! Keys of an app.

use axum::{Json, http::HeaderMap, response::Response};
use serde::Serialize;
use stagedoor_bus::{Answer, Command};
use stagedoor_token::{AppId, KeyState, checked_secret};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{Page, Path, Reader, app_in, app_row};
use crate::{
    act::Audited,
    config::Config,
    error::ApiError,
    idempotency::{Created, Once},
    record::{Record, unix_ms},
    rights::Reach,
    scope::Scope,
    secret,
    store::keys::{KeyRow, state_text},
};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// The key id, the `kid` in the header of its tokens.
    kid: String,
    /// `next`, `current`, `retiring` or `retired`.
    state: &'static str,
    /// When it was created, Unix milliseconds.
    created_ms: u64,
}

/// A retired key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRetired {
    /// The key.
    #[serde(flatten)]
    key: KeyView,
    /// Live seats with tokens that this key signed. They continue until their tokens expire; a revocation of the key
    /// closes them. `null` if no relay answered.
    seats: Option<usize>,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct KeyCreated {
    /// The key id.
    pub kid: String,
    /// `current` or `next`.
    pub state: &'static str,
    /// 32 bytes as base64url without padding; decode it to get the HMAC key. Shown only once: `null` in a replay.
    #[schema(value_type = Option<String>, required = true)]
    pub secret: String,
    /// The same secret once more, with check digits: `sdsec_` and 49 letters and digits. Shown only once, too.
    #[schema(value_type = Option<String>, required = true)]
    pub checked_secret: String,
}

impl std::fmt::Debug for KeyCreated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCreated")
            .field("kid", &self.kid)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl From<KeyRow> for KeyView {
    fn from(row: KeyRow) -> Self {
        Self { kid: row.kid, state: state_text(row.state), created_ms: row.created_ms }
    }
}

/// Makes a key without storing it.
pub(crate) fn make(app: AppId, state: KeyState) -> Result<(KeyRow, KeyCreated), ApiError> {
    let bytes = Zeroizing::new(secret::random::<32>()?);
    let kid = secret::random_id("k_")?;
    let row = KeyRow {
        kid: kid.clone(),
        app,
        secret: Zeroizing::new(bytes.to_vec()),
        state,
        created_ms: unix_ms(),
    };
    Ok((
        row,
        KeyCreated {
            kid,
            state: state_text(state),
            secret: secret::encode(bytes.as_slice()),
            checked_secret: checked_secret(&bytes),
        },
    ))
}

/// Lists an app's keys, oldest first.
///
/// Each with its state: `next`, `current`, `retiring` (still verifies) or `retired`. Secrets are not in it.
#[utoipa::path(get, path = "/v1/apps/{app}/keys", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, body = Page<KeyView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
) -> Result<Json<Page<KeyView>>, ApiError> {
    caller.may(app, Scope::KeysManage)?;
    let _look = state.doors.look(app).await;
    app_row(&state, app).await?;
    let items: Vec<KeyView> = state.store.keys(app).await?.into_iter().map(KeyView::from).collect();
    Ok(Json(Page { items, next: None }))
}

fn of_state(keys: &[KeyRow], state: KeyState) -> Option<&KeyRow> {
    keys.iter().find(|key| key.state == state)
}

fn check_room(config: &Config, keys: &[KeyRow]) -> Result<(), ApiError> {
    let live = keys.iter().filter(|key| key.state != KeyState::Retired).count();
    if live >= config.keys_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "keys_exceeded",
            detail: "the app already has `keys_per_app_max` keys that are not retired; retire one first",
        });
    }
    Ok(())
}

fn record(audited: &Audited, app: AppId, kind: &str, kid: &str) -> Record {
    audited.record(app, kind).detail(&format!("kid={kid}"))
}

/// Makes the next key.
///
/// Every relay verifies with it at once, and nobody signs with it yet: distribute its secret, then rotate. There is
/// one `next` key at a time.
#[utoipa::path(post, path = "/v1/apps/{app}/keys", tag = "keys",
    params(("app" = u32, Path)),
    responses((status = 201, body = Created<KeyCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    audited.caller.may_whole(app, Scope::KeysManage, Reach::Tokens)?;
    let once = Once::begin(&audited.state, &audited.caller, &headers, &("keys", app))?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    if let Some(kept) = once.kept(&mut tx).await? {
        return Ok(kept);
    }
    let keys = tx.keys(app).await?;
    if of_state(&keys, KeyState::Next).is_some() {
        return Err(ApiError::Conflict {
            code: "next_key_exists",
            detail: "the app already has a next key; rotate first",
        });
    }
    check_room(&audited.state.config, &keys)?;
    let (row, created) = make(app, KeyState::Next)?;
    tx.add_key(&row).await?;
    tx.add_record(record(&audited, app, "key.create", &created.kid)).await?;
    let answer = once.keep(&mut tx, &created, &["/secret", "/checked_secret"]).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(answer)
}

/// The result of a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rotated {
    /// Signs from now on.
    current: String,
    /// No longer signs, but still verifies.
    retiring: Option<String>,
    /// Only if there was no next key: the new current key, with its secret.
    #[schema(nullable)]
    created: Option<KeyCreated>,
}

/// Rotates the keys.
///
/// The next key becomes current (one is made if there is none) and signs from now on. The one that was current
/// retires: it still verifies the tokens that it signed.
#[utoipa::path(post, path = "/v1/apps/{app}/keys/rotate", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, body = Rotated)))]
pub(crate) async fn rotate(
    audited: Audited,
    Path(app): Path<AppId>,
) -> Result<Json<Rotated>, ApiError> {
    audited.caller.may_whole(app, Scope::KeysManage, Reach::Tokens)?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    let keys = tx.keys(app).await?;
    let retiring = of_state(&keys, KeyState::Current).map(|key| key.kid.clone());
    // Retire first: there is never more than one current key.
    if let Some(kid) = &retiring {
        tx.change_key(kid, KeyState::Retiring).await?;
    }
    let (current, created) = match of_state(&keys, KeyState::Next) {
        Some(next) => {
            tx.change_key(&next.kid, KeyState::Current).await?;
            (next.kid.clone(), None)
        }
        None => {
            check_room(&audited.state.config, &keys)?;
            let (row, created) = make(app, KeyState::Current)?;
            tx.add_key(&row).await?;
            (row.kid, Some(created))
        }
    };
    tx.add_record(record(&audited, app, "key.rotate", &current)).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(Json(Rotated { current, retiring, created }))
}

/// Retires a key for good.
///
/// Its tokens open nothing any more. The current key must be rotated first. Live seats go on; `seats` says how many
/// are held by tokens of this key, and a revocation of the key closes them.
#[utoipa::path(post, path = "/v1/apps/{app}/keys/{kid}/retire", tag = "keys",
    params(("app" = u32, Path), ("kid" = String, Path)),
    responses((status = 200, body = KeyRetired)))]
pub(crate) async fn retire(
    audited: Audited,
    Path((app, kid)): Path<(AppId, String)>,
) -> Result<Json<KeyRetired>, ApiError> {
    audited.caller.may_whole(app, Scope::KeysManage, Reach::Tokens)?;
    let mut tx = audited.state.store.begin().await?;
    let key = tx.keys(app).await?.into_iter().find(|key| key.kid == kid);
    let key =
        key.ok_or(ApiError::NotFound { code: "key_unknown", detail: "the app has no such key" })?;
    if key.state == KeyState::Current {
        return Err(ApiError::Conflict {
            code: "key_current",
            detail: "the current key still signs; rotate first",
        });
    }
    tx.change_key(&key.kid, KeyState::Retired).await?;
    tx.add_record(record(&audited, app, "key.retire", &key.kid)).await?;
    audited.state.commit_app(tx, app).await?;
    let held = audited.state.bus.command(Command::Held { app, kid: key.kid.clone() }).await;
    let seats = match held {
        Ok(Answer::Done { seats }) => Some(seats),
        _ => None,
    };
    Ok(Json(KeyRetired { key: KeyRow { state: KeyState::Retired, ..key }.into(), seats }))
}
