//! The console's door: `/console/v1` is the API for a session. A cookie opens nothing else, and a bearer credential
//! does not open it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, Uri},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    authentication::{self, admit, failed, origin},
    caller::Shown,
    error::ApiError,
    lookup::session::{MISSING, session},
    state::AppState,
};

/// What is below this is the API, which begins behind it.
const PREFIX: &str = "/console";

const RESOURCE_POLICY: (HeaderName, HeaderValue) = (
    HeaderName::from_static("cross-origin-resource-policy"),
    HeaderValue::from_static("same-origin"),
);

/// Marks a request that came in by the console's door.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfConsole;

/// Before any path is looked at: marks requests to `/console/v1/…`, and asks for the same below `/v1`.
pub(crate) async fn enter(mut request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let inner = path.strip_prefix(PREFIX).filter(|inner| inner.starts_with("/v1/"));
    let Some(inner) = inner.and_then(|inner| Uri::builder().path_and_query(inner).build().ok())
    else {
        return next.run(request).await;
    };
    *request.uri_mut() = inner;
    request.extensions_mut().insert(OfConsole);
    let mut response = next.run(request).await;
    response.headers_mut().extend([RESOURCE_POLICY]);
    response
}

/// Authenticates a request: by a session below `/console`, else by a bearer credential.
pub(crate) async fn authenticate(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    if request.extensions().get::<OfConsole>().is_some() {
        return by_session(&state, request, next).await;
    }
    authentication::authenticate(State(state), request, next).await
}

/// Authenticates a request of the console by its session. An act must come from a page of our own: that is looked at
/// first, so that what another page sends is not even looked up.
async fn by_session(state: &Arc<AppState>, request: Request, next: Next) -> Response {
    let channel = state.channel();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && let Err(error) = channel.is_own(request.headers()) {
        return failed(state, error, None, request.extensions()).into_response();
    }
    let known = match channel.presented("", request.headers()) {
        Some(cookie) => session(state, cookie, &origin(request.extensions())).await,
        None => Err(MISSING),
    };
    match known {
        Ok(known) => admit(state, known, request, next).await,
        Err(error) => failed(state, error, None, request.extensions()).into_response(),
    }
}

/// Acts that cannot be undone.
pub(crate) const FINAL: [(Method, &str); 6] = [
    (Method::DELETE, "/v1/apps/{app}"),
    (Method::DELETE, "/v1/apps/{app}/keys/lines/{line}"),
    (Method::POST, "/v1/apps/{app}/keys/{kid}/retire"),
    (Method::DELETE, "/v1/apps/{app}/rooms/{room}"),
    (Method::POST, "/v1/apps/{app}/keys/rotate"),
    (Method::DELETE, "/v1/operators/{operator}"),
];

/// Whether an act cannot be undone.
fn is_final(method: &Method, route: &str) -> bool {
    FINAL.iter().any(|(of, path)| of == method && *path == route)
}

/// Checks that a session that asks for an act that cannot be undone has logged in lately.
pub(crate) fn confirmed(
    state: &AppState,
    shown: &Shown,
    method: &Method,
    route: &str,
) -> Result<(), ApiError> {
    let Shown::Session { confirmed_ms, .. } = shown else { return Ok(()) };
    let age_ms = state.unix_ms().abs_diff(*confirmed_ms);
    if is_final(method, route) && age_ms >= state.config.confirmation_s.saturating_mul(1_000) {
        return Err(ApiError::Forbidden {
            code: "confirmation_required",
            detail: "this cannot be undone: log in again, and then within `confirmation_s` seconds do it",
        });
    }
    Ok(())
}
