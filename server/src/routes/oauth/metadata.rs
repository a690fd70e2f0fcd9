//! `GET /.well-known/oauth-authorization-server` (RFC 8414): what an OAuth client needs to know. From the setting
//! `public_url` alone: whoever sends a request chooses its `Host`.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{TOKEN_EXCHANGE, exchange::IS_SUPPORTED};
use crate::{error::ApiError, scope::Scope, state::AppState};

/// Ways in which a client shows its secret.
const SECRETS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// The server's metadata.
#[derive(Serialize, ToSchema)]
pub(crate) struct OauthMetadata {
    /// `public_url`.
    issuer: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    /// The document of the API.
    service_documentation: String,
    /// Empty: there is no authorization endpoint.
    response_types_supported: [&'static str; 0],
    grant_types_supported: Vec<&'static str>,
    scopes_supported: Vec<Scope>,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
}

/// Shows the metadata of OAuth.
///
/// RFC 8414: the endpoints, grant types, scopes, and ways to authenticate. It is there where the server has a
/// `public_url`, and never made from the `Host` of a request.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "oauth",
    responses((status = 200, body = OauthMetadata)))]
pub(crate) async fn metadata(
    State(state): State<Arc<AppState>>,
) -> Result<Json<OauthMetadata>, ApiError> {
    let url = state.config.public_url.as_ref().ok_or(ApiError::NotFound {
        code: "public_url_missing",
        detail: "the server does not know its own URL; set `server.public_url`",
    })?;
    let at = |path: &str| format!("{}{path}", url.as_str());
    let exchange = IS_SUPPORTED.then_some(TOKEN_EXCHANGE);
    // Who exchanges a token need not be a client.
    let public = IS_SUPPORTED.then_some("none");
    Ok(Json(OauthMetadata {
        issuer: url.as_str().to_owned(),
        token_endpoint: at("/oauth/token"),
        introspection_endpoint: at("/oauth/introspect"),
        revocation_endpoint: at("/oauth/revoke"),
        service_documentation: at("/reference"),
        response_types_supported: [],
        grant_types_supported: ["client_credentials"].into_iter().chain(exchange).collect(),
        scopes_supported: Scope::ALL.to_vec(),
        token_endpoint_auth_methods_supported: SECRETS.into_iter().chain(public).collect(),
        introspection_endpoint_auth_methods_supported: SECRETS
            .into_iter()
            .chain(["Bearer"])
            .collect(),
        revocation_endpoint_auth_methods_supported: SECRETS.to_vec(),
    }))
}
