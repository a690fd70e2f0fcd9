//! Operations on operators, teams, and what is the caller's own.

use super::row::{Needs, Operation, row};
use crate::scope::Scope;

const DEPLOYMENT: Needs = Needs::Scope(Scope::DeploymentAdmin);
const TEAM: Needs = Needs::Scope(Scope::TeamManage);

pub(super) const OPERATIONS: &[Operation] = &[
    row(
        "operators_create",
        DEPLOYMENT,
        &[
            "bounds_exceeded",
            "name_invalid",
            "level_unknown",
            "level_too_high",
            "operator_exists",
            "operators_exceeded",
        ],
    ),
    row("operators_list", DEPLOYMENT, &["bounds_exceeded"]),
    row("operators_show", DEPLOYMENT, &["bounds_exceeded", "operator_unknown"]),
    row(
        "operators_change",
        DEPLOYMENT,
        &[
            "bounds_exceeded",
            "name_invalid",
            "level_unknown",
            "level_too_high",
            "operator_unknown",
            "operator_exists",
            "last_owner",
        ],
    ),
    row("operators_remove", DEPLOYMENT, &["bounds_exceeded", "operator_unknown", "last_owner"]),
    row("operators_list_tokens", DEPLOYMENT, &["bounds_exceeded", "operator_unknown"]),
    row(
        "operators_make_token",
        DEPLOYMENT,
        &[
            "bounds_exceeded",
            "bounds_invalid",
            "bounds_too_wide",
            "expires_invalid",
            "name_invalid",
            "operator_kind",
            "operator_unknown",
            "personal_tokens_exceeded",
            "scopes_invalid",
        ],
    ),
    row(
        "operators_end_token",
        DEPLOYMENT,
        &["bounds_exceeded", "operator_unknown", "personal_token_unknown"],
    ),
    row("operators_list_sessions", DEPLOYMENT, &["bounds_exceeded", "operator_unknown"]),
    row(
        "operators_end_session",
        DEPLOYMENT,
        &["bounds_exceeded", "operator_unknown", "session_unknown"],
    ),
    row(
        "operators_make_link",
        DEPLOYMENT,
        &[
            "bounds_exceeded",
            "level_too_high",
            "links_exceeded",
            "operator_disabled",
            "operator_kind",
            "operator_unknown",
        ],
    ),
    row(
        "session_log_in",
        Needs::Nothing,
        &["csrf_refused", "link_unknown", "rate_limited", "store_unavailable", "tls_required"],
    ),
    row("team_list", TEAM, &["bounds_exceeded", "app_unknown"]),
    row("team_show", TEAM, &["bounds_exceeded", "app_unknown", "operator_unknown"]),
    row(
        "team_put",
        TEAM,
        &[
            "bounds_exceeded",
            "app_unknown",
            "operator_unknown",
            "level_unknown",
            "level_too_high",
            "team_exceeded",
        ],
    ),
    row(
        "team_remove",
        TEAM,
        &["bounds_exceeded", "app_unknown", "operator_unknown", "level_too_high"],
    ),
    row("me_list_sessions", Needs::Any, &["operator_only"]),
    row(
        "me_end_session",
        Needs::Any,
        &["operator_only", "scope_missing", "bounds_exceeded", "session_unknown"],
    ),
    row("me_list_tokens", Needs::Any, &["operator_only"]),
    row(
        "me_make_token",
        Needs::Any,
        &[
            "operator_only",
            "scope_missing",
            "bounds_invalid",
            "bounds_too_wide",
            "expires_invalid",
            "name_invalid",
            "personal_tokens_exceeded",
            "scopes_invalid",
        ],
    ),
    row(
        "me_end_token",
        Needs::Any,
        &["operator_only", "scope_missing", "bounds_exceeded", "personal_token_unknown"],
    ),
];
