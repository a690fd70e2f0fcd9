//! The wall clock jumps: seats follow it, and nothing is erased because of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Member, member::PATIENCE, stage::now_s};
use tokio::time::{sleep, timeout};

use super::child::{Process, WallClock};

const TIME_LIMIT: Duration = Duration::from_secs(60);
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 24 * HOUR_S;

/// Polls the metrics until the condition holds.
async fn metric(process: &Process, line: &str) -> Result<()> {
    let wait = async {
        while !process.metrics().await?.lines().any(|found| found == line) {
            sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, wait).await.with_context(|| format!("no metric {line}"))?
}

async fn jumped(process: &Process, times: u32) -> Result<()> {
    metric(process, &format!("stagedoor_relay_clock_jumps_total {times}")).await
}

async fn revoke(process: &Process, asked: Value) -> Result<()> {
    let path = process.path("revocations");
    process.caller()?.get(201, "POST", &path, Some(&asked)).await.map(drop)
}

async fn listed(process: &Process) -> Result<usize> {
    let page = process.caller()?.get(200, "GET", &process.path("revocations"), None).await?;
    Ok(page["items"].as_array().context("a list")?.len())
}

async fn code(process: &Process, token: &str) -> Result<String> {
    let answer = process.connect().await?.ask(json!({"op": "login", "token": token})).await?;
    Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
}

/// Sends requests all the time, until it is closed.
async fn talks(mut member: Member) -> Result<String> {
    loop {
        match member.ask(json!({"op": "unask"})).await {
            Ok(_) => sleep(Duration::from_millis(20)).await,
            Err(_) => return Ok(member.closed().await?.reason),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_seat_still_follows_the_wall_clock() -> Result<()> {
    let run = async {
        let (mut wall_clock, folder) = (WallClock::new()?, tempfile::tempdir()?);
        let ping_interval_ms = 1_000;
        let setting = wall_clock.setting();
        let setting = setting.with("STAGEDOOR_RELAY__LIMITS__PING_INTERVAL_MS", ping_interval_ms);
        let process = setting.start(folder.path()).await?;
        let talking = process.join("lobby", "anna", "host").await?;
        let mut silent = process.join("lobby", "ben", "host").await?;
        let talking = tokio::spawn(talks(talking));
        wall_clock.set(2 * HOUR_S)?;
        // The interval and a second, as promised, and as much again for a slow machine.
        let within = Duration::from_millis(2 * (ping_interval_ms + 1_000));
        let ended = timeout(within, talking).await.context("it talks on")???;
        assert_eq!(ended, "token_expired");
        let ended = timeout(within, silent.closed()).await.context("it sits on")??;
        assert_eq!(ended.reason, "token_expired");

        let back = process.mint(json!({"room": "r", "user": "u", "role": "host"})).await?;
        wall_clock.set(0)?;
        jumped(&process, 2).await?;
        assert_eq!(code(&process, &back).await?, "token_not_yet_valid");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_jump_by_days_erases_nothing() -> Result<()> {
    let run = async {
        let (mut wall_clock, folder) = (WallClock::new()?, tempfile::tempdir()?);
        let setting = wall_clock.setting().with("STAGEDOOR_SERVER__REVOCATION_PRUNE_INTERVAL_S", 1);
        let process = setting.start(folder.path()).await?;
        let mint =
            |user: &'static str| process.mint(json!({"room": "r", "user": user, "role": "host"}));
        let (anna, ben) = (mint("anna").await?, mint("ben").await?);
        revoke(&process, json!({"target": {"user": "anna"}})).await?;
        let hour = now_s() + HOUR_S as u64;
        let ban = json!({"target": {"user": "ben"}, "ban": true, "ends_at": hour});
        revoke(&process, ban).await?;
        let (caller, path) = (process.caller()?, process.path("keys"));
        let create = || caller.ask_with("POST", &path, "Idempotency-Key: once\r\n", None);
        let first = create().await?;
        ensure!(first.status == 201, "{}", first.body);

        for (nth, ahead_s) in [(0, 2 * HOUR_S), (1, 2 * DAY_S), (2, 100 * DAY_S)] {
            wall_clock.set(ahead_s)?;
            // Several times the interval for deleting what has expired.
            sleep(Duration::from_secs(4)).await;
            wall_clock.set(0)?;
            assert_eq!(listed(&process).await?, 2, "after {ahead_s} s ahead");
            assert_eq!(code(&process, &anna).await?, "token_revoked");
            assert_eq!(code(&process, &ben).await?, "banned");
            let again = create().await?;
            assert_eq!(again.field("idempotency-replayed"), Some("true"), "{}", again.body);
            jumped(&process, 2 * (nth + 1)).await?;
        }
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_a_clock_far_ahead_erases_nothing() -> Result<()> {
    let run = async {
        let (mut wall_clock, folder) = (WallClock::new()?, tempfile::tempdir()?);
        let setting = wall_clock.setting().with("STAGEDOOR_SERVER__REVOCATION_PRUNE_INTERVAL_S", 1);
        let process = setting.start(folder.path()).await?;
        let anna = process.mint(json!({"room": "r", "user": "anna", "role": "host"})).await?;
        revoke(&process, json!({"target": {"user": "anna"}})).await?;
        process.kill().await?;
        // Twice, because the first leaves records from a time that never was.
        for _ in 0..2 {
            wall_clock.set(100 * DAY_S)?;
            let process = setting.start(folder.path()).await?;
            let mints = process.path("audit?kind=token.mint&user=anna");
            sleep(Duration::from_secs(3)).await;
            assert_eq!(process.caller()?.records(&mints, 1).await?.len(), 1);
            process.mint(json!({"room": "r", "user": "ben", "role": "host"})).await?;
            wall_clock.set(0)?;
            jumped(&process, 1).await?;
            assert_eq!(code(&process, &anna).await?, "token_revoked", "known to the doors again");
            process.kill().await?;
        }
        wall_clock.set(0)?;
        let process = setting.start(folder.path()).await?;
        assert_eq!(code(&process, &anna).await?, "token_revoked");
        assert_eq!(listed(&process).await?, 1);
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_entries_go_once_the_clock_has_settled() -> Result<()> {
    let run = async {
        let (mut wall_clock, folder) = (WallClock::new()?, tempfile::tempdir()?);
        let setting = wall_clock
            .setting()
            .with("STAGEDOOR_SERVER__REVOCATION_PRUNE_INTERVAL_S", 1)
            .with("STAGEDOOR_SERVER__CLOCK_SETTLE_S", 3);
        let process = setting.start(folder.path()).await?;
        revoke(&process, json!({"target": {"user": "anna"}})).await?;
        wall_clock.set(2 * DAY_S)?;
        jumped(&process, 1).await?;
        let recorded = r#"stagedoor_server_audit_records_total{kind="clock.jumped"} 1"#;
        metric(&process, recorded).await?;
        let logged = process.logged()?;
        ensure!(logged.contains("WARN") && logged.contains("the wall clock jumped"), "{logged}");
        // The list hides what has expired; whether it was deleted is seen when the clock is back.
        sleep(Duration::from_secs(6)).await;
        wall_clock.set(0)?;
        jumped(&process, 2).await?;
        assert_eq!(listed(&process).await?, 0, "it stood there for longer than clock_settle_s");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
