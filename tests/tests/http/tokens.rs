//! Tokens over HTTP: minted, used, explained, recorded.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{
    Stage,
    stage::{now_s, sign},
};
use stagedoor_token::{AppId, Key, KeyState, mint};

#[tokio::test]
async fn a_minted_token_gets_a_seat_and_an_audit_record() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let wanted = json!({"room": "lobby", "user": "anna", "role": "host", "ttl_s": 60, "name": "Anna",
        "grants": {"publish": {"streams": ["cam-*"]}}});
    let minted = backend.get(201, "POST", &path, Some(&wanted)).await?;
    assert_eq!(
        (&minted["expires_in_s"], &minted["grants"]["publish"]["streams"]),
        (&json!(60), &json!(["cam-*"]))
    );
    let token = minted["token"].as_str().context("a token")?;
    let mut anna = stage.connect().await?;
    assert_eq!(anna.log_in(token).await?["name"], "Anna");
    assert_eq!(
        anna.code(json!({"op": "publish", "stream": "mic", "kind": "audio"})).await?,
        "publish_denied"
    );
    let audit = backend
        .get(200, "GET", &format!("/v1/apps/{}/audit?kind=token.mint", stage.app), None)
        .await?;
    assert_eq!(
        (&audit["items"][0]["jti"], &audit["items"][0]["code"]),
        (&minted["jti"], &json!("ok"))
    );
    let all =
        backend.get(200, "GET", &format!("/v1/apps/{}/audit", stage.app), None).await?.to_string();
    assert!(!all.contains(token) && !all.contains(&backend.credential));
    Ok(())
}

#[tokio::test]
async fn the_requested_stay_is_in_the_token() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let verify = format!("{path}/verify");
    let claims_of = async |wanted: Value| {
        let minted = backend.get(201, "POST", &path, Some(&wanted)).await?;
        let question = json!({"token": minted["token"]});
        let answer = backend.get(200, "POST", &verify, Some(&question)).await?;
        assert_eq!(answer["code"], "ok", "{answer}");
        anyhow::Ok(answer["claims"].clone())
    };
    let stay = json!({"once": true, "at_exp": {"demote": "audience"}, "max_stay": 3_600,
        "until": {"publish": now_s() + 30, "moderate": now_s() + 60},
        "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}});
    let mut wanted = json!({"room": "lobby", "user": "anna", "role": "host", "ttl_s": 60});
    let plain = claims_of(wanted.clone()).await?;
    for name in ["once", "at_exp", "max_stay", "until", "cnf"] {
        assert_eq!(plain.get(name), None);
        wanted[name] = stay[name].clone();
    }
    let said = claims_of(wanted.clone()).await?;
    for name in ["once", "at_exp", "max_stay", "until", "cnf"] {
        assert_eq!(said[name], stay[name], "{name}");
        // As everywhere in this API, `null` means left out.
        wanted[name] = Value::Null;
    }
    let nothing = claims_of(wanted).await?;
    assert_eq!(nothing.as_object().map(Map::len), plain.as_object().map(Map::len));
    Ok(())
}

#[tokio::test]
async fn a_refused_mint_is_recorded() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&Scope::ALL).await?;
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let good = json!({"room": "lobby", "user": "anna", "role": "audience"});
    for (change, code, field) in [
        (json!({"room": ""}), "room_invalid", "room"),
        (json!({"user": "u".repeat(65)}), "user_invalid", "user"),
        (json!({"user": ".."}), "user_invalid", "user"),
        (json!({"role": "King"}), "role_invalid", "role"),
        (json!({"role": "king"}), "role_unknown", "role"),
        (json!({"ttl_s": 0}), "times_invalid", "ttl_s"),
        (json!({"ttl_s": 90_000}), "lifetime_too_long", "ttl_s"),
        (json!({"name": "n".repeat(129)}), "name_invalid", "name"),
        (json!({"meta": "m".repeat(1_025)}), "meta_invalid", "meta"),
        (
            json!({"grants": {"publish": {"streams": ["*"]}}}),
            "grants_too_wide",
            "grants.publish.streams[0]",
        ),
        (json!({"grants": {"publsh": {}}}), "grants_invalid", "grants.publsh"),
        (json!({"grants": {"set": ["a", "b c"]}}), "grants_invalid", "grants.set[1]"),
        (json!({"at_exp": "demote"}), "at_exp_invalid", "at_exp"),
        (json!({"at_exp": {"grace": 301}}), "at_exp_invalid", "at_exp.grace"),
        (json!({"at_exp": {"demote": "audience"}}), "at_exp_invalid", "at_exp.demote"),
        (json!({"at_exp": {"demote": "king"}}), "role_unknown", "at_exp.demote"),
        (json!({"max_stay": 0}), "max_stay_invalid", "max_stay"),
        (json!({"max_stay": 5_000_000_000_u64}), "max_stay_invalid", "max_stay"),
        (json!({"max_stay": "60"}), "body_invalid", "max_stay"),
        (json!({"until": {"publish": now_s() + 90_000}}), "until_invalid", "until.publish"),
        (json!({"until": {"publish": 0}}), "until_invalid", "until.publish"),
        (json!({"until": {"presence": now_s()}}), "until_invalid", "until.presence"),
        (json!({"cnf": {"jkt": "short"}}), "cnf_invalid", "cnf.jkt"),
        (json!({"cnf": {}}), "cnf_invalid", "cnf.jkt"),
        (json!({"once": "yes"}), "body_invalid", "once"),
        (json!({"colour": "red"}), "body_invalid", "colour"),
    ] {
        let mut wanted = good.clone();
        if let (Value::Object(wanted), Value::Object(change)) = (&mut wanted, change.clone()) {
            wanted.extend(change);
        }
        let answer = backend.ask("POST", &path, Some(&wanted)).await?;
        assert_eq!(answer.problem(), (422, code), "{change}");
        assert_eq!(answer.body["field"], field, "{change}: {}", answer.body);
        let detail = answer.body["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("`{field}`")), "{change}: {detail}");
        assert_eq!(answer.field("content-type"), Some("application/problem+json"));
        assert_eq!(answer.body["request_id"].as_str(), answer.field("x-request-id"));
    }
    // What a map would lose.
    for (more, code, field) in [
        (r#""grants":{"set":[],"set":["a"]}"#, "grants_invalid", "grants.set"),
        (r#""until":{"set":1,"set":2}"#, "until_invalid", "until.set"),
        (r#""ttl_s":1,"ttl_s":2"#, "body_invalid", "ttl_s"),
    ] {
        let body = format!(r#"{{"room":"lobby","user":"anna","role":"audience",{more}}}"#);
        let answer = backend.ask_with("POST", &path, "", Some(&body)).await?;
        assert_eq!(answer.problem(), (422, code), "{more}");
        assert_eq!(answer.body["field"], field, "{more}: {}", answer.body);
    }
    let answer =
        backend.ask("POST", &path, Some(&json!({"room": "lobby", "user": "anna"}))).await?;
    assert_eq!((answer.problem(), &answer.body["field"]), ((422, "body_invalid"), &json!("role")));
    let refused = format!("/v1/apps/{}/audit?kind=token.mint&code=grants_too_wide", stage.app);
    assert_eq!(backend.records(&refused, 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn verify_names_the_claim_and_what_is_expected_there() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::TokensMint]).await?;
    let path = format!("/v1/apps/{}/tokens/verify", stage.app);
    let explain =
        async |token: String| backend.get(200, "POST", &path, Some(&json!({"token": token}))).await;
    for (change, code, field, text) in [
        (json!({"iat": 1_795_737_000.5}), "claims_malformed", "iat", "integer of seconds"),
        (json!({"sub": 1_234}), "claims_malformed", "sub", "a string"),
        (json!({"jti": null}), "claim_missing", "jti", "missing"),
        (json!({"scope": "all"}), "claim_unknown", "scope", "mistyped"),
        (json!({"exp": now_s() * 1_000}), "lifetime_too_long", "exp", "in seconds?"),
        (json!({"role": "king"}), "role_unknown", "role", "no role"),
        (
            json!({"grants": {"set": [], "send": {"room": true}}}),
            "grants_too_wide",
            "grants.send.room",
            "beyond the role",
        ),
    ] {
        let answer = explain(stage.sign(&stage.claims_with(&change)?)).await?;
        assert_eq!((&answer["code"], &answer["field"]), (&json!(code), &json!(field)), "{answer}");
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("`{field}` ")) && message.contains(text), "{message}");
    }
    Ok(())
}

#[tokio::test]
async fn verify_detects_a_secret_used_as_text() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::TokensMint]).await?;
    let path = format!("/v1/apps/{}/tokens/verify", stage.app);
    let (kid, claims) = (stage.key.kid(), stage.claims_with(&json!({}))?);
    let other = stage.running.server.create_app("other").await?;
    for (kid, secret, code, text) in [
        (kid, stage.secret.as_bytes(), "signature_invalid", "decode it from base64url"),
        (kid, &[9; 32], "signature_invalid", "is it the secret of this `kid`"),
        // Nothing is disclosed about another app's keys.
        (
            other.key.kid.as_str(),
            other.key.secret.as_deref().unwrap_or_default().as_bytes(),
            "",
            "`kid`",
        ),
    ] {
        let token = sign(kid, secret, &claims);
        let answer = backend.get(200, "POST", &path, Some(&json!({"token": token}))).await?;
        let told = (&answer["public_code"], &answer["field"]);
        assert_eq!(told, (&json!("token_invalid"), &Value::Null));
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(answer["code"] == code || code.is_empty() && !message.contains("decode it"));
        assert!(message.contains(text), "{message}");
        assert!(!answer.to_string().contains(&stage.secret));
        assert_eq!(
            stage.connect().await?.code(json!({"op": "login", "token": token})).await?,
            "token_invalid"
        );
    }
    Ok(())
}

#[tokio::test]
async fn verify_explains_everything_to_the_keys_owner() -> Result<()> {
    let stage = Stage::start().await?;
    let backend = stage.backend(&[Scope::TokensMint]).await?;
    let path = format!("/v1/apps/{}/tokens/verify", stage.app);
    let explain = async |token: String, room: Option<&str>| {
        backend.get(200, "POST", &path, Some(&json!({"token": token, "room": room}))).await
    };
    let good = stage.token("lobby", "anna", "host")?;
    let answer = explain(good.clone(), Some("lobby")).await?;
    assert_eq!(
        (&answer["valid"], &answer["code"], &answer["claims"]["sub"]),
        (&json!(true), &json!("ok"), &json!("anna"))
    );
    assert_eq!(answer["grants"]["rank"], 100);
    assert!(answer["seconds_left"].as_i64().is_some_and(|left| (590..=600).contains(&left)));

    let mut over = stage.claims("lobby", "anna", "host")?;
    (over.iat, over.nbf, over.exp) = (now_s() - 60, now_s() - 60, now_s() - 5);
    let forged = Key::hs256(stage.app, stage.key.kid(), &[1; 32], KeyState::Current)?;
    let claims = stage.claims("lobby", "anna", "host")?;
    let other = stage.running.server.create_app("other").await?;
    let secret =
        stagedoor_tests::stage::decode_secret(other.key.secret.as_deref().unwrap_or_default());
    let theirs = Key::hs256(AppId(other.app), &other.key.kid, &secret, KeyState::Current)?;
    let mut foreign = claims.clone();
    foreign.app = AppId(other.app);
    for (token, room, code, public) in [
        (mint(&over, &stage.key)?, None, "token_expired", "token_expired"),
        (mint(&claims, &forged)?, None, "signature_invalid", "token_invalid"),
        (mint(&foreign, &theirs)?, None, "key_unknown", "token_invalid"),
        (stage.token("lobby", "anna", "king")?, None, "role_unknown", "role_unknown"),
        (good, Some("backstage"), "room_mismatch", "room_mismatch"),
        ("nonsense".into(), None, "token_malformed", "token_invalid"),
    ] {
        let answer = explain(token, room).await?;
        assert_eq!(
            (&answer["valid"], &answer["code"], &answer["public_code"]),
            (&json!(false), &json!(code), &json!(public))
        );
        assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()));
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_at_the_door_is_recorded_with_its_exact_code() -> Result<()> {
    let stage = Stage::start().await?;
    let operator = stage.operator();
    let mut stranger = stage.connect().await?;
    let login =
        json!({"op": "login", "token": stage.token("lobby", "anna", "host")?, "room": "other"});
    assert_eq!(stranger.code(login).await?, "room_mismatch");
    let _bob = stage.join("lobby", "bob", "host").await?;
    let path = format!("/v1/apps/{}/audit?kind=door", stage.app);
    let seen = operator.records(&path, 2).await?;
    let codes: Vec<_> = seen.iter().map(|record| &record["code"]).collect();
    assert_eq!(codes, ["ok", "room_mismatch"]);
    assert_eq!(seen[1]["user"], "anna");
    Ok(())
}
