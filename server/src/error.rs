//! Every refusal of the HTTP API; the only file with status codes. A body is a problem (RFC 9457) with a stable
//! `code`. An internal fault discloses only the request id.

mod body_timeout;
mod challenge;
pub(crate) mod oauth;
mod problem;
mod statuses;

use std::borrow::Cow;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stagedoor_bus::{BusError, Text, bounds::Bound};
use stagedoor_token::{Fault, Field, MintError, Refusal};

use crate::{doors::NotDone, scope::Scope, secret::NoRandomness, store::StoreError};

pub use body_timeout::BodyTimeout;
use challenge::challenge;
pub(crate) use problem::{OauthKind, OauthProblem, Problem, with_request_id};
pub(crate) use statuses::STATUSES;

/// Why a request was refused.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// The credential is missing, or is not one of ours.
    Unauthenticated { code: &'static str, detail: &'static str },
    /// The credential lacks this scope.
    ScopeMissing { scope: Scope },
    /// The credential has the scope, but not this far.
    BoundsExceeded {
        bound: Bound,
        /// Whether the act has its own record of it.
        is_recorded: bool,
    },
    /// The credential may not be used from this address.
    AddressRefused,
    /// The caller may not, for a reason that is no scope.
    Forbidden { code: &'static str, detail: &'static str },
    /// A ban covers the token until then, Unix seconds; `None`: without an end.
    Banned { ends_s: Option<u64> },
    /// It does not exist, or this caller may not see it.
    NotFound { code: &'static str, detail: &'static str },
    /// The path does not support the method.
    MethodNotAllowed,
    /// It conflicts with what exists.
    Conflict { code: &'static str, detail: &'static str },
    /// The request is malformed.
    Malformed { code: &'static str, detail: Cow<'static, str> },
    /// The request is well-formed but makes no sense.
    Invalid { code: &'static str, detail: Cow<'static, str> },
    /// The door would refuse a token with these claims.
    Refused(Fault),
    /// The body is too large.
    TooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is not declared as JSON.
    MediaType,
    /// A form is too large.
    FormTooLarge,
    /// The body is not declared as a form.
    FormMediaType,
    /// Too many requests.
    RateLimited { retry_s: u64 },
    /// The client has as many access tokens as it may; one ends after this time.
    AccessTokensExceeded { retry_s: u64 },
    /// No relay answered.
    Unavailable(BusError),
    /// The keys of an issuer of ID tokens cannot be had.
    IssuerUnreachable,
    /// The store cannot be written or read.
    StoreUnavailable,
    /// It has changed since the caller read it.
    Precondition { code: &'static str, detail: &'static str },
    /// Another of these, about this field of the body.
    At { field: Field, error: Box<ApiError> },
    /// An internal fault.
    Internal,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.reason().is_some() {
            tracing::debug!(%error, "the store is unavailable");
            return Self::StoreUnavailable;
        }
        tracing::warn!(%error, "the store failed");
        Self::Internal
    }
}

impl From<NotDone> for ApiError {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Store(error) => error.into(),
            NotDone::Bus(error) => error.into(),
        }
    }
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        tracing::warn!(%error, "could not make a secret");
        Self::Internal
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<BusError> for ApiError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::StoreUnavailable => Self::StoreUnavailable,
            error => Self::Unavailable(error),
        }
    }
}

impl From<MintError> for ApiError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Refused(fault) => Self::Refused(fault),
            MintError::KeyNotCurrent => {
                Self::Conflict { code: "no_current_key", detail: "the app has no current key" }
            }
        }
    }
}

impl ApiError {
    /// Why a body could not be read, from the reader's own answer and error.
    pub(crate) fn of_body(status: StatusCode, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            Self::TooLarge
        } else if causes.any(<dyn std::error::Error>::is::<BodyTimeout>) {
            Self::BodyTimeout
        } else {
            let detail = "the body ended early or could not be read; send it completely".into();
            Self::Malformed { code: "body_malformed", detail }
        }
    }

    /// The same error, about this field of the body.
    pub(crate) fn at(self, field: impl Into<Field>) -> Self {
        Self::At { field: field.into(), error: Box::new(self) }
    }

    /// The field of the body that is wrong.
    fn field(&self) -> Option<Field> {
        match self {
            Self::At { field, .. } => Some(*field).filter(|field| !field.is_whole()),
            Self::Refused(fault) => fault.field(),
            _ => None,
        }
    }

    /// The scope that is missing.
    fn scope(&self) -> Option<Scope> {
        match self {
            Self::At { error, .. } => error.scope(),
            Self::ScopeMissing { scope } => Some(*scope),
            _ => None,
        }
    }

    /// The bound that the request exceeds.
    fn bound(&self) -> Option<Bound> {
        match self {
            Self::At { error, .. } => error.bound(),
            Self::BoundsExceeded { bound, .. } => Some(*bound),
            _ => None,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated { code, .. }
            | Self::Forbidden { code, .. }
            | Self::NotFound { code, .. }
            | Self::Conflict { code, .. }
            | Self::Precondition { code, .. }
            | Self::Malformed { code, .. }
            | Self::Invalid { code, .. } => code,
            Self::At { error, .. } => error.code(),
            Self::ScopeMissing { .. } => "scope_missing",
            Self::BoundsExceeded { .. } => "bounds_exceeded",
            Self::AddressRefused => "address_refused",
            Self::Banned { .. } => "banned",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Refused(fault) => fault.code(),
            Self::TooLarge | Self::FormTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::MediaType | Self::FormMediaType => "media_type_unsupported",
            Self::RateLimited { .. } => "rate_limited",
            Self::AccessTokensExceeded { .. } => "access_tokens_exceeded",
            Self::Unavailable(_) => "relay_unavailable",
            Self::IssuerUnreachable => "issuer_unreachable",
            Self::StoreUnavailable => "store_unavailable",
            Self::Internal => "internal",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
            Self::ScopeMissing { .. }
            | Self::BoundsExceeded { .. }
            | Self::AddressRefused
            | Self::Forbidden { .. }
            | Self::Banned { .. } => StatusCode::FORBIDDEN,
            Self::At { error, .. } => error.status(),
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::Invalid { .. } | Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge | Self::FormTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::MediaType | Self::FormMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RateLimited { .. } | Self::AccessTokensExceeded { .. } => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unavailable(_) | Self::StoreUnavailable | Self::IssuerUnreachable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Precondition { .. } => StatusCode::PRECONDITION_FAILED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::Unauthenticated { detail, .. }
            | Self::Forbidden { detail, .. }
            | Self::NotFound { detail, .. }
            | Self::Precondition { detail, .. }
            | Self::Conflict { detail, .. } => Cow::Borrowed(detail),
            Self::Malformed { detail, .. } | Self::Invalid { detail, .. } => detail.clone(),
            Self::At { error, .. } => error.detail(),
            Self::ScopeMissing { scope: Scope::DeploymentAdmin } => {
                "the credential lacks the scope `deployment:admin`, which no API key has".into()
            }
            Self::ScopeMissing { scope } => {
                format!("the credential lacks the scope `{}` for this app", scope.as_str()).into()
            }
            Self::BoundsExceeded { bound, .. } => {
                format!("the request exceeds the credential's bound `{}`", bound.as_str()).into()
            }
            Self::AddressRefused => "the credential may not be used from this address".into(),
            Self::Banned { ends_s: None } => {
                "a ban without an end covers this token; lift the ban to mint again".into()
            }
            Self::Banned { ends_s: Some(ends_s) } => {
                format!("a ban covers this token until {ends_s} (Unix seconds)").into()
            }
            Self::MethodNotAllowed => "this path does not support that method".into(),
            Self::Refused(fault) => fault.to_string().into(),
            Self::TooLarge => "the body is longer than `body_bytes_max`".into(),
            Self::BodyTimeout => "the body did not arrive within `body_timeout_ms`".into(),
            Self::MediaType => "send JSON, with `Content-Type: application/json`".into(),
            Self::FormTooLarge => "the form is longer than 16384 bytes".into(),
            Self::FormMediaType => {
                "send a form, with `Content-Type: application/x-www-form-urlencoded`".into()
            }
            Self::RateLimited { retry_s } => {
                format!("too many requests; try again in {retry_s} s").into()
            }
            Self::AccessTokensExceeded { retry_s } => format!(
                "the client has `access_tokens_per_client_max` access tokens; use one until it \
                 ends, or try again in {retry_s} s"
            )
            .into(),
            Self::Unavailable(error) => error.to_string().into(),
            Self::IssuerUnreachable => "the issuer's keys cannot be fetched now; try again".into(),
            Self::StoreUnavailable => "the store is temporarily unavailable; try again".into(),
            Self::Internal => {
                "the server failed; its log has the reason under this request id".into()
            }
        }
    }

    fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::Unauthenticated { code, .. } => {
                Some((header::WWW_AUTHENTICATE, challenge(code, None)))
            }
            Self::ScopeMissing { scope } => {
                Some((header::WWW_AUTHENTICATE, challenge(self.code(), Some(scope.as_str()))))
            }
            Self::At { error, .. } => error.header(),
            Self::RateLimited { retry_s } | Self::AccessTokensExceeded { retry_s } => {
                Some((header::RETRY_AFTER, retry_s.to_string()))
            }
            // The rest of this body must not be parsed as the next request.
            Self::BodyTimeout => Some((header::CONNECTION, "close".into())),
            Self::IssuerUnreachable => Some((header::RETRY_AFTER, "30".into())),
            Self::Unavailable(_) | Self::StoreUnavailable => {
                Some((header::RETRY_AFTER, "1".into()))
            }
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    /// The body still lacks the request id, which the router adds.
    fn into_response(self) -> Response {
        let status = self.status();
        let problem = Problem {
            code: self.code().into(),
            detail: self.detail(),
            field: self.field().map(|field| field.to_string()),
            scope: self.scope().map(|scope| scope.as_str().into()),
            bound: self.bound().map(|bound| bound.as_str().into()),
            is_unrecorded: matches!(
                self,
                Self::ScopeMissing { .. } | Self::BoundsExceeded { is_recorded: false, .. }
            ),
            ..Problem::of(status)
        };
        let mut response = status.into_response();
        if let Some((name, value)) = self.header()
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(problem);
        response
    }
}

/// A refusal about the room that the body names.
#[derive(Debug)]
pub(crate) struct InRoom {
    pub(crate) room: Option<Text>,
    pub(crate) error: ApiError,
}

impl From<ApiError> for InRoom {
    fn from(error: ApiError) -> Self {
        Self { room: None, error }
    }
}

impl IntoResponse for InRoom {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
            problem.room = self.room;
        }
        response
    }
}
