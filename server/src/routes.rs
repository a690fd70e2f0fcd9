//! One file per resource. Handlers parse, call, and answer; decisions are made further down.

pub(crate) mod admission;
pub(crate) mod api_keys;
pub(crate) mod apps;
pub(crate) mod audit;
mod body;
mod etag;
pub(crate) mod forms;
pub(crate) mod issuers;
pub(crate) mod jwks;
pub(crate) mod keys;
pub(crate) mod leaks;
pub(crate) mod me;
pub(crate) mod oauth;
pub(crate) mod operators;
pub(crate) mod pages;
pub(crate) mod revocations;
pub(crate) mod roles;
pub(crate) mod rooms;
pub(crate) mod session;
pub(crate) mod team;
pub(crate) mod tokens;
pub(crate) mod web;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{
        self, FromRequestParts, MatchedPath,
        path::ErrorKind,
        rejection::{PathRejection, QueryRejection},
    },
    http::request::Parts,
};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use stagedoor_token::AppId;
use utoipa::{IntoParams, ToSchema};

use body::plain;
pub(crate) use body::{Body, MaybeBody, read_bounds};

use crate::{
    caller::Caller,
    config::Config,
    error::ApiError,
    state::AppState,
    store::{apps::AppRow, write::Tx},
};

/// Path parameters; errors become problems.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<extract::Path<T>, PathRejection> =
            extract::Path::from_request_parts(parts, state).await;
        path.map(|extract::Path(value)| Self(value)).map_err(|rejection| {
            let route = parts.extensions.get::<MatchedPath>();
            let detail = path_fault(&rejection, route.map_or("", MatchedPath::as_str)).into();
            ApiError::Malformed { code: "path_invalid", detail }
        })
    }
}

/// What the handler of an authenticated request that only reads needs.
pub(crate) struct Reader {
    pub(crate) state: Arc<AppState>,
    pub(crate) caller: Caller,
    /// The address that the request came from.
    pub(crate) address: Option<IpAddr>,
}

impl FromRequestParts<Arc<AppState>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, ApiError> {
        // The router authenticates before it routes.
        let caller = parts.extensions.get::<Caller>().cloned().ok_or(ApiError::Internal)?;
        let address = parts.extensions.get::<SocketAddr>().map(|peer| peer.ip().to_canonical());
        Ok(Self { state: state.clone(), caller, address })
    }
}

/// The path of a room: `/v1/apps/{app}/rooms/{room}`, with or without more segments.
pub(crate) struct RoomPath {
    pub(crate) app: AppId,
    pub(crate) room: String,
}

impl<S: Send + Sync> FromRequestParts<S> for RoomPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((app, room)) = Path::from_request_parts(parts, state).await?;
        Ok(Self { app, room })
    }
}

/// The path of a member: `/v1/apps/{app}/rooms/{room}/members/{user}`, with or without more segments.
pub(crate) struct MemberPath {
    pub(crate) app: AppId,
    pub(crate) room: String,
    pub(crate) user: String,
}

impl<S: Send + Sync> FromRequestParts<S> for MemberPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((app, room, user)) = Path::from_request_parts(parts, state).await?;
        Ok(Self { app, room, user })
    }
}

/// Names the part of a path that is wrong, for a route such as `/v1/apps/{app}`.
fn path_fault(rejection: &PathRejection, route: &str) -> String {
    let part = |at: usize| route.split(['{', '}']).skip(1).step_by(2).nth(at).unwrap_or("it");
    let PathRejection::FailedToDeserializePathParams(error) = rejection else {
        return "the path is malformed".into();
    };
    match error.kind() {
        ErrorKind::InvalidUtf8InPathParam { key } => format!("`{key}` in the path must be UTF-8"),
        ErrorKind::ParseErrorAtIndex { index, expected_type, .. } => {
            format!("`{}` in the path must be {}", part(*index), plain(expected_type))
        }
        ErrorKind::ParseError { expected_type, .. } => {
            format!("`{}` in the path must be {}", part(0), plain(expected_type))
        }
        _ => "the path is malformed".into(),
    }
}

/// Query parameters; errors become problems.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<extract::Query<T>, QueryRejection> =
            extract::Query::from_request_parts(parts, state).await;
        query.map(|extract::Query(value)| Self(value)).map_err(|error| ApiError::Malformed {
            code: "query_invalid",
            detail: error.body_text().into(),
        })
    }
}

/// A field that is present in a `PATCH`, where `null` is not a value.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Which page to return.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Entries on the page at most; 50 by default.
    limit: Option<u32>,
    /// The `next` of the previous page.
    after: Option<String>,
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The entries.
    items: Vec<T>,
    /// Pass it as `after` to get the next page; `null` on the last page.
    next: Option<String>,
}

const PAGE_ENTRIES_DEFAULT: u32 = 50;
/// Digits of the largest 64-bit number.
const DIGITS_MAX: usize = 20;

/// The number of entries on a page.
fn page_limit(config: &Config, limit: Option<u32>) -> Result<u32, ApiError> {
    let max = config.page_entries_max;
    let limit = limit.unwrap_or(PAGE_ENTRIES_DEFAULT.min(max));
    if (1..=max).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::Malformed {
            code: "query_invalid",
            detail: format!("`limit` must be 1 to {max}").into(),
        })
    }
}

impl<T> Page<T> {
    /// A page of at most `limit` of `items`, of which one more was read to see whether more follow.
    fn cut(mut items: Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| more).map(name);
        Self { items, next }
    }

    /// The page without what the caller may not see; the next one begins where it would have.
    fn only(mut self, sees: impl Fn(&T) -> bool) -> Self {
        self.items.retain(sees);
        self
    }
}

/// A number in digits only; numbers beyond 64 bits become the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = (1..=DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The number in an `after`.
fn number_after(after: Option<&str>) -> Result<Option<u64>, ApiError> {
    let malformed = ApiError::Malformed {
        code: "query_invalid",
        detail: "`after` must be the number in `next` of the previous page".into(),
    };
    after.map_or(Ok(None), |after| number(after).map(Some).ok_or(malformed))
}

fn app_unknown() -> ApiError {
    ApiError::NotFound { code: "app_unknown", detail: "there is no such app" }
}

/// A name chosen by people: not empty, bounded, without control characters.
fn check_name(config: &Config, name: &str) -> Result<(), ApiError> {
    let bytes_max = config.name_bytes_max;
    if name.is_empty() || name.len() > bytes_max || name.chars().any(char::is_control) {
        let detail = format!("`name` must be 1 to {bytes_max} bytes without control characters");
        let error = ApiError::Invalid { code: "name_invalid", detail: detail.into() };
        return Err(error.at("name"));
    }
    Ok(())
}

/// Reads an app.
pub(crate) async fn app_row(state: &AppState, id: AppId) -> Result<AppRow, ApiError> {
    state.store.app(id).await?.ok_or_else(app_unknown)
}

/// Reads an app within a transaction.
async fn app_in(tx: &mut Tx, id: AppId) -> Result<AppRow, ApiError> {
    tx.app(id).await?.ok_or_else(app_unknown)
}
