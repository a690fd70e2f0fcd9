//! What the app's backend does to live seats: revokes, bans, sets roles, mutes, re-applies roles.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Heard, Member, Stage, stage::now_s};

/// A backend with every scope, and its app's path.
async fn backend(stage: &Stage) -> Result<(Caller, String)> {
    Ok((stage.backend(&Scope::ALL).await?, format!("/v1/apps/{}", stage.app)))
}

/// A member with a seat by a token from the API, and that token.
async fn seated(
    stage: &Stage,
    backend: &Caller,
    (room, user, role): (&str, &str, &str),
) -> Result<(Member, String)> {
    let body = json!({"room": room, "user": user, "role": role});
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let minted = backend.get(201, "POST", &path, Some(&body)).await?;
    let token = minted["token"].as_str().context("a token")?.to_owned();
    let mut member = stage.connect().await?;
    member.log_in(&token).await?;
    Ok((member, token))
}

/// The code with which a login is refused, and the close after it.
async fn turned_away(stage: &Stage, token: &str) -> Result<(String, u16)> {
    let mut member = stage.connect().await?;
    let code = member.code(json!({"op": "login", "token": token})).await?;
    Ok((code, member.closed().await?.code))
}

const ANNA: (&str, &str, &str) = ("main", "anna", "speaker");

#[tokio::test]
async fn each_target_closes_its_seats_and_refuses_their_tokens() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    for (target, both) in [
        (json!({"user": "anna"}), false),
        (json!({"room_user": {"room": "main", "user": "anna"}}), false),
        (json!({"room": "main"}), false),
        (json!({"room_role": {"room": "main", "role": "speaker"}}), false),
        (json!({"role": "speaker"}), false),
        (json!({"key": stage.key.kid()}), true),
        (json!("app"), true),
        (json!({"jti": "of anna's"}), false),
    ] {
        let (mut anna, token) = seated(&stage, &backend, ANNA).await?;
        let (mut ben, bens) = seated(&stage, &backend, ("other", "ben", "audience")).await?;
        let mut target = target;
        if target.get("jti").is_some() {
            let room = backend.get(200, "GET", &format!("{app}/rooms/main"), None).await?;
            target = json!({"jti": room["members"][0]["jti"]});
        }
        let asked = json!({"target": target});
        let made = backend.get(201, "POST", &format!("{app}/revocations"), Some(&asked)).await?;
        assert_eq!(made["seats"], if both { 2 } else { 1 }, "{target}");
        let closed = anna.closed().await?;
        assert_eq!((closed.code, closed.reason.as_str()), (4205, "token_revoked"), "{target}");
        assert_eq!(turned_away(&stage, &token).await?, ("token_revoked".to_owned(), 4205));
        if both {
            assert_eq!(ben.closed().await?.code, 4205, "{target}");
            assert_eq!(turned_away(&stage, &bens).await?.0, "token_revoked");
        } else {
            ben.ok(json!({"op": "members"})).await?;
        }
        let (mut again, _) = seated(&stage, &backend, ANNA).await?;
        again.ok(json!({"op": "members"})).await.context("a token from after is hit")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_demoted_seat_continues_but_its_token_is_useless() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let (mut anna, token) = seated(&stage, &backend, ANNA).await?;
    anna.publish("cam", json!({})).await?;
    let asked = json!({"target": {"user": "anna"}, "then": {"demote": "audience"}});
    let made = backend.get(201, "POST", &format!("{app}/revocations"), Some(&asked)).await?;
    assert_eq!(made["seats"], 1);
    let told = anna.event("grants_changed").await?;
    assert_eq!((&told["role"], &told["why"]), (&json!("audience"), &json!("revoked")));
    let publish = json!({"op": "publish", "stream": "cam-2", "kind": "video"});
    assert_eq!(anna.code(publish).await?, "publish_denied");
    assert_eq!(turned_away(&stage, &token).await?.0, "token_revoked");
    anna.ok(json!({"op": "members"})).await?;
    Ok(())
}

#[tokio::test]
async fn a_member_that_renews_within_the_margin_stays() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let (mut anna, old) = seated(&stage, &backend, ANNA).await?;
    let (mut ben, _) = seated(&stage, &backend, ("main", "ben", "audience")).await?;
    let asked = json!({"target": {"room": "main"}, "margin_s": 2});
    let before_s = now_s();
    let made = backend.get(201, "POST", &format!("{app}/revocations"), Some(&asked)).await?;
    assert_eq!(made["seats"], 2);
    for member in [&mut anna, &mut ben] {
        let told = member.event("token_revoked").await?;
        let until_s = told["until"].as_u64().context("a time")?;
        assert!((before_s + 2..=now_s() + 2).contains(&until_s), "{told}");
    }
    assert_eq!(turned_away(&stage, &old).await?.0, "token_revoked", "the door gives no margin");
    assert_eq!(anna.code(json!({"op": "renew", "token": old})).await?, "token_revoked");
    let body = json!({"room": "main", "user": "anna", "role": "speaker"});
    let fresh = backend.get(201, "POST", &format!("{app}/tokens"), Some(&body)).await?;
    anna.ok(json!({"op": "renew", "token": fresh["token"]})).await?;
    assert_eq!(ben.closed().await?.code, 4205);
    anna.ok(json!({"op": "members"})).await?;
    Ok(())
}

#[tokio::test]
async fn a_revocation_in_grace_does_not_repeat_the_expiry_notice() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let body = json!({"room": "main", "user": "anna", "role": "speaker", "ttl_s": 60,
        "at_exp": {"grace": 300}});
    let minted = backend.get(201, "POST", &format!("{app}/tokens"), Some(&body)).await?;
    let mut anna = stage.connect().await?;
    anna.log_in(minted["token"].as_str().context("a token")?).await?;
    stage.running.relay.put_clock_forward(Duration::from_secs(70));
    anna.event("token_expired").await?;
    let asked = json!({"target": {"user": "anna"}, "margin_s": 1});
    backend.get(201, "POST", &format!("{app}/revocations"), Some(&asked)).await?;
    anna.event("token_revoked").await?;
    assert_eq!(anna.closed().await?.code, 4205);
    let again = anna
        .unheard()
        .any(|heard| matches!(heard, Heard::Control(told) if told["ev"] == "token_expired"));
    assert!(!again, "told a second time");
    Ok(())
}

#[tokio::test]
async fn a_ban_closes_seats_and_refuses_tokens_until_lifted() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let (mut anna, _) = seated(&stage, &backend, ANNA).await?;
    let asked = json!({"target": {"user": "anna"}, "ban": true});
    let made = backend.get(201, "POST", &format!("{app}/revocations"), Some(&asked)).await?;
    assert_eq!(made["seats"], 1);
    let closed = anna.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4308, "banned"));
    let own = stage.token("other", "anna", "host")?;
    assert_eq!(turned_away(&stage, &own).await?, ("banned".to_owned(), 4308));
    let lift = format!("{app}/revocations/{}", made["generation"]);
    backend.get(204, "DELETE", &lift, None).await?;
    stage.connect().await?.log_in(&own).await?;
    Ok(())
}

#[tokio::test]
async fn a_kicked_member_cannot_return_with_its_token() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let _host = stage.join("main", "hanna", "host").await?;
    let (mut anna, token) = seated(&stage, &backend, ANNA).await?;
    let kick = format!("{app}/rooms/main/members/anna/kick");
    let touched = backend.get(200, "POST", &kick, None).await?;
    assert_eq!(touched, json!({"seats": 1}));
    assert_eq!(anna.closed().await?.code, 4301);
    assert_eq!(turned_away(&stage, &token).await?.0, "token_revoked");
    let (mut again, _) = seated(&stage, &backend, ANNA).await?;
    let banned = json!({"ban": true, "ends_at": now_s() + 600, "reason": "again"});
    let touched = backend.get(200, "POST", &kick, Some(&banned)).await?;
    assert_eq!(touched["seats"], 1);
    assert_eq!(again.closed().await?.code, 4308);
    let own = stage.token("main", "anna", "host")?;
    assert_eq!(turned_away(&stage, &own).await?.0, "banned");
    stage.join("other", "anna", "host").await.context("the ban is of one room")?;

    let absent = format!("{app}/rooms/main/members/zoe/kick");
    assert_eq!(backend.ask("POST", &absent, None).await?.problem(), (404, "user_unknown"));
    let kept_out = backend.get(200, "POST", &absent, Some(&json!({"ban": true}))).await?;
    assert_eq!(kept_out["seats"], 0);
    assert_eq!(turned_away(&stage, &stage.token("main", "zoe", "host")?).await?.0, "banned");
    for (body, status, code) in [
        (json!({"reason": "?"}), 422, "revocation_invalid"),
        (json!({"ban": false, "ends_at": now_s() + 9}), 422, "revocation_invalid"),
        (json!({"ban": true, "ends_at": 1}), 422, "revocation_invalid"),
        (json!({"banned": true}), 422, "body_invalid"),
    ] {
        let refused = backend.ask("POST", &kick, Some(&body)).await?;
        assert_eq!(refused.problem(), (status, code), "{body}");
    }
    let typeless = backend.ask_with("POST", &kick, "Content-Type: text/plain\r\n", Some("{}"));
    assert_eq!(typeless.await?.problem(), (415, "media_type_unsupported"));
    Ok(())
}

#[tokio::test]
async fn a_members_kicks_and_bans_are_listed_under_its_name() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let mut host = stage.join("main", "hanna", "host").await?;
    let (mut anna, _) = seated(&stage, &backend, ANNA).await?;
    let (mut ben, _) = seated(&stage, &backend, ("main", "ben", "audience")).await?;
    host.ok(json!({"op": "moderate", "verb": "kick", "user": "anna"})).await?;
    host.ok(json!({"op": "moderate", "verb": "ban", "user": "ben", "for_s": 600})).await?;
    assert_eq!(anna.closed().await?.code, 4301);
    assert_eq!(ben.closed().await?.code, 4308);
    let path = format!("{app}/revocations");
    let mut entries = Vec::new();
    let patience_s = now_s() + 10;
    while entries.len() < 2 && now_s() < patience_s {
        let page = backend.get(200, "GET", &path, None).await?;
        entries = page["items"].as_array().context("items")?.clone();
    }
    let told: Vec<_> = entries.iter().map(|entry| (&entry["actor"], &entry["ban"])).collect();
    let hanna = json!("hanna");
    assert_eq!(told, [(&hanna, &json!(true)), (&hanna, &json!(false))]);
    assert_eq!(entries[0]["target"], json!({"room_user": {"room": "main", "user": "ben"}}));
    assert!(entries[1]["target"]["jti"].is_string());
    let mint = json!({"room": "main", "user": "ben", "role": "audience"});
    let refused = backend.ask("POST", &format!("{app}/tokens"), Some(&mint)).await?;
    assert_eq!(refused.problem(), (403, "banned"));
    Ok(())
}

#[tokio::test]
async fn a_backends_role_changes_and_mutes_are_recorded() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let mut anna = stage.join("main", "anna", "audience").await?;
    let act = format!("{app}/rooms/main/members/anna");
    let speaker = json!({"role": "speaker"});
    let touched = backend.get(200, "POST", &format!("{act}/role"), Some(&speaker)).await?;
    assert_eq!(touched, json!({"seats": 1}));
    let told = anna.event("grants_changed").await?;
    assert_eq!((&told["role"], &told["why"]), (&json!("speaker"), &json!("promoted")));
    anna.publish("cam", json!({})).await?;

    let audio = json!({"kinds": ["audio"]});
    backend.get(200, "POST", &format!("{act}/mute"), Some(&audio)).await?;
    let told = anna.event("grants_changed").await?;
    assert_eq!(told["why"], "muted");
    let mic = json!({"op": "publish", "stream": "mic", "kind": "audio"});
    assert_eq!(anna.code(mic.clone()).await?, "publish_denied");
    backend.get(200, "POST", &format!("{act}/mute"), None).await?;
    assert_eq!(anna.event("grants_changed").await?["grants"]["publish"]["kinds"], json!([]));
    backend.get(200, "POST", &format!("{act}/unmute"), None).await?;
    assert_eq!(anna.event("grants_changed").await?["why"], "unmuted");
    anna.ok(mic).await?;

    let nobody = format!("{app}/rooms/main/members/zoe");
    let nowhere = format!("{app}/rooms/nowhere/members/anna");
    for (path, body, status, code) in [
        (format!("{act}/role"), json!({"role": "king"}), 422, "role_refused"),
        (format!("{act}/role"), json!({"role": "No Role"}), 422, "role_invalid"),
        (format!("{act}/role"), json!({}), 422, "body_invalid"),
        (format!("{act}/mute"), json!({"kinds": []}), 422, "body_invalid"),
        (format!("{act}/mute"), json!({"kinds": ["smell"]}), 422, "body_invalid"),
        (format!("{nobody}/role"), speaker.clone(), 404, "user_unknown"),
        (format!("{nobody}/mute"), audio.clone(), 404, "user_unknown"),
        (format!("{nowhere}/role"), speaker.clone(), 404, "room_unknown"),
        (format!("{nowhere}/unmute"), audio.clone(), 404, "room_unknown"),
    ] {
        let refused = backend.ask("POST", &path, Some(&body)).await?;
        assert_eq!(refused.problem(), (status, code), "{path} {body}");
    }
    let reader = stage.backend(&[Scope::RoomsRead, Scope::TokensRevoke]).await?;
    for (verb, body) in [("role", &speaker), ("mute", &audio), ("unmute", &audio)] {
        let refused = reader.ask("POST", &format!("{act}/{verb}"), Some(body)).await?;
        assert_eq!(refused.problem(), (403, "scope_missing"), "{verb}");
    }
    let refused = reader.ask("POST", &format!("{act}/kick"), Some(&json!({"ban": true}))).await?;
    assert_eq!(refused.problem(), (403, "scope_missing"));
    for (kind, code, count) in [
        ("room.role", "ok", 1),
        ("room.role", "role_refused", 1),
        ("room.mute", "ok", 2),
        ("room.unmute", "ok", 1),
        ("caller", "scope_missing", 4),
    ] {
        let path = format!("{app}/audit?kind={kind}&code={code}");
        assert_eq!(backend.records(&path, count).await?.len(), count, "{kind} {code}");
    }
    Ok(())
}

#[tokio::test]
async fn changed_roles_are_reapplied_to_seats_on_request() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let mut anna = stage.join("main", "anna", "audience").await?;
    let mut ben = stage.join("other", "ben", "audience").await?;
    let _host = stage.join("main", "hanna", "host").await?;
    let path = format!("{app}/roles/audience");
    let found = backend.get(200, "GET", &path, None).await?;
    let mut template = found["template"].clone();
    template["publish"] = json!({"streams": ["cam"], "kinds": ["video"], "streams_max": 1});
    let put = json!({"template": template});
    let made = backend.get(200, "PUT", &path, Some(&put)).await?;
    assert_eq!(made.get("seats"), None);
    let cam = json!({"op": "publish", "stream": "cam", "kind": "video"});
    assert_eq!(anna.code(cam.clone()).await?, "publish_denied", "seats keep their grants");

    let put = json!({"template": template, "reapply": true});
    let made = backend.get(200, "PUT", &path, Some(&put)).await?;
    assert_eq!(made["seats"], 2);
    for member in [&mut anna, &mut ben] {
        assert_eq!(member.event("grants_changed").await?["why"], "roles");
        member.ok(cam.clone()).await?;
    }
    let restore = format!("{app}/roles/versions/0/restore?reapply=true");
    let made = backend.get(200, "POST", &restore, None).await?;
    assert_eq!(made["seats"], 2);
    assert_eq!(anna.event("grants_changed").await?["why"], "roles");
    assert_eq!(anna.code(cam).await?, "publish_denied");
    let audit = backend.get(200, "GET", &format!("{app}/audit?kind=roles.reapply"), None).await?;
    assert_eq!(audit["items"][0]["detail"], "version=3 seats=2");
    Ok(())
}

#[tokio::test]
async fn a_backend_grants_and_denies_members_requests() -> Result<()> {
    let stage = Stage::start().await?;
    let (backend, app) = backend(&stage).await?;
    let mut roles: Vec<serde_json::Value> = stagedoor_token::Roles::built_in()
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()?;
    for role in &mut roles {
        role["waits"] = (role["role"] == "audience").into();
    }
    let put = json!({"roles": roles});
    backend.get(200, "PUT", &format!("{app}/roles"), Some(&put)).await?;
    let (mut anna, _) = seated(&stage, &backend, ("main", "anna", "audience")).await?;
    let (mut eve, _) = seated(&stage, &backend, ("main", "eve", "audience")).await?;
    let member = |user: &str, act: &str| format!("{app}/rooms/main/members/{user}/{act}");
    let room = backend.get(200, "GET", &format!("{app}/rooms/main"), None).await?;
    assert_eq!(room["members"][0]["waiting"], true);
    backend.get(200, "POST", &member("anna", "admit"), None).await?;
    assert_eq!(anna.event("grants_changed").await?["why"], "admitted");
    backend.get(200, "POST", &member("eve", "decline"), None).await?;
    assert_eq!(eve.closed().await?.code, 4310);

    let again = backend.ask("POST", &member("anna", "admit"), None).await?;
    assert_eq!(again.problem(), (404, "ask_unknown"));
    anna.ok(json!({"op": "ask", "role": "speaker"})).await?;
    let room = backend.get(200, "GET", &format!("{app}/rooms/main"), None).await?;
    assert_eq!(room["members"][0]["wants"], "speaker");
    backend.get(200, "POST", &member("anna", "admit"), None).await?;
    assert_eq!(anna.event("grants_changed").await?["role"], "speaker");
    anna.ok(json!({"op": "ask", "role": "cohost"})).await?;
    backend.get(200, "POST", &member("anna", "decline"), None).await?;
    while anna.event("ask_ended").await?["outcome"] != "declined" {}
    let gone = backend.ask("POST", &member("eve", "decline"), None).await?;
    assert_eq!(gone.problem(), (404, "user_unknown"));
    Ok(())
}
