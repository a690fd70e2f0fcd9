//! Every line of an app is rotated again and again while members come and go and backends mint, and nobody notices.

use std::{
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member, Stage, stage::now_s};
use stagedoor_token::{Claims, Key, mint};
use tokio::{task::JoinSet, time::sleep};

use super::{Keys, text, within};

/// Members that log in, publish, renew and leave.
const MEMBERS: usize = 1_000;
/// Of these so many at a time.
const AT_ONCE: usize = 40;
/// How often each line is rotated meanwhile.
const ROTATIONS: usize = 20;
const LINES: [&str; 2] = ["main", "team"];

/// Four backends: two mint over the API, two sign themselves, each with the key of one line.
struct Backends {
    caller: Caller,
    app: String,
    claims: Claims,
    signing: [RwLock<Key>; 2],
    minted: AtomicUsize,
}

impl Backends {
    async fn token(&self, user: &str) -> Result<String> {
        let n = self.minted.fetch_add(1, Ordering::Relaxed);
        if let Some(key) = self.signing.get(n % 4) {
            let key = key.read().unwrap_or_else(PoisonError::into_inner).clone();
            let (user, jti, iat) = (user.to_owned(), format!("offline-{n}"), now_s());
            let claims = self.claims.clone();
            return Ok(mint(&Claims { user, jti, iat, nbf: iat, exp: iat + 600, ..claims }, &key)?);
        }
        let asked = json!({"room": self.claims.room, "user": user, "role": "host"});
        let path = format!("{}/tokens", self.app);
        let minted = self.caller.get(201, "POST", &path, Some(&asked)).await?;
        Ok(text(&minted, "token")?.to_owned())
    }
}

/// One member's life in the room.
async fn live(backends: &Backends, to: SocketAddr, n: usize) -> Result<()> {
    let user = format!("u{n}");
    let token = backends.token(&user).await?;
    let mut member = Member::connect(to).await?;
    member.log_in(&token).await?;
    let stream = member.publish(&format!("s-{n}"), json!({})).await?;
    member.frame(stream, true, b"before").await?;
    let token = backends.token(&user).await?;
    member.ok(json!({"op": "renew", "token": token})).await?;
    member.frame(stream, true, b"after").await?;
    member.ok(json!({"op": "ping"})).await?;
    Ok(())
}

/// Rotates a line, with and without a next key; its backend changes over a little later.
async fn turn(keys: &Keys, backends: &Backends, line: usize, round: usize) -> Result<()> {
    let alg = if round.is_multiple_of(2) { "EdDSA" } else { "HS256" };
    let asked = json!({"line": LINES[line], "alg": alg});
    let key = if round.is_multiple_of(3) {
        let rotated = keys.rotate(asked).await?;
        keys.key_of(&rotated["created"])?
    } else {
        let next = keys.make(asked).await?;
        let rotated = keys.rotate(json!({"line": LINES[line]})).await?;
        ensure!(rotated["current"] == next["kid"], "{rotated}");
        keys.key_of(&next)?
    };
    sleep(Duration::from_millis(5)).await;
    *backends.signing[line].write().unwrap_or_else(PoisonError::into_inner) = key;
    Ok(())
}

/// A stage without rates, its app's keys, and the backends.
async fn stage() -> Result<(Keys, Arc<Backends>)> {
    let stage = Stage::configured(|config| {
        config.server.rate_per_s = 1_000_000;
        config.server.rate_burst = 1_000_000;
        config.relay.limits.address_logins_per_s = 1_000_000;
        config.relay.limits.address_logins_burst = 1_000_000;
    });
    let keys = Keys::of(stage.await?).await?;
    let team = keys.key_of(&keys.make(json!({"line": "team"})).await?)?;
    let backends = Arc::new(Backends {
        caller: keys.operator.clone(),
        app: format!("/v1/apps/{}", keys.stage.app),
        claims: keys.stage.claims("hall", "u", "host")?,
        signing: [RwLock::new(keys.stage.key.clone()), RwLock::new(team)],
        minted: AtomicUsize::new(0),
    });
    Ok((keys, backends))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_that_keys_are_rotated() -> Result<()> {
    within(async {
        let (keys, backends) = stage().await?;
        let (to, begun) = (keys.stage.running.http, Arc::new(AtomicUsize::new(0)));
        let mut lives = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (backends, begun) = (backends.clone(), begun.clone());
            lives.spawn(async move {
                loop {
                    let n = begun.fetch_add(1, Ordering::Relaxed);
                    if n >= MEMBERS {
                        return anyhow::Ok(());
                    }
                    live(&backends, to, n).await.with_context(|| format!("member {n}"))?;
                }
            });
        }
        for turns in 0..ROTATIONS * LINES.len() {
            // Spread over the whole time; the last before the last members come.
            while begun.load(Ordering::Relaxed) < turns * MEMBERS / (ROTATIONS * LINES.len() + 2) {
                sleep(Duration::from_millis(1)).await;
            }
            turn(&keys, &backends, turns % LINES.len(), turns / LINES.len()).await?;
        }
        let was_in_time = begun.load(Ordering::Relaxed) < MEMBERS;
        while let Some(life) = lives.join_next().await {
            life??;
        }
        assert!(was_in_time, "the members were gone before the last rotation");
        assert_eq!(keys.list().await?.len(), LINES.len() * (ROTATIONS + 1));
        let path = format!("/v1/apps/{}/audit?kind=door&limit=200", keys.stage.app);
        let doors = keys.operator.records(&path, 200).await?;
        assert!(doors.iter().all(|door: &Value| door["code"] == "ok"), "{doors:?}");
        Ok(())
    })
    .await
}
