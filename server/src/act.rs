//! Acts over HTTP: who asks, and that one which began is carried through whatever its client does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, State as Has},
    http::{Method, StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use stagedoor_token::AppId;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    caller::Caller, error::ApiError, recorder, router::RequestId, state::State,
    store::audit::Record,
};

/// Who asks, as the audit trail names it.
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

/// Places for acts under way.
#[derive(Debug)]
pub(crate) struct Acts {
    places: Arc<Semaphore>,
    max: u32,
}

impl Acts {
    pub(crate) fn new(max: u32) -> Self {
        let max = max.max(1);
        Self { places: Arc::new(Semaphore::new(max as usize)), max }
    }

    /// Waits until the acts under way are done, and lets no others begin; at most this long.
    pub(crate) async fn end(&self, wait: Duration) {
        if timeout(wait, self.places.acquire_many(self.max)).await.is_err() {
            tracing::warn!("an act was still under way at the end");
        }
        self.places.close();
    }
}

/// Once the body is there the handler runs in a task of its own: who hangs up then breaks nothing off.
pub(crate) async fn carry_through(
    Has(state): Has<Arc<State>>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match Bytes::from_request(Request::from_parts(parts.clone(), body), &state).await {
        Ok(body) => body,
        Err(broken) => {
            let is_large = broken.status() == StatusCode::PAYLOAD_TOO_LARGE;
            let error = if is_large { ApiError::TooLarge } else { ApiError::body_broken() };
            return error.into_response();
        }
    };
    let Ok(place) = state.acts.places.clone().acquire_owned().await else {
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_acts_under_way_and_no_longer() {
        let acts = Acts::new(2);
        let place = acts.places.clone().acquire_owned().await.expect("a place");
        let mut end = Box::pin(acts.end(Duration::from_secs(60)));
        assert!(timeout(Duration::from_millis(20), &mut end).await.is_err(), "one is under way");
        drop(place);
        end.await;
        assert!(acts.places.acquire().await.is_err(), "no others begin");
        let acts = Acts::new(2);
        let _place = acts.places.clone().acquire_owned().await.expect("a place");
        let before = Instant::now();
        acts.end(Duration::from_millis(20)).await;
        assert!(before.elapsed() < Duration::from_secs(10));
    }
}
