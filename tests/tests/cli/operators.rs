//! `app` and `room`: every command against the HTTP API, and what it does to live members.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Member, member::PATIENCE};

use super::{Dev, run_with};

#[test]
fn apps_and_keys_are_created_listed_rotated_and_deleted() -> Result<()> {
    let dev = Dev::start()?;
    let made = dev.ok("root", &["app", "create", "Second", "--id", "77"])?;
    assert_eq!(made["app"], 77);
    let first = made["key"]["kid"].as_str().context("a key")?;
    assert!(made["key"]["secret"].is_string());
    let listed = dev.ok("root", &["app", "list"])?;
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(3),
        "dev, classroom, Second: {listed}"
    );
    let next = dev.ok("root", &["app", "keys", "create", "77"])?;
    assert_eq!(next["state"], "next");
    let rotated = dev.ok("root", &["app", "keys", "rotate", "77"])?;
    assert_eq!((&rotated["current"], &rotated["retiring"]), (&next["kid"], &json!(first)));
    dev.ok("root", &["app", "keys", "retire", "77", first, "--yes"])?;
    let keys = dev.ok("root", &["app", "keys", "list", "77"])?;
    let mut states: Vec<&str> = keys["items"]
        .as_array()
        .context("keys")?
        .iter()
        .filter_map(|k| k["state"].as_str())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["current", "retired"]);
    assert!(!keys.to_string().contains("secret"), "{keys}");
    let plain = dev.run_as(dev.text("root"), &["app", "keys", "list", "77"])?;
    assert!(plain.out.starts_with("kid") && plain.out.contains("retired"), "{}", plain.out);
    dev.ok("root", &["app", "delete", "77", "--yes"])?;
    let gone = dev.run_as(dev.text("root"), &["app", "keys", "list", "77"])?;
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("app_unknown"), "{}", gone.err);
    Ok(())
}

#[test]
fn operators_teams_and_tokens_are_managed() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let made = dev.ok("root", &["operator", "add", "maria", "--level", "viewer"])?;
    let id = made["id"].as_str().context("an id")?.to_owned();
    dev.ok("root", &["operator", "add", "robot", "--kind", "service"])?;
    let listed = dev.ok("root", &["operator", "list"])?;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    dev.ok("root", &["app", "team", "put", &app, "robot", "--level", "developer"])?;
    let team = dev.ok("root", &["app", "team", "list", &app])?;
    assert_eq!(
        (&team["items"][0]["name"], &team["items"][0]["level"]),
        (&json!("robot"), &json!("developer"))
    );
    let shown = dev.ok("root", &["app", "team", "show", &app, "robot"])?;
    assert_eq!(shown["kind"], "service");
    let scopes = ["--scope", "tokens:mint", "--scope", "apps:read"];
    let token = [&["operator", "tokens", "create", "robot", "--name", "ci"][..], &scopes].concat();
    let made = dev.ok("root", &token)?;
    let (token, token_id) = (made["token"].as_str(), made["id"].as_str());
    let (token, token_id) = (token.context("a token")?, token_id.context("an id")?);
    let minted = dev.run_as(token, &["app", "list", "--json"])?;
    assert!(minted.out.contains(&app), "{}", minted.out);
    let tokens = dev.run_as(token, &["me", "tokens", "list"])?;
    assert!(tokens.out.contains(token_id) && !tokens.out.contains("sdpat_"), "{}", tokens.out);
    let sessions = dev.run_as(token, &["me", "sessions", "list"])?;
    assert_eq!(sessions.out, "none\n");
    let more =
        dev.run_as(token, &["me", "tokens", "create", "--name", "x", "--scope", "keys:manage"])?;
    assert!(more.code == 1 && more.err.contains("scope_missing"), "{}", more.err);
    let link = dev.ok("root", &["operator", "link", "maria"])?;
    let url = link["url"].as_str().context("a URL")?;
    assert!(url.starts_with("http://127.0.0.1:") && url.contains("/login#sdlnk_"), "{url}");
    dev.ok("root", &["operator", "change", &id, "--level", "none"])?;
    dev.ok("root", &["operator", "disable", "robot", "--yes"])?;
    let gone = dev.run_as(token, &["whoami"])?;
    assert!(gone.code == 1 && gone.err.contains("credential_invalid"), "{}", gone.err);
    dev.ok("root", &["operator", "enable", "robot"])?;
    dev.ok("root", &["app", "team", "remove", &app, "robot", "--yes"])?;
    dev.ok("root", &["operator", "remove", "robot", "--yes"])?;
    Ok(())
}

#[test]
fn a_link_is_made_on_the_data_folder_of_a_stopped_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let dev = Dev::start_in(&data, &[])?;
    dev.ok("root", &["operator", "add", "maria"])?;
    let data = data.to_str().context("a path")?;
    let local = |name| ["operator", "link", name, "--local", "--data", data];
    let used = run_with(&local("maria"), &[], "")?;
    assert_eq!(used.code, 4, "a server uses the folder: {}", used.err);
    dev.stop()?;
    let made = run_with(&local("maria"), &[], "")?;
    assert!(made.code == 0 && made.out.starts_with("/login#sdlnk_"), "{} {}", made.out, made.err);
    let unknown = run_with(&local("bob"), &[], "")?;
    assert!(unknown.code == 1 && unknown.err.contains("operator_unknown"), "{}", unknown.err);
    Ok(())
}

#[test]
fn api_keys_are_created_with_scopes_rotated_and_deleted() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let made = dev.ok(
        "root",
        &["app", "api-keys", "create", &app, "--name", "reader", "--scope", "rooms:read"],
    )?;
    let (id, reader) = (made["id"].as_str().context("an id")?, made["api_key"].as_str());
    let reader = reader.context("an API key")?;
    assert_eq!(dev.run_as(reader, &["room", "list", &app])?.out, "none\n");
    let refused = dev.run_as(reader, &["room", "kick", &app, "lobby", "ben"])?;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("403"), "{}", refused.err);
    let rotated = dev.ok("root", &["app", "api-keys", "rotate", &app, id, "--yes"])?;
    let renewed = rotated["api_key"].as_str().context("another")?;
    assert_eq!(dev.run_as(reader, &["room", "list", &app])?.code, 1);
    assert_eq!(dev.run_as(renewed, &["room", "list", &app])?.code, 0);
    let listed = dev.ok("root", &["app", "api-keys", "list", &app])?;
    assert!(!listed.to_string().contains(renewed));
    dev.ok("root", &["app", "api-keys", "delete", &app, id, "--yes"])?;
    assert_eq!(dev.run_as(renewed, &["room", "list", &app])?.code, 1);
    Ok(())
}

#[tokio::test]
async fn rooms_are_shown_messaged_closed_and_members_removed() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let mut host = Member::connect(dev.address("url")?).await?;
    host.log_in(dev.text("host_token")).await?;
    host.publish("cam", json!({})).await?;
    let mut audience = Member::connect(dev.address("url")?).await?;
    audience.log_in(dev.text("audience_token")).await?;

    let rooms = dev.ok("api_key", &["room", "list", &app])?;
    assert_eq!(
        (&rooms["items"][0]["room"], &rooms["items"][0]["members"]),
        (&json!("lobby"), &json!(2))
    );
    let room = dev.ok("api_key", &["room", "show", &app, "lobby", "--limit", "1"])?;
    assert_eq!((&room["streams"][0]["name"], &room["next"]), (&json!("cam"), &json!("audience-1")));

    let message =
        ["room", "message", &app, "lobby", r#"{"n":1}"#, "--role", "audience", "--topic", "t"];
    dev.ok("api_key", &message)?;
    let heard = audience.event("message").await?;
    assert_eq!(
        (&heard["data"], &heard["topic"], heard.get("from")),
        (&json!({"n": 1}), &json!("t"), None)
    );
    let bad = dev.run_as(dev.text("api_key"), &["room", "message", &app, "lobby", "{"])?;
    assert_eq!(bad.code, 2);

    dev.ok("api_key", &["room", "kick", &app, "lobby", "audience-1"])?;
    assert_eq!(audience.closed().await?.code, 4301);
    let again = dev.run_as(dev.text("api_key"), &["room", "kick", &app, "lobby", "audience-1"])?;
    assert_eq!(again.code, 1, "{}", again.err);
    dev.ok("api_key", &["room", "close", &app, "lobby", "--yes"])?;
    assert_eq!(host.closed().await?.code, 4302);

    // The relay's events are recorded a moment after they happen, without a signal.
    let patience = Instant::now() + PATIENCE;
    let recorded = loop {
        let audit = dev.ok("api_key", &["app", "audit", &app, "--limit", "200"])?;
        let records = audit["items"].as_array().context("records")?;
        let kinds: Vec<String> =
            records.iter().filter_map(|r| r["kind"].as_str().map(Into::into)).collect();
        let left = kinds.iter().filter(|kind| *kind == "seat.left").count();
        if left == 2 || Instant::now() >= patience {
            break kinds;
        }
    };
    for kind in ["door", "room.kick", "room.close", "room.message", "seat.left"] {
        assert!(recorded.iter().any(|recorded| recorded == kind), "{kind} in {recorded:?}");
    }
    Ok(())
}

/// A member that waits in the lobby.
async fn waiting(dev: &Dev, user: &str) -> Result<Member> {
    let app = dev.app();
    let mut arguments = vec!["token", "mint", "--json", "--app", &app, "--kid", dev.text("kid")];
    arguments.extend(["--room", "lobby", "--user", user, "--role", "audience"]);
    arguments.extend(["--grants", r#"{"waits":true}"#]);
    let secret = [("STAGEDOOR_SECRET", dev.text("secret"))];
    let minted = run_with(&arguments, &secret, "")?.json()?;
    let mut member = Member::connect(dev.address("url")?).await?;
    let seated = member.log_in(minted["token"].as_str().context("a token")?).await?;
    assert_eq!(seated["waiting"], true);
    Ok(member)
}

#[tokio::test]
async fn waiting_members_are_admitted_singly_by_list_or_all() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let mut members = Vec::new();
    for user in ["ada", "ben", "cem", "dan", "eve"] {
        members.push(waiting(&dev, user).await?);
    }
    let admit = |whom: &[&'static str]| [&["room", "admit", &app, "lobby"], whom].concat();
    let alone = dev.ok("api_key", &admit(&["ada"]))?;
    assert_eq!(alone, json!({"seats": 1}));
    let list = dev.ok("api_key", &admit(&["ben", "cem", "nobody"]))?;
    assert_eq!(list, json!({"admitted": 2, "waiting": 0}));
    let all = dev.ok("api_key", &admit(&["--all"]))?;
    assert_eq!(all, json!({"admitted": 2, "waiting": 0}));
    for member in &mut members {
        assert_eq!(member.event("grants_changed").await?["why"], "admitted");
    }
    for whom in [&[][..], &["ada", "--all"]] {
        let refused = dev.run_as(dev.text("api_key"), &admit(whom))?;
        assert_eq!(refused.code, 2, "{whom:?} {}", refused.err);
    }
    Ok(())
}

#[test]
fn each_way_to_fail_has_its_exit_code() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let unknown = dev.run_as("sd_none", &["room", "list", &app])?;
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("401") && !unknown.err.contains("sd_none"), "{}", unknown.err);
    let none = run_with(&["room", "list", &app], &[], "")?;
    assert_eq!(none.code, 2);
    assert!(none.err.contains("STAGEDOOR_API_KEY"), "{}", none.err);
    let key = [("STAGEDOOR_API_KEY", "sd_none")];
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = format!("http://{closed}");
    let dead = run_with(&["room", "list", &app, "--url", &nobody], &key, "")?;
    assert_eq!(dead.code, 3, "{}", dead.err);
    for url in ["ftp://127.0.0.1", "nowhere"] {
        assert_eq!(run_with(&["room", "list", &app, "--url", url], &key, "")?.code, 2, "{url}");
    }
    assert_eq!(run_with(&["room", "list"], &key, "")?.code, 2);
    assert_eq!(run_with(&["sing"], &[], "")?.code, 2);
    Ok(())
}

#[test]
fn over_https_the_certificate_must_be_trusted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, pair.cert.pem())?;
    std::fs::write(&key, pair.signing_key.serialize_pem())?;
    let (cert, key) = (cert.display().to_string(), key.display().to_string());
    let tls = [("STAGEDOOR_RELAY__TLS__CERT", cert.as_str()), ("STAGEDOOR_RELAY__TLS__KEY", &key)];
    let dev = Dev::start_in(&folder.path().join("data"), &tls)?;
    let url = dev.text("url").replace("127.0.0.1", "localhost");
    let app = dev.app();
    let api_key = [("STAGEDOOR_API_KEY", dev.text("api_key"))];
    let list = ["room", "list", app.as_str(), "--json", "--url", url.as_str()];
    let mut trusting = list.to_vec();
    trusting.extend(["--ca-file", &cert]);
    let listed = run_with(&trusting, &api_key, "")?;
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert_eq!(listed.json()?["items"], Value::Array(Vec::new()));
    assert_eq!(run_with(&list, &api_key, "")?.code, 3, "a stranger's certificate was trusted");
    let no_file = folder.path().join("none.pem").display().to_string();
    let mut wrong = list.to_vec();
    wrong.extend(["--ca-file", &no_file]);
    assert_eq!(run_with(&wrong, &api_key, "")?.code, 2);
    Ok(())
}
