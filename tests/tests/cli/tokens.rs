//! `token mint|verify|inspect`: offline, and accepted by the door.

use anyhow::Result;
use serde_json::json;
use stagedoor_tests::{
    Member,
    stage::{decode_secret, sign},
};

use super::{Dev, Ran, run_with};

fn token(dev: &Dev, command: &str, more: &[&str], input: &str) -> Result<Ran> {
    let app = dev.app();
    let mut arguments = vec!["token", command, "--app", &app, "--kid", dev.text("kid")];
    arguments.extend(more);
    run_with(&arguments, &[("STAGEDOOR_SECRET", dev.text("secret"))], input)
}

const BEN: [&str; 6] = ["--room", "lobby", "--user", "ben", "--role", "host"];

#[tokio::test]
async fn a_token_minted_offline_takes_its_seat() -> Result<()> {
    let dev = Dev::start()?;
    let mut narrow = BEN.to_vec();
    narrow.extend(["--ttl", "90", "--name", "Ben", "--grants", r#"{"send":{"room":false}}"#]);
    let minted = token(&dev, "mint", &narrow, "")?;
    assert_eq!((minted.code, minted.err.as_str()), (0, ""));
    let mut member = Member::connect(dev.address("url")?).await?;
    let seat = member.log_in(minted.out.trim()).await?;
    assert_eq!((&seat["user"], &seat["name"]), (&json!("ben"), &json!("Ben")));
    assert_eq!(seat["grants"]["send"]["room"], json!(false));
    let left = seat["exp"].as_u64().unwrap_or(0) - seat["now"].as_u64().unwrap_or(0);
    assert!((60..=90).contains(&left), "{left}");
    Ok(())
}

#[test]
fn the_stays_options_are_in_the_token() -> Result<()> {
    let dev = Dev::start()?;
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let mut arguments = BEN.to_vec();
    arguments.extend(["--once", "--max-stay", "3600", "--at-exp", "demote:audience"]);
    arguments.extend(["--until", "publish=60s", "--until", "moderate=90s", "--jkt", jkt]);
    let minted = token(&dev, "mint", &arguments, "")?;
    assert_eq!((minted.code, minted.err.as_str()), (0, ""));
    let verified = token(&dev, "verify", &["--json"], &minted.out)?.json()?;
    let claims = &verified["claims"];
    let iat = claims["iat"].as_u64().unwrap_or_default();
    assert_eq!(
        (&claims["once"], &claims["max_stay"], &claims["at_exp"]),
        (&json!(true), &json!(3_600), &json!({"demote": "audience"}))
    );
    assert_eq!(claims["until"], json!({"publish": iat + 60, "moderate": iat + 90}));
    assert_eq!(claims["cnf"], json!({"jkt": jkt}));
    let mut graced = BEN.to_vec();
    graced.extend(["--at-exp", "grace:300"]);
    let minted = token(&dev, "mint", &graced, "")?;
    let verified = token(&dev, "verify", &["--json"], &minted.out)?.json()?;
    assert_eq!(verified["claims"]["at_exp"], json!({"grace": 300}));
    let mut twice = BEN.to_vec();
    twice.extend(["--until", "set=1s", "--until", "set=2s"]);
    let refused = token(&dev, "mint", &twice, "")?;
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("`set` is given twice"), "{}", refused.err);
    Ok(())
}

#[test]
fn the_secret_comes_only_from_file_input_or_environment() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), format!("{}\n", dev.text("secret")))?;
    let path = file.path().display().to_string();
    for (source, input) in [(path.as_str(), ""), ("-", dev.text("secret"))] {
        let mut arguments =
            vec!["token", "mint", "--json", "--app", &app, "--kid", dev.text("kid")];
        arguments.extend(BEN);
        arguments.extend(["--secret-file", source]);
        let minted = run_with(&arguments, &[], input)?.json()?;
        let text = minted["token"].as_str().unwrap_or_default();
        let verified = token(&dev, "verify", &["--json"], text)?;
        assert_eq!(verified.code, 0, "{}", verified.err);
        assert_eq!(verified.json()?["claims"]["jti"], minted["jti"]);
    }
    let mut without = vec!["token", "mint", "--app", &app, "--kid", dev.text("kid")];
    without.extend(BEN);
    let refused = run_with(&without, &[], "")?;
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("STAGEDOOR_SECRET"), "{}", refused.err);
    Ok(())
}

#[test]
fn verify_prints_the_code_and_exits_with_one() -> Result<()> {
    let dev = Dev::start()?;
    let good = token(&dev, "mint", &BEN, "")?.out;
    let good = good.trim();
    let (rest, signature) = good.rsplit_once('.').unwrap_or_default();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let altered = format!("{rest}.{first}{}", &signature[1..]);
    for (text, more, code) in [
        (altered.as_str(), [].as_slice(), "signature_invalid"),
        ("no token", &[], "token_malformed"),
        (good, &["--room", "elsewhere"], "room_mismatch"),
    ] {
        let mut arguments = more.to_vec();
        arguments.push("--json");
        let refused = token(&dev, "verify", &arguments, text)?;
        assert_eq!(refused.code, 1, "{code}");
        let told = refused.json()?;
        assert_eq!((&told["valid"], &told["code"]), (&json!(false), &json!(code)));
        assert!(told["message"].is_string() && told["field"].is_null(), "{told}");
        assert!(refused.err.contains(code), "{}", refused.err);
        assert!(!refused.err.contains(text), "{}", refused.err);
    }
    let app = dev.app();
    let arguments = ["token", "verify", "--json", "--app", &app, "--kid", "k_other"];
    let foreign = run_with(&arguments, &[("STAGEDOOR_SECRET", dev.text("secret"))], good)?;
    assert_eq!((foreign.code, &foreign.json()?["code"]), (1, &json!("key_unknown")));
    Ok(())
}

#[test]
fn a_token_the_door_would_refuse_is_not_minted_offline() -> Result<()> {
    let dev = Dev::start()?;
    let wide = r#"{"send":{"room":true}}"#;
    let unknown = r#"{"sends":{"room":true}}"#;
    for (role, more, exit, says) in [
        ("audience", ["--grants", wide], 1, "grants_too_wide"),
        ("audience", ["--grants", unknown], 2, "sends"),
        ("nobody", ["--ttl", "60"], 1, "role_unknown"),
        ("host", ["--ttl", "86401"], 1, "lifetime_too_long"),
        ("host", ["--ttl", "soon"], 2, "--ttl"),
        ("host", ["--at-exp", "demote:king"], 1, "role_unknown"),
        ("host", ["--at-exp", "demote:host"], 1, "at_exp_invalid"),
        ("host", ["--at-exp", "grace:301"], 1, "at_exp_invalid"),
        ("host", ["--at-exp", "grace:soon"], 2, "--at-exp"),
        ("host", ["--at-exp", "never"], 2, "--at-exp"),
        ("host", ["--max-stay", "0"], 1, "max_stay_invalid"),
        ("host", ["--until", "publish=3601s"], 1, "until_invalid"),
        ("host", ["--until", "publish"], 2, "--until"),
        ("host", ["--until", "presence=1s"], 2, "presence"),
        ("host", ["--jkt", "short"], 2, "--jkt"),
    ] {
        let mut arguments = vec!["--room", "lobby", "--user", "ben", "--role", role];
        arguments.extend(more);
        let refused = token(&dev, "mint", &arguments, "")?;
        assert_eq!(refused.code, exit, "{role} {more:?}: {}", refused.err);
        assert_eq!(refused.out, "");
        assert!(refused.err.contains(says), "{says}: {}", refused.err);
    }
    Ok(())
}

#[test]
fn inspect_shows_any_token_and_says_it_is_unverified() -> Result<()> {
    let dev = Dev::start()?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), dev.text("host_token"))?;
    let path = file.path().display().to_string();
    let shown =
        run_with(&["token", "inspect", "--json", "--token-file", &path], &[], "")?.json()?;
    assert_eq!(shown["claims"]["role"], "host");
    assert_eq!(shown["header"]["kid"], dev.told["kid"]);
    assert!(shown["notes"][0].as_str().unwrap_or_default().contains("not verified"));
    let plain = run_with(&["token", "inspect"], &[], dev.text("host_token"))?;
    assert!(plain.out.contains("not verified"), "{}", plain.out);
    assert_eq!(run_with(&["token", "inspect"], &[], "none")?.code, 1);
    Ok(())
}

#[test]
fn an_apps_own_roles_are_read_from_an_exported_file() -> Result<()> {
    let dev = Dev::start()?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), r#"[{"role":"chef","rank":9}]"#)?;
    let path = file.path().display().to_string();
    let chef = ["--room", "lobby", "--user", "ben", "--role", "chef"];
    let refused = token(&dev, "mint", &chef, "")?;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("role_unknown"), "{}", refused.err);
    let mut with = chef.to_vec();
    with.extend(["--roles", &path]);
    let minted = token(&dev, "mint", &with, "")?;
    assert_eq!(minted.code, 0, "{}", minted.err);
    let verified = token(&dev, "verify", &["--roles", &path, "--json"], &minted.out)?;
    assert_eq!(verified.json()?["grants"]["rank"], 9);
    assert_eq!(token(&dev, "verify", &[], &minted.out)?.code, 1);
    Ok(())
}

#[test]
fn verify_names_the_claim_and_what_is_expected_there() -> Result<()> {
    let dev = Dev::start()?;
    let minted = token(&dev, "mint", &BEN, "")?.out;
    let good = token(&dev, "verify", &["--json"], &minted)?.json()?["claims"].clone();
    let secret = decode_secret(dev.text("secret"));
    for (change, code, field, text) in [
        (json!({"iat": 1_795_737_000.5}), "claims_malformed", "iat", "integer of seconds"),
        (json!({"sub": 1_234}), "claims_malformed", "sub", "a string"),
        (json!({"audience": "us"}), "claim_unknown", "audience", "mistyped"),
        (json!({"grants": {"publsh": {}}}), "grants_invalid", "grants.publsh", "`publish`"),
        (
            json!({"grants": {"invite": ["audience", "host"]}}),
            "grants_too_wide",
            "grants.invite[1]",
            "beyond",
        ),
    ] {
        let mut claims = good.clone();
        if let (Some(claims), Some(change)) = (claims.as_object_mut(), change.as_object()) {
            claims.extend(change.clone());
        }
        let text_of = sign(dev.text("kid"), &secret, &claims.to_string());
        let refused = token(&dev, "verify", &["--json"], &text_of)?;
        assert_eq!(refused.code, 1);
        let told = refused.json()?;
        assert_eq!((&told["code"], &told["field"]), (&json!(code), &json!(field)), "{told}");
        let message = told["message"].as_str().unwrap_or_default();
        assert!(message.starts_with(&format!("`{field}` ")) && message.contains(text), "{message}");
        assert!(refused.err.contains(message), "{}", refused.err);
    }
    Ok(())
}

#[test]
fn verify_detects_a_secret_used_as_text() -> Result<()> {
    let dev = Dev::start()?;
    let secret = dev.text("secret");
    let claims = r#"{"app":1}"#;
    for (by, text) in [
        (secret.as_bytes(), "decode it from base64url"),
        (&[9; 32], "is it the secret of this `kid`"),
    ] {
        let refused = token(&dev, "verify", &[], &sign(dev.text("kid"), by, claims))?;
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("signature_invalid"), "{}", refused.err);
        assert!(refused.err.contains(text) && !refused.err.contains(secret), "{}", refused.err);
    }
    Ok(())
}

#[test]
fn a_malformed_narrowing_or_role_is_named_by_its_field() -> Result<()> {
    let dev = Dev::start()?;
    let with = |more: &[&str]| token(&dev, "mint", &[&BEN[..], more].concat(), "");
    for (grants, text) in [
        (r#"{"publish":{"kinds":["audio","smell"]}}"#, "`publish.kinds[1]` must be one of `audio`"),
        (r#"{"publsh":{}}"#, "`publsh` is not one of `publish` `subscribe`"),
        (r#"{"set":[],"set":["a"]}"#, "`set` is given twice"),
        ("[]", "it must be an object of `publish`"),
    ] {
        let refused = with(&["--grants", grants])?;
        assert_eq!(refused.code, 2);
        assert!(refused.err.contains("--grants") && refused.err.contains(text), "{}", refused.err);
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), r#"[{"role":"host"},{"role":"a","rank":"low"}]"#)?;
    let path = file.path().display().to_string();
    let refused = with(&["--roles", &path])?;
    let text = format!("{path}: `[1].rank` must be an integer, 0 to 65535");
    assert!(refused.code == 2 && refused.err.contains(&text), "{}", refused.err);
    Ok(())
}
