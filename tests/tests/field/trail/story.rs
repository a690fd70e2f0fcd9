//! A room's story, in order and complete.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Member, Stage};
use stagedoor_token::mint;

use super::{all, counted, in_time, trail_of};

const ROOMS: usize = 4;
const ROUNDS: usize = 40;

/// What a room's records have reported so far.
#[derive(Default)]
struct Story {
    open: bool,
    seated: HashSet<String>,
    told: usize,
}

impl Story {
    fn next(&mut self, record: &Value) -> Result<()> {
        self.told += 1;
        let jti = || Ok::<_, anyhow::Error>(record["jti"].as_str().context("a jti")?.to_owned());
        match (record["kind"].as_str().context("a kind")?, record["code"] == "ok") {
            ("room.opened", _) => {
                ensure!(!self.open && self.seated.is_empty(), "opened twice: {record}");
                self.open = true;
            }
            ("room.closed", _) => {
                ensure!(self.open && self.seated.is_empty(), "closed with seats: {record}");
                self.open = false;
            }
            ("door", true) => {
                ensure!(self.open && self.seated.insert(jti()?), "seated twice: {record}");
            }
            ("seat.left", _) => {
                ensure!(self.open && self.seated.remove(&jti()?), "nobody left: {record}");
            }
            (kind, true) if kind.starts_with("moderate.") || kind.starts_with("seat.") => {
                ensure!(self.open, "in a closed room: {record}");
            }
            _ => {}
        }
        Ok(())
    }
}

async fn join(stage: &Stage, room: &str, user: &str) -> Result<Option<Member>> {
    let mut claims = stage.claims(room, user, "host")?;
    claims.jti = user.into();
    let mut member = stage.connect().await?;
    let login = json!({"op": "login", "token": mint(&claims, &stage.key)?});
    // A room that closes at the same time may remove it before it is answered.
    Ok(member.ask(login).await.ok().filter(|answer| answer["ok"].is_object()).map(|_| member))
}

/// One member joins and leaves, in one of the ways in which seats end.
async fn live(stage: &Stage, backend: &Caller, room: &str, worker: usize) -> Result<()> {
    for round in 0..ROUNDS {
        let user = format!("u-{room}-{worker}-{round}");
        let Some(mut member) = join(stage, room, &user).await? else { continue };
        let path = format!("/v1/apps/{}/rooms/{room}", stage.app);
        match (worker + round) % 5 {
            0 => drop(member.ask(json!({"op": "leave"})).await),
            1 => drop(member),
            2 => drop(backend.ask("POST", &format!("{path}/members/{user}/kick"), None).await?),
            3 => drop(backend.ask("DELETE", &path, None).await?),
            _ => drop(member.ask(json!({"op": "moderate", "verb": "close"})).await),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_room_tells_its_story_in_order() -> Result<()> {
    in_time(async {
        let stage = Stage::configured(|config| {
            config.server.audit_repeats_written = 1_000_000;
            config.relay.limits.address_logins_burst = 1_000_000;
        })
        .await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let lives = (0..ROOMS * 4).map(|worker| {
            let room = format!("r{}", worker % ROOMS);
            let (stage, backend) = (&stage, &backend);
            async move { live(stage, backend, &room, worker).await }
        });
        futures_util::future::try_join_all(lives).await?;
        // The last to join shows when everything before it is recorded.
        while stage.metric("stagedoor_relay_seats_taken").await? > 0 {
            tokio::task::yield_now().await;
        }
        drop(join(&stage, "last", "last").await?);
        counted(&backend, &trail_of(&stage, "room=last&kind=room.closed"), 1).await?;
        for room in 0..ROOMS {
            let mut story = Story::default();
            for record in all(&backend, &trail_of(&stage, &format!("room=r{room}"))).await? {
                story.next(&record)?;
            }
            ensure!(story.told > ROUNDS && !story.open, "r{room} told {}", story.told);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_refused_renewal_is_recorded_with_its_code() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mut elsewhere = stage.claims("backstage", "anna", "host")?;
        elsewhere.jti = "t-next".into();
        let renew = |token: String| json!({"op": "renew", "token": token});
        assert_eq!(anna.code(renew(mint(&elsewhere, &stage.key)?)).await?, "room_mismatch");
        assert_eq!(anna.code(renew("nonsense".into())).await?, "token_invalid");
        let refused = counted(&backend, &trail_of(&stage, "kind=seat.renew_refused"), 2).await?;
        let codes: Vec<&Value> = refused.iter().map(|record| &record["code"]).collect();
        assert_eq!(codes, ["room_mismatch", "token_malformed"]);
        for record in &refused {
            let peer = record["peer"].as_str().context("a peer")?;
            assert!(peer.starts_with("127.0.0.1:"), "{peer}");
            assert_eq!((&record["room"], &record["user"]), (&json!("lobby"), &json!("anna")));
            let jti = stage.claims("lobby", "anna", "host")?.jti;
            assert_eq!(record["jti"], *jti);
        }
        let detail = refused[0]["detail"].as_str().context("a detail")?;
        let (attempt, rest) = detail.split_once(' ').context("a number")?;
        assert!(attempt.starts_with("attempt=a_"), "{detail}");
        assert_eq!(rest, "new_jti=t-next");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_members_acts_are_recorded_with_its_address() -> Result<()> {
    in_time(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let _ben = stage.join("lobby", "ben", "audience").await?;
        let next = stage.token("lobby", "anna", "host")?;
        anna.ok(json!({"op": "renew", "token": next})).await?;
        let invite = json!({"op": "invite", "role": "audience", "ttl_s": 60});
        anna.ok(invite).await?;
        anna.ok(json!({"op": "moderate", "verb": "promote", "user": "ben", "role": "speaker"}))
            .await?;
        anna.ok(json!({"op": "moderate", "verb": "ban", "user": "ben"})).await?;
        anna.ok(json!({"op": "leave"})).await?;
        for kind in [
            "door",
            "seat.renewed",
            "seat.invited",
            "seat.role",
            "moderate.promote",
            "moderate.ban",
            "revocation.add",
            "seat.left",
        ] {
            let count = if matches!(kind, "door" | "seat.left") { 2 } else { 1 };
            let path = trail_of(&stage, &format!("kind={kind}"));
            for record in counted(&backend, &path, count).await? {
                let peer = record["peer"].as_str().unwrap_or("none");
                assert!(peer.starts_with("127.0.0.1:"), "{kind}: {peer}");
            }
        }
        Ok(())
    })
    .await
}
