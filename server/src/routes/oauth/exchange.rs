//! Token exchange (RFC 8693): an ID token becomes a room token.

use std::sync::Arc;

use axum::{http::HeaderMap, response::Response};

use super::{Client, form::Form, unsupported_grant_type};
use crate::{error::oauth::OauthError, lookup::Origin, state::AppState};

/// Whether this server exchanges tokens: what the metadata says.
pub(super) const IS_SUPPORTED: bool = false;

/// Exchanges a token.
pub(super) async fn exchange(
    _state: &Arc<AppState>,
    _client: Option<Client>,
    _form: &Form,
    _origin: Origin,
    _headers: &HeaderMap,
) -> Result<Response, OauthError> {
    Err(unsupported_grant_type())
}
