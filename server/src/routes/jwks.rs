//! An app's public keys, for everybody (RFC 7517). Answered from memory, without a credential.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stagedoor_token::{AppId, Jwk, KeyState};
use utoipa::ToSchema;

use super::{Path, pages::is_known};
use crate::{error::ApiError, secret, state::AppState};

const KIND: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// A set of public keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct Jwks {
    /// The keys, as JWKs.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Jwk>,
}

/// Shows an app's public keys.
///
/// A JWK set (RFC 7517) of the next, current and retiring keys that have a public part, with an `ETag`; it may be cached
/// for five minutes. An app that does not exist has an empty set.
#[utoipa::path(get, path = "/v1/apps/{app}/jwks.json", tag = "keys", params(("app" = u32, Path)),
    responses((status = 200, content_type = "application/jwk-set+json", body = Jwks)))]
pub(crate) async fn jwks(
    State(state): State<Arc<AppState>>,
    Path(app): Path<AppId>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let directory = state.bus.directory();
    let known = directory.app(app).map_or(&[][..], |app| &app.keys);
    let verifies = known.iter().filter(|of| of.key.state() != KeyState::Retired);
    let set = Jwks { keys: verifies.filter_map(|of| of.key.verifying()?.to_jwk()).collect() };
    answer(&set, &asked)
}

/// A set of keys with its `ETag`, or that the caller has it already.
pub(super) fn answer(set: &impl Serialize, asked: &HeaderMap) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(set).map_err(|_| ApiError::Internal)?;
    let tag = format!("\"{}\"", secret::encode(&secret::hash(&body)[..12]));
    let mut response = if is_known(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, KIND)], body).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, CACHED);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
