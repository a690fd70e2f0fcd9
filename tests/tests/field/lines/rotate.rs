//! Rotation: one winner, exact times, and keys that retire by themselves.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::Stage;
use tokio::time::{Instant, sleep};

use super::{Keys, text, within};

const LEEWAY_S: u64 = 10;
const DAY_S: u64 = 86_400;

#[tokio::test]
async fn the_list_says_when_a_key_came_into_each_state() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let old = keys.stage.key.kid().to_owned();
        let first = keys.listed(&old).await?;
        assert_eq!((&first["line"], &first["alg"]), (&json!("main"), &json!("HS256")));
        assert_eq!(first["current_ms"], first["created_ms"]);
        assert_eq!((&first["retiring_ms"], &first["retires_at"]), (&Value::Null, &Value::Null));
        let next = keys.make(json!({})).await?;
        assert_eq!(keys.listed(text(&next, "kid")?).await?["current_ms"], Value::Null);
        let before_ms = keys.now_ms();
        let rotated = keys.rotate(json!({})).await?;
        let after_ms = keys.now_ms();
        let retiring = keys.listed(&old).await?;
        let at_ms = retiring["retiring_ms"].as_u64().context("a time")?;
        assert!((before_ms..=after_ms).contains(&at_ms));
        let retires_at = at_ms / 1_000 + DAY_S + LEEWAY_S;
        assert_eq!(
            (&retiring["retires_at"], &rotated["retires_at"]),
            (&json!(retires_at), &json!(retires_at))
        );
        let current = keys.listed(text(&next, "kid")?).await?;
        assert_eq!(current["current_ms"], retiring["retiring_ms"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_shortened_life_cuts_off_no_token_from_before() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let app = format!("/v1/apps/{}", keys.stage.app);
        let before_s = keys.now_ms() / 1_000;
        let short = json!({"ttl_s_default": 60, "ttl_s_max": 60});
        keys.operator.get(200, "PATCH", &app, Some(&short)).await?;
        let rotated = keys.rotate(json!({})).await?;
        let retires_at = rotated["retires_at"].as_u64().context("a time")?;
        assert!(retires_at >= before_s + DAY_S + LEEWAY_S, "a token for a day lives still");
        keys.put(2 * DAY_S as i64 * 1_000);
        let now_s = keys.now_ms() / 1_000;
        let rotated = keys.rotate(json!({})).await?;
        let retires_at = rotated["retires_at"].as_u64().context("a time")?;
        assert!((now_s + 60 + LEEWAY_S..now_s + 80).contains(&retires_at), "none lives now");
        Ok(())
    })
    .await
}

/// Waits until a key has a state; returns the wall clock's time then.
async fn until(keys: &Keys, kid: &str, state: &str) -> Result<u64> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let seen = keys.state(kid).await?;
        if seen == state {
            return Ok(keys.now_ms());
        }
        anyhow::ensure!(Instant::now() < end, "{kid} is {seen}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn keys_retire_to_the_second_by_the_wall_clock() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let old = keys.stage.key.clone();
        let rotated = keys.rotate(json!({})).await?;
        let retires_ms = 1_000 * rotated["retires_at"].as_u64().context("a time")?;
        let token = keys.token(&old)?;
        // The clock jumps to two seconds before.
        keys.put(i64::try_from(retires_ms - keys.now_ms())? - 2_000);
        assert_eq!(keys.state(old.kid()).await?, "retiring");
        let seen_ms = until(&keys, old.kid(), "retired").await?;
        assert!(seen_ms >= retires_ms, "not before");
        assert!(seen_ms < retires_ms + 1_000, "{} ms late", seen_ms - retires_ms);
        assert_eq!(keys.log_in(&token).await?, "token_invalid");
        let path = format!("/v1/apps/{}/audit?kind=key.retire", keys.stage.app);
        let records = keys.operator.records(&path, 1).await?;
        let detail = text(&records[0], "detail")?;
        assert!(detail.contains(old.kid()) && detail.contains("due"), "{detail}");
        assert_eq!(records[0]["actor_kind"], "system");
        // The newer one, rotated now, has its own time.
        let second = keys.rotate(json!({})).await?;
        keys.put(1_000 * (DAY_S + LEEWAY_S + 1) as i64);
        until(&keys, text(&second, "retiring")?, "retired").await?;
        assert_eq!(keys.state(text(&second, "current")?).await?, "current");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_clock_that_steps_back_retires_nothing_early() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let old = keys.stage.key.kid().to_owned();
        let rotated = keys.rotate(json!({})).await?;
        let retires_ms = 1_000 * rotated["retires_at"].as_u64().context("a time")?;
        keys.put(i64::try_from(retires_ms - keys.now_ms())? - 1_500);
        keys.put(-3_600_000);
        sleep(Duration::from_millis(2_500)).await;
        assert_eq!(keys.state(&old).await?, "retiring");
        keys.put(3_600_000);
        until(&keys, &old, "retired").await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_rotations_are_done_one_by_one_or_refused() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.server.rate_per_s = 1_000_000;
            config.server.rate_burst = 1_000_000;
            config.server.keys_per_app_max = 1_000;
        });
        let keys = Keys::of(stage.await?).await?;
        for line in ["main", "a"] {
            if line != "main" {
                keys.make(json!({ "line": line })).await?;
            }
            let before = keys.list().await?.len();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..100 {
                let (caller, path) = (keys.operator.clone(), format!("{}/rotate", keys.path));
                tasks.spawn(async move {
                    caller.ask("POST", &path, Some(&json!({"line": line}))).await
                });
            }
            let mut retired = Vec::new();
            while let Some(answer) = tasks.join_next().await {
                let answer = answer??;
                match answer.problem() {
                    (200, _) => retired.push(text(&answer.body, "retiring")?.to_owned()),
                    problem => assert_eq!(problem, (409, "key_busy")),
                }
            }
            let won = retired.len();
            retired.sort();
            retired.dedup();
            assert_eq!(retired.len(), won, "no key was rotated twice");
            let after = keys.list().await?;
            assert_eq!(after.len(), before + won);
            let current =
                after.iter().filter(|key| key["line"] == line && key["state"] == "current");
            assert_eq!((won > 0, current.count()), (true, 1));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_line_goes_from_hs256_to_eddsa_and_back() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let hs256 = keys.minted().await?;
        let rotated = keys.rotate(json!({"alg": "EdDSA"})).await?;
        let created = &rotated["created"];
        assert_eq!((&created["alg"], &created["secret"]), (&json!("EdDSA"), &Value::Null));
        assert_eq!(created["private_jwk"]["x"], created["public_jwk"]["x"]);
        let offline = keys.token(&keys.key_of(created)?)?;
        let (minted, again) = (keys.minted().await?, keys.rotate(json!({})).await?);
        assert_eq!(again["created"]["alg"], "EdDSA", "as before, unless asked otherwise");
        keys.make(json!({"alg": "HS256"})).await?;
        let other = keys.ask("POST", "/rotate", json!({"alg": "EdDSA"})).await?;
        assert_eq!(other.problem(), (409, "next_key_exists"));
        keys.rotate(json!({"alg": "HS256"})).await?;
        for token in [hs256, offline, minted, keys.minted().await?] {
            assert_eq!(keys.log_in(&token).await?, "ok");
        }
        Ok(())
    })
    .await
}
