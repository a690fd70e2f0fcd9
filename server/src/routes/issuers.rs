//! Issuers of ID tokens of an app (`spec/sso.md`).

mod trying;
pub(crate) mod views;

use axum::{Json, http::StatusCode};
use serde_json::value::RawValue;
use stagedoor_token::{AppId, Roles};

use super::{Body, Path, Reader, app_in, app_row};
use crate::{
    act::Audited,
    doors::{News, roles_of},
    error::ApiError,
    issuer::{Issuer, Settings, is_id},
    record::unix_ms,
    rights::Reach,
    scope::Scope,
    store::{author::Author, issuers::IssuerRow},
};

pub(crate) use self::trying::{__path_try_one, try_one};
use self::views::{IssuerView, IssuersView, NewIssuer, issuer_unknown, stored};

/// Lists the app's issuers of ID tokens.
///
/// With their rules, by their ids. There are at most `issuers_per_app_max`.
#[utoipa::path(get, path = "/v1/apps/{app}/issuers", tag = "issuers", params(("app" = u32, Path)),
    responses((status = 200, body = IssuersView)))]
pub(crate) async fn list(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
) -> Result<Json<IssuersView>, ApiError> {
    caller.may(app, Scope::IssuersManage)?;
    app_row(&state, app).await?;
    let rows = state.store.issuers(app).await?;
    let items = rows.into_iter().map(IssuerView::of).collect::<Result<_, _>>()?;
    Ok(Json(IssuersView { items }))
}

/// Shows one issuer.
///
/// With every default written out.
#[utoipa::path(get, path = "/v1/apps/{app}/issuers/{id}", tag = "issuers",
    params(("app" = u32, Path), ("id" = String, Path)), responses((status = 200, body = IssuerView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<Json<IssuerView>, ApiError> {
    caller.may(app, Scope::IssuersManage)?;
    app_row(&state, app).await?;
    let rows = state.store.issuers(app).await?;
    let row = rows.into_iter().find(|row| row.id == id).ok_or_else(issuer_unknown)?;
    Ok(Json(IssuerView::of(row)?))
}

/// Puts an issuer.
///
/// It is new, or replaces the one of its id. From now on an ID token of it, for one of `client_ids`, can be exchanged at
/// `/oauth/token` for a token that the first fitting rule gives. The issuer is not asked anything yet.
/// A credential with bounds cannot do this, because the tokens would be beyond them.
#[utoipa::path(put, path = "/v1/apps/{app}/issuers/{id}", tag = "issuers", request_body = NewIssuer,
    params(("app" = u32, Path), ("id" = String, Path)), responses((status = 200, body = IssuerView)))]
pub(crate) async fn put(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
    Body(new): Body<NewIssuer>,
) -> Result<Json<IssuerView>, ApiError> {
    audited.caller.may_whole(app, Scope::IssuersManage, Reach::Tokens)?;
    let state = &audited.state;
    if !is_id(&id) {
        let detail = "the issuer's id must be 1 to 32 bytes of [0-9A-Za-z_.-]".into();
        return Err(ApiError::Invalid { code: "issuer_invalid", detail });
    }
    let settings = Settings::from(new);
    let issuer = Issuer::read(&settings, state.config.issuer_rules_max)?;
    let mut tx = state.store.begin().await?;
    let row = app_in(&mut tx, app).await?;
    let roles = match tx.role_set(app).await? {
        Some(set) => roles_of(&set)?,
        None => Roles::built_in().as_ref().clone(),
    };
    issuer.check_rules(&roles, row.ttl_s_max)?;
    let others = tx.issuers(app).await?;
    let others: Vec<Issuer> =
        others.iter().filter(|other| other.id != id).map(stored).collect::<Result<_, _>>()?;
    issuer.among(&others)?;
    if others.len() >= state.config.issuers_per_app_max as usize {
        return Err(ApiError::Conflict {
            code: "issuers_exceeded",
            detail: "the app has `issuers_per_app_max` issuers",
        });
    }
    let settings = compact(issuer.complete(settings))?;
    let row = IssuerRow {
        app,
        id,
        issuer: issuer.issuer().to_owned(),
        settings,
        changed_ms: unix_ms(),
        actor: Author::of(&audited.caller.actor()),
    };
    tx.put_issuer(&row).await?;
    let record = audited.record(app, "issuer.put");
    tx.add_record(record.detail(&format!("issuer={}", row.id))).await?;
    state.doors.commit(tx, app, News::Nothing).await?;
    Ok(Json(IssuerView::of(row)?))
}

/// Settings as they are stored.
fn compact(settings: Settings) -> Result<String, ApiError> {
    let rules: serde_json::Value =
        serde_json::from_str(settings.rules.get()).map_err(|_| ApiError::Internal)?;
    let rules = RawValue::from_string(rules.to_string()).map_err(|_| ApiError::Internal)?;
    serde_json::to_string(&Settings { rules, ..settings }).map_err(|_| ApiError::Internal)
}

/// Removes an issuer.
///
/// Its ID tokens open nothing from now on. Tokens that were given for them live on; revoke them by their users.
#[utoipa::path(delete, path = "/v1/apps/{app}/issuers/{id}", tag = "issuers",
    params(("app" = u32, Path), ("id" = String, Path)), responses((status = 204)))]
pub(crate) async fn remove(
    audited: Audited,
    Path((app, id)): Path<(AppId, String)>,
) -> Result<StatusCode, ApiError> {
    audited.caller.may_whole(app, Scope::IssuersManage, Reach::Tokens)?;
    let mut tx = audited.state.store.begin().await?;
    app_in(&mut tx, app).await?;
    if !tx.remove_issuer(app, &id).await? {
        return Err(issuer_unknown());
    }
    let record = audited.record(app, "issuer.delete").detail(&format!("issuer={id}"));
    tx.add_record(record).await?;
    audited.state.doors.commit(tx, app, News::Nothing).await?;
    Ok(StatusCode::NO_CONTENT)
}
