//! OAuth 2.0 for backends (`spec/oauth.md`). Every request under `/oauth/` is a form; its client is authenticated here,
//! before any handler runs.

mod client;
mod exchange;
pub(crate) mod form;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod revoke;
pub(crate) mod token;

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    act::Audited,
    authentication::{admit, failed, origin},
    error::{
        ApiError, OauthKind,
        oauth::{OauthError, Tried},
    },
    lookup::Origin,
    state::AppState,
};
pub(crate) use client::Client;
use form::{Form, FormFault, Shown};

/// The longest form, in bytes: an ID token has at most 8 KiB.
pub(crate) const FORM_BYTES_MAX: usize = 16_384;
/// The operation that a client need not authenticate for, with the grant type below.
const TOKEN: &str = "/oauth/token";
/// RFC 8693.
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A request under `/oauth/`, read and authenticated: the argument of its handlers.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) state: Arc<AppState>,
    pub(crate) form: Arc<Form>,
    /// The client by its own secret; `None`: nobody, or a bearer.
    pub(crate) client: Option<Client>,
}

impl FromRequestParts<Arc<AppState>> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<AppState>) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Internal)
    }
}

/// What a handler of any caller's request needs beside the form.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) headers: HeaderMap,
    /// The caller, if there is one.
    pub(crate) audited: Option<Audited>,
}

impl FromRequestParts<Arc<AppState>> for Place {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, ApiError> {
        let audited = Audited::of(&parts.extensions, state);
        let (origin, headers) = (origin(&parts.extensions), parts.headers.clone());
        Ok(Self { origin, headers, audited })
    }
}

/// Reads the form of a request and authenticates its client.
pub(crate) async fn enter(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let form = match read(&state, &parts, body).await {
        Ok(form) => Arc::new(form),
        Err(error) => return error.into_response(),
    };
    let fields = parts.headers.get_all(header::AUTHORIZATION);
    let shown = match Shown::of(fields.iter().map(HeaderValue::as_bytes), &form) {
        Ok(shown) => shown,
        Err(FormFault::Authorization) => {
            let error = failed(&state, crate::credential::INVALID, None, &parts.extensions);
            return OauthError::from(error).tried(Tried::Basic).into_response();
        }
        Err(fault) => return malformed(fault).into_response(),
    };
    let tried = match &shown {
        Shown::Nothing | Shown::Post { .. } => Tried::NoHeader,
        Shown::Basic { .. } => Tried::Basic,
        Shown::Bearer(_) => Tried::Bearer,
    };
    let is_token = parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str() == TOKEN);
    if shown == Shown::Nothing && is_token && form.get("grant_type") == Some(TOKEN_EXCHANGE) {
        parts.extensions.insert(Asked { state, form, client: None });
        return next.run(Request::from_parts(parts, Body::empty())).await;
    }
    match client::authenticate(&state, &shown, is_token, &origin(&parts.extensions)).await {
        Ok((known, client)) => {
            parts.extensions.insert(Asked { state: state.clone(), form, client });
            admit(&state, known, Request::from_parts(parts, Body::empty()), next).await
        }
        Err((error, id)) => {
            let error = failed(&state, error, id.as_deref(), &parts.extensions);
            OauthError::from(error).tried(tried).into_response()
        }
    }
}

/// Reads the form.
async fn read(state: &Arc<AppState>, parts: &Parts, body: Body) -> Result<Form, OauthError> {
    if parts.uri.query().is_some_and(|query| !query.is_empty()) {
        let detail = "send every parameter in the body: a query ends up in logs";
        return Err(OauthError::invalid_request("query_invalid", detail));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(ApiError::FormMediaType.into());
    }
    // A body with a stated length does not need `100 Continue` (RFC 9110 §10.1.1).
    let stated = axum::body::HttpBody::size_hint(&body).lower();
    if stated > FORM_BYTES_MAX as u64 {
        return Err(ApiError::FormTooLarge.into());
    }
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, state).await;
    let body = body.map_err(|error| match ApiError::of_body(error.status(), &error) {
        ApiError::TooLarge => ApiError::FormTooLarge,
        error => error,
    })?;
    if body.len() > FORM_BYTES_MAX {
        return Err(ApiError::FormTooLarge.into());
    }
    Form::parse(&body).map_err(malformed)
}

/// A fault of the form.
fn malformed(fault: FormFault) -> OauthError {
    let (code, detail) = match fault {
        FormFault::Malformed => (
            "form_malformed",
            "the body is not a form of names and values, encoded and in UTF-8".into(),
        ),
        FormFault::TooMany => (
            "form_malformed",
            format!("the form has more than {} parameters", form::PARAMETERS_MAX),
        ),
        FormFault::Repeated => ("parameter_repeated", "a parameter is given twice".into()),
        FormFault::TwoWays => (
            "client_ambiguous",
            "the client authenticates in two ways; use Basic, or `client_id` and `client_secret`"
                .into(),
        ),
        FormFault::IdMissing | FormFault::Authorization => {
            ("parameter_missing", "`client_secret` needs `client_id` beside it".into())
        }
    };
    OauthError::invalid_request(code, detail)
}

/// A parameter that must be there.
pub(crate) fn required<'a>(form: &'a Form, name: &str) -> Result<&'a str, OauthError> {
    let missing = || {
        OauthError::invalid_request(
            "parameter_missing",
            format!("the parameter `{name}` is missing"),
        )
    };
    form.get(name).ok_or_else(missing)
}

/// A grant type that this server does not have.
pub(crate) fn unsupported_grant_type() -> OauthError {
    let detail = "this server has no such `grant_type`; its metadata lists those it has".into();
    let error = ApiError::Malformed { code: "grant_type_unsupported", detail };
    OauthError::new(OauthKind::UnsupportedGrantType, error)
}
