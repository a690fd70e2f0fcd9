use serde_json::json;

use super::*;

fn given(change: &Value) -> Result<Issuer, ApiError> {
    let mut value = json!({
        "issuer": "https://id.example", "client_ids": ["web"], "user_prefix": "corp:",
        "rules": [{"when": {}, "rooms": ["lobby"], "role": "audience"}],
    });
    let members = value.as_object_mut().expect("an object");
    members.extend(change.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    Issuer::read(&serde_json::from_value(value).expect("settings"), 2)
}

fn refused(change: &Value) -> (String, &'static str) {
    let error = given(change).map(drop).expect_err("a refusal");
    refused_by(&error)
}

fn refused_by(error: &ApiError) -> (String, &'static str) {
    match error {
        ApiError::At { field, error } => (field.to_string(), error.code()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_cannot_be_name_their_field() {
    for (change, field) in [
        (json!({"issuer": "id.example"}), "issuer"),
        (json!({"issuer": "https://id.example?a=b"}), "issuer"),
        (json!({"issuer": "https://id.example#a"}), "issuer"),
        (json!({"issuer": "https://a@id.example"}), "issuer"),
        (json!({"issuer": format!("https://id.example/{}", "a".repeat(512))}), "issuer"),
        (json!({"client_ids": []}), "client_ids"),
        (json!({"client_ids": vec!["a"; 17]}), "client_ids"),
        (json!({"client_ids": ["a", ""]}), "client_ids[1]"),
        (json!({"algs": []}), "algs"),
        (json!({"algs": ["RS256", "HS256"]}), "algs[1]"),
        (json!({"algs": ["none"]}), "algs[0]"),
        (json!({"id_token_age_s_max": 0}), "id_token_age_s_max"),
        (json!({"id_token_age_s_max": 86_401}), "id_token_age_s_max"),
        (json!({"origins": ["*"]}), "origins[0]"),
        (json!({"origins": ["https://a.example", "https://b.example/"]}), "origins[1]"),
        (json!({"origins": ["null"]}), "origins[0]"),
        (json!({"origins": ["https://A.example"]}), "origins[0]"),
        (json!({"origins": vec!["https://a.example"; 17]}), "origins"),
        (json!({"user": "anybody"}), "user"),
        (json!({"user": "{"}), "user"),
        (json!({"user": format!("{}{{sub}}", "a".repeat(60))}), "user"),
        (json!({"user_prefix": "a*"}), "user_prefix"),
        (json!({"user_prefix": "a".repeat(33)}), "user_prefix"),
    ] {
        assert_eq!(refused(&change), (field.to_owned(), "issuer_invalid"), "{change}");
    }
    let missing = ("user_prefix".to_owned(), "user_prefix_missing");
    assert_eq!(refused(&json!({"user_prefix": null})), missing);
    assert!(given(&json!({"user_prefix": ""})).is_ok(), "asked for by name");
    let rule = json!({"when": {}, "rooms": ["a b"], "role": "host"});
    let place = ("rules[0].rooms[0]".to_owned(), "rules_invalid");
    assert_eq!(refused(&json!({ "rules": [rule] })), place);
}

#[test]
fn no_user_is_of_two_issuers() {
    let issuer = |issuer: &str, prefix: &str| {
        given(&json!({"issuer": issuer, "user_prefix": prefix})).expect("an issuer")
    };
    let one = issuer("https://id.example", "corp:");
    let refused = |other: Issuer| other.among([&one]).map(drop).map_err(|e| refused_by(&e));
    assert_eq!(refused(issuer("https://b.example", "b:")), Ok(()));
    for (name, prefix, field, code) in [
        ("https://id.example", "b:", "issuer", "issuer_invalid"),
        ("https://b.example", "", "user_prefix", "user_prefix_missing"),
        ("https://b.example", "corp:", "user_prefix", "issuer_invalid"),
        ("https://b.example", "corp:b", "user_prefix", "issuer_invalid"),
        ("https://b.example", "co", "user_prefix", "issuer_invalid"),
    ] {
        assert_eq!(refused(issuer(name, prefix)), Err((field.to_owned(), code)), "{prefix}");
    }
    let bare = issuer("https://id.example", "");
    assert!(issuer("https://b.example", "b:").among([&bare]).is_err());
    assert!(bare.among([]).is_ok());
}

#[test]
fn rules_give_what_the_app_has() {
    let roles = Roles::built_in();
    let check = |rule: Value| {
        let issuer = given(&json!({ "rules": [rule] })).expect("an issuer");
        issuer.check_rules(&roles, 600).map_err(|error| refused_by(&error))
    };
    let with = |name: &str, value: Value| {
        let mut rule = json!({"when": {}, "rooms": ["a-{x}*"], "role": "audience"});
        rule[name] = value;
        rule
    };
    assert_eq!(check(with("ttl_s", json!(600))), Ok(()));
    for (rule, field) in [
        (with("role", json!("teacher")), "rules[0].role"),
        (with("ttl_s", json!(601)), "rules[0].ttl_s"),
        (
            with("grants", json!({"publish": {"streams": ["*"]}})),
            "rules[0].grants.publish.streams[0]",
        ),
    ] {
        assert_eq!(check(rule), Err((field.to_owned(), "rules_invalid")), "{field}");
    }
}

#[test]
fn a_user_has_the_prefix_and_fits() {
    let issuer = given(&json!({})).expect("an issuer");
    let user = |sub: Value| {
        let claims = json!({ "sub": sub });
        match issuer.user(Claims(claims.as_object().expect("an object"))) {
            Filled::Text(user) => Some(user),
            _ => None,
        }
    };
    assert_eq!(user(json!("anna")).as_deref(), Some("corp:anna"));
    assert_eq!(user(json!("a".repeat(59))).map(|user| user.len()), Some(64));
    for bad in [json!("a".repeat(60)), json!("a*"), json!(""), json!(null), json!(["anna"])] {
        assert_eq!(user(bad.clone()), None, "{bad}");
    }
}

#[test]
fn what_is_stored_is_read_again() {
    let text = r#"{"issuer":"https://id.example","client_ids":["web"],"user_prefix":"c:",
        "rules":[{"when":{},"rooms":["lobby"],"role":"audience"}]}"#;
    let settings: Settings = serde_json::from_str(text).expect("settings");
    let issuer = Issuer::read(&settings, 2).expect("an issuer");
    let complete = serde_json::to_string(&issuer.complete(settings)).expect("JSON");
    let again = Issuer::stored(&complete).expect("an issuer");
    assert_eq!((again.rules, again.algs), (issuer.rules, vec![Alg::RS256]));
    let twice = text.replace(r#""when":{},"#, r#""when":{},"when":{},"#);
    let settings: Settings = serde_json::from_str(&twice).expect("settings");
    assert!(Issuer::read(&settings, 2).is_err(), "a member given twice");
}
