//! Tokens for guests are minted by the server, by the same rules as a backend's, and recorded before they are answered.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Member, Stage, stage::now_s};
use stagedoor_token::{Claims, KeySet, mint, verify};
use tempfile::TempDir;

use super::{
    child::{Lock, Setting},
    waiting::{answer, begin, within},
};

/// The `id` of a request that waits.
const WAITS: u64 = 1_001;

fn invite(role: &str, ttl_s: u64) -> Value {
    json!({"op": "invite", "role": role, "ttl_s": ttl_s})
}

fn claims_of(stage: &Stage, invited: &Value) -> Result<Claims> {
    let token = invited["token"].as_str().context("a token")?;
    Ok(verify(token, &KeySet::from_iter([stage.key.clone()]), now_s())?)
}

/// A stage whose store may be locked.
async fn lockable(store_wait_ms: u64) -> Result<(Stage, TempDir)> {
    let folder = tempfile::tempdir()?;
    let stage = Stage::configured(|config| {
        config.server.data_dir = folder.path().to_owned();
        config.server.store_wait_ms = store_wait_ms;
    });
    Ok((stage.await?, folder))
}

#[tokio::test]
async fn an_invitation_outlives_a_kill_right_after_it() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let mut known = Vec::new();
        for round in 0..4 {
            let process = Setting::default().start(folder.path()).await?;
            let mut anna = process.join("lobby", &format!("anna{round}"), "host").await?;
            let invited = anna.ok(invite("audience", 60)).await?;
            process.kill().await?;
            known.push(invited["jti"].as_str().context("an id")?.to_owned());
        }
        let process = Setting::default().start(folder.path()).await?;
        for jti in known {
            let path = process.path(&format!("audit?kind=seat.invited&jti={jti}"));
            let found = process.caller()?.get(200, "GET", &path, None).await?;
            let count = found["items"].as_array().map_or(0, Vec::len);
            ensure!(count == 1, "{jti} was answered and is not recorded");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_invitation_waits_for_the_store_and_nobody_waits_for_it() -> Result<()> {
    within(async {
        let (stage, folder) = lockable(30_000).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut carl = stage.join("lobby", "carl", "host").await?;
        let lock = Lock::on(folder.path()).await?;
        begin(&mut anna, invite("audience", 60), WAITS).await?;
        begin(&mut carl, invite("audience", 60), WAITS).await?;
        carl.ok(json!({"op": "leave"})).await?;
        carl.closed().await?;
        lock.release().await?;
        let invited = answer(&mut anna, WAITS).await?["ok"].take();
        let mut guest = stage.connect().await?;
        guest.log_in(invited["token"].as_str().context("a token")?).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_member_is_told_when_the_server_does_not_answer() -> Result<()> {
    within(async {
        let (stage, folder) = lockable(60_000).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let lock = Lock::on(folder.path()).await?;
        assert_eq!(anna.code(invite("audience", 60)).await?, "relay_unavailable");
        lock.release().await
    })
    .await
}

#[tokio::test]
async fn a_locked_store_mints_for_no_guest() -> Result<()> {
    within(async {
        let (stage, folder) = lockable(200).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let lock = Lock::on(folder.path()).await?;
        assert_eq!(anna.code(invite("audience", 60)).await?, "store_unavailable");
        lock.release().await?;
        while stage.running.server.ready().await.is_err() {
            tokio::task::yield_now().await;
        }
        anna.ok(invite("audience", 60)).await?;
        let backend = stage.backend(&[Scope::AppsAdmin]).await?;
        let path = format!("/v1/apps/{}/audit?kind=seat.invited", stage.app);
        let recorded = backend.get(200, "GET", &path, None).await?;
        assert_eq!(recorded["items"].as_array().map(Vec::len), Some(1), "{recorded}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_guests_lifetime_is_bounded_by_the_app() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let app = format!("/v1/apps/{}", stage.app);
        let lives = json!({"ttl_s_default": 30, "ttl_s_max": 60});
        backend.get(200, "PATCH", &app, Some(&lives)).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let refused = anna.ask(invite("audience", 61)).await?;
        assert_eq!(refused["error"]["code"], "request_invalid", "{refused}");
        assert_eq!(refused["error"]["field"], "ttl_s", "{refused}");
        let invited = anna.ok(invite("audience", 60)).await?;
        let claims = claims_of(&stage, &invited)?;
        assert_eq!((claims.exp - claims.iat, &*claims.role), (60, "audience"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_ban_of_a_room_or_a_role_covers_guests() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let path = format!("/v1/apps/{}/revocations", stage.app);
        let target = |more: Value| json!({"target": more, "ban": true});
        let ban = target(json!({"room_role": {"room": "lobby", "role": "audience"}}));
        backend.get(201, "POST", &path, Some(&ban)).await?;
        assert_eq!(anna.code(invite("audience", 60)).await?, "invite_denied");
        anna.ok(invite("speaker", 60)).await?;
        let ban = target(json!({"role": "speaker"}));
        backend.get(201, "POST", &path, Some(&ban)).await?;
        assert_eq!(anna.code(invite("speaker", 60)).await?, "invite_denied");
        anna.ok(invite("cohost", 60)).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_member_whose_token_is_revoked_invites_nobody() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let path = format!("/v1/apps/{}/revocations", stage.app);
        for (user, how) in [
            ("anna", json!({"user": "anna"})),
            ("ben", json!({"jti": stage.claims("lobby", "ben", "host")?.jti})),
        ] {
            let mut member = stage.join("lobby", user, "host").await?;
            member.ok(invite("audience", 60)).await?;
            let revocation = json!({"target": how, "margin_s": 60});
            backend.get(201, "POST", &path, Some(&revocation)).await?;
            member.event("token_revoked").await?;
            assert_eq!(member.code(invite("audience", 60)).await?, "invite_denied", "{user}");
            let mut claims = stage.claims("lobby", user, "host")?;
            (claims.jti, claims.iat) = (format!("next-{user}"), now_s());
            claims.generation = Some(u64::from(u32::MAX));
            member.ok(json!({"op": "renew", "token": mint(&claims, &stage.key)?})).await?;
            member.ok(invite("audience", 60)).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_guest_is_not_hit_by_what_was_revoked_before() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let path = format!("/v1/apps/{}/revocations", stage.app);
        let all = json!({"target": {"role": "audience"}});
        let invited = anna.ok(invite("audience", 60)).await?;
        backend.get(201, "POST", &path, Some(&all)).await?;
        let token = |invited: &Value| json!({"op": "login", "token": invited["token"]});
        assert_eq!(stage.connect().await?.code(token(&invited)).await?, "token_revoked");
        let invited = anna.ok(invite("audience", 60)).await?;
        stage.connect().await?.ok(token(&invited)).await?;
        Ok(())
    })
    .await
}

/// Sends many at once, then reads the answers.
async fn invites(mut member: Member, count: u64) -> Result<(Member, usize)> {
    for id in 0..count {
        let mut request = invite("audience", 60);
        request["id"] = (WAITS + id).into();
        member.say(tokio_tungstenite::tungstenite::Message::text(request.to_string())).await?;
    }
    let mut tokens = std::collections::HashSet::new();
    for id in 0..count {
        let invited = answer(&mut member, WAITS + id).await?;
        let token = invited["ok"]["token"].as_str().with_context(|| format!("{invited}"))?;
        tokens.insert(token.to_owned());
    }
    Ok((member, tokens.len()))
}

#[tokio::test]
async fn many_invitations_at_once_are_each_answered() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut all = Vec::new();
        for number in 0..5 {
            let member = stage.join("lobby", &format!("host{number}"), "host").await?;
            all.push(tokio::spawn(invites(member, 100)));
        }
        let mut members = Vec::new();
        for done in all {
            let (member, tokens) = done.await??;
            assert_eq!(tokens, 100);
            members.push(member);
        }
        let backend = stage.backend(&[Scope::AppsAdmin]).await?;
        let path = format!("/v1/apps/{}/audit?kind=seat.invited&limit=200", stage.app);
        let recorded = backend.get(200, "GET", &path, None).await?;
        assert_eq!(recorded["items"].as_array().map(Vec::len), Some(200));
        Ok(())
    })
    .await
}
