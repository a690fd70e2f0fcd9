//! What of an operation's form can be wrong. Pure.

use serde_json::{Map, Value};

/// What of an operation's form can be wrong.
pub(super) struct Form {
    pub(super) is_read: bool,
    /// Whether it is one of OAuth, whose bodies are forms.
    pub(super) is_oauth: bool,
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
