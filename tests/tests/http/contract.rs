//! Rules for every operation: nulls in a change, idempotency keys, tags, methods; and the document says so.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::Stage;

#[tokio::test]
async fn a_null_in_a_change_is_refused_by_field() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let path = format!("/v1/apps/{}", stage.app);
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let mut tried = 0;
    for (template, item) in document["paths"].as_object().context("paths")? {
        let Some(change) = item.get("patch") else { continue };
        let of_line = "/v1/apps/{app}/keys/lines/{line}";
        let of_operator = "/v1/operators/{operator}";
        let known = ["/v1/apps/{app}", of_line, of_operator].contains(&template.as_str());
        assert!(known, "{template}: a change that this test does not know");
        let path = match template.as_str() {
            of if of == of_line => format!("{path}/keys/lines/main"),
            of if of == of_operator => "/v1/operators/nobody".into(),
            _ => path.clone(),
        };
        let body = &change["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let name = body.as_str().and_then(|name| name.rsplit('/').next()).context("a schema")?;
        let fields = document["components"]["schemas"][name]["properties"].as_object();
        for (field, schema) in fields.context("fields")? {
            assert!(!schema.to_string().contains("\"null\""), "{field}: {schema}");
            let answer = operator.ask("PATCH", &path, Some(&json!({ field: null }))).await?;
            let code = if field == "bounds" { "bounds_invalid" } else { "body_invalid" };
            assert_eq!(answer.problem(), (422, code), "{field}");
            assert_eq!(answer.body["field"], **field);
            tried += 1;
        }
    }
    assert!(tried >= 4);
    let before = operator.get(200, "GET", &path, None).await?;
    assert_eq!(operator.get(200, "PATCH", &path, Some(&json!({}))).await?, before);
    Ok(())
}

#[tokio::test]
async fn an_idempotency_key_is_honoured_or_refused() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let (mut honoured, mut refused) = (0, 0);
    let paths = document["paths"].as_object().context("paths")?.iter();
    // OAuth's bodies are forms; its own tests send a key.
    for (template, item) in paths.filter(|(template, _)| !template.starts_with("/oauth/")) {
        let path = template.replace("{app}", &stage.app.to_string());
        let path = path.replace(['{', '}'], "");
        for (method, operation) in item.as_object().context("methods")? {
            if !matches!(method.as_str(), "post" | "patch") {
                continue;
            }
            let parameters = operation["parameters"].as_array().context("parameters")?;
            let is_listed = parameters.iter().any(|of| of["name"] == "Idempotency-Key");
            let fields = "Idempotency-Key: k\r\n";
            let answer =
                operator.ask_with(&method.to_uppercase(), &path, fields, Some("{}")).await?;
            let is_refused = answer.problem() == (400, "idempotency_unsupported");
            assert_eq!(is_refused, !is_listed, "{method} {template}: {}", answer.body);
            *if is_listed { &mut honoured } else { &mut refused } += 1;
        }
    }
    assert_eq!((honoured, refused > 10), (4, true));
    let answer = operator.ask_with("DELETE", "/v1/apps/9", "Idempotency-Key: k\r\n", None).await?;
    assert_eq!(answer.problem(), (404, "app_unknown"), "what repeats by itself needs none");
    Ok(())
}

#[tokio::test]
async fn a_replay_says_so_and_has_null_for_its_secret() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let app = format!("/v1/apps/{}", stage.app);
    for (n, (path, body, secrets)) in [
        ("/v1/apps".to_owned(), json!({"name": "a"}), &["/key/secret", "/key/checked_secret"][..]),
        (format!("{app}/keys"), json!({}), &["/secret", "/checked_secret"]),
        (format!("{app}/api-keys"), json!({"name": "a", "scopes": ["rooms:read"]}), &["/api_key"]),
        (format!("{app}/revocations"), json!({"target": {"user": "u"}}), &[]),
    ]
    .into_iter()
    .enumerate()
    {
        let (key, body) = (format!("Idempotency-Key: k{n}\r\n"), body.to_string());
        let first = operator.ask_with("POST", &path, &key, Some(&body)).await?;
        let again = operator.ask_with("POST", &path, &key, Some(&body)).await?;
        let mut shown = first.body.clone();
        assert_eq!((first.status, &first.body["replayed"]), (201, &json!(false)), "{path}");
        assert_eq!((again.status, &again.body["replayed"]), (201, &json!(true)), "{path}");
        assert_eq!(again.field("idempotency-replayed"), Some("true"));
        for secret in secrets {
            let secret = shown.pointer_mut(secret).with_context(|| format!("{path}: {secret}"))?;
            assert!(secret.is_string(), "{path}");
            *secret = Value::Null;
        }
        shown["replayed"] = json!(true);
        assert_eq!(shown, again.body, "{path}");
        let unkeyed = json!({"target": {"user": "v"}});
        if path.ends_with("revocations") {
            let answer = operator.get(201, "POST", &path, Some(&unkeyed)).await?;
            assert_eq!(answer["replayed"], false);
        }
    }
    Ok(())
}

#[tokio::test]
async fn roles_change_only_as_their_caller_saw_them() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let roles = format!("/v1/apps/{}/roles", stage.app);
    let one = format!("{roles}/guest");
    let template = json!({"template": {"role": "guest"}}).to_string();
    let set = json!({"roles": [{"role": "host"}, {"role": "guest"}]}).to_string();
    let tag_of = async |path: &str| -> Result<String> {
        let answer = operator.ask("GET", path, None).await?;
        Ok(answer.field("etag").context("a tag")?.to_owned())
    };
    let first = tag_of(&roles).await?;
    operator.ask_with("PUT", &one, "", Some(&template)).await?;
    assert_eq!(tag_of(&one).await?, tag_of(&roles).await?, "the tag is that of all roles");
    let restore = format!("{roles}/versions/1/restore");
    for (method, path, body) in [
        ("PUT", &one, Some(&template)),
        ("PUT", &roles, Some(&set)),
        ("POST", &restore, None),
        ("DELETE", &one, None),
    ] {
        let now = tag_of(&roles).await?;
        let body = body.map(String::as_str);
        let old = format!("If-Match: {first}\r\n");
        let refused = operator.ask_with(method, path, &old, body).await?;
        assert_eq!(refused.problem(), (412, "etag_mismatch"), "{method} {path}");
        assert_eq!(tag_of(&roles).await?, now, "{method} {path}");
        let new = format!("If-Match: {now}\r\n");
        let changed = operator.ask_with(method, path, &new, body).await?;
        assert_eq!(changed.status, 200, "{method} {path}: {}", changed.body);
        assert_eq!(changed.field("etag").context("a tag")?, tag_of(&roles).await?);
        assert_ne!(tag_of(&roles).await?, now);
    }
    Ok(())
}

#[tokio::test]
async fn an_app_is_deleted_only_as_its_caller_saw_it() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    operator.get(201, "POST", "/v1/apps", Some(&json!({"name": "a", "id": 7}))).await?;
    let seen = operator.ask("GET", "/v1/apps/7", None).await?;
    let tag = format!("If-Match: {}\r\n", seen.field("etag").context("a tag")?);
    operator.get(200, "PATCH", "/v1/apps/7", Some(&json!({"name": "b"}))).await?;
    let refused = operator.ask_with("DELETE", "/v1/apps/7", &tag, None).await?;
    assert_eq!(refused.problem(), (412, "etag_mismatch"));
    assert_eq!(operator.ask("DELETE", "/v1/apps/7", None).await?.status, 204);
    Ok(())
}

#[tokio::test]
async fn a_wrong_method_learns_the_allowed_ones() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    for (template, item) in document["paths"].as_object().context("paths")? {
        let path = template.replace("{app}", &stage.app.to_string()).replace(['{', '}'], "");
        let methods = item.as_object().context("methods")?;
        for method in ["PATCH", "OPTIONS", "TRACE", "BREW"] {
            if methods.contains_key(&method.to_lowercase()) {
                continue;
            }
            let answer = operator.ask(method, &path, None).await?;
            assert_eq!(answer.problem(), (405, "method_not_allowed"), "{method} {template}");
            let allowed = answer.field("allow").unwrap_or_default().to_lowercase();
            let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
            for right in methods.keys() {
                assert!(allowed.contains(&right.as_str()), "{template}: {allowed:?}");
            }
        }
    }
    Ok(())
}
