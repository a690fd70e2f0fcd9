//! Acts over HTTP: the caller as the audit trail names it, and a task that finishes an act even when its client hangs
//! up.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{Extensions, Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use stagedoor_bus::{Directory, Text};
use stagedoor_token::{AppId, RoleName};

use crate::{caller::Caller, error::ApiError, record::Record, state::AppState};

/// A request's id, the caller's or ours.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// A request of a known caller, with what the audit trail needs: the argument of handlers that act.
pub(crate) struct Audited {
    pub(crate) state: Arc<AppState>,
    pub(crate) caller: Caller,
    request_id: Option<Text>,
    peer: Option<Text>,
}

impl FromRequestParts<Arc<AppState>> for Audited {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, ApiError> {
        // The router has identified the caller before any route runs.
        Self::of(&parts.extensions, state).ok_or(ApiError::Internal)
    }
}

impl Audited {
    /// A request whose caller the router has identified.
    pub(crate) fn of(found: &Extensions, state: &Arc<AppState>) -> Option<Self> {
        let (caller, state) = (found.get::<Caller>().cloned()?, state.clone());
        let peer = found.get::<SocketAddr>().map(|peer| peer.ip().to_canonical().to_string());
        let request_id = found.get::<RequestId>().and_then(|RequestId(id)| Text::id(id.as_str()));
        Some(Self { state, caller, request_id, peer: peer.and_then(Text::peer) })
    }

    /// Checks that the caller's bounds let it give a role of an app. A role that the app does not have is left to
    /// those that know it.
    pub(crate) fn gives_role(&self, app: AppId, role: &RoleName) -> Result<(), ApiError> {
        let directory = self.state.bus.directory();
        let known = directory.app(app).and_then(|app| app.roles.get(role));
        self.caller.gives_role(role, known.map_or(0, |role| role.grants().rank))
    }

    /// A record of the request, in no app's trail.
    pub(crate) fn record_of_none(&self, kind: &str) -> Record {
        let (peer, request_id) = (self.peer.clone(), self.request_id.clone());
        let actor = Some(self.caller.actor());
        let record = Record { actor, peer, request_id, ..Record::now(kind, "ok") };
        match self.caller.access_token() {
            Some(id) => record.detail(&format!("access_token={id}")),
            None => record,
        }
    }

    /// A record of a finished act in an app, in the trail it belongs to.
    pub(crate) fn record(&self, app: AppId, kind: &str) -> Record {
        self.file(self.record_of_none(kind), app)
    }

    /// A record of the request, in the trail of the one app whose credential it came with.
    pub(crate) fn record_of_own(&self, kind: &str) -> Record {
        let record = self.record_of_none(kind);
        match self.caller.rights().only_app() {
            None => record,
            Some(app) => self.file(record, app),
        }
    }

    /// Writes a record to the trail it belongs to.
    pub(crate) fn file(&self, record: Record, app: AppId) -> Record {
        filed(record, app, &self.caller, &self.state.bus.directory())
    }
}

/// A record in the app's trail if the app exists and the credential is valid for it; otherwise only the operator
/// can read it.
fn filed(record: Record, app: AppId, caller: &Caller, directory: &Directory) -> Record {
    match directory.app(app).filter(|_| caller.is_of(app)) {
        Some(known) => record.of_app(known.life()),
        None => record.detail(&format!("app={app}")),
    }
}

/// Once the body is read, the handler runs in a task of its own, so a client that hangs up does not interrupt it.
pub(crate) async fn carry_through(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    // A body with a stated length does not need `100 Continue` (RFC 9110 §10.1.1).
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

#[cfg(test)]
mod tests {
    use stagedoor_bus::{App, AppLife, Bus, LocalBus};
    use stagedoor_token::Roles;

    use super::*;

    #[tokio::test]
    async fn only_a_credential_for_the_app_writes_to_its_trail() {
        let (bus, _ends) = LocalBus::new();
        for id in [1, 2] {
            let (id, keys) = (AppId(id), Vec::new());
            let app = App {
                id,
                since_ms: 7,
                keys,
                roles: Roles::built_in(),
                second_login: None,
                token04: None,
            };
            bus.put_app(app).await.expect("told");
        }
        let key = Caller::backend(AppId(1), &[], "{}");
        let root = Caller::root();
        for (caller, app, in_trail_of) in [
            (&key, 1, Some(1)),
            (&key, 2, None),
            (&key, 3, None),
            (&root, 2, Some(2)),
            (&root, 3, None),
        ] {
            let record = filed(Record::now("k", "ok"), AppId(app), caller, &bus.directory());
            let life = in_trail_of.map(|id| AppLife { id: AppId(id), since_ms: 7 });
            assert_eq!(record.app, life, "{caller:?} {app}");
            assert_eq!(record.detail.is_some(), in_trail_of.is_none());
        }
    }
}
