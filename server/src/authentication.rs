//! Authenticates requests: by a bearer credential, or, for others, counts what fails and admits what is known.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use stagedoor_bus::Text;

use crate::{
    act::{Audited, RequestId},
    credential::Presented,
    error::ApiError,
    lives::WARNED_MS,
    lookup::{Known, Origin},
    record::Record,
    state::AppState,
};

/// When the caller's secret ends, Unix seconds; only in the last 14 days before.
const CREDENTIAL_EXPIRES: HeaderName = HeaderName::from_static("stagedoor-credential-expires");

/// Authenticates the caller and checks its rate. The credential is checked first, so that other callers' failures, from
/// the same address or with the same id, never block a valid one.
pub(crate) async fn authenticate(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let presented = Presented::of(request.headers());
    let id = presented.as_ref().ok().map(Presented::id);
    let known = match presented {
        Ok(presented) => presented.known(&state, &origin(request.extensions())).await,
        Err(error) => Err(error),
    };
    match known {
        Ok(known) => admit(&state, known, request, next).await,
        Err(error) => failed(&state, error, id, request.extensions()).into_response(),
    }
}

/// Passes on the request of a caller whose credential is good, within its bounds of addresses and its rate.
pub(crate) async fn admit(
    state: &Arc<AppState>,
    Known { caller, ends_ms }: Known,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<SocketAddr>().map(SocketAddr::ip);
    if let Err(error) = caller.may_ask_from(address) {
        request.extensions_mut().insert(caller);
        return refused(state, error, request.extensions()).into_response();
    }
    let taken = state.requests.take(caller.id());
    request.extensions_mut().insert(caller);
    let (mut response, left) = match taken {
        Ok(left) => (next.run(request).await, left),
        Err(wait) => {
            let retry_s = wait.as_secs() + 1;
            (ApiError::RateLimited { retry_s }.into_response(), 0)
        }
    };
    let limit = format!("\"default\";r={left}");
    let now_ms = state.unix_ms();
    if let Some(ends_ms) = ends_ms.filter(|ends| ends.saturating_sub(now_ms) <= WARNED_MS) {
        response.headers_mut().insert(CREDENTIAL_EXPIRES, (ends_ms / 1_000).into());
    }
    for (name, value) in [("ratelimit-policy", state.requests.policy()), ("ratelimit", limit)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// Refuses a good credential before anything of its request is read, and records it in its app's trail. It counts as a
/// failure, so that a thief does not use up the rate of the credential's owner.
fn refused(state: &Arc<AppState>, error: ApiError, extensions: &Extensions) -> ApiError {
    let Some(audited) = Audited::of(extensions, state) else { return ApiError::Internal };
    if let Err(limited) = count(state, Some(audited.caller.id()), extensions) {
        return limited;
    }
    state.recorder.refused(audited.record_of_own("caller").with_code(error.code()));
    error
}

/// Counts a failure of an address and of a credential's id.
fn count(state: &AppState, id: Option<&str>, extensions: &Extensions) -> Result<(), ApiError> {
    let of_address = state.refusals.take(&origin(extensions).source());
    let of_id = id.map_or(Ok(0), |id| state.refusals.take(&format!("id {id}")));
    let limited = |wait: Duration| ApiError::RateLimited { retry_s: wait.as_secs() + 1 };
    of_address.and(of_id).map(drop).map_err(limited)
}

/// Where a request comes from.
pub(crate) fn origin(extensions: &Extensions) -> Origin {
    let address = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    let request_id = extensions.get::<RequestId>().and_then(|RequestId(id)| Text::id(id.as_str()));
    Origin { address, request_id }
}

/// Counts a failed authentication; within its rates it is recorded. Faults of our own are passed on.
pub(crate) fn failed(
    state: &AppState,
    error: ApiError,
    id: Option<&str>,
    extensions: &Extensions,
) -> ApiError {
    if !matches!(error, ApiError::Unauthenticated { .. } | ApiError::Forbidden { .. }) {
        return error;
    }
    if let Err(limited) = count(state, id, extensions) {
        return limited;
    }
    let origin = origin(extensions);
    let (peer, request_id) = (origin.peer(), origin.request_id);
    state.recorder.refused(Record { peer, request_id, ..Record::now("caller", error.code()) });
    error
}
