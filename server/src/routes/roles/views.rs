//! Roles as they are asked for and shown.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::ActorKind;
use stagedoor_token::Role;
use utoipa::{IntoParams, ToSchema};

use crate::routes::forms;

/// Of what a change is made.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Base {
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    pub(super) version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    pub(super) reapply: bool,
}

/// A whole role set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRoles {
    /// Templates, in the form of `spec/roles.md`.
    #[schema(value_type = Vec<forms::Template>)]
    pub(super) roles: Box<RawValue>,
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    pub(super) version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    pub(super) reapply: bool,
}

/// One role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    /// Its template, in the form of `spec/roles.md`, of the name in the path.
    #[schema(value_type = forms::Template)]
    pub(super) template: Box<RawValue>,
    /// The version that is to be changed; refused with `version_conflict` when it is not the newest any
    /// more.
    pub(super) version: Option<u64>,
    /// Whether seats that are taken get what the roles say now; else they keep their grants until they end.
    #[serde(default)]
    pub(super) reapply: bool,
}

/// A role set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RolesView {
    /// Its version; 0 are the built-in roles.
    pub(super) version: u64,
    /// When it was made, Unix milliseconds.
    pub(super) created_ms: Option<u64>,
    /// Who made it: an API key's id or `root`.
    pub(super) actor: Option<String>,
    /// What kind of actor: `root` or `api_key`; `null` in versions of older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    pub(super) actor_kind: Option<ActorKind>,
    /// Templates by name, every field written out.
    #[schema(value_type = Vec<forms::Template>)]
    pub(super) roles: Vec<Role>,
    /// After a change that was re-applied: live seats whose grants it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seats: Option<usize>,
}

/// One role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// The version of the role set.
    pub(super) version: u64,
    /// The template, every field written out.
    #[schema(value_type = forms::Template)]
    pub(super) template: Role,
}

/// One version of the roles in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// The version.
    pub(super) version: u64,
    /// When it was made, Unix milliseconds.
    pub(super) created_ms: u64,
    /// Who made it.
    pub(super) actor: String,
    /// What kind of actor: `root` or `api_key`; `null` in versions of older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    pub(super) actor_kind: Option<ActorKind>,
    /// Names of its roles.
    pub(super) roles: Vec<String>,
}
