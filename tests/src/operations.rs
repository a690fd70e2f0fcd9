//! The operations of the OpenAPI document, each with a request that the server understands.

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its method, in lower case, and its path as the document has it.
    pub name: String,
    /// Its method.
    pub method: String,
    /// Its path in the app.
    pub path: String,
    /// The scope that it needs.
    pub scope: Option<String>,
    /// Whether it needs a credential.
    pub needs_caller: bool,
    /// A body that it accepts, if it has one.
    pub body: Option<Value>,
}

/// A body that each operation accepts; `None` for the others.
fn body_of(operation: &str) -> Option<Value> {
    Some(match operation {
        "post /v1/apps" => json!({"name": "x"}),
        "patch /v1/apps/{app}" => json!({"name": "x"}),
        "post /v1/apps/{app}/api-keys" => json!({"name": "x", "scopes": ["credentials:manage"]}),
        "patch /v1/apps/{app}/keys/lines/{line}" => json!({"bounds": {}}),
        "post /v1/leaks" => json!({"credentials": ["x"], "found_at": "https://example.com/"}),
        "post /v1/session" => json!({"link": "x"}),
        "post /v1/operators" => json!({"name": "x"}),
        "patch /v1/operators/{operator}" => json!({"name": "y"}),
        "post /v1/operators/{operator}/tokens" | "post /v1/me/tokens" => {
            json!({"name": "x", "scopes": ["apps:read"]})
        }
        "put /v1/apps/{app}/team/{operator}" => json!({"level": "viewer"}),
        "put /v1/apps/{app}/roles" => json!({"roles": [{"role": "x", "rank": 1}]}),
        "put /v1/apps/{app}/roles/{role}" => json!({"template": {"role": "role", "rank": 1}}),
        "put /v1/apps/{app}/issuers/{id}" => json!({
            "issuer": "https://id.example", "client_ids": ["x"], "user_prefix": "x:",
            "rules": [{"when": {}, "rooms": ["r"], "role": "host"}],
        }),
        "post /v1/apps/{app}/issuers/{id}/try" => json!({"claims": {"sub": "u"}, "room": "r"}),
        "post /v1/apps/{app}/tokens" => json!({"room": "r", "user": "u", "role": "host"}),
        "post /v1/apps/{app}/tokens/verify" => json!({"token": "x"}),
        "post /v1/apps/{app}/revocations" => json!({"target": {"user": "u"}}),
        "post /v1/apps/{app}/rooms/{room}/admit" => json!({"all": true}),
        "post /v1/apps/{app}/rooms/{room}/members/{user}/role" => json!({"role": "host"}),
        "post /v1/apps/{app}/rooms/{room}/messages" => json!({"to": "room", "data": 1}),
        _ => return None,
    })
}

/// Every operation of the document but OAuth's own, in an app, and where it names them in the room `lobby` and on the user `anna`.
///
/// # Errors
///
/// The document has another form.
pub fn operations(app: u32) -> Result<Vec<Operation>> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let mut found = Vec::new();
    for (template, operations) in document["paths"].as_object().context("paths")? {
        // Their clients authenticate in other ways.
        if template.starts_with("/oauth/") || template.starts_with("/.well-known/") {
            continue;
        }
        let named = [("{app}", &*app.to_string()), ("{room}", "lobby"), ("{user}", "anna")];
        let numbers = [("{generation}", "1"), ("{version}", "1")];
        let path = named
            .into_iter()
            .chain(numbers)
            .fold(template.clone(), |path, (name, value)| path.replace(name, value));
        for (method, operation) in operations.as_object().context("methods")? {
            let name = format!("{method} {template}");
            let ways = operation["security"].as_array().context("ways to authenticate")?;
            found.push(Operation {
                method: method.to_uppercase(),
                path: path.replace(['{', '}'], ""),
                scope: operation["x-required-scope"].as_str().map(Into::into),
                needs_caller: !ways.is_empty(),
                body: body_of(&name),
                name,
            });
        }
    }
    Ok(found)
}
