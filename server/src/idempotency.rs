//! A creation asked twice with one `Idempotency-Key` happens once. After `routes`, before `caller`. A kept
//! answer never holds a secret: the one that was shown is not shown again.

use std::{
    collections::HashSet,
    future::Future,
    sync::{LazyLock, Mutex, PoisonError},
};

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    caller::Caller,
    error::ApiError,
    secret,
    state::{State, unix_ms},
    store::replies::Kept,
};

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// Creations under way, by caller and key.
static UNDER_WAY: LazyLock<Mutex<HashSet<(String, String)>>> = LazyLock::new(Mutex::default);

struct UnderWay((String, String));

impl UnderWay {
    fn begin(caller: &Caller, key: &str) -> Option<Self> {
        let name = (caller.id().to_owned(), key.to_owned());
        let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.insert(name.clone()).then_some(Self(name))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Creates, or gives the kept answer. `request` is what was asked, path included; `secret` names the field
/// of the answer that is kept as `null`.
pub(crate) async fn once<T: Serialize>(
    state: &State,
    caller: &Caller,
    headers: &HeaderMap,
    request: &(impl Serialize + Sync),
    secret: &str,
    create: impl Future<Output = Result<T, ApiError>>,
) -> Result<Response, ApiError> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok((StatusCode::CREATED, Json(create.await?)).into_response());
    };
    let malformed = |detail| ApiError::Malformed { code: "idempotency_key_invalid", detail };
    let key = key.to_str().ok().filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
    let key =
        key.ok_or_else(|| malformed("the key is 1 to 128 visible ASCII characters".into()))?;
    let _under_way = UnderWay::begin(caller, key).ok_or(ApiError::Conflict {
        code: "idempotency_under_way",
        detail: "a request with this key is being answered",
    })?;
    let now_ms = unix_ms();
    let since_ms = now_ms.saturating_sub(state.config.idempotency_s * 1_000);
    let hash = secret::hash(&serde_json::to_vec(request).map_err(|_| ApiError::Internal)?);
    if let Some(kept) = state.store.kept(caller.id(), key, since_ms).await? {
        if !secret::same(&kept.request_hash, &hash) {
            return Err(ApiError::Invalid {
                code: "idempotency_mismatch",
                detail: "the key was used with another request".into(),
            });
        }
        let body: Value = serde_json::from_str(&kept.body).map_err(|_| ApiError::Internal)?;
        let status = StatusCode::from_u16(kept.status).map_err(|_| ApiError::Internal)?;
        return Ok((status, [("idempotency-replayed", "true")], Json(body)).into_response());
    }
    let created = serde_json::to_value(create.await?).map_err(|_| ApiError::Internal)?;
    let mut public = created.clone();
    if let Some(field) = public.pointer_mut(secret) {
        *field = Value::Null;
    }
    let kept = Kept { request_hash: hash.to_vec(), status: 201, body: public.to_string() };
    state.store.keep(caller.id(), key, &kept, now_ms, since_ms).await?;
    Ok((StatusCode::CREATED, Json(created)).into_response())
}
