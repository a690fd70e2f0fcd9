//! Token exchange (RFC 8693): an ID token becomes a room token (`spec/sso.md`).

use std::sync::Arc;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stagedoor_bus::{Actor, Bounds};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{Place, form::Form, required};
use crate::{
    error::{ApiError, OauthKind, oauth::OauthError},
    issue::Issued,
    issuer::Issuer,
    oidc::{NotVerified, id_token::Unproven},
    record::Record,
    routes::issuers::views::stored,
    scope::Scope,
    secret,
    sso::{Admitted, Asked, admit, code_of, detail_of, issued},
    state::AppState,
    store::issuers::IssuerRow,
};

/// Whether this server exchanges tokens: what the metadata says.
pub(super) const IS_SUPPORTED: bool = true;
/// What is exchanged (RFC 8693 §3).
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
/// What it becomes.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A room token for an ID token.
#[derive(Serialize, ToSchema)]
pub(crate) struct Exchanged {
    /// The room token, for a login at `/v1/connect`.
    access_token: String,
    /// Always `urn:ietf:params:oauth:token-type:jwt`.
    issued_token_type: &'static str,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Its lifetime, in seconds.
    expires_in: u64,
    /// The user id that it is for.
    user: String,
    /// The role that it gives.
    role: String,
}

/// What a request asks for.
struct Request<'a> {
    app: AppId,
    id_token: &'a str,
    asked: Asked<'a>,
    nonce: Option<&'a str>,
}

impl<'a> Request<'a> {
    fn of(form: &'a Form) -> Result<Self, OauthError> {
        let unsupported =
            |detail: &str| OauthError::invalid_request("token_type_unsupported", detail);
        if required(form, "subject_token_type")? != ID_TOKEN {
            return Err(unsupported("`subject_token_type` must be that of an ID token"));
        }
        if form.get("requested_token_type").is_some_and(|kind| ![JWT, ACCESS_TOKEN].contains(&kind))
        {
            return Err(unsupported("`requested_token_type` must be that of a JWT, or left out"));
        }
        if form.get("actor_token").is_some() || form.get("actor_token_type").is_some() {
            return Err(unsupported("there are no actor tokens here"));
        }
        if form.get("scope").is_some() {
            let detail = "a room token has no scopes; ask for a role".into();
            let error = ApiError::Malformed { code: "scopes_invalid", detail };
            return Err(OauthError::new(OauthKind::InvalidScope, error));
        }
        let audience = required(form, "audience")?;
        // One spelling of each number.
        let app = audience.parse().ok().filter(|id: &u32| id.to_string() == audience);
        Ok(Self {
            app: AppId(app.ok_or_else(app_unknown)?),
            id_token: required(form, "subject_token")?,
            asked: Asked { room: required(form, "room")?, role: form.get("role") },
            nonce: form.get("nonce"),
        })
    }
}

fn app_unknown() -> OauthError {
    let detail = "`audience` must be the AppID of an app";
    OauthError::new(OauthKind::InvalidTarget, ApiError::NotFound { code: "app_unknown", detail })
}

/// Exchanges a token.
pub(super) async fn exchange(
    state: &Arc<AppState>,
    form: &Form,
    place: &Place,
) -> Result<Response, OauthError> {
    if place.audited.is_none() {
        take_turn(state, place)?;
    }
    let request = Request::of(form)?;
    if state.store.app(request.app).await?.is_none() {
        return Err(app_unknown());
    }
    if let Some(audited) = &place.audited {
        audited.caller.may(request.app, Scope::TokensMint)?;
    }
    let rows = state.store.issuers(request.app).await?;
    let issuers = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    let exchanged = Exchange { state, place, request: &request };
    let mut response = exchanged.answer(&rows, &issuers).await.into_response();
    share(&mut response, &place.headers, &issuers);
    Ok(response)
}

/// Lets pages of the issuers' origins read the answer.
fn share(response: &mut Response, asked: &HeaderMap, issuers: &[Issuer]) {
    let vary = HeaderValue::from_static("origin");
    response.headers_mut().append(header::VARY, vary);
    let Some(origin) = asked.get(header::ORIGIN) else { return };
    let listed = origin.to_str().is_ok_and(|of| issuers.iter().any(|issuer| issuer.has_origin(of)));
    if listed {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static("x-request-id, retry-after");
        response.headers_mut().insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// Counts an exchange of a stranger by its address.
fn take_turn(state: &AppState, place: &Place) -> Result<(), ApiError> {
    let taken = state.exchanges.take(&place.origin.source()).map(drop);
    taken.map_err(|wait| ApiError::RateLimited { retry_s: wait.as_secs() + 1 })
}

/// An exchange that is under way.
struct Exchange<'a> {
    state: &'a Arc<AppState>,
    place: &'a Place,
    request: &'a Request<'a>,
}

impl Exchange<'_> {
    /// The record of it, in no app's trail yet.
    fn record(&self, code: &str) -> Record {
        let origin = &self.place.origin;
        let (peer, request_id) = (origin.peer(), origin.request_id.clone());
        let actor = self.place.audited.as_ref().map(|audited| audited.caller.actor());
        Record { actor, peer, request_id, ..Record::now("token.exchange", code) }
    }

    async fn answer(
        &self,
        rows: &[IssuerRow],
        issuers: &[Issuer],
    ) -> Result<Json<Exchanged>, OauthError> {
        let Request { app, id_token, asked, nonce } = *self.request;
        let token = Unproven::parse(id_token);
        let token = token.map_err(|fault| self.not_verified(None, &fault.into()))?;
        let issuer = issuers.iter().zip(rows).find(|(issuer, _)| issuer.issuer() == token.iss());
        let (issuer, row) = issuer.ok_or_else(|| self.not_verified(None, &NotVerified::Issuer))?;
        let hash = secret::encode(&token.hash());
        let expected = issuer.expected(nonce);
        let verified = self.state.oidc.verify(token, &expected, self.state.unix_s()).await;
        let token = verified.map_err(|not| self.not_verified(Some(row), &not))?;
        // From here on somebody has proven to be a user of the issuer.
        let detail = format!("issuer={} id_token={hash}", row.id);
        let record = self.state.filed(self.record("ok").detail(&detail), app).room(asked.room);
        let refuse = |record: Record, code: &'static str| {
            self.state.metrics.mint(code);
            self.state.recorder.refused(record.with_code(code));
        };
        let Admitted { rule, wanted } = admit(issuer, &token.claims, asked).map_err(|not| {
            let (code, kind, detail) = not.told();
            refuse(record.clone(), code);
            OauthError::new(kind, ApiError::Malformed { code, detail: detail.into() })
        })?;
        let record = record.detail(&format!("rule={rule}")).user(&wanted.user).role(&wanted.role);
        let user = Actor::User(wanted.user.as_str().into());
        let record = Record { actor: record.actor.clone().or(Some(user)), ..record };
        let (user, role) = (wanted.user.clone(), wanted.role.clone());
        let nobody = Bounds::default();
        let bounds = self.place.audited.as_ref().map(|audited| audited.caller.bounds());
        let issued = issued(self.state, app, wanted, bounds.unwrap_or(&nobody)).await;
        let Issued { token, claims, .. } = issued.map_err(|error| {
            refuse(record.clone(), error.code());
            denied(error)
        })?;
        self.state.metrics.mint("ok");
        self.state.recorder.record(record.jti(&claims.jti)).await?;
        Ok(Json(Exchanged {
            access_token: token,
            issued_token_type: JWT,
            token_type: "Bearer",
            expires_in: claims.exp - claims.iat,
            user,
            role,
        }))
    }

    /// Records and refuses an ID token that is not verified. Who has proven nothing hears only that.
    fn not_verified(&self, issuer: Option<&IssuerRow>, not: &NotVerified) -> OauthError {
        let code = code_of(not);
        self.state.metrics.mint(code);
        let record = self.record(code);
        let app = self.request.app;
        let record = match issuer {
            // Filed by the issuer that it names, whose app's owner looks for the reason there.
            Some(row) => self.state.filed(record, app).detail(&format!("issuer={}", row.id)),
            None => record.detail(&format!("app={app}")),
        };
        self.state.recorder.refused(record);
        let is_known = self.place.audited.is_some();
        let told = |code, detail: &'static str| OauthError::invalid_request(code, detail);
        match not {
            NotVerified::Unreachable => ApiError::IssuerUnreachable.into(),
            NotVerified::Fault(fault) if is_known || !fault.is_before_proof() => {
                told(fault.code(), detail_of(*fault))
            }
            NotVerified::Issuer if is_known => {
                let detail = "the app has no such issuer";
                let error = ApiError::NotFound { code: "issuer_unknown", detail };
                OauthError::new(OauthKind::InvalidTarget, error)
            }
            NotVerified::Fault(_) | NotVerified::Issuer => {
                told("id_token_invalid", "it is no ID token that this app accepts")
            }
        }
    }
}

/// What is refused at the mint. A fault of our own stays one.
fn denied(error: ApiError) -> OauthError {
    match error {
        ApiError::Refused(_)
        | ApiError::Banned { .. }
        | ApiError::BoundsExceeded { .. }
        | ApiError::Conflict { .. } => OauthError::new(OauthKind::AccessDenied, error),
        ours => ours.into(),
    }
}
