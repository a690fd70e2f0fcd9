//! What of an operation's form can be wrong. Pure.

use serde_json::{Map, Value};

/// What of an operation's form can be wrong.
pub(super) struct Form {
    pub(super) is_read: bool,
    /// Whether it is one of OAuth, whose bodies are forms.
    pub(super) is_oauth: bool,
    /// Whether it exchanges ID tokens.
    pub(super) exchanges: bool,
    pub(super) has_caller: bool,
    pub(super) has_scope: bool,
    pub(super) has_path: bool,
    pub(super) has_query: bool,
    pub(super) has_body: bool,
    pub(super) takes_key: bool,
    pub(super) refuses_key: bool,
    pub(super) has_tag: bool,
}

impl Form {
    pub(super) fn of(path: &str, method: &str, operation: &Map<String, Value>) -> Self {
        let none = Vec::new();
        let parameters = operation.get("parameters").and_then(Value::as_array).unwrap_or(&none);
        let has = |name: &str| parameters.iter().any(|parameter| parameter["name"] == name);
        let takes_key = has("Idempotency-Key");
        Self {
            is_read: method == "get",
            is_oauth: path.starts_with("/oauth/"),
            exchanges: path == "/oauth/token",
            has_caller: operation
                .get("security")
                .is_some_and(|ways| ways != &Value::Array(Vec::new())),
            has_scope: operation.get("x-required-scope").is_some_and(Value::is_string),
            has_path: path.contains('{'),
            has_query: parameters.iter().any(|parameter| parameter["in"] == "query"),
            has_body: operation.contains_key("requestBody"),
            takes_key,
            refuses_key: !takes_key && matches!(method, "post" | "patch"),
            has_tag: has("If-Match"),
        }
    }
}

/// Whether a form can be wrong in this way.
type When = fn(&Form) -> bool;

/// Codes that an operation's form tells.
pub(super) const SHAPE: &[(When, &[&str])] = &[
    (|_| true, &["internal"]),
    (
        |form| form.has_caller,
        &[
            "credential_missing",
            "credential_invalid",
            "credential_expired",
            "address_refused",
            "rate_limited",
            "store_unavailable",
        ],
    ),
    (|form| form.has_scope, &["scope_missing"]),
    (|form| form.has_path, &["path_invalid"]),
    (|form| form.has_query, &["query_invalid"]),
    (|form| !form.is_read, &["body_malformed", "body_timeout", "body_too_large"]),
    (|form| form.has_body, &["media_type_unsupported"]),
    (|form| form.has_body && !form.is_oauth, &["body_invalid"]),
    (
        |form| form.is_oauth,
        &[
            "client_ambiguous",
            "form_malformed",
            "parameter_missing",
            "parameter_repeated",
            "query_invalid",
        ],
    ),
    (
        |form| form.takes_key,
        &["idempotency_key_invalid", "idempotency_under_way", "idempotency_mismatch"],
    ),
    (|form| form.refuses_key, &["idempotency_unsupported"]),
    (|form| form.has_tag, &["if_match_invalid", "etag_mismatch"]),
    (
        |form| form.exchanges,
        &[
            "banned",
            "claim_refused",
            "id_token_alg",
            "id_token_audience",
            "id_token_expired",
            "id_token_invalid",
            "id_token_malformed",
            "id_token_nonce",
            "id_token_signature",
            "id_token_too_old",
            "id_token_type",
            "issuer_unknown",
            "issuer_unreachable",
            "key_private_absent",
            "no_current_key",
            "room_refused",
            "rules_matched_none",
            "token_type_unsupported",
        ],
    ),
];
