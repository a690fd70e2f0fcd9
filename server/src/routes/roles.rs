//! Roles of an app, a new version for each change, of `routes`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State as Has};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::{Answer, Command};
use stagedoor_token::{AppId, Role, Roles};
use utoipa::{IntoParams, ToSchema};

use super::{Asked, At, Body, Page, Paging, app_row, page_limit};
use crate::{
    caller::{Caller, Scope},
    error::{ApiError, Problem},
    recorder, role_set,
    state::{State, roles_of, unix_ms},
    store::{
        audit::Record,
        roles::{RoleChange, RoleSetRow},
    },
};

/// Of what a change is made.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    reapply: bool,
}

/// A whole role set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoles {
    /// Templates, in the form of `spec/roles.md`.
    #[schema(value_type = Vec<Object>)]
    roles: Box<RawValue>,
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    reapply: bool,
}

/// One role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    /// Its template, in the form of `spec/roles.md`, of the name in the path.
    #[schema(value_type = Object)]
    template: Box<RawValue>,
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    reapply: bool,
}

/// A role set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RolesView {
    /// Its version; 0 are the built-in roles.
    version: u64,
    /// When it was made, Unix milliseconds.
    created_ms: Option<u64>,
    /// Who made it: an API key's id or `root`.
    actor: Option<String>,
    /// Templates by name, every field written out.
    #[schema(value_type = Vec<Object>)]
    roles: Vec<Role>,
    /// After a change that was re-applied: live seats whose grants it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    seats: Option<usize>,
}

/// One role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// The version of the role set.
    version: u64,
    /// The template, every field written out.
    #[schema(value_type = Object)]
    template: Role,
}

/// One version of the roles in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// The version.
    version: u64,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
    /// Who made it.
    actor: String,
    /// Names of its roles.
    roles: Vec<String>,
}

/// A version's roles, and who made them.
struct Set {
    version: u64,
    made: Option<(u64, String)>,
    roles: Roles,
}

impl Set {
    fn built_in() -> Self {
        Self { version: 0, made: None, roles: Roles::built_in().as_ref().clone() }
    }

    fn of(row: RoleSetRow) -> Result<Self, ApiError> {
        let roles = roles_of(&row)?;
        Ok(Self { version: row.version, made: Some((row.created_ms, row.actor)), roles })
    }

    fn view(self) -> RolesView {
        let (created_ms, actor) = self.made.unzip();
        let roles = self.roles.iter().cloned().collect();
        RolesView { version: self.version, created_ms, actor, roles, seats: None }
    }
}

async fn newest(state: &State, app: AppId) -> Result<Set, ApiError> {
    app_row(state, app).await?;
    state.store.role_set(app).await?.map_or_else(|| Ok(Set::built_in()), Set::of)
}

async fn of_version(state: &State, app: AppId, version: u64) -> Result<Set, ApiError> {
    app_row(state, app).await?;
    if version == 0 {
        return Ok(Set::built_in());
    }
    let unknown = || ApiError::NotFound {
        code: "version_unknown",
        detail: "the app has no such version of its roles, or it was let go",
    };
    Set::of(state.store.role_set_version(app, version).await?.ok_or_else(unknown)?)
}

fn role_unknown() -> ApiError {
    ApiError::NotFound { code: "role_unknown", detail: "the app has no such role" }
}

/// Makes what `change` says of the newest roles the next version, tells the relay, and answers when both
/// are done.
async fn make(
    state: &State,
    caller: &Caller,
    app: AppId,
    Base { version, reapply }: Base,
    role: Option<&str>,
    change: impl FnOnce(&Roles) -> Result<Roles, ApiError>,
) -> Result<RolesView, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let base = newest(state, app).await?;
    if version.is_some_and(|version| version != base.version) {
        return Err(conflict());
    }
    let roles = change(&base.roles)?;
    let row = RoleSetRow {
        app,
        version: base.version,
        roles: role_set::write(roles.iter())?,
        created_ms: unix_ms(),
        actor: caller.id().into(),
    };
    let added = state.store.add_role_set(&row, state.config.role_versions_max).await?;
    let RoleChange::Done(version) = added else { return Err(conflict()) };
    state.tell_app(app).await?;
    let reapplied = if reapply { Some(reapplied(state, app).await) } else { None };
    let detail = match &reapplied {
        None => format!("version={version}"),
        Some(Ok(seats)) => format!("version={version} seats={seats}"),
        Some(Err(error)) => format!("version={version} seats_error={}", error.code()),
    };
    record(state, caller, app, "roles.change", role, detail).await?;
    let view = Set { version, made: Some((row.created_ms, row.actor)), roles }.view();
    Ok(RolesView { seats: reapplied.transpose()?, ..view })
}

/// Has the relay give live seats what the roles say now; how many grants that changed.
async fn reapplied(state: &State, app: AppId) -> Result<usize, ApiError> {
    match state.bus.command(Command::Reapply { app }).await? {
        Answer::Done { seats } => Ok(seats),
        _ => Err(ApiError::Internal),
    }
}

fn conflict() -> ApiError {
    ApiError::Conflict {
        code: "version_conflict",
        detail: "the roles were changed meanwhile; read them again",
    }
}

async fn record(
    state: &State,
    caller: &Caller,
    app: AppId,
    kind: &str,
    role: Option<&str>,
    detail: String,
) -> Result<(), ApiError> {
    let record = Record {
        app: Some(app.0),
        actor: Some(caller.id().into()),
        role: role.map(Into::into),
        detail: Some(detail.into()),
        ..recorder::now(kind, "ok")
    };
    state.recorder.record(record).await
}

/// The app's roles.
#[utoipa::path(get, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)),
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn show(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<Json<RolesView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    Ok(Json(newest(&state, app).await?.view()))
}

/// Replaces all roles of the app. Logins and mints are decided by the new ones at once; a seat that is taken
/// keeps its grants until it ends, or with `reapply` gets what the new ones say.
#[utoipa::path(put, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)), request_body = NewRoles,
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn replace(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Body(NewRoles { roles, version, reapply }): Body<NewRoles>,
) -> Result<Json<RolesView>, ApiError> {
    make(&state, &caller, app, Base { version, reapply }, None, |_| {
        role_set::read(roles.get(), state.config.roles_max)
    })
    .await
    .map(Json)
}

/// One role.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RoleView), (status = "4XX", body = Problem)))]
pub(crate) async fn show_one(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, role)): At<(AppId, String)>,
) -> Result<Json<RoleView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let set = newest(&state, app).await?;
    let template = set.roles.get(&role).cloned().ok_or_else(role_unknown)?;
    Ok(Json(RoleView { version: set.version, template }))
}

/// Puts one role: new, or instead of the one of its name.
#[utoipa::path(put, path = "/v1/apps/{app}/roles/{role}", tag = "roles", request_body = NewRole,
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn put_one(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, name)): At<(AppId, String)>,
    Body(NewRole { template, version, reapply }): Body<NewRole>,
) -> Result<Json<RolesView>, ApiError> {
    let change = |roles: &Roles| {
        let role = role_set::read_one(&template, 0)?;
        if **role.name() == *name {
            return role_set::with(roles, &role, state.config.roles_max);
        }
        let detail = format!("role `{}`, field `role`: the path names another", role.name());
        Err(ApiError::Invalid { code: "roles_invalid", detail: detail.into() })
    };
    make(&state, &caller, app, Base { version, reapply }, Some(&name), change).await.map(Json)
}

/// Takes one role out: its tokens open nothing any more.
#[utoipa::path(delete, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path), Base),
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn delete_one(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, name)): At<(AppId, String)>,
    Asked(base): Asked<Base>,
) -> Result<Json<RolesView>, ApiError> {
    let change = |roles: &Roles| {
        roles.get(&name).ok_or_else(role_unknown)?;
        role_set::without(roles, &name, state.config.roles_max)
    };
    make(&state, &caller, app, base, Some(&name), change).await.map(Json)
}

/// Lists the versions that are kept, newest first. Version 0, the built-in roles, is always there and not
/// in the list.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions", tag = "roles", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<VersionView>), (status = "4XX", body = Problem)))]
pub(crate) async fn versions(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    app_row(&state, app).await?;
    let limit = page_limit(&state, paging.limit)?;
    let malformed =
        |_| ApiError::Malformed { code: "query_invalid", detail: "`after` is a version".into() };
    let before = paging.after.map_or(Ok(u64::MAX), |after| after.parse()).map_err(malformed)?;
    let rows = state.store.role_sets(app, before, limit + 1).await?;
    let view = |row: RoleSetRow| {
        let roles = roles_of(&row)?.iter().map(|role| role.name().to_string()).collect();
        let RoleSetRow { version, created_ms, actor, .. } = row;
        Ok::<_, ApiError>(VersionView { version, created_ms, actor, roles })
    };
    let items = rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page::cut(items, limit, |version: &VersionView| version.version.to_string())))
}

/// The roles as they were in one version.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions/{version}", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path)),
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn show_version(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, version)): At<(AppId, u64)>,
) -> Result<Json<RolesView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    Ok(Json(of_version(&state, app, version).await?.view()))
}

/// Makes the roles of one version the newest; of version 0, the built-in ones.
#[utoipa::path(post, path = "/v1/apps/{app}/roles/versions/{version}/restore", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path), Base),
    responses((status = 200, body = RolesView), (status = "4XX", body = Problem)))]
pub(crate) async fn restore(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, old)): At<(AppId, u64)>,
    Asked(base): Asked<Base>,
) -> Result<Json<RolesView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let roles = of_version(&state, app, old).await?.roles;
    make(&state, &caller, app, base, None, |_| Ok(roles)).await.map(Json)
}
