//! The newest roles of an app, and how they change.

use axum::{
    Json,
    http::{HeaderName, header},
};
use stagedoor_bus::{Answer, Command};
use stagedoor_token::{AppId, Roles};

use crate::routes::{app_in, app_row, etag::IfMatch};
use crate::{
    act::Audited,
    doors::roles_of,
    error::ApiError,
    record::unix_ms,
    rights::Reach,
    role_set,
    scope::Scope,
    state::AppState,
    store::{author::Author, roles::RoleSetRow, write::Tx},
};

use super::views::{Base, RolesView};

/// A version's roles and its author.
pub(super) struct Set {
    pub(super) version: u64,
    pub(super) made: Option<(u64, Author)>,
    pub(super) roles: Roles,
}

impl Set {
    pub(super) fn built_in() -> Self {
        Self { version: 0, made: None, roles: Roles::built_in().as_ref().clone() }
    }

    pub(super) fn of(row: RoleSetRow) -> Result<Self, ApiError> {
        let roles = roles_of(&row)?;
        Ok(Self { version: row.version, made: Some((row.created_ms, row.actor)), roles })
    }

    pub(super) fn view(self) -> RolesView {
        let (created_ms, author) = self.made.unzip();
        let (actor, actor_kind) = author.map(|author| (author.id, author.kind)).unzip();
        let actor_kind = actor_kind.flatten();
        let roles = self.roles.iter().cloned().collect();
        RolesView { version: self.version, created_ms, actor, actor_kind, roles, seats: None }
    }
}

/// The newest roles, with their `ETag`.
pub(super) async fn newest(state: &AppState, app: AppId) -> Result<(String, Set), ApiError> {
    let since_ms = app_row(state, app).await?.created_ms;
    let set = state.store.role_set(app).await?.map_or_else(|| Ok(Set::built_in()), Set::of)?;
    Ok((tag(since_ms, set.version), set))
}

/// Changes with each version of an app's roles, and differs between apps that had the same AppID.
pub(super) fn tag(since_ms: u64, version: u64) -> String {
    format!("{since_ms}-{version}")
}

/// A part of the roles, with the `ETag` of all of them.
pub(super) type Tagged<T> = ([(HeaderName, String); 1], Json<T>);

pub(super) fn tagged<T>(tag: &str, view: T) -> Tagged<T> {
    ([(header::ETAG, format!("\"{tag}\""))], Json(view))
}

pub(super) fn version_unknown() -> ApiError {
    ApiError::NotFound {
        code: "version_unknown",
        detail: "the app has no such version of its roles, or it is no longer kept",
    }
}

pub(super) fn role_unknown() -> ApiError {
    ApiError::NotFound { code: "role_unknown", detail: "the app has no such role" }
}

/// A change of an app's roles in progress.
pub(super) struct Change {
    pub(super) tx: Tx,
    pub(super) app: AppId,
    /// When the app was created.
    pub(super) since_ms: u64,
    /// The roles to be changed.
    pub(super) newest: Set,
    pub(super) reapply: bool,
}

impl Change {
    pub(super) async fn begin(
        audited: &Audited,
        app: AppId,
        seen: &IfMatch,
        Base { version, reapply }: Base,
    ) -> Result<Self, ApiError> {
        audited.caller.may_whole(app, Scope::RolesWrite, Reach::Roles)?;
        let mut tx = audited.state.store.begin().await?;
        let since_ms = app_in(&mut tx, app).await?.created_ms;
        let newest = tx.role_set(app).await?.map_or_else(|| Ok(Set::built_in()), Set::of)?;
        seen.check(&tag(since_ms, newest.version))?;
        if version.is_some_and(|version| version != newest.version) {
            return Err(ApiError::Conflict {
                code: "version_conflict",
                detail: "the roles have changed since you read them; read them again",
            });
        }
        Ok(Self { tx, app, since_ms, newest, reapply })
    }

    /// Makes these roles the next version, updates the doors, and re-applies them to live seats if requested.
    pub(super) async fn finish(
        mut self,
        audited: &Audited,
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
            actor: Author::of(&audited.caller.actor()),
        };
        let record = |kind: &str, detail: &str| {
            let record = audited.record(app, kind).detail(detail);
            role.map_or(record.clone(), |role| record.role(role))
        };
        self.tx.add_role_set(&row, audited.state.config.role_versions_max).await?;
        self.tx.add_record(record("roles.change", &format!("version={version}"))).await?;
        audited.state.commit_app(self.tx, app).await?;
        let tag = tag(self.since_ms, version);
        let view = Set { version, made: Some((row.created_ms, row.actor)), roles }.view();
        if !self.reapply {
            return Ok(tagged(&tag, view));
        }
        let seats = reapplied(&audited.state, app).await;
        let (code, told) = match &seats {
            Ok(seats) => ("ok", format!("version={version} seats={seats}")),
            Err(error) => (error.code(), format!("version={version}")),
        };
        let record = record("roles.reapply", &told).with_code(code);
        audited.state.recorder.record(record).await?;
        Ok(tagged(&tag, RolesView { seats: Some(seats?), ..view }))
    }
}

/// Has the relay re-apply the roles to live seats; returns how many grants that changed.
pub(super) async fn reapplied(state: &AppState, app: AppId) -> Result<usize, ApiError> {
    match state.bus.command(Command::Reapply { app }).await? {
        Answer::Done { seats } => Ok(seats),
        _ => Err(ApiError::Internal),
    }
}
