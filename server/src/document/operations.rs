//! The one table of the API's operations: what each needs and which refusals are its own.

mod row;
mod team;

use crate::scope::Scope;

pub(super) use row::{Needs, Operation, Tag};
use row::{row, tagged};

/// Tags, in the order in which they are read.
pub(super) const TAGS: [(&str, &str); 16] = [
    ("apps", "Apps: each has its keys, roles and rooms."),
    ("keys", "Keys that sign an app's tokens."),
    ("api keys", "Credentials of backends."),
    ("roles", "What members may do: versions of an app's roles."),
    ("oauth", "OAuth 2.0 for backends: access tokens, introspection, revocation."),
    ("issuers", "Single sign-on: issuers whose ID tokens become tokens."),
    ("tokens", "Tokens for members: minted and explained."),
    ("revocations", "Tokens that open nothing any more, and bans."),
    ("rooms", "What happens in rooms now, and acts on members."),
    ("audit", "Who did what."),
    ("operators", "People and service accounts that run the deployment."),
    ("session", "How browsers log in. What a session opens is this API, below `/console/v1`."),
    ("team", "Operators with a level in one app."),
    ("leaks", "Secrets that were found where they do not belong."),
    ("me", "Who asks."),
    ("document", "This document."),
];

const DEPLOYMENT: Needs = Needs::Scope(Scope::DeploymentAdmin);
const ADMIN: Needs = Needs::Scope(Scope::AppsAdmin);
const APPS: Needs = Needs::Scope(Scope::AppsRead);
const KEYS: Needs = Needs::Scope(Scope::KeysManage);
const CREDENTIALS: Needs = Needs::Scope(Scope::CredentialsManage);
const ISSUERS: Needs = Needs::Scope(Scope::IssuersManage);
const ROLES: Needs = Needs::Scope(Scope::RolesWrite);
const AUDIT: Needs = Needs::Scope(Scope::AuditRead);
const MINT: Needs = Needs::Scope(Scope::TokensMint);
const VERIFY: Needs = Needs::Scope(Scope::TokensVerify);
const REVOKE: Needs = Needs::Scope(Scope::TokensRevoke);
const READ: Needs = Needs::Scope(Scope::RoomsRead);
const MODERATE: Needs = Needs::Scope(Scope::RoomsModerate);

/// What an operation that nobody listed shows; a test tells.
pub(super) const UNLISTED: Operation = row("", Needs::Any, &[]);

/// Every operation, by its id: its tag and its handler's name. The ids are names in generated clients: they stay.
pub(super) fn operations() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().chain(team::OPERATIONS)
}

const OPERATIONS: &[Operation] = &[
    row(
        "apps_create",
        DEPLOYMENT,
        &["bounds_exceeded", "app_exists", "app_id_invalid", "name_invalid", "ttl_invalid"],
    ),
    row("apps_list", APPS, &[]),
    tagged("apps_show", APPS, &["app_unknown"]),
    tagged(
        "apps_change",
        ADMIN,
        &["bounds_exceeded", "app_unknown", "name_invalid", "role_unknown", "ttl_invalid"],
    ),
    Operation {
        tag: Tag::Taken,
        ..row("apps_delete", DEPLOYMENT, &["bounds_exceeded", "app_unknown"])
    },
    row(
        "keys_create",
        KEYS,
        &[
            "bounds_exceeded",
            "bounds_too_wide",
            "app_unknown",
            "next_key_exists",
            "keys_exceeded",
            "alg_unsupported",
            "bounds_invalid",
            "jwk_invalid",
            "line_invalid",
            "token04_secret_invalid",
        ],
    ),
    row("keys_list", KEYS, &["app_unknown"]),
    row(
        "keys_rotate",
        KEYS,
        &[
            "bounds_exceeded",
            "app_unknown",
            "key_unknown",
            "key_busy",
            "key_private_absent",
            "keys_exceeded",
            "next_key_exists",
            "alg_unsupported",
            "line_invalid",
            "relay_unavailable",
        ],
    ),
    row(
        "keys_bound",
        KEYS,
        &[
            "bounds_exceeded",
            "bounds_too_wide",
            "app_unknown",
            "key_unknown",
            "bounds_invalid",
            "line_invalid",
        ],
    ),
    row(
        "keys_end",
        KEYS,
        &["bounds_exceeded", "app_unknown", "key_unknown", "key_current", "line_invalid"],
    ),
    row("keys_retire", KEYS, &["bounds_exceeded", "key_unknown", "key_current"]),
    row("keys_jwks", Needs::Nothing, &[]),
    row(
        "api_keys_create",
        CREDENTIALS,
        &[
            "bounds_too_wide",
            "app_unknown",
            "api_keys_exceeded",
            "bounds_invalid",
            "name_invalid",
            "scopes_invalid",
            "expires_invalid",
        ],
    ),
    row("api_keys_list", CREDENTIALS, &[]),
    row("api_keys_rotate", CREDENTIALS, &["bounds_too_wide", "api_key_unknown", "overlap_invalid"]),
    row("api_keys_delete", CREDENTIALS, &["bounds_exceeded", "api_key_unknown"]),
    row("issuers_list", ISSUERS, &["app_unknown"]),
    row("issuers_show", ISSUERS, &["app_unknown", "issuer_unknown"]),
    row(
        "issuers_put",
        ISSUERS,
        &[
            "bounds_exceeded",
            "app_unknown",
            "issuer_invalid",
            "issuers_exceeded",
            "rules_invalid",
            "user_prefix_missing",
        ],
    ),
    row("issuers_remove", ISSUERS, &["bounds_exceeded", "app_unknown", "issuer_unknown"]),
    row("issuers_try_one", ISSUERS, &["bounds_exceeded", "app_unknown", "issuer_unknown"]),
    tagged("roles_show", APPS, &["app_unknown"]),
    tagged(
        "roles_replace",
        ROLES,
        &[
            "bounds_exceeded",
            "app_unknown",
            "version_conflict",
            "roles_invalid",
            "relay_unavailable",
        ],
    ),
    tagged("roles_show_one", APPS, &["app_unknown", "role_unknown"]),
    tagged(
        "roles_put_one",
        ROLES,
        &[
            "bounds_exceeded",
            "app_unknown",
            "version_conflict",
            "roles_invalid",
            "relay_unavailable",
        ],
    ),
    tagged(
        "roles_delete_one",
        ROLES,
        &[
            "bounds_exceeded",
            "app_unknown",
            "role_unknown",
            "version_conflict",
            "roles_invalid",
            "relay_unavailable",
        ],
    ),
    row("roles_versions", APPS, &["app_unknown"]),
    row("roles_show_version", APPS, &["app_unknown", "version_unknown"]),
    tagged(
        "roles_restore",
        ROLES,
        &[
            "bounds_exceeded",
            "app_unknown",
            "version_unknown",
            "version_conflict",
            "relay_unavailable",
        ],
    ),
    Operation {
        id: "tokens_create",
        needs: MINT,
        refusals: &[
            "app_unknown",
            "no_current_key",
            "key_private_absent",
            "banned",
            "bounds_exceeded",
            "token04_cannot",
        ],
        mints: true,
        tag: Tag::None,
    },
    row("tokens_explain", VERIFY, &["bounds_exceeded", "app_unknown"]),
    row(
        "revocations_create",
        REVOKE,
        &[
            "bounds_exceeded",
            "app_unknown",
            "revocations_exceeded",
            "revocation_invalid",
            "role_invalid",
            "role_unknown",
            "relay_unavailable",
        ],
    ),
    row("revocations_list", REVOKE, &["app_unknown"]),
    row("revocations_lift", REVOKE, &["bounds_exceeded", "app_unknown", "revocation_unknown"]),
    row("rooms_list", READ, &["relay_unavailable"]),
    row("rooms_show", READ, &["bounds_exceeded", "room_unknown", "relay_unavailable"]),
    row("rooms_close", MODERATE, &["bounds_exceeded", "room_unknown", "relay_unavailable"]),
    row(
        "rooms_kick",
        MODERATE,
        &[
            "bounds_exceeded",
            "app_unknown",
            "room_unknown",
            "user_unknown",
            "revocations_exceeded",
            "revocation_invalid",
            "relay_unavailable",
        ],
    ),
    row(
        "rooms_assign",
        MODERATE,
        &[
            "bounds_exceeded",
            "room_unknown",
            "user_unknown",
            "role_invalid",
            "role_refused",
            "relay_unavailable",
        ],
    ),
    row(
        "rooms_mute",
        MODERATE,
        &["bounds_exceeded", "room_unknown", "user_unknown", "relay_unavailable"],
    ),
    row(
        "rooms_unmute",
        MODERATE,
        &["bounds_exceeded", "room_unknown", "user_unknown", "relay_unavailable"],
    ),
    row(
        "rooms_admit",
        MODERATE,
        &[
            "bounds_exceeded",
            "room_unknown",
            "user_unknown",
            "ask_unknown",
            "role_refused",
            "relay_unavailable",
        ],
    ),
    row(
        "rooms_decline",
        MODERATE,
        &["bounds_exceeded", "room_unknown", "user_unknown", "ask_unknown", "relay_unavailable"],
    ),
    row("rooms_admit_many", MODERATE, &["bounds_exceeded", "room_unknown", "relay_unavailable"]),
    row(
        "rooms_message",
        MODERATE,
        &["bounds_exceeded", "room_unknown", "user_unknown", "relay_unavailable"],
    ),
    row("audit_list", AUDIT, &["app_unknown"]),
    row("audit_list_all", DEPLOYMENT, &["bounds_exceeded"]),
    row("audit_export", AUDIT, &["bounds_exceeded", "app_unknown"]),
    row("audit_export_all", DEPLOYMENT, &["bounds_exceeded"]),
    row("audit_checkpoint", DEPLOYMENT, &["bounds_exceeded"]),
    row("audit_rotate", DEPLOYMENT, &["bounds_exceeded", "audit_keys_exceeded"]),
    Operation {
        mints: true,
        ..row(
            "oauth_token",
            Needs::Client,
            &[
                "access_tokens_exceeded",
                "app_unknown",
                "bounds_exceeded",
                "grant_type_unsupported",
                "resource_invalid",
                "scope_missing",
                "scopes_invalid",
            ],
        )
    },
    row("oauth_introspect", Needs::ClientWith(Scope::TokensVerify), &[]),
    row(
        "oauth_revoke",
        Needs::ClientOrAny,
        &[
            "bounds_exceeded",
            "relay_unavailable",
            "revocations_exceeded",
            "scope_missing",
            "token_type_unsupported",
        ],
    ),
    row("oauth_metadata", Needs::Nothing, &["public_url_missing"]),
    row("leaks_report", DEPLOYMENT, &["bounds_exceeded", "leak_invalid"]),
    row("me_show", Needs::Any, &[]),
    row("document_show", Needs::Nothing, &[]),
];
