//! One file for each resource. After `router`, before `idempotency`. Parses, asks, answers; every decision
//! is made further down.

pub(crate) mod api_keys;
pub(crate) mod apps;
pub(crate) mod audit;
mod etag;
pub(crate) mod keys;
pub(crate) mod pages;
pub(crate) mod revocations;
pub(crate) mod roles;
pub(crate) mod rooms;
pub(crate) mod tokens;

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{header, request::Parts},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stagedoor_token::AppId;
use stagedoor_wire::depth::is_within;
use utoipa::{IntoParams, ToSchema};

use crate::{
    config::Config,
    error::ApiError,
    state::State,
    store::{apps::AppRow, write::Tx},
};

/// A JSON body, its faults told as problems.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let head = parts.clone();
        let read = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let bytes = read.map_err(|error| ApiError::of_body(error.status(), &error))?;
        let depth_max = state.config.json_depth_max;
        let whole = Request::from_parts(head, bytes.clone().into());
        match Json::<T>::from_request(whole, state).await {
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::MediaType),
            _ if !is_within(&bytes, depth_max) => {
                Err(malformed("the body goes deeper than `json_depth_max`"))
            }
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonDataError(error)) => {
                Err(ApiError::Invalid { code: "body_invalid", detail: error.body_text().into() })
            }
            Err(_) => Err(malformed("the body is not JSON")),
        }
    }
}

fn malformed(detail: &'static str) -> ApiError {
    ApiError::Malformed { code: "body_malformed", detail: detail.into() }
}

/// A JSON body that may be left out.
pub(crate) struct MaybeBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<State>> for MaybeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let limits = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(limits, state).await;
        let bytes = bytes.map_err(|error| ApiError::of_body(error.status(), &error))?;
        if bytes.is_empty() && !parts.headers.contains_key(header::CONTENT_TYPE) {
            return Ok(Self(T::default()));
        }
        let whole = Request::from_parts(parts, bytes.into());
        let Body(value) = Body::from_request(whole, state).await?;
        Ok(Self(value))
    }
}

/// Path parameters, their faults told as problems.
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|_| ApiError::Malformed {
            code: "path_invalid",
            detail: "the path's AppID is an unsigned 32-bit number".into(),
        })
    }
}

/// Query parameters, their faults told as problems.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| ApiError::Malformed {
            code: "query_invalid",
            detail: error.body_text().into(),
        })
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Entries at most; 50 unless asked.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    items: Vec<T>,
    /// Give it as `after` for the next page; `null` on the last.
    next: Option<String>,
}

const PAGE_ENTRIES_DEFAULT: u32 = 50;

/// How many entries a page has.
fn page_limit(config: &Config, limit: Option<u32>) -> Result<u32, ApiError> {
    let max = config.page_entries_max;
    let limit = limit.unwrap_or(PAGE_ENTRIES_DEFAULT.min(max));
    if (1..=max).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::Malformed {
            code: "query_invalid",
            detail: format!("`limit` is 1 to {max}").into(),
        })
    }
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, of which one more was fetched to see whether more follow.
    fn cut(mut items: Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(name);
        Self { items, next }
    }
}

fn app_unknown() -> ApiError {
    ApiError::NotFound { code: "app_unknown", detail: "there is no such app" }
}

/// A name that people gave: not empty, bounded, without control characters.
fn check_name(config: &Config, name: &str) -> Result<(), ApiError> {
    let bytes_max = config.name_bytes_max;
    if name.is_empty() || name.len() > bytes_max || name.chars().any(char::is_control) {
        let detail = format!("`name` is 1 to {bytes_max} bytes without control characters");
        return Err(ApiError::Invalid { code: "name_invalid", detail: detail.into() });
    }
    Ok(())
}

/// An app as it is now.
async fn app_row(state: &State, id: AppId) -> Result<AppRow, ApiError> {
    state.store.app(id).await?.ok_or_else(app_unknown)
}

/// An app as a transaction finds it.
async fn app_in(tx: &mut Tx, id: AppId) -> Result<AppRow, ApiError> {
    tx.app(id).await?.ok_or_else(app_unknown)
}
