//! Operators: people and service accounts that run the deployment.

pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod views;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{Body, Page, Paging, Path, Query, Reader, check_name, page_limit};
use crate::{
    act::Audited,
    credential,
    doors::NotDone,
    error::ApiError,
    level::Level,
    record::{Record, unix_ms},
    scope::Scope,
    standing,
    store::{operators::OperatorRow, write::Tx},
};
use views::{NewOperator, OperatorChange, OperatorView, read_level_or_none};

pub(crate) fn unknown() -> ApiError {
    ApiError::NotFound { code: "operator_unknown", detail: "there is no such operator" }
}

fn exists() -> ApiError {
    ApiError::Conflict { code: "operator_exists", detail: "another operator has this name" }
}

/// An operator in a transaction.
pub(super) async fn operator_in(tx: &mut Tx, named: &str) -> Result<OperatorRow, ApiError> {
    tx.operator(named).await?.ok_or_else(unknown)
}

fn record(audited: &Audited, kind: &str, row: &OperatorRow) -> Record {
    let level = row.level.map_or("none", Level::as_str);
    let detail = format!("operator={} kind={} level={level}", row.id, row.kind.as_str());
    audited.record_of_none(kind).detail(&detail)
}

/// Begins an act of an owner.
async fn begin(audited: &Audited) -> Result<Tx, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let mut tx = audited.state.store.begin().await?;
    standing::now(&audited.caller, &mut tx).await?.may_everywhere(Scope::DeploymentAdmin)?;
    Ok(tx)
}

async fn commit(audited: &Audited, tx: Tx) -> Result<(), NotDone> {
    audited.state.doors.commit_all(tx, Vec::new()).await
}

/// Checks that a person is left who may do everything, where there is one. `after`: what the operator becomes.
async fn keeps_an_owner(
    tx: &mut Tx,
    before: &OperatorRow,
    after: Option<&OperatorRow>,
) -> Result<(), ApiError> {
    let ends = before.is_owner() && !after.is_some_and(OperatorRow::is_owner);
    if ends && tx.count_owners().await? <= 1 {
        let detail = "this is the last owner; make another one first";
        return Err(ApiError::Conflict { code: "last_owner", detail });
    }
    Ok(())
}

/// Makes an operator.
///
/// A person logs in by a link, a service account acts by its personal tokens alone. Names are unique. A level given
/// here holds in every app; a team gives levels in single apps.
#[utoipa::path(post, path = "/v1/operators", tag = "operators", request_body = NewOperator,
    responses((status = 201, body = OperatorView)))]
pub(crate) async fn create(
    audited: Audited,
    Body(new): Body<NewOperator>,
) -> Result<Response, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    check_name(&audited.state.config, &new.name)?;
    let level = new.level.as_deref().map_or(Ok(None), read_level_or_none)?;
    let mut tx = begin(&audited).await?;
    level.map_or(Ok(()), |level| audited.caller.gives_level(None, level))?;
    if tx.count_operators().await? >= u64::from(audited.state.config.operators_max) {
        let detail = "there are already `operators_max` operators; remove one first";
        return Err(ApiError::Conflict { code: "operators_exceeded", detail });
    }
    let row = OperatorRow {
        id: credential::make_id()?,
        name: new.name,
        kind: new.kind,
        level,
        is_disabled: false,
        identity: None,
        created_ms: unix_ms(),
        last_login_ms: None,
        apps: Vec::new(),
    };
    if !tx.add_operator(&row).await? {
        return Err(exists());
    }
    tx.add_record(record(&audited, "operator.create", &row)).await?;
    commit(&audited, tx).await?;
    Ok((StatusCode::CREATED, Json(OperatorView::from(row))).into_response())
}

/// Lists operators by id.
///
/// With their levels, in every app and in single ones.
#[utoipa::path(get, path = "/v1/operators", tag = "operators", params(Paging),
    responses((status = 200, body = Page<OperatorView>)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<OperatorView>>, ApiError> {
    caller.may_everywhere(Scope::DeploymentAdmin)?;
    let limit = page_limit(&state.config, paging.limit)?;
    let after = paging.after.as_deref().unwrap_or("");
    let rows = state.store.operators(after, limit + 1).await?;
    let items = rows.into_iter().map(OperatorView::from).collect();
    Ok(Json(Page::cut(items, limit, |operator: &OperatorView| operator.id.clone())))
}

/// Shows one operator.
///
/// By its id or its name, with its levels.
#[utoipa::path(get, path = "/v1/operators/{operator}", tag = "operators", params(("operator" = String, Path)),
    responses((status = 200, body = OperatorView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    Path(operator): Path<String>,
) -> Result<Json<OperatorView>, ApiError> {
    caller.may_everywhere(Scope::DeploymentAdmin)?;
    let row = state.store.operator(&operator).await?.ok_or_else(unknown)?;
    Ok(Json(row.into()))
}

/// Changes an operator.
///
/// What is absent from the body stays as it is. Levels count from the next request on. When an operator is disabled,
/// its sessions, links and personal tokens end before the answer. The last owner stays one.
#[utoipa::path(patch, path = "/v1/operators/{operator}", tag = "operators", request_body = OperatorChange,
    params(("operator" = String, Path)), responses((status = 200, body = OperatorView)))]
pub(crate) async fn change(
    audited: Audited,
    Path(operator): Path<String>,
    Body(change): Body<OperatorChange>,
) -> Result<Json<OperatorView>, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    if let Some(name) = &change.name {
        check_name(&audited.state.config, name)?;
    }
    let level = change.level.as_deref().map(read_level_or_none).transpose()?;
    let mut tx = begin(&audited).await?;
    let before = operator_in(&mut tx, &operator).await?;
    let after = OperatorRow {
        name: change.name.unwrap_or_else(|| before.name.clone()),
        level: level.unwrap_or(before.level),
        is_disabled: change.disabled.unwrap_or(before.is_disabled),
        ..before.clone()
    };
    if after.level > before.level {
        after.level.map_or(Ok(()), |level| audited.caller.gives_level(None, level))?;
    }
    keeps_an_owner(&mut tx, &before, Some(&after)).await?;
    if !tx.change_operator(&after).await? {
        return Err(exists());
    }
    if after.is_disabled && !before.is_disabled {
        tx.end_operator(&after.id).await?;
    }
    let record = record(&audited, "operator.change", &after);
    let detail = format!("disabled={}", after.is_disabled);
    tx.add_record(record.detail(&detail)).await?;
    commit(&audited, tx).await?;
    Ok(Json(after.into()))
}

/// Removes an operator.
///
/// Its levels, sessions, links and personal tokens end before the answer. What it did stays done. The last owner
/// cannot be removed.
#[utoipa::path(delete, path = "/v1/operators/{operator}", tag = "operators", params(("operator" = String, Path)),
    responses((status = 204)))]
pub(crate) async fn remove(
    audited: Audited,
    Path(operator): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut tx = begin(&audited).await?;
    let row = operator_in(&mut tx, &operator).await?;
    keeps_an_owner(&mut tx, &row, None).await?;
    tx.delete_operator(&row.id).await?;
    tx.add_record(record(&audited, "operator.delete", &row)).await?;
    commit(&audited, tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
