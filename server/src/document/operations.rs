//! The one table of the API's operations: what each needs and which refusals are its own.

use super::form::Form;
use crate::caller::Scope;

/// Tags, in the order in which they are read.
pub(super) const TAGS: [(&str, &str); 8] = [
    ("apps", "Apps: each has its keys, roles and rooms."),
    ("keys", "Keys that sign an app's tokens."),
    ("api keys", "Credentials of backends."),
    ("roles", "What members may do: versions of an app's roles."),
    ("tokens", "Tokens for members: minted and explained."),
    ("revocations", "Tokens that open nothing any more, and bans."),
    ("rooms", "What happens in rooms now, and acts on members."),
    ("audit", "Who did what."),
];

/// What a caller needs.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    Any,
    Root,
    Scope(Scope),
}

/// Whether what an operation is about has an `ETag`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    /// It can be given, and the answer has no new one.
    Taken,
    /// The answer has it.
    Shown,
}

/// One operation.
pub(super) struct Operation {
    pub(super) id: &'static str,
    pub(super) needs: Needs,
    /// Codes that its form alone does not tell.
    pub(super) refusals: &'static [&'static str],
    /// Whether it refuses what a token is to say.
    pub(super) mints: bool,
    pub(super) tag: Tag,
}

impl Operation {
    /// The status of a code that has two: what an act is about may be nothing that is there, or no such value.
    pub(super) fn status_of(&self, code: &str) -> Option<u16> {
        (code == "role_unknown").then(|| if self.id.starts_with("roles_") { 404 } else { 422 })
    }
}

const fn row(id: &'static str, needs: Needs, refusals: &'static [&'static str]) -> Operation {
    Operation { id, needs, refusals, mints: false, tag: Tag::None }
}

const fn tagged(id: &'static str, needs: Needs, refusals: &'static [&'static str]) -> Operation {
    Operation { tag: Tag::Shown, ..row(id, needs, refusals) }
}

const ADMIN: Needs = Needs::Scope(Scope::AppsAdmin);
const MINT: Needs = Needs::Scope(Scope::TokensMint);
const REVOKE: Needs = Needs::Scope(Scope::TokensRevoke);
const READ: Needs = Needs::Scope(Scope::RoomsRead);
const MODERATE: Needs = Needs::Scope(Scope::RoomsModerate);

/// What an operation that nobody listed shows; a test tells.
pub(super) const UNLISTED: Operation = row("", Needs::Any, &[]);

/// Every operation, by its id: its tag and its handler's name. The ids are names in generated clients: they stay.
pub(super) const OPERATIONS: &[Operation] = &[
    row(
        "apps_create",
        Needs::Root,
        &["app_exists", "app_id_invalid", "name_invalid", "ttl_invalid"],
    ),
    row("apps_list", Needs::Any, &["app_unknown"]),
    tagged("apps_show", ADMIN, &["app_unknown"]),
    tagged("apps_change", ADMIN, &["app_unknown", "name_invalid", "ttl_invalid"]),
    Operation { tag: Tag::Taken, ..row("apps_delete", Needs::Root, &["app_unknown"]) },
    row("keys_create", ADMIN, &["app_unknown", "next_key_exists", "keys_exceeded"]),
    row("keys_list", ADMIN, &["app_unknown"]),
    row("keys_rotate", ADMIN, &["app_unknown", "keys_exceeded"]),
    row("keys_retire", ADMIN, &["key_unknown", "key_current"]),
    row(
        "api_keys_create",
        ADMIN,
        &["app_unknown", "api_keys_exceeded", "name_invalid", "scopes_invalid", "expires_invalid"],
    ),
    row("api_keys_list", ADMIN, &[]),
    row("api_keys_rotate", ADMIN, &["api_key_unknown"]),
    row("api_keys_delete", ADMIN, &["api_key_unknown"]),
    tagged("roles_show", ADMIN, &["app_unknown"]),
    tagged(
        "roles_replace",
        ADMIN,
        &["app_unknown", "version_conflict", "roles_invalid", "relay_unavailable"],
    ),
    tagged("roles_show_one", ADMIN, &["app_unknown", "role_unknown"]),
    tagged(
        "roles_put_one",
        ADMIN,
        &["app_unknown", "version_conflict", "roles_invalid", "relay_unavailable"],
    ),
    tagged(
        "roles_delete_one",
        ADMIN,
        &["app_unknown", "role_unknown", "version_conflict", "roles_invalid", "relay_unavailable"],
    ),
    row("roles_versions", ADMIN, &["app_unknown"]),
    row("roles_show_version", ADMIN, &["app_unknown", "version_unknown"]),
    tagged(
        "roles_restore",
        ADMIN,
        &["app_unknown", "version_unknown", "version_conflict", "relay_unavailable"],
    ),
    Operation {
        id: "tokens_create",
        needs: MINT,
        refusals: &["app_unknown", "no_current_key", "banned"],
        mints: true,
        tag: Tag::None,
    },
    row("tokens_explain", MINT, &["app_unknown"]),
    row(
        "revocations_create",
        REVOKE,
        &[
            "app_unknown",
            "revocations_exceeded",
            "revocation_invalid",
            "role_invalid",
            "role_unknown",
            "relay_unavailable",
        ],
    ),
    row("revocations_list", REVOKE, &["app_unknown"]),
    row("revocations_lift", REVOKE, &["app_unknown", "revocation_unknown"]),
    row("rooms_list", READ, &["relay_unavailable"]),
    row("rooms_show", READ, &["room_unknown", "relay_unavailable"]),
    row("rooms_close", MODERATE, &["room_unknown", "relay_unavailable"]),
    row(
        "rooms_kick",
        MODERATE,
        &[
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
        &["room_unknown", "user_unknown", "role_invalid", "role_refused", "relay_unavailable"],
    ),
    row("rooms_mute", MODERATE, &["room_unknown", "user_unknown", "relay_unavailable"]),
    row("rooms_unmute", MODERATE, &["room_unknown", "user_unknown", "relay_unavailable"]),
    row(
        "rooms_admit",
        MODERATE,
        &["room_unknown", "user_unknown", "ask_unknown", "role_refused", "relay_unavailable"],
    ),
    row(
        "rooms_decline",
        MODERATE,
        &["room_unknown", "user_unknown", "ask_unknown", "relay_unavailable"],
    ),
    row("rooms_admit_many", MODERATE, &["room_unknown", "relay_unavailable"]),
    row("rooms_message", MODERATE, &["room_unknown", "user_unknown", "relay_unavailable"]),
    row("audit_list", ADMIN, &["app_unknown"]),
    row("audit_list_all", Needs::Root, &[]),
    row("audit_export", ADMIN, &["app_unknown"]),
    row("audit_export_all", Needs::Root, &[]),
    row("audit_checkpoint", Needs::Root, &[]),
    row("audit_rotate", Needs::Root, &["audit_keys_exceeded"]),
];

/// Whether a form can be wrong in this way.
type When = fn(&Form) -> bool;

/// Codes that an operation's form tells.
pub(super) const SHAPE: &[(When, &[&str])] = &[
    (
        |_| true,
        &[
            "credential_missing",
            "credential_invalid",
            "scope_missing",
            "rate_limited",
            "internal",
            "store_unavailable",
        ],
    ),
    (|form| form.has_path, &["path_invalid"]),
    (|form| form.has_query, &["query_invalid"]),
    (|form| !form.is_read, &["body_malformed", "body_timeout", "body_too_large"]),
    (|form| form.has_body, &["media_type_unsupported", "body_invalid"]),
    (
        |form| form.takes_key,
        &["idempotency_key_invalid", "idempotency_under_way", "idempotency_mismatch"],
    ),
    (|form| form.refuses_key, &["idempotency_unsupported"]),
    (|form| form.has_tag, &["if_match_invalid", "etag_mismatch"]),
];
