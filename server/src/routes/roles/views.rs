//! Bodies of requests and answers about roles.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stagedoor_bus::ActorKind;
use stagedoor_token::Role;
use utoipa::{IntoParams, ToSchema};

use crate::routes::forms;

/// Options of a change.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Base {
    /// The version to change; refused with `version_conflict` if it is no longer the newest.
    pub(super) version: Option<u64>,
    /// Whether live seats get the new grants; otherwise they keep theirs until they end.
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
    /// The version to change; refused with `version_conflict` if it is no longer the newest.
    pub(super) version: Option<u64>,
    /// Whether live seats get the new grants; otherwise they keep theirs until they end.
    #[serde(default)]
    pub(super) reapply: bool,
}

/// One role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRole {
    /// Its template, in the form of `spec/roles.md`, with the name in the path.
    #[schema(value_type = forms::Template)]
    pub(super) template: Box<RawValue>,
    /// The version to change; refused with `version_conflict` if it is no longer the newest.
    pub(super) version: Option<u64>,
    /// Whether live seats get the new grants; otherwise they keep theirs until they end.
    #[serde(default)]
    pub(super) reapply: bool,
}

/// A role set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RolesView {
    /// Its version; 0 is the built-in roles.
    pub(super) version: u64,
    /// When it was created, Unix milliseconds.
    pub(super) created_ms: Option<u64>,
    /// Its author: an API key's id or `root`.
    pub(super) actor: Option<String>,
    /// The kind of actor: `root` or `api_key`; `null` in versions from older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    pub(super) actor_kind: Option<ActorKind>,
    /// Templates by name, with all fields.
    #[schema(value_type = Vec<forms::Template>)]
    pub(super) roles: Vec<Role>,
    /// After a change with `reapply`: live seats with changed grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seats: Option<usize>,
}

/// One role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// The version of the role set.
    pub(super) version: u64,
    /// The template, with all fields.
    #[schema(value_type = forms::Template)]
    pub(super) template: Role,
}

/// A version in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// The version's number.
    pub(super) version: u64,
    /// When it was created, Unix milliseconds.
    pub(super) created_ms: u64,
    /// Its author: an API key's id or `root`.
    pub(super) actor: String,
    /// The kind of actor: `root` or `api_key`; `null` in versions from older servers.
    #[schema(value_type = Option<forms::ActorKind>)]
    pub(super) actor_kind: Option<ActorKind>,
    /// The names of its roles.
    pub(super) roles: Vec<String>,
}
