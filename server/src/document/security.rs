//! How operations are opened, and the header fields of their answers, as the document names them. Pure.

use serde_json::{Map, Value, json};

use super::operations::Needs;
use crate::scope::Scope;

/// The ways to present a credential. `oauth2` has the scopes with their words; a bearer credential has the same.
pub(super) fn security_schemes() -> Value {
    let scopes = Scope::EVERY.iter().map(|scope| (scope.as_str().to_owned(), scope.words().into()));
    json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`sdkey_…`), which opens in its app what its scopes say, or the operator's root \
                            credential (`sdroot_…`), which opens everything everywhere. The scope that an operation \
                            needs is named beside `oauth2`.",
        },
        "client": {
            "type": "http",
            "scheme": "basic",
            "description": "A client of OAuth: an API key's id, and the whole API key, each encoded as in a form \
                            (RFC 6749 §2.3.1). It may send `client_id` and `client_secret` in the form instead.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "An access token that a client, which is an API key, obtains for itself.",
            "flows": { "clientCredentials": {
                "tokenUrl": "/oauth/token",
                "scopes": scopes.collect::<Map<String, Value>>(),
            } },
        },
    })
}

/// How an operation is opened: by either scheme, or by none.
pub(super) fn security(needs: Needs) -> Value {
    match needs {
        Needs::Nothing => json!([]),
        Needs::Any => json!([{ "bearer": [] }, { "oauth2": [] }]),
        Needs::Client => json!([{ "client": [] }, {}]),
        Needs::ClientWith(scope) => {
            json!([{ "client": [] }, {}, { "bearer": [] }, { "oauth2": [scope.as_str()] }])
        }
        Needs::ClientOrAny => json!([{ "client": [] }, {}, { "bearer": [] }, { "oauth2": [] }]),
        Needs::Scope(scope) => json!([{ "bearer": [] }, { "oauth2": [scope.as_str()] }]),
    }
}

pub(super) fn headers() -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "X-Request-Id": text("The request's id: the caller's own, if it is 1 to 64 letters, digits, `-`, `_` or `.`, else a new one."),
        "WWW-Authenticate": text("Which credential is needed (RFC 6750)."),
        "Retry-After": { "description": "When to try again, in seconds.", "schema": { "type": "integer", "minimum": 1 } },
        "Idempotency-Replayed": { "description": "`true` on the answer to a request that was made before with this key; absent on the first.", "schema": { "type": "string", "enum": ["true"] } },
        "ETag": text("For `If-Match` of a change."),
    })
}
