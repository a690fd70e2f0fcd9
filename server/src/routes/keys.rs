//! Keys of an app: listed, made, registered, retired. The rules are in `spec/token.md` §Keys.

pub(crate) mod lines;
pub(crate) mod views;

use std::sync::Arc;

use axum::{Json, http::HeaderMap, response::Response};
use stagedoor_bus::Token04Secret;
use stagedoor_bus::{Answer, Bounds, Command};
use stagedoor_token::{Algorithm, AppId, Jwk, JwkError, Key, KeyState};
use zeroize::Zeroizing;

use super::{MaybeBody, Page, Path, Reader, app_in, app_row};
use crate::{
    act::Audited,
    caller::Caller,
    config::Config,
    error::ApiError,
    idempotency::{Created, Once},
    key_alg::KeyAlg,
    lines::{LineLimits, MAIN, TOKEN04, check_kind, check_made, live, state_of_added},
    record::Record,
    rights::Reach,
    scope::{Scope, Scopes},
    secret,
    state::AppState,
    store::keys::{KeyRow, KeyTimes},
};
pub(crate) use views::KeyCreated;
use views::{
    Imported, KeyRetired, KeyView, NewKey, SECRETS, alg_of, alg_unsupported, bounds_invalid,
    bounds_of, jwk_invalid, line_of,
};

/// Where a new key belongs.
pub(crate) struct Place {
    pub(crate) app: AppId,
    pub(crate) line: String,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) state: KeyState,
    pub(crate) now_ms: u64,
}

impl Place {
    /// The first key of a new app.
    pub(crate) fn first(app: AppId, now_ms: u64) -> Self {
        let (line, bounds) = (MAIN.into(), Arc::default());
        Self { app, line, bounds, state: KeyState::Current, now_ms }
    }

    fn row(
        self,
        alg: KeyAlg,
        secret: Option<Zeroizing<Vec<u8>>>,
        public: Option<Jwk>,
    ) -> Result<KeyRow, ApiError> {
        let Self { app, line, bounds, state, now_ms } = self;
        let current_ms = (state == KeyState::Current).then_some(now_ms);
        let times = KeyTimes { made_ms: now_ms, current_ms, ..KeyTimes::default() };
        let kid = secret::random_id("k_")?;
        // Under the id that it has here.
        let public = public.map(|jwk| jwk.with_kid(&kid));
        Ok(KeyRow { kid, app, line, alg, secret, public, bounds, state, times })
    }
}

/// Makes a key without storing it.
pub(crate) fn make(place: Place, alg: KeyAlg) -> Result<KeyRow, ApiError> {
    check_made(alg)?;
    let KeyAlg::Signature(kind) = alg else {
        let secret = Token04Secret::random().map_err(|_| ApiError::Internal)?;
        return place.row(alg, Some(Zeroizing::new(secret.expose().to_vec())), None);
    };
    let bytes = Zeroizing::new(secret::random::<32>()?);
    let public = match kind {
        Algorithm::HS256 => None,
        Algorithm::EdDSA | Algorithm::ES256 => {
            let key = Key::ed25519(place.app, "k", &bytes, place.state);
            key.ok().and_then(|key| key.verifying().to_jwk())
        }
    };
    place.row(alg, Some(Zeroizing::new(bytes.to_vec())), public)
}

/// The limits of an app's lines.
pub(crate) fn limits_of(config: &Config) -> LineLimits {
    LineLimits { keys_max: config.keys_per_app_max, lines_max: config.lines_per_app_max }
}

/// Lists an app's keys, oldest first.
///
/// Each with its line, its algorithm, its state (`next`, `current`, `retiring`, which still verifies, or `retired`),
/// when it came into its states, and when it was last used. Secrets are not in it.
#[utoipa::path(get, path = "/v1/apps/{app}/keys", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, body = Page<KeyView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
) -> Result<Json<Page<KeyView>>, ApiError> {
    caller.may(app, Scope::KeysManage)?;
    let _look = state.doors.look(app).await;
    app_row(&state, app).await?;
    let verified = state.store.tokens_verified(app, state.unix_ms()).await?.into_iter().collect();
    let rows = state.store.keys(app).await?.into_iter();
    Ok(Json(Page { items: rows.map(|row| KeyView::of(row, &verified)).collect(), next: None }))
}

pub(super) fn record(audited: &Audited, kind: &str, key: &KeyRow) -> Record {
    let record = audited.record(key.app, kind).detail(&format!("kid={}", key.kid));
    if key.line == MAIN { record } else { record.detail(&format!("line={}", key.line)) }
}

/// Checks that a caller may handle the keys of a line with these bounds, since such a key signs everything within them.
/// `is_given`: the caller itself gives the bounds.
pub(super) fn may_bounds(
    caller: &Caller,
    app: AppId,
    bounds: &Bounds,
    is_given: bool,
) -> Result<(), ApiError> {
    if caller.may_whole(app, Scope::KeysManage, Reach::Tokens).is_ok() {
        return Ok(());
    }
    caller.may(app, Scope::KeysManage)?;
    if is_given { caller.gives(app, Scopes::default(), bounds) } else { caller.encloses(bounds) }
}

/// Nothing has that name. A caller whose bounds matter does not learn even that.
pub(super) fn unknown(caller: &Caller, app: AppId, detail: &'static str) -> ApiError {
    let beyond = caller.may_whole(app, Scope::KeysManage, Reach::Tokens).err();
    beyond.unwrap_or(ApiError::NotFound { code: "key_unknown", detail })
}

/// A secret of Token04 that was made elsewhere.
fn imported(
    secret: &Imported,
    alg: KeyAlg,
    keys: &[KeyRow],
) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let invalid = |detail: &'static str| {
        ApiError::Invalid { code: "token04_secret_invalid", detail: detail.into() }.at("secret")
    };
    if alg != KeyAlg::Token04 {
        return Err(invalid("only a secret of `token04` is imported; others are made here"));
    }
    let secret = Token04Secret::import(secret.0.as_bytes());
    let form = "a Token04 secret is exactly 32 visible ASCII characters";
    let secret = secret.map_err(|_| invalid(form))?;
    let bytes = Zeroizing::new(secret.expose().to_vec());
    if keys.iter().any(|key| key.secret.as_ref() == Some(&bytes)) {
        // A key that leaked would go on under its other id, and one that signs would open.
        return Err(invalid("the app has a key with this secret already"));
    }
    Ok(bytes)
}

/// The key that a request asks for, in its place.
fn key_asked(
    state: &AppState,
    caller: &Caller,
    app: AppId,
    keys: &[KeyRow],
    new: NewKey,
) -> Result<KeyRow, ApiError> {
    let alg = alg_of(new.alg.as_deref())?;
    let of_token04 = alg == Some(KeyAlg::Token04) && new.line.is_none();
    let line = if of_token04 { TOKEN04.into() } else { line_of(new.line)? };
    let jwk = new.jwk.map(|jwk| jwk.get().parse()).transpose();
    let jwk: Option<Jwk> = jwk.map_err(|error: JwkError| jwk_invalid(error.to_string()))?;
    let given = new.bounds.as_deref().map(bounds_of).transpose()?.map(Arc::new);
    let known = live(keys, &line).map(|key| key.bounds.clone());
    let is_given = known.is_none();
    let bounds = match (known, given) {
        (Some(known), Some(given)) if known != given => {
            let detail = "the line has other bounds; change them for all its keys with PATCH";
            return Err(bounds_invalid(detail.into()));
        }
        (known, given) => known.or(given).unwrap_or_default(),
    };
    may_bounds(caller, app, &bounds, is_given)?;
    let of_jwk = |jwk: &Jwk| KeyAlg::Signature(jwk.algorithm());
    let alg = alg.or(jwk.as_ref().map(of_jwk)).unwrap_or(KeyAlg::HS256);
    if jwk.as_ref().is_some_and(|jwk| of_jwk(jwk) != alg) {
        return Err(alg_unsupported(format!("the JWK is not of a key for {alg}")));
    }
    check_kind(&line, alg)?;
    let place_state = state_of_added(keys, &line, limits_of(&state.config))?;
    let place = Place { app, line, bounds, state: place_state, now_ms: state.unix_ms() };
    if let Some(secret) = new.secret {
        let secret = imported(&secret, alg, keys)?;
        return place.row(alg, Some(secret), None);
    }
    let Some(jwk) = jwk else { return make(place, alg) };
    let same = |key: &KeyRow| key.public.as_ref().map(Jwk::thumbprint) == Some(jwk.thumbprint());
    if keys.iter().any(same) {
        // A key that leaked would go on under its other id.
        return Err(jwk_invalid("the app has this key already, under another id".into()));
    }
    place.row(alg, None, Some(jwk))
}

/// Makes, imports or registers a key.
///
/// The first key of a line is current at once. Every other is the line's next one, of which there is one at a time:
/// every relay verifies with it at once, and nobody signs with it yet. Distribute its secret, then rotate. With `jwk` a
/// public key is registered whose private part is elsewhere, so that nothing here can sign for it. With `alg` `token04` and `secret` the secret of a
/// backend that runs ZEGOCLOUD's generators is imported.
#[utoipa::path(post, path = "/v1/apps/{app}/keys", tag = "keys", request_body = Option<NewKey>,
    params(("app" = u32, Path)),
    responses((status = 201, body = Created<KeyCreated>)))]
pub(crate) async fn create(
    audited: Audited,
    Path(app): Path<AppId>,
    headers: HeaderMap,
    MaybeBody(new): MaybeBody<NewKey>,
) -> Result<Response, ApiError> {
    audited.caller.may(app, Scope::KeysManage)?;
    let once = Once::begin(&audited.state, &audited.caller, &headers, &("keys", app, &new))?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    if let Some(kept) = once.kept(&mut tx).await? {
        return Ok(kept);
    }
    let is_imported = new.secret.is_some();
    let row = key_asked(&audited.state, &audited.caller, app, &tx.keys(app).await?, new)?;
    tx.add_key(&row).await?;
    tx.add_record(record(&audited, "key.create", &row).detail(&format!("alg={}", row.alg))).await?;
    let created = KeyCreated::of(&row);
    let created = if is_imported { created.without_secret() } else { created };
    let answer = once.keep(&mut tx, &created, &SECRETS).await?;
    audited.state.commit_app(tx, app).await?;
    Ok(answer)
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
    audited.caller.may(app, Scope::KeysManage)?;
    let mut tx = audited.state.store.begin().await?;
    let key = tx.keys(app).await?.into_iter().find(|key| key.kid == kid);
    let mut key = key.ok_or_else(|| unknown(&audited.caller, app, "the app has no such key"))?;
    may_bounds(&audited.caller, app, &key.bounds, false)?;
    if key.state == KeyState::Current {
        return Err(ApiError::Conflict {
            code: "key_current",
            detail: "the current key still signs; rotate first",
        });
    }
    if key.state != KeyState::Retired {
        key.retire(audited.state.unix_ms());
    }
    tx.change_key(&key).await?;
    tx.prune_retired(app, audited.state.config.retired_keys_per_app_max).await?;
    tx.add_record(record(&audited, "key.retire", &key)).await?;
    audited.state.commit_app(tx, app).await?;
    let held = audited.state.bus.command(Command::Held { app, kid: key.kid.clone() }).await;
    let seats = match held {
        Ok(Answer::Done { seats }) => Some(seats),
        _ => None,
    };
    let verified = audited.state.store.tokens_verified(app, audited.state.unix_ms()).await?;
    let verified = verified.into_iter().collect();
    Ok(Json(KeyRetired { key: KeyView::of(key, &verified), seats }))
}
