//! Acts over HTTP: the caller as the trail names it, and a task that carries an act through, whatever its client does.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request, State as Has},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use stagedoor_token::AppId;

use crate::{caller::Caller, error::ApiError, recorder, state::State, store::audit::Record};

/// A request's id, the caller's or ours.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// The caller, as the audit trail names it.
pub(crate) struct By {
    pub(crate) caller: Caller,
    request_id: Option<Arc<str>>,
    peer: Option<Arc<str>>,
}

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let found = &parts.extensions;
        let peer =
            found.get::<SocketAddr>().map(|peer| peer.ip().to_canonical().to_string().into());
        let request_id = found.get::<RequestId>().map(|RequestId(id)| id.as_str().into());
        // The router finds out before anything is routed.
        let caller = found.get::<Caller>().cloned().ok_or(ApiError::Internal)?;
        Ok(Self { caller, request_id, peer })
    }
}

impl By {
    /// A record of what was asked in an app and is done.
    pub(crate) fn record(&self, app: AppId, kind: &str) -> Record {
        Record {
            app: Some(app.0),
            actor: Some(self.caller.id().into()),
            request_id: self.request_id.clone(),
            peer: self.peer.clone(),
            ..recorder::now(kind, "ok")
        }
    }
}

/// Once the body is there the handler runs in a task of its own: a client that hangs up breaks nothing off.
pub(crate) async fn carry_through(
    Has(state): Has<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // One that says how long it is, is not asked for it (RFC 9110 §10.1.1).
    if request.body().size_hint().lower() > state.config.body_bytes_max as u64 {
        return ApiError::TooLarge.into_response();
    }
    let (parts, body) = request.into_parts();
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &state).await {
        Ok(body) => body,
        Err(broken) => {
            return ApiError::of_body(broken.status(), &broken).into_response();
        }
    };
    let Some(place) = state.acts.begin().await else {
        return ApiError::StoreUnavailable.into_response();
    };
    let request = Request::from_parts(parts, body.into());
    let act = tokio::spawn(async move {
        let answer = next.run(request).await;
        drop(place);
        answer
    });
    act.await.unwrap_or_else(|_panicked| ApiError::Internal.into_response())
}
