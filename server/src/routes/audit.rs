//! The audit trail, of `routes`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State as Has};
use serde::Deserialize;
use stagedoor_token::AppId;
use utoipa::IntoParams;

use super::{Asked, At, Page, page_limit};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    state::State,
    store::audit::{Filter, Record},
};

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Entries at most; 50 unless asked.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<i64>,
    /// Only of this kind.
    kind: Option<String>,
    /// Only with this code.
    code: Option<String>,
    /// Only of this room.
    room: Option<String>,
    /// Only of this user.
    user: Option<String>,
}

/// Lists records, newest first.
#[utoipa::path(get, path = "/v1/apps/{app}/audit", tag = "audit", params(("app" = u32, Path), Which),
    responses((status = 200, body = Page<Record>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<Record>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let limit = page_limit(&state.config, which.limit)?;
    // Of what the doors know by now. The page itself may take long, and nobody may wait for it.
    let newest = {
        let _look = state.doors.look(app).await;
        state.store.newest_record().await?
    };
    let before = which.after.map_or(newest + 1, |after| after.min(newest + 1));
    let Which { kind, code, room, user, .. } = which;
    let filter = Filter { before: Some(before), kind, code, room, user };
    let records = state.store.records(app, &filter, limit + 1).await?;
    Ok(Json(Page::cut(records, limit, |record: &Record| record.id.to_string())))
}
