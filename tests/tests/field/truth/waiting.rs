//! What happens between an act and its being stored: the store is blocked for a moment, and others continue.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage};
use stagedoor_token::{Claims, mint};
use stagedoor_wire::limits::Limits;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::child::Lock;

const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The `id` of a request that waits.
const WAITS: u64 = 1_001;

struct Scene {
    stage: Stage,
    folder: TempDir,
}

impl Scene {
    async fn set(change: impl FnOnce(&mut Limits)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let stage = Self::stage(folder.path(), change).await?;
        Ok(Self { stage, folder })
    }

    async fn stage(folder: &Path, change: impl FnOnce(&mut Limits)) -> Result<Stage> {
        let configured = Stage::configured(|config| {
            config.server.data_dir = folder.to_owned();
            change(&mut config.relay.limits);
        });
        configured.await
    }

    async fn lock(&self) -> Result<Lock> {
        Lock::on(self.folder.path()).await
    }

    fn token(&self, user: &str, change: impl FnOnce(&mut Claims)) -> Result<String> {
        let mut claims = self.stage.claims("lobby", user, "speaker")?;
        change(&mut claims);
        Ok(mint(&claims, &self.stage.key)?)
    }

    fn once(&self, user: &str, jti: &str) -> Result<String> {
        self.token(user, |claims| (claims.once, claims.jti) = (true, jti.into()))
    }

    async fn join(&self, user: &str, token: &str) -> Result<Member> {
        let mut member = self.stage.connect().await?;
        member.log_in(token).await.context(user.to_owned())?;
        Ok(member)
    }

    async fn code(&self, token: &str) -> Result<String> {
        let answer =
            self.stage.connect().await?.ask(json!({"op": "login", "token": token})).await?;
        Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
    }
}

/// Sends a request that waits: it is in progress when this returns, and holds up no later request.
pub(super) async fn begin(member: &mut Member, mut request: Value, id: u64) -> Result<()> {
    request["id"] = id.into();
    member.say(Message::text(request.to_string())).await?;
    member.ok(json!({"op": "ping"})).await?;
    let is_answer = |heard: &Heard| matches!(heard, Heard::Control(value) if value["re"] == id);
    ensure!(!member.unheard().any(is_answer), "it did not wait");
    Ok(())
}

pub(super) async fn answer(member: &mut Member, id: u64) -> Result<Value> {
    let found = member.find(|heard| matches!(heard, Heard::Control(value) if value["re"] == id));
    match found.await? {
        Heard::Control(value) => Ok(value),
        Heard::Frame(..) => anyhow::bail!("an answer was found"),
    }
}

fn kick(user: &str) -> Value {
    json!({"op": "moderate", "verb": "kick", "user": user})
}

pub(super) async fn within(run: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn two_kicks_of_one_target_are_both_done() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let mut anna = scene.stage.join("lobby", "anna", "host").await?;
        let mut carl = scene.stage.join("lobby", "carl", "host").await?;
        let token = scene.token("ben", |_| {})?;
        let mut ben = scene.join("ben", &token).await?;
        let lock = scene.lock().await?;
        begin(&mut anna, kick("ben"), WAITS).await?;
        begin(&mut carl, kick("ben"), WAITS).await?;
        ben.ok(json!({"op": "ping"})).await.context("he sits until it is stored")?;
        assert_eq!(scene.code(&token).await?, "token_revoked", "and does not come again");
        lock.release().await?;
        assert!(answer(&mut anna, WAITS).await?["ok"].is_object());
        assert!(answer(&mut carl, WAITS).await?["ok"].is_object());
        assert_eq!(ben.closed().await?.reason, "kicked");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kick_is_done_even_if_somebody_leaves_meanwhile() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        for leaver in ["anna", "ben"] {
            let mut anna = scene.stage.join("lobby", "anna", "host").await?;
            let token = scene.token("ben", |claims| claims.jti = format!("t-{leaver}"))?;
            let mut ben = scene.join("ben", &token).await?;
            let lock = scene.lock().await?;
            begin(&mut anna, kick("ben"), WAITS).await?;
            let gone = if leaver == "anna" { &mut anna } else { &mut ben };
            gone.ok(json!({"op": "leave"})).await?;
            gone.closed().await?;
            lock.release().await?;
            if leaver == "anna" {
                assert_eq!(ben.closed().await?.reason, "kicked");
            } else {
                assert!(answer(&mut anna, WAITS).await?["ok"].is_object());
            }
            assert_eq!(scene.code(&token).await?, "token_revoked", "{leaver} left");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kick_covers_a_token_renewed_meanwhile() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let mut anna = scene.stage.join("lobby", "anna", "host").await?;
        let tokens =
            ["first", "second"].map(|jti| scene.token("ben", |claims| claims.jti = jti.into()));
        let [first, second] = tokens;
        let (first, second) = (first?, second?);
        let mut ben = scene.join("ben", &first).await?;
        let lock = scene.lock().await?;
        begin(&mut anna, kick("ben"), WAITS).await?;
        ben.ok(json!({"op": "renew", "token": second})).await?;
        lock.release().await?;
        assert!(answer(&mut anna, WAITS).await?["ok"].is_object());
        assert_eq!(ben.closed().await?.reason, "kicked");
        assert_eq!(scene.code(&first).await?, "token_revoked");
        assert_eq!(scene.code(&second).await?, "token_revoked");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_ticket_used_meanwhile_does_not_escape_a_kick() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let mut anna = scene.stage.join("lobby", "anna", "host").await?;
        let mut ben = scene.stage.connect().await?;
        let ticket = ben.log_in(&scene.once("ben", "o")?).await?["ticket"].clone();
        let lock = scene.lock().await?;
        begin(&mut anna, kick("ben"), WAITS).await?;
        let mut again = scene.stage.connect().await?;
        let seat = again.ok(json!({"op": "login", "ticket": ticket})).await?;
        assert_eq!(ben.closed().await?.reason, "replaced");
        lock.release().await?;
        assert!(answer(&mut anna, WAITS).await?["ok"].is_object());
        assert_eq!(again.closed().await?.reason, "kicked");
        let late = json!({"op": "login", "ticket": seat["ticket"]});
        assert_eq!(scene.stage.connect().await?.code(late).await?, "ticket_unknown");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_ban_holds_while_being_stored_and_not_after_failing() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let mut anna = scene.stage.join("lobby", "anna", "host").await?;
        let mut ben = scene.stage.join("lobby", "ben", "speaker").await?;
        let another = scene.token("ben", |claims| claims.jti = "another".into())?;
        let lock = scene.lock().await?;
        let ban = json!({"op": "moderate", "verb": "ban", "user": "ben"});
        begin(&mut anna, ban, WAITS).await?;
        assert_eq!(scene.code(&another).await?, "banned");
        assert_eq!(answer(&mut anna, WAITS).await?["error"]["code"], "store_unavailable");
        ben.ok(json!({"op": "ping"})).await?;
        assert_eq!(scene.code(&another).await?, "ok");
        lock.release().await
    })
    .await
}

#[tokio::test]
async fn requests_behind_a_waiting_login_follow_it() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let token = scene.once("ben", "o")?;
        let mut ben = scene.stage.connect().await?;
        let mut late = scene.stage.connect().await?;
        let lock = scene.lock().await?;
        // More than a reading takes, so that some of it lies in each place on the way.
        let filler = "x".repeat(8_000);
        let mut ids = vec![1];
        let login = json!({"op": "login", "id": 1, "token": token});
        ben.say(Message::text(login.to_string())).await?;
        for id in 2..=20 {
            let send = json!({"op": "send", "id": id, "to": "room", "data": filler});
            ben.say(Message::text(send.to_string())).await?;
            ids.push(id);
        }
        // The second one finds it used, before that is stored.
        assert_eq!(late.code(json!({"op": "login", "token": token})).await?, "token_revoked");
        assert_eq!(ben.unheard().count(), 0);
        lock.release().await?;
        let mut answered = Vec::new();
        while answered.len() < ids.len() {
            if let Heard::Control(value) = ben.hear().await?.context("answers")? {
                answered.extend(value["re"].as_u64());
                assert!(value.get("error").is_none(), "{value}");
            }
        }
        assert_eq!(answered, ids);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_aborted_login_does_not_use_up_its_token() -> Result<()> {
    within(async {
        let scene = Scene::set(|limits| {
            limits.login_timeout_ms = 400;
            // It is asked often until it is good again.
            limits.logins_burst = 1_000_000;
        })
        .await?;
        let token = scene.once("ben", "o")?;
        let mut ben = scene.stage.connect().await?;
        let lock = scene.lock().await?;
        let login = json!({"op": "login", "id": 1, "token": token});
        ben.say(Message::text(login.to_string())).await?;
        assert_eq!(ben.closed().await?.reason, "login_timeout");
        assert_eq!(scene.code(&token).await?, "token_revoked", "it may yet be stored");
        lock.release().await?;
        while scene.code(&token).await? == "token_revoked" {}
        assert_eq!(scene.code(&token).await?, "token_revoked", "it was used by then");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_use_that_gets_no_seat_is_undone() -> Result<()> {
    within(async {
        let scene = Scene::set(|limits| limits.room_members_max = 2).await?;
        let _anna = scene.stage.join("lobby", "anna", "host").await?;
        let token = scene.once("ben", "o")?;
        let mut ben = scene.stage.connect().await?;
        let usual = scene.stage.token("lobby", "carl", "audience")?;
        let lock = scene.lock().await?;
        let login = json!({"op": "login", "id": 1, "token": token});
        ben.say(Message::text(login.to_string())).await?;
        assert_eq!(scene.code(&token).await?, "token_revoked", "it is under way");
        let mut carl = scene.join("carl", &usual).await?;
        lock.release().await?;
        assert_eq!(answer(&mut ben, 1).await?["error"]["code"], "room_full");
        carl.ok(json!({"op": "leave"})).await?;
        carl.closed().await?;
        while scene.stage.metric("stagedoor_relay_seats_taken").await? > 1 {}
        assert_eq!(scene.code(&token).await?, "ok", "as soon as that is said");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn renewals_are_executed_in_order() -> Result<()> {
    within(async {
        let scene = Scene::set(|_| {}).await?;
        let mut ben = scene.stage.join("lobby", "ben", "speaker").await?;
        let once = scene.once("ben", "o")?;
        let last = scene.token("ben", |claims| {
            claims.role = "audience".parse().expect("a role");
            (claims.jti, claims.exp) = ("last".into(), claims.exp + 60);
        })?;
        let lock = scene.lock().await?;
        begin(&mut ben, json!({"op": "renew", "token": once}), WAITS).await?;
        begin(&mut ben, json!({"op": "renew", "token": last}), WAITS + 1).await?;
        lock.release().await?;
        assert_eq!(answer(&mut ben, WAITS).await?["ok"]["role"], "speaker");
        assert_eq!(answer(&mut ben, WAITS + 1).await?["ok"]["role"], "audience");
        assert_eq!(scene.code(&once).await?, "token_revoked");
        assert_eq!(
            ben.code(json!({"op": "publish", "stream": "a", "kind": "data"})).await?,
            "publish_denied"
        );
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kick_during_shutdown_is_stored() -> Result<()> {
    within(async {
        let Scene { stage, folder } = Scene::set(|_| {}).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let token = stage.token("lobby", "ben", "speaker")?;
        let mut ben = stage.connect().await?;
        ben.log_in(&token).await?;
        let lock = Lock::on(folder.path()).await?;
        begin(&mut anna, kick("ben"), WAITS).await?;
        let stopping = tokio::spawn(stage.running.stop());
        assert_eq!(anna.closed().await?.reason, "closing");
        lock.release().await?;
        stopping.await?;
        let again = Scene { stage: Scene::stage(folder.path(), |_| {}).await?, folder };
        assert_eq!(again.code(&token).await?, "token_revoked");
        Ok(())
    })
    .await
}
