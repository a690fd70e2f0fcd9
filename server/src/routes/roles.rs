//! Roles of an app; each change makes a new version.

pub(crate) mod change;
pub(crate) mod views;

use axum::Json;
use stagedoor_token::AppId;

use super::{
    Body, Page, Paging, Path, Query, Reader, app_row, etag::IfMatch, number_after, page_limit,
};
use crate::{
    act::Audited, doors::roles_of, error::ApiError, role_set, scope::Scope,
    store::roles::RoleSetRow,
};

use self::{
    change::{Change, Set, Tagged, newest, role_unknown, tagged, version_unknown},
    views::{Base, NewRole, NewRoles, RoleView, RolesView, VersionView},
};

/// Shows the app's roles.
///
/// With their version and who made it. Version 0 is the built-in set: `host`, `cohost`, `speaker`, `audience`,
/// `observer`. The `ETag` is for a change with `If-Match`.
#[utoipa::path(get, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn show(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
) -> Result<Tagged<RolesView>, ApiError> {
    caller.may(app, Scope::AppsRead)?;
    let _look = state.doors.look(app).await;
    let (tag, set) = newest(&state, app).await?;
    Ok(tagged(&tag, set.view()))
}

/// Replaces all roles of the app.
///
/// Logins and mints are decided by the new ones at once. A seat that is taken keeps its grants until it ends; with
/// `reapply` it gets what the new roles say, and `seats` counts those that changed. With `version` or `If-Match`
/// the change is made only of what the caller saw.
#[utoipa::path(put, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)), request_body = NewRoles,
    responses((status = 200, body = RolesView)))]
pub(crate) async fn replace(
    audited: Audited,
    Path(app): Path<AppId>,
    seen: IfMatch,
    Body(NewRoles { roles, version, reapply }): Body<NewRoles>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&audited, app, &seen, Base { version, reapply }).await?;
    let roles = role_set::read(roles.get(), audited.state.config.roles_max)?;
    change.finish(&audited, None, roles).await
}

/// Shows one role.
///
/// As its template, in the form of `spec/roles.md`, with every default written out.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RoleView)))]
pub(crate) async fn show_one(
    Reader { state, caller, .. }: Reader,
    Path((app, role)): Path<(AppId, String)>,
) -> Result<Tagged<RoleView>, ApiError> {
    caller.may(app, Scope::AppsRead)?;
    let _look = state.doors.look(app).await;
    let (tag, set) = newest(&state, app).await?;
    let template = set.roles.get(&role).cloned().ok_or_else(role_unknown)?;
    Ok(tagged(&tag, RoleView { version: set.version, template }))
}

/// Puts one role.
///
/// It is new, or replaces the one of its name; all others stay. The app's roles get a new version. With `reapply`
/// live seats get what the new role says.
#[utoipa::path(put, path = "/v1/apps/{app}/roles/{role}", tag = "roles", request_body = NewRole,
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn put_one(
    audited: Audited,
    Path((app, name)): Path<(AppId, String)>,
    seen: IfMatch,
    Body(NewRole { template, version, reapply }): Body<NewRole>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&audited, app, &seen, Base { version, reapply }).await?;
    let role = role_set::read_one(&template)?;
    if **role.name() != *name {
        let detail = format!("the body's role `{}` is not the one in the path", role.name());
        let error = ApiError::Invalid { code: "roles_invalid", detail: detail.into() };
        return Err(error.at("template.role"));
    }
    let roles = role_set::with(&change.newest.roles, &role, audited.state.config.roles_max)?;
    change.finish(&audited, Some(&name), roles).await
}

/// Takes one role out.
///
/// Tokens that name it open nothing any more. Live seats keep their grants until they end.
#[utoipa::path(delete, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path), Base),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn delete_one(
    audited: Audited,
    Path((app, name)): Path<(AppId, String)>,
    seen: IfMatch,
    Query(base): Query<Base>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&audited, app, &seen, base).await?;
    change.newest.roles.get(&name).ok_or_else(role_unknown)?;
    let roles = role_set::without(&change.newest.roles, &name, audited.state.config.roles_max)?;
    change.finish(&audited, Some(&name), roles).await
}

/// Lists the versions of the roles that are kept, newest first.
///
/// With who made each and when. Version 0, the built-in roles, is always there and not in the list.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions", tag = "roles", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<VersionView>)))]
pub(crate) async fn versions(
    Reader { state, caller, .. }: Reader,
    Path(app): Path<AppId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    caller.may(app, Scope::AppsRead)?;
    let _look = state.doors.look(app).await;
    app_row(&state, app).await?;
    let limit = page_limit(&state.config, paging.limit)?;
    let before = number_after(paging.after.as_deref())?.unwrap_or(u64::MAX);
    let rows = state.store.role_sets(app, before, limit + 1).await?;
    let view = |row: RoleSetRow| {
        let roles = roles_of(&row)?.iter().map(|role| role.name().to_string()).collect();
        let RoleSetRow { version, created_ms, actor, .. } = row;
        Ok::<_, ApiError>(VersionView {
            version,
            created_ms,
            actor: actor.id,
            actor_kind: actor.kind,
            roles,
        })
    };
    let items = rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page::cut(items, limit, |version: &VersionView| version.version.to_string())))
}

/// Shows the roles as they were in one version.
///
/// They come as templates, with who made the version and when. Version 0 is the built-in set.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions/{version}", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn show_version(
    Reader { state, caller, .. }: Reader,
    Path((app, version)): Path<(AppId, u64)>,
) -> Result<Json<RolesView>, ApiError> {
    caller.may(app, Scope::AppsRead)?;
    let _look = state.doors.look(app).await;
    app_row(&state, app).await?;
    let set = match version {
        0 => Set::built_in(),
        _ => {
            Set::of(state.store.role_set_version(app, version).await?.ok_or_else(version_unknown)?)?
        }
    };
    Ok(Json(set.view()))
}

/// Makes the roles of one version the newest.
///
/// They get a new version number; nothing in between is lost. Version 0 brings the built-in ones back.
#[utoipa::path(post, path = "/v1/apps/{app}/roles/versions/{version}/restore", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path), Base),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn restore(
    audited: Audited,
    Path((app, old)): Path<(AppId, u64)>,
    seen: IfMatch,
    Query(base): Query<Base>,
) -> Result<Tagged<RolesView>, ApiError> {
    let mut change = Change::begin(&audited, app, &seen, base).await?;
    let old = match old {
        0 => Set::built_in(),
        _ => Set::of(change.tx.role_set_version(app, old).await?.ok_or_else(version_unknown)?)?,
    };
    change.finish(&audited, None, old.roles).await
}
