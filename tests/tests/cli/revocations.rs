//! `revoke`, and what `room` and `role` do to live members.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::Member;

use super::Dev;

/// A member in its seat.
async fn seated(dev: &Dev, token: &str) -> Result<Member> {
    let mut member = Member::connect(dev.address("url")?).await?;
    member.log_in(dev.text(token)).await?;
    Ok(member)
}

#[test]
fn each_target_is_revoked_listed_and_lifted() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let targets: [(&[&str], Value); 8] = [
        (&["--jti", "t1"], json!({"jti": "t1"})),
        (&["--user", "anna"], json!({"user": "anna"})),
        (
            &["--user", "anna", "--room", "main"],
            json!({"room_user": {"room": "main", "user": "anna"}}),
        ),
        (&["--room", "main"], json!({"room": "main"})),
        (
            &["--room", "main", "--role", "host"],
            json!({"room_role": {"room": "main", "role": "host"}}),
        ),
        (&["--role", "host"], json!({"role": "host"})),
        (&["--key", "k1"], json!({"key": "k1"})),
        (&["--app", "--yes"], json!("app")),
    ];
    for (nth, (words, target)) in targets.iter().enumerate() {
        let mut add = vec!["revoke", "add", app.as_str()];
        add.extend(*words);
        let made = dev.ok("api_key", &add)?;
        assert_eq!((&made["target"], &made["ban"]), (target, &json!(false)));
        assert_eq!(made["generation"], nth as u64 + 1);
    }
    let banned = ["revoke", "add", &app, "--user", "ben", "--ban", "--until", "@4000000000"];
    assert_eq!(dev.ok("api_key", &banned)?["ends_at"], 4_000_000_000_u64);
    let softly = ["--margin", "30", "--demote", "audience", "--reason", "lost laptop"];
    let mut add = vec!["revoke", "add", &app, "--user", "carl"];
    add.extend(softly);
    assert_eq!(dev.ok("api_key", &add)?["reason"], "lost laptop");
    let listed = dev.ok("api_key", &["revoke", "list", &app, "--limit", "4"])?;
    assert_eq!((&listed["items"][0]["generation"], &listed["next"]), (&json!(10), &json!("7")));
    dev.ok("api_key", &["revoke", "lift", &app, "9"])?;
    let again = dev.run_as(dev.text("api_key"), &["revoke", "lift", &app, "9"])?;
    assert_eq!(again.code, 1);
    assert!(again.err.contains("revocation_unknown"), "{}", again.err);
    Ok(())
}

#[test]
fn contradictory_options_are_refused() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    for words in [
        vec![],
        vec!["--jti", "t1", "--user", "anna"],
        vec!["--user", "anna", "--role", "host"],
        vec!["--room", "main", "--key", "k1"],
        vec!["--role", "host", "--app"],
        vec!["--user", "anna", "--until", "@4000000000"],
        vec!["--user", "anna", "--ban", "--margin", "3"],
        vec!["--user", "anna", "--ban", "--demote", "audience"],
    ] {
        let mut add = vec!["revoke", "add", app.as_str()];
        add.extend(&words);
        let ran = dev.run_as(dev.text("api_key"), &add)?;
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.err);
    }
    let listed = dev.ok("api_key", &["revoke", "list", &app])?;
    assert_eq!(listed["items"], json!([]));
    Ok(())
}

#[tokio::test]
async fn live_members_get_roles_mutes_bans_and_revocations() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let mut host = seated(&dev, "host_token").await?;
    let mut audience = seated(&dev, "audience_token").await?;
    let member = |act: &'static str| ["room", act, &app, "lobby", "audience-1"].map(str::to_owned);
    let run = |act: &'static str, more: &[&str]| {
        let mut words = member(act).to_vec();
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        dev.ok("api_key", &words)
    };
    assert_eq!(run("role", &["speaker"])?["seats"], 1);
    assert_eq!(audience.event("grants_changed").await?["role"], "speaker");
    run("mute", &["--kind", "audio", "--kind", "video"])?;
    let kinds = audience.event("grants_changed").await?["grants"]["publish"]["kinds"].clone();
    assert_eq!(kinds, json!(["screen", "data"]));
    run("unmute", &[])?;
    assert_eq!(audience.event("grants_changed").await?["why"], "unmuted");
    run("ban", &["--reason", "spam"])?;
    assert_eq!(audience.closed().await?.code, 4308);
    let mint = dev.ok("api_key", &["revoke", "list", &app])?;
    assert_eq!(mint["items"][0]["reason"], "spam");

    let roles = dev.run_as(dev.text("api_key"), &["role", "export", &app])?;
    let mut roles: Vec<Value> = serde_json::from_str(&roles.out)?;
    let template = roles.iter_mut().find(|role| role["role"] == "host").context("host")?;
    template["set"] = json!(["slide"]);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("host.json").display().to_string();
    std::fs::write(&file, template.to_string())?;
    let set = dev.ok("api_key", &["role", "set", &app, &file, "--reapply"])?;
    assert_eq!(set["seats"], 1);
    assert_eq!(host.event("grants_changed").await?["why"], "roles");
    let revoked = dev.ok("api_key", &["revoke", "add", &app, "--role", "host"])?;
    assert_eq!(revoked["seats"], 1);
    assert_eq!(host.closed().await?.code, 4205);
    Ok(())
}
