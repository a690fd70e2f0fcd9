//! Checks that apply to every operation of the API: an act is refused while it could not be recorded, and an
//! idempotency key is refused where it would be ignored. A missing right is recorded, in the app's trail if the
//! credential belongs to that app.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use stagedoor_token::AppId;

use crate::{
    act::Audited,
    caller::Caller,
    console::confirmed,
    error::{ApiError, Problem},
    idempotency,
    state::AppState,
};

/// Passes a request on, and records a missing right: of a scope, or within bounds.
pub(crate) async fn guard(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let is_act = !matches!(*request.method(), Method::GET | Method::HEAD);
    if is_act && let Err(error) = state.recorder.may_record() {
        return error.into_response();
    }
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if idempotency::is_unsupported(request.method(), route, request.headers()) {
        let detail = "this operation does not support `Idempotency-Key`; leave it out".into();
        return ApiError::Malformed { code: "idempotency_unsupported", detail }.into_response();
    }
    if let Some(caller) = request.extensions().get::<Caller>()
        && let Err(error) = confirmed(&state, caller.shown(), request.method(), route)
    {
        return error.into_response();
    }
    let attempt = Attempt::of(&request, &state);
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>();
    if let Some(problem) = problem.filter(|problem| problem.is_unrecorded)
        && let Some(Attempt { audited, operation, app }) = attempt
    {
        let record = audited.record_of_none("caller").with_code(&problem.code).detail(&operation);
        state.recorder.refused(match app {
            Some(app) => audited.file(record, app),
            None => record,
        });
    }
    response
}

/// What was requested, as far as a refusal needs it.
struct Attempt {
    audited: Audited,
    operation: String,
    app: Option<AppId>,
}

impl Attempt {
    fn of(request: &Request, state: &Arc<AppState>) -> Option<Self> {
        let audited = Audited::of(request.extensions(), state)?;
        let route = request.extensions().get::<MatchedPath>()?.as_str();
        let operation = format!("{} {route}", request.method());
        let app = request.uri().path().split('/').nth(3);
        let app = app.filter(|_| route.starts_with("/v1/apps/{app}"));
        Some(Self { audited, operation, app: app.and_then(|app| app.parse().ok()).map(AppId) })
    }
}
