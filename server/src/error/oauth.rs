//! Refusals under `/oauth/`: the body of RFC 6749 §5.2, with our `code` and the request's id beside it.

use super::{ApiError, OauthKind, Problem};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// What a refusal of the API is for an OAuth client.
fn kind_of(status: StatusCode) -> OauthKind {
    match status.as_u16() {
        401 => OauthKind::InvalidClient,
        403 => OauthKind::UnauthorizedClient,
        429 | 503 => OauthKind::TemporarilyUnavailable,
        500.. => OauthKind::ServerError,
        _ => OauthKind::InvalidRequest,
    }
}

/// The status of what the API would answer with this one. RFC 6749 answers what a client got wrong with 400; what HTTP
/// itself refuses keeps its status.
pub(crate) fn status_of(of_api: u16) -> u16 {
    match of_api {
        401 | 405 | 408 | 413 | 415 | 429 | 500.. => of_api,
        _ => 400,
    }
}

/// How a client tried to authenticate, which decides the challenge of a 401.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tried {
    /// Not by `Authorization`.
    #[default]
    NoHeader,
    /// By `Authorization: Basic`, or a scheme that is not known.
    Basic,
    /// By `Authorization: Bearer`.
    Bearer,
}

/// Why a request under `/oauth/` was refused.
#[derive(Debug)]
pub(crate) struct OauthError {
    kind: OauthKind,
    error: ApiError,
    tried: Tried,
}

impl OauthError {
    /// A refusal of the API, as this error.
    pub(crate) fn new(kind: OauthKind, error: ApiError) -> Self {
        Self { kind, error, tried: Tried::NoHeader }
    }

    /// A malformed request, with this code.
    pub(crate) fn invalid_request(code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into().into();
        Self::new(OauthKind::InvalidRequest, ApiError::Malformed { code, detail })
    }

    /// The same, after the client tried to authenticate in this way.
    pub(crate) fn tried(self, tried: Tried) -> Self {
        Self { tried, ..self }
    }
}

impl<E: Into<ApiError>> From<E> for OauthError {
    fn from(error: E) -> Self {
        let error = error.into();
        Self::new(kind_of(error.status()), error)
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let Self { kind, error, tried } = self;
        let mut response = error.into_response();
        match tried {
            Tried::Bearer => {}
            Tried::Basic if kind == OauthKind::InvalidClient => {
                let basic = HeaderValue::from_static("Basic realm=\"stagedoor\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
            }
            Tried::Basic | Tried::NoHeader => {
                response.headers_mut().remove(header::WWW_AUTHENTICATE);
            }
        }
        if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
            problem.oauth = Some(kind);
        }
        response
    }
}

/// Makes a refusal of the API one of OAuth, where it is none yet.
pub(crate) fn as_oauth(mut response: Response) -> Response {
    let status = response.status();
    let Some(problem) = response.extensions_mut().get_mut::<Problem>() else { return response };
    let kind = *problem.oauth.get_or_insert_with(|| kind_of(status));
    if problem.code == "path_unknown" {
        return response;
    }
    problem.status = if kind == OauthKind::InvalidClient { 401 } else { status_of(problem.status) };
    *response.status_mut() = StatusCode::from_u16(problem.status).unwrap_or(status);
    response
}
