//! Problem bodies (RFC 9457).

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stagedoor_bus::Text;
use utoipa::ToSchema;

/// A problem body (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`; `code` identifies the problem.
    #[serde(rename = "type")]
    pub(super) kind: Cow<'static, str>,
    /// The status's name.
    pub(super) title: Cow<'static, str>,
    /// The HTTP status.
    pub(crate) status: u16,
    /// A stable code for programs.
    pub(crate) code: Cow<'static, str>,
    /// An explanation for people.
    pub(super) detail: Cow<'static, str>,
    /// The field of the body that is wrong, as a path: `grants.publish.streams[0]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// With `scope_missing`: the scope that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Cow<'static, str>>,
    /// With `bounds_exceeded`: the bound of the credential that the request exceeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bound: Option<Cow<'static, str>>,
    /// The request's id, as in `X-Request-Id`; absent if the input was not an HTTP request.
    #[schema(required = false)]
    pub(super) request_id: String,
    /// For the log: the room concerned, if the path does not name it.
    #[serde(skip)]
    pub(crate) room: Option<Text>,
    /// For the audit trail: whether a right is missing and nobody has recorded it yet.
    #[serde(skip)]
    pub(crate) is_unrecorded: bool,
    /// What OAuth calls it, under `/oauth/`.
    #[serde(skip)]
    pub(super) oauth: Option<OauthKind>,
}

impl Problem {
    /// One of this status, which still lacks everything else.
    pub(super) fn of(status: StatusCode) -> Self {
        Self {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Refused").into(),
            status: status.as_u16(),
            code: "".into(),
            detail: "".into(),
            field: None,
            scope: None,
            bound: None,
            request_id: String::new(),
            room: None,
            is_unrecorded: false,
            oauth: None,
        }
    }
}

/// The `error` of a refusal, as RFC 6749 and its extensions name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OauthKind {
    /// The request is malformed, or a parameter is missing or wrong.
    InvalidRequest,
    /// The client could not be authenticated.
    InvalidClient,
    /// What was presented to be exchanged is not good.
    #[allow(
        dead_code,
        reason = "no grant type here has grants to get wrong; clients know the name"
    )]
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// There is no such grant type.
    UnsupportedGrantType,
    /// A scope is unknown, or the client does not have it.
    InvalidScope,
    /// There is no such resource or audience for this client (RFC 8707).
    InvalidTarget,
    /// Tokens of this kind are not revoked here (RFC 7009).
    UnsupportedTokenType,
    /// The answer is no.
    AccessDenied,
    /// Try again later.
    TemporarilyUnavailable,
    /// A fault of the server's.
    ServerError,
}

/// The body of a refusal under `/oauth/`.
#[derive(Serialize, ToSchema)]
pub(crate) struct OauthProblem {
    /// What RFC 6749 and its extensions call it.
    error: OauthKind,
    /// An explanation for people.
    error_description: String,
    /// A stable code for programs, finer than `error`.
    code: Cow<'static, str>,
    /// The request's id, as in `X-Request-Id`.
    request_id: String,
}

impl OauthProblem {
    fn of(error: OauthKind, problem: &Problem) -> Self {
        // RFC 6749 §5.2 allows neither quotation marks nor backslashes, and ASCII alone.
        let allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        let text = problem.detail.chars().map(|c| if allowed(c) { c } else { '?' });
        Self {
            error,
            error_description: text.collect(),
            code: problem.code.clone(),
            request_id: problem.request_id.clone(),
        }
    }
}

/// Writes the problem body, now that the request's id is known.
pub(crate) fn with_request_id(mut response: Response, request_id: &str) -> Response {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else { return response };
    request_id.clone_into(&mut problem.request_id);
    let (parts, _) = response.into_parts();
    let (mut written, kind) = match problem.oauth {
        Some(kind) => {
            let body = Json(OauthProblem::of(kind, &problem));
            ((parts.status, body).into_response(), "application/json")
        }
        None => ((parts.status, Json(&problem)).into_response(), "application/problem+json"),
    };
    written.headers_mut().extend(parts.headers);
    written.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    written.extensions_mut().insert(problem);
    written
}
