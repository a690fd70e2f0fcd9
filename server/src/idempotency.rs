//! A creation requested twice with one `Idempotency-Key` happens once: its answer is saved in the transaction that
//! creates. A saved answer never contains a secret, so a secret is shown only once.

use axum::{
    Json,
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    caller::Caller,
    error::ApiError,
    record::unix_ms,
    secret,
    state::AppState,
    store::{replies::Kept, write::Tx},
    under_way::UnderWay,
};

/// The answer to a creation.
#[derive(Serialize, ToSchema)]
pub(crate) struct Created<T> {
    /// What was made.
    #[serde(flatten)]
    created: T,
    /// Whether this answers a request that was made before with this key. A secret that the first answer showed is then
    /// `null`.
    replayed: bool,
}

impl<T: Serialize> Created<T> {
    /// The first answer.
    pub(crate) fn first(created: T) -> Result<Response, ApiError> {
        let created = Self { created, replayed: false };
        Ok((StatusCode::CREATED, Json(created)).into_response())
    }
}

/// Operations that honour a key. Every other act refuses one.
pub(crate) const CREATIONS: [&str; 4] =
    ["/v1/apps", "/v1/apps/{app}/keys", "/v1/apps/{app}/api-keys", "/v1/apps/{app}/revocations"];

/// Whether a request has a key that its operation does not honour. Idempotent methods need none.
pub(crate) fn is_unsupported(method: &Method, route: &str, headers: &HeaderMap) -> bool {
    let needs_key = matches!(*method, Method::POST | Method::PATCH);
    let is_creation = *method == Method::POST && CREATIONS.contains(&route);
    needs_key && !is_creation && headers.contains_key("idempotency-key")
}

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 128;

/// For answers without a secret.
pub(crate) const NO_SECRET: &[&str] = &[];

/// A creation, the only one in progress with its key. Without a key it never conflicts.
pub(crate) struct Once {
    keyed: Option<Keyed>,
    since_ms: u64,
}

struct Keyed {
    under_way: UnderWay,
    request_hash: [u8; 32],
}

impl Once {
    /// Reads the key. `request` is the whole request, including its path.
    pub(crate) fn begin(
        state: &AppState,
        caller: &Caller,
        headers: &HeaderMap,
        request: &impl Serialize,
    ) -> Result<Self, ApiError> {
        let kept_ms = state.config.idempotency_s.saturating_mul(1_000);
        let since_ms = state.bus.clock().settled_ms().saturating_sub(kept_ms);
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(Self { keyed: None, since_ms });
        };
        // `to_str` allows spaces and tabs too.
        let is_key = |key: &&str| {
            (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
        };
        let key = key.to_str().ok().filter(is_key);
        let key = key.ok_or(ApiError::Malformed {
            code: "idempotency_key_invalid",
            detail: "`Idempotency-Key` must be 1 to 128 visible ASCII characters".into(),
        })?;
        let name = (caller.id().to_owned(), key.to_owned());
        let under_way = UnderWay::begin(&state.marks, name).ok_or(ApiError::Conflict {
            code: "idempotency_under_way",
            detail: "another request with this key is in progress; retry when it is done",
        })?;
        let request = serde_json::to_vec(request).map_err(|_| ApiError::Internal)?;
        let keyed = Some(Keyed { under_way, request_hash: secret::hash(&request) });
        Ok(Self { keyed, since_ms })
    }

    /// Whether the answer is saved at all.
    pub(crate) fn has_key(&self) -> bool {
        self.keyed.is_some()
    }

    /// The saved answer, if there is one.
    pub(crate) async fn kept(&self, tx: &mut Tx) -> Result<Option<Response>, ApiError> {
        let Some(Keyed { under_way, request_hash }) = &self.keyed else { return Ok(None) };
        let (caller, key) = under_way.name();
        let Some(kept) = tx.kept(caller, key, self.since_ms).await? else { return Ok(None) };
        if !secret::same(&kept.request_hash, request_hash) {
            return Err(ApiError::Invalid {
                code: "idempotency_mismatch",
                detail: "this key was already used with a different request; use a new key".into(),
            });
        }
        let mut body: Value = serde_json::from_str(&kept.body).map_err(|_| ApiError::Internal)?;
        body["replayed"] = true.into();
        let status = StatusCode::from_u16(kept.status).map_err(|_| ApiError::Internal)?;
        Ok(Some((status, [("idempotency-replayed", "true")], Json(body)).into_response()))
    }

    /// Saves the answer and returns it; the fields `secrets` are saved as `null`.
    pub(crate) async fn keep(
        &self,
        tx: &mut Tx,
        created: &impl Serialize,
        secrets: &[&str],
    ) -> Result<Response, ApiError> {
        if let Some(Keyed { under_way, request_hash }) = &self.keyed {
            let mut public = serde_json::to_value(created).map_err(|_| ApiError::Internal)?;
            for secret in secrets {
                if let Some(field) = public.pointer_mut(secret) {
                    *field = Value::Null;
                }
            }
            let body = public.to_string();
            let kept = Kept { request_hash: request_hash.to_vec(), status: 201, body };
            let (caller, key) = under_way.name();
            tx.keep(caller, key, &kept, unix_ms(), self.since_ms).await?;
        }
        Created::first(created)
    }
}
