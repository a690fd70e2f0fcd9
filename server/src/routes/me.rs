//! The caller itself.

pub(crate) mod personal;
pub(crate) mod sessions;

use axum::Json;
use serde::Serialize;
use stagedoor_bus::Bounds;
use utoipa::ToSchema;

use super::{Reader, forms};
use crate::{caller::Shown, error::ApiError, rights::Principal, scope::Scope};

/// The caller, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    /// What asks: `root`, `api_key`, or an operator: a `person` or a `service` account.
    kind: &'static str,
    /// Its id: an API key's, an operator's, or `root`.
    id: String,
    /// Its name, for people; `null`: it has none.
    name: Option<String>,
    /// What it presented: `root`, `api_key`, `personal_token`, `access_token` or `session`.
    credential: &'static str,
    /// The id of the personal token, the access token or the session; `null`: it presented none of them.
    credential_id: Option<String>,
    /// The app in which an API key has its scopes; `null`: it is none.
    app: Option<u32>,
    /// Its scopes: an API key's in its app, others' in every app.
    scopes: Vec<Scope>,
    /// Apps in which an operator has scopes beside those.
    apps: Vec<InApp>,
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

/// Scopes in one app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InApp {
    /// The AppID.
    app: u32,
    /// The scopes in it.
    scopes: Vec<Scope>,
}

/// Shows who asks.
///
/// The kind, id and name of the credential, its app, scopes and bounds, when it expires, and the address that the
/// server sees. Its secret is not in it.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses((status = 200, body = MeView)))]
pub(crate) async fn show(Reader { caller, address, .. }: Reader) -> Result<Json<MeView>, ApiError> {
    let (principal, rights) = (caller.principal(), caller.rights());
    let of_key = rights.each().first().filter(|_| matches!(principal, Principal::ApiKey { .. }));
    let apps = rights.each().iter().filter(|_| of_key.is_none());
    let apps = apps.map(|(app, scopes)| InApp { app: app.0, scopes: scopes.iter().collect() });
    let (credential, credential_id) = match caller.shown() {
        _ if caller.access_token().is_some() => {
            ("access_token", caller.access_token().map(Into::into))
        }
        Shown::Own => (principal.kind(), None),
        Shown::Personal { id, .. } => ("personal_token", Some(id.clone())),
        Shown::Session { id, .. } => ("session", Some(id.clone())),
    };
    Ok(Json(MeView {
        kind: principal.kind(),
        id: principal.id().into(),
        name: principal.name().map(Into::into),
        credential,
        credential_id,
        app: of_key.map(|(app, _)| app.0),
        scopes: of_key.map_or(rights.everywhere(), |(_, scopes)| *scopes).iter().collect(),
        apps: apps.collect(),
        bounds: Bounds::clone(&rights.bounds),
        access_token: caller.access_token().map(Into::into),
        expires_ms: caller.expires_ms(),
        address: address.map(|address| address.to_string()),
    }))
}
