//! Sessions of the operator that asks.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stagedoor_bus::Bounds;
use utoipa::ToSchema;

use super::personal::asking;
use crate::{
    act::Audited,
    caller::{Caller, Shown},
    config::Config,
    error::ApiError,
    lookup::session::ends_ms,
    record::Record,
    routes::{Page, Path, Reader},
    standing,
    store::{sessions::SessionRow, write::Tx},
};

/// A session of a browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id, which is not secret.
    id: String,
    /// How it began: `link`.
    way: String,
    /// Whether this request came with it.
    current: bool,
    /// When it began, Unix milliseconds.
    created_ms: u64,
    /// When it was last used, to the minute, Unix milliseconds.
    last_used_ms: u64,
    /// From which network it was last used: /24 of IPv4, /56 of IPv6.
    last_used_from: Option<String>,
    /// When it ends, or ended, if it is not used, Unix milliseconds.
    expires_ms: u64,
}

impl SessionView {
    pub(in crate::routes) fn of(config: &Config, caller: &Caller, row: SessionRow) -> Self {
        let current = matches!(caller.shown(), Shown::Session { id, .. } if *id == row.id);
        let expires_ms = ends_ms(config, &row);
        let SessionRow { id, way, network, created_ms, used_ms, .. } = row;
        Self {
            id,
            way,
            current,
            created_ms,
            last_used_ms: used_ms,
            last_used_from: network,
            expires_ms,
        }
    }
}

/// An operator's session, in a transaction.
pub(in crate::routes) async fn session_of(
    tx: &mut Tx,
    operator: &str,
    id: &str,
) -> Result<SessionRow, ApiError> {
    let session = tx.session(id).await?.filter(|session| session.operator == operator);
    let detail = "the operator has no such session";
    session.ok_or(ApiError::NotFound { code: "session_unknown", detail })
}

/// The record of a session that was ended.
pub(in crate::routes) fn record(audited: &Audited, session: &SessionRow) -> Record {
    audited.record_of_none("session.end").detail(&session.detail())
}

/// Lists the sessions of the operator that asks.
///
/// The one used last first, with the network it was used from, and when it ends.
#[utoipa::path(get, path = "/v1/me/sessions", tag = "me",
    responses((status = 200, body = Page<SessionView>)))]
pub(crate) async fn list_sessions(
    Reader { state, caller, .. }: Reader,
) -> Result<Json<Page<SessionView>>, ApiError> {
    let rows = state.store.sessions(asking(&caller)?).await?;
    let items = rows.into_iter().map(|row| SessionView::of(&state.config, &caller, row)).collect();
    Ok(Json(Page { items, next: None }))
}

/// Ends a session of the operator that asks.
///
/// The next request with its cookie is refused. To end the session that asks is to log out. A personal token ends one
/// only if it opens all that its operator opens.
#[utoipa::path(delete, path = "/v1/me/sessions/{session}", tag = "me", params(("session" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn end_session(
    audited: Audited,
    Path(session): Path<String>,
) -> Result<Response, ApiError> {
    let operator = asking(&audited.caller)?;
    let mut tx = audited.state.store.begin().await?;
    let caller = standing::now(&audited.caller, &mut tx).await?;
    let session = session_of(&mut tx, operator, &session).await?;
    let all = tx.operator(operator).await?.ok_or(ApiError::Internal)?.rights().anywhere();
    caller.may_end(&session.id, all, &Bounds::default())?;
    tx.delete_session(&session.id).await?;
    tx.add_record(record(&audited, &session)).await?;
    audited.state.doors.commit_all(tx, Vec::new()).await?;
    let is_own = matches!(audited.caller.shown(), Shown::Session { id, .. } if *id == session.id);
    let done = StatusCode::NO_CONTENT.into_response();
    if !is_own {
        return Ok(done);
    }
    let over = audited.state.channel().set("", "", "/", 0)?;
    Ok(([(header::SET_COOKIE, over)], done).into_response())
}
