//! Keys of an app, of `routes`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State as Has, http::HeaderMap, response::Response};
use serde::Serialize;
use stagedoor_token::{AppId, KeyState};
use utoipa::ToSchema;

use super::{At, Page, app_row};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    idempotency::once,
    recorder, secret,
    state::{State, unix_ms},
    store::{
        apps::{KeyRow, state_text},
        audit::Record,
    },
};

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// The key id, as in the header of its tokens.
    kid: String,
    /// `next`, `current`, `retiring` or `retired`.
    state: &'static str,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
}

/// A new key.
#[derive(Serialize, ToSchema)]
pub struct KeyCreated {
    /// The key id.
    pub kid: String,
    /// `current` or `next`.
    pub state: &'static str,
    /// 32 bytes as base64url without padding; the bytes are the HMAC key. Shown this once.
    pub secret: String,
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

/// Makes a key, not stored yet.
pub(crate) fn make(app: AppId, state: KeyState) -> Result<(KeyRow, KeyCreated), ApiError> {
    let bytes = secret::random::<32>()?;
    let kid = secret::random_id("k_")?;
    let row =
        KeyRow { kid: kid.clone(), app, secret: bytes.to_vec(), state, created_ms: unix_ms() };
    Ok((row, KeyCreated { kid, state: state_text(state), secret: secret::encode(&bytes) }))
}

/// Lists an app's keys, oldest first.
#[utoipa::path(get, path = "/v1/apps/{app}/keys", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, body = Page<KeyView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<Json<Page<KeyView>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    app_row(&state, app).await?;
    let items: Vec<KeyView> = state.store.keys(app).await?.into_iter().map(KeyView::from).collect();
    Ok(Json(Page { items, next: None }))
}

fn of_state(keys: &[KeyRow], state: KeyState) -> Option<&KeyRow> {
    keys.iter().find(|key| key.state == state)
}

fn check_room(state: &State, keys: &[KeyRow]) -> Result<(), ApiError> {
    let live = keys.iter().filter(|key| key.state != KeyState::Retired).count();
    if live >= state.config.keys_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "keys_exceeded",
            detail: "the app has `keys_per_app_max` keys that are not retired",
        });
    }
    Ok(())
}

async fn record(
    state: &State,
    caller: &Caller,
    app: AppId,
    kind: &str,
    kid: &str,
) -> Result<(), ApiError> {
    let record = Record {
        app: Some(app.0),
        actor: Some(caller.id().into()),
        detail: Some(format!("kid={kid}").into()),
        ..recorder::now(kind, "ok")
    };
    state.recorder.record(record).await
}

/// Makes the next key: every relay verifies with it at once, nobody signs with it yet.
#[utoipa::path(post, path = "/v1/apps/{app}/keys", tag = "keys",
    params(("app" = u32, Path), ("Idempotency-Key" = Option<String>, Header, description = "Asked again with it, nothing is made twice.")),
    responses((status = 201, body = KeyCreated), (status = "4XX", body = Problem)))]
pub(crate) async fn create(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    app_row(&state, app).await?;
    let create = async {
        let keys = state.store.keys(app).await?;
        if of_state(&keys, KeyState::Next).is_some() {
            return Err(ApiError::Conflict {
                code: "next_key_exists",
                detail: "the app has its next key; rotate first",
            });
        }
        check_room(&state, &keys)?;
        let (row, created) = make(app, KeyState::Next)?;
        state.store.change_keys(&[], &[&row]).await?;
        state.tell_app(app).await?;
        record(&state, &caller, app, "key.create", &created.kid).await?;
        Ok(created)
    };
    once(&state, &caller, &headers, &("keys", app), "/secret", create).await
}

/// What a rotation came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rotated {
    /// Signs from now on.
    current: String,
    /// Still verifies.
    retiring: Option<String>,
    /// Only if there was no next key: the one just made, with its secret.
    #[schema(nullable)]
    created: Option<KeyCreated>,
}

/// Rotates: the next key becomes current (one is made if there is none), the current one retires: it
/// still verifies.
#[utoipa::path(post, path = "/v1/apps/{app}/keys/rotate", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, body = Rotated), (status = "4XX", body = Problem)))]
pub(crate) async fn rotate(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<Json<Rotated>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    app_row(&state, app).await?;
    let keys = state.store.keys(app).await?;
    let current = of_state(&keys, KeyState::Current).map(|key| key.kid.clone());
    let retire: Vec<(&str, KeyState)> =
        current.iter().map(|kid| (kid.as_str(), KeyState::Retiring)).collect();
    let (kid, created) = match of_state(&keys, KeyState::Next) {
        Some(next) => {
            let mut states = retire;
            states.push((&next.kid, KeyState::Current));
            state.store.change_keys(&states, &[]).await?;
            (next.kid.clone(), None)
        }
        None => {
            check_room(&state, &keys)?;
            let (row, created) = make(app, KeyState::Current)?;
            state.store.change_keys(&retire, &[&row]).await?;
            (row.kid, Some(created))
        }
    };
    state.tell_app(app).await?;
    record(&state, &caller, app, "key.rotate", &kid).await?;
    Ok(Json(Rotated { current: kid, retiring: current, created }))
}

/// Retires a key: its tokens open nothing any more. The current key is rotated first.
#[utoipa::path(post, path = "/v1/apps/{app}/keys/{kid}/retire", tag = "keys",
    params(("app" = u32, Path), ("kid" = String, Path)),
    responses((status = 200, body = KeyView), (status = "4XX", body = Problem)))]
pub(crate) async fn retire(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, kid)): At<(AppId, String)>,
) -> Result<Json<KeyView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let keys = state.store.keys(app).await?;
    let key = keys.into_iter().find(|key| key.kid == kid);
    let key =
        key.ok_or(ApiError::NotFound { code: "key_unknown", detail: "the app has no such key" })?;
    if key.state == KeyState::Current {
        return Err(ApiError::Conflict {
            code: "key_current",
            detail: "the current key signs; rotate first",
        });
    }
    state.store.change_keys(&[(&key.kid, KeyState::Retired)], &[]).await?;
    state.tell_app(app).await?;
    record(&state, &caller, app, "key.retire", &key.kid).await?;
    Ok(Json(KeyRow { state: KeyState::Retired, ..key }.into()))
}
