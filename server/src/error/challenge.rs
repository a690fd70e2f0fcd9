//! What an answer says about the credential that is needed: `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3). Pure.

/// The challenge that belongs to a code; `scope`: the one that is missing.
pub(super) fn challenge(code: &str, scope: Option<&str>) -> String {
    match (code, scope) {
        ("credential_missing", _) => "Bearer realm=\"stagedoor\"".into(),
        // No scheme that a browser would ask its user about.
        ("link_unknown" | "session_expired" | "session_missing", _) => {
            "Cookie realm=\"stagedoor\", form-action=\"/login\"".into()
        }
        (_, Some(scope)) => {
            format!("Bearer realm=\"stagedoor\", error=\"insufficient_scope\", scope=\"{scope}\"")
        }
        (_, None) => "Bearer realm=\"stagedoor\", error=\"invalid_token\"".into(),
    }
}
