//! Roles of an app, a new version for each change, of `routes`.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State as Has,
    http::{HeaderName, header},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::{ActorKind, Answer, Command};
use stagedoor_token::{AppId, Role, Roles};
use utoipa::{IntoParams, ToSchema};

use super::{
    Asked, At, Body, Page, Paging, app_in, app_row, etag::IfMatch, forms, number_after, page_limit,
};
use crate::{
    act::By,
    caller::{Caller, Scope},
    doors::roles_of,
    error::ApiError,
    record::unix_ms,
    role_set,
    state::State,
    store::{author::Author, roles::RoleSetRow, write::Tx},
};

/// Of what a change is made.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
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
    #[schema(value_type = Vec<forms::Template>)]
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
    #[schema(value_type = forms::Template)]
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
    /// What kind of actor: `root` or `api_key`; `null` in versions of older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    actor_kind: Option<ActorKind>,
    /// Templates by name, every field written out.
    #[schema(value_type = Vec<forms::Template>)]
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
    #[schema(value_type = forms::Template)]
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
    /// What kind of actor: `root` or `api_key`; `null` in versions of older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    actor_kind: Option<ActorKind>,
    /// Names of its roles.
    roles: Vec<String>,
}

/// A version's roles, and who made them.
struct Set {
    version: u64,
    made: Option<(u64, Author)>,
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
        let (created_ms, author) = self.made.unzip();
        let (actor, actor_kind) = author.map(|author| (author.id, author.kind)).unzip();
        let actor_kind = actor_kind.flatten();
        let roles = self.roles.iter().cloned().collect();
        RolesView { version: self.version, created_ms, actor, actor_kind, roles, seats: None }
    }
}

/// The newest roles, with their tag.
async fn newest(state: &State, app: AppId) -> Result<(String, Set), ApiError> {
    let since_ms = app_row(state, app).await?.created_ms;
    let set = state.store.role_set(app).await?.map_or_else(|| Ok(Set::built_in()), Set::of)?;
    Ok((tag(since_ms, set.version), set))
}

/// What changes with each version of an app's roles, and is another one for each app that has an AppID.
fn tag(since_ms: u64, version: u64) -> String {
    format!("{since_ms}-{version}")
}

/// Something of the roles with the tag of all of them.
type Tagged<T> = ([(HeaderName, String); 1], Json<T>);

fn tagged<T>(tag: &str, view: T) -> Tagged<T> {
    ([(header::ETAG, format!("\"{tag}\""))], Json(view))
}

fn version_unknown() -> ApiError {
    ApiError::NotFound {
        code: "version_unknown",
        detail: "the app has no such version of its roles, or it was let go",
    }
}

fn role_unknown() -> ApiError {
    ApiError::NotFound { code: "role_unknown", detail: "the app has no such role" }
}

/// A change of an app's roles under way.
struct Change {
    tx: Tx,
    app: AppId,
    /// When the app was made.
    since_ms: u64,
    /// What is changed.
    newest: Set,
    reapply: bool,
}

impl Change {
    async fn begin(
        state: &State,
        by: &By,
        app: AppId,
        seen: &IfMatch,
        Base { version, reapply }: Base,
    ) -> Result<Self, ApiError> {
        by.caller.may(app, Scope::AppsAdmin)?;
        let mut tx = state.store.begin().await?;
        let since_ms = app_in(&mut tx, app).await?.created_ms;
        let newest = tx.role_set(app).await?.map_or_else(|| Ok(Set::built_in()), Set::of)?;
        seen.check(&tag(since_ms, newest.version))?;
        if version.is_some_and(|version| version != newest.version) {
            return Err(ApiError::Conflict {
                code: "version_conflict",
                detail: "the roles were changed meanwhile; read them again",
            });
        }
        Ok(Self { tx, app, since_ms, newest, reapply })
    }

    /// Makes these roles the next version, tells the doors, and has the relay look at live seats if that was asked.
    async fn finish(
        mut self,
        state: &State,
        by: &By,
        role: Option<&str>,
        roles: Roles,
    ) -> Result<Tagged<RolesView>, ApiError> {
        let app = self.app;
        let version = self.tx.role_version_after(self.newest.version).await?;
        let row = RoleSetRow {
            app,
            version,
            roles: role_set::write(roles.iter())?,
            created_ms: unix_ms(),
            actor: Author::of(&by.caller.actor()),
        };
        let record = |kind: &str, detail: &str| {
            let record = by.record(app, kind).detail(detail);
            role.map_or(record.clone(), |role| record.role(role))
        };
        self.tx.add_role_set(&row, state.config.role_versions_max).await?;
        self.tx.add_record(record("roles.change", &format!("version={version}"))).await?;
        state.commit_app(self.tx, app).await?;
        let tag = tag(self.since_ms, version);
        let view = Set { version, made: Some((row.created_ms, row.actor)), roles }.view();
        if !self.reapply {
            return Ok(tagged(&tag, view));
        }
        let seats = reapplied(state, app).await;
        let (code, told) = match &seats {
            Ok(seats) => ("ok", format!("version={version} seats={seats}")),
            Err(error) => (error.code(), format!("version={version}")),
        };
        let record = record("roles.reapply", &told).with_code(code);
        state.recorder.record(record).await?;
        Ok(tagged(&tag, RolesView { seats: Some(seats?), ..view }))
    }
}

/// Has the relay give live seats what the roles say now; how many grants that changed.
async fn reapplied(state: &State, app: AppId) -> Result<usize, ApiError> {
    match state.bus.command(Command::Reapply { app }).await? {
        Answer::Done { seats } => Ok(seats),
        _ => Err(ApiError::Internal),
    }
}

/// The app's roles.
#[utoipa::path(get, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn show(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
) -> Result<Tagged<RolesView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let _look = state.doors.look(app).await;
    let (tag, set) = newest(&state, app).await?;
    Ok(tagged(&tag, set.view()))
}

/// Replaces all roles of the app. Logins and mints are decided by the new ones at once; a seat that is taken
/// keeps its grants until it ends, or with `reapply` gets what the new ones say.
#[utoipa::path(put, path = "/v1/apps/{app}/roles", tag = "roles", params(("app" = u32, Path)), request_body = NewRoles,
    responses((status = 200, body = RolesView)))]
pub(crate) async fn replace(
    Has(state): Has<Arc<State>>,
    by: By,
    At(app): At<AppId>,
    seen: IfMatch,
    Body(NewRoles { roles, version, reapply }): Body<NewRoles>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&state, &by, app, &seen, Base { version, reapply }).await?;
    let roles = role_set::read(roles.get(), state.config.roles_max)?;
    change.finish(&state, &by, None, roles).await
}

/// One role.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RoleView)))]
pub(crate) async fn show_one(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, role)): At<(AppId, String)>,
) -> Result<Tagged<RoleView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
    let _look = state.doors.look(app).await;
    let (tag, set) = newest(&state, app).await?;
    let template = set.roles.get(&role).cloned().ok_or_else(role_unknown)?;
    Ok(tagged(&tag, RoleView { version: set.version, template }))
}

/// Puts one role: new, or instead of the one of its name.
#[utoipa::path(put, path = "/v1/apps/{app}/roles/{role}", tag = "roles", request_body = NewRole,
    params(("app" = u32, Path), ("role" = String, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn put_one(
    Has(state): Has<Arc<State>>,
    by: By,
    At((app, name)): At<(AppId, String)>,
    seen: IfMatch,
    Body(NewRole { template, version, reapply }): Body<NewRole>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&state, &by, app, &seen, Base { version, reapply }).await?;
    let role = role_set::read_one(&template)?;
    if **role.name() != *name {
        let detail = format!("role `{}`: the path names another", role.name());
        let error = ApiError::Invalid { code: "roles_invalid", detail: detail.into() };
        return Err(error.at("template.role"));
    }
    let roles = role_set::with(&change.newest.roles, &role, state.config.roles_max)?;
    change.finish(&state, &by, Some(&name), roles).await
}

/// Takes one role out: its tokens open nothing any more.
#[utoipa::path(delete, path = "/v1/apps/{app}/roles/{role}", tag = "roles",
    params(("app" = u32, Path), ("role" = String, Path), Base),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn delete_one(
    Has(state): Has<Arc<State>>,
    by: By,
    At((app, name)): At<(AppId, String)>,
    seen: IfMatch,
    Asked(base): Asked<Base>,
) -> Result<Tagged<RolesView>, ApiError> {
    let change = Change::begin(&state, &by, app, &seen, base).await?;
    change.newest.roles.get(&name).ok_or_else(role_unknown)?;
    let roles = role_set::without(&change.newest.roles, &name, state.config.roles_max)?;
    change.finish(&state, &by, Some(&name), roles).await
}

/// Lists the versions that are kept, newest first. Version 0, the built-in roles, is always there and not
/// in the list.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions", tag = "roles", params(("app" = u32, Path), Paging),
    responses((status = 200, body = Page<VersionView>)))]
pub(crate) async fn versions(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At(app): At<AppId>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<VersionView>>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
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

/// The roles as they were in one version.
#[utoipa::path(get, path = "/v1/apps/{app}/roles/versions/{version}", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path)),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn show_version(
    Has(state): Has<Arc<State>>,
    Extension(caller): Extension<Caller>,
    At((app, version)): At<(AppId, u64)>,
) -> Result<Json<RolesView>, ApiError> {
    caller.may(app, Scope::AppsAdmin)?;
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

/// Makes the roles of one version the newest; of version 0, the built-in ones.
#[utoipa::path(post, path = "/v1/apps/{app}/roles/versions/{version}/restore", tag = "roles",
    params(("app" = u32, Path), ("version" = u64, Path), Base),
    responses((status = 200, body = RolesView)))]
pub(crate) async fn restore(
    Has(state): Has<Arc<State>>,
    by: By,
    At((app, old)): At<(AppId, u64)>,
    seen: IfMatch,
    Asked(base): Asked<Base>,
) -> Result<Tagged<RolesView>, ApiError> {
    let mut change = Change::begin(&state, &by, app, &seen, base).await?;
    let old = match old {
        0 => Set::built_in(),
        _ => Set::of(change.tx.role_set_version(app, old).await?.ok_or_else(version_unknown)?)?,
    };
    change.finish(&state, &by, None, old.roles).await
}
