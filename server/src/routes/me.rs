//! The caller itself.

use axum::Json;
use serde::Serialize;
use stagedoor_bus::Bounds;
use utoipa::ToSchema;

use super::{Reader, forms};
use crate::{
    error::ApiError,
    rights::{Apps, Rights},
    scope::Scope,
};

/// The caller, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    /// What asks: `root`, the operator's credential, or `api_key`.
    kind: &'static str,
    /// Its id: an API key's, or `root`.
    id: String,
    /// Its name, for people; `null`: it has none.
    name: Option<String>,
    /// The app in which it has its scopes; `null`: in every app.
    app: Option<u32>,
    /// Its scopes.
    scopes: Vec<Scope>,
    /// How far they reach; a field that is absent bounds nothing.
    #[schema(value_type = forms::Bounds)]
    bounds: Bounds,
    /// The id of the access token by which it asks; `null`: it asks by its own credential.
    access_token: Option<String>,
    /// When the credential expires, Unix milliseconds; `null`: never.
    expires_ms: Option<u64>,
    /// The address that the request came from, as the server sees it; `null`: none, because it came over a unix socket.
    address: Option<String>,
}

/// Shows who asks.
///
/// The kind, id and name of the credential, its app, scopes and bounds, when it expires, and the address that the
/// server sees. Its secret is not in it.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, body = MeView)))]
pub(crate) async fn show(Reader { caller, address, .. }: Reader) -> Result<Json<MeView>, ApiError> {
    let principal = caller.principal();
    let Rights { apps, scopes, bounds } = caller.rights();
    let app = match apps {
        Apps::All => None,
        Apps::One(app) => Some(app.0),
    };
    Ok(Json(MeView {
        kind: principal.kind(),
        id: principal.id().into(),
        name: principal.name().map(Into::into),
        app,
        scopes: scopes.iter().collect(),
        bounds: Bounds::clone(bounds),
        access_token: caller.access_token().map(Into::into),
        expires_ms: caller.expires_ms(),
        address: address.map(|address| address.to_string()),
    }))
}
