//! Sessions of operators, as owners see them, and links that begin them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{begin, commit, operator_in, unknown};
use crate::{
    act::Audited,
    error::ApiError,
    links,
    rights::OperatorKind,
    routes::{
        Page, Path, Reader,
        me::sessions::{SessionView, record, session_of},
    },
    scope::Scope,
};

/// A new link.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkCreated {
    /// Its id.
    id: String,
    /// The operator's id.
    operator: String,
    /// Where to open it: the login page, with the secret as the fragment. Without `public_url` it is a path.
    url: String,
    /// The secret, `sdlnk_…`. Shown only once; it logs in once.
    link: String,
    /// When it ends, Unix milliseconds.
    expires_ms: u64,
}

/// Lists an operator's sessions.
///
/// Sessions that have not ended, the newest use of each; owners list anybody's.
#[utoipa::path(get, path = "/v1/operators/{operator}/sessions", tag = "operators",
    params(("operator" = String, Path)), responses((status = 200, body = Page<SessionView>)))]
pub(crate) async fn list_sessions(
    Reader { state, caller, .. }: Reader,
    Path(operator): Path<String>,
) -> Result<Json<Page<SessionView>>, ApiError> {
    caller.may_everywhere(Scope::DeploymentAdmin)?;
    let row = state.store.operator(&operator).await?.ok_or_else(unknown)?;
    let rows = state.store.sessions(&row.id).await?;
    let items = rows.into_iter().map(|row| SessionView::of(&state.config, &caller, row)).collect();
    Ok(Json(Page { items, next: None }))
}

/// Ends an operator's session.
///
/// Owners end anybody's: the next request with its cookie is refused.
#[utoipa::path(delete, path = "/v1/operators/{operator}/sessions/{session}", tag = "operators",
    params(("operator" = String, Path), ("session" = String, Path)), responses((status = 204)))]
pub(crate) async fn end_session(
    audited: Audited,
    Path((operator, session)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let mut tx = begin(&audited).await?;
    let row = operator_in(&mut tx, &operator).await?;
    let session = session_of(&mut tx, &row.id, &session).await?;
    tx.delete_session(&session.id).await?;
    tx.add_record(record(&audited, &session)).await?;
    commit(&audited, tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a link that logs a person in once.
///
/// It ends after `link_ttl_s` seconds. The secret stands in the fragment of the URL, so that no server and no log sees
/// it there. A service account never logs in.
#[utoipa::path(post, path = "/v1/operators/{operator}/links", tag = "operators",
    params(("operator" = String, Path)), responses((status = 201, body = LinkCreated)))]
pub(crate) async fn make_link(
    audited: Audited,
    Path(operator): Path<String>,
) -> Result<Response, ApiError> {
    let state = &audited.state;
    let mut tx = begin(&audited).await?;
    let row = operator_in(&mut tx, &operator).await?;
    if row.kind == OperatorKind::Service {
        let detail = "a service account never logs in; make a personal token for it";
        return Err(ApiError::Conflict { code: "operator_kind", detail });
    }
    if row.is_disabled {
        let detail = "the operator is disabled; enable it first";
        return Err(ApiError::Conflict { code: "operator_disabled", detail });
    }
    // Nobody becomes more than they are by logging in as somebody else.
    row.level.map_or(Ok(()), |level| audited.caller.gives_level(None, level))?;
    let now_ms = state.unix_ms();
    if tx.count_links(&row.id, now_ms).await? >= u64::from(state.config.links_per_operator_max) {
        let detail = "the operator already has `links_per_operator_max` links; wait until one ends";
        return Err(ApiError::Conflict { code: "links_exceeded", detail });
    }
    let link = links::make(&mut tx, &row.id, now_ms, state.config.link_ttl_s).await?;
    let record = audited.record_of_none("link.create").detail(&link.detail(&row.id));
    tx.add_record(record).await?;
    commit(&audited, tx).await?;
    let base = state.channel().base();
    let url = format!("{base}{}", link.path);
    let created = LinkCreated {
        id: link.id,
        operator: row.id,
        url,
        link: link.secret,
        expires_ms: link.expires_ms,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}
