//! Lines of keys across restarts, locked stores and clocks of their own process.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::child::{Lock, Process, Setting, WallClock};

const TIME_LIMIT: Duration = Duration::from_secs(90);
const DAY_AND_LEEWAY_S: i64 = 86_410;

async fn keys(process: &Process) -> Result<Vec<Value>> {
    let keys = process.caller()?.get(200, "GET", &process.path("keys"), None).await?;
    Ok(keys["items"].as_array().context("keys")?.clone())
}

async fn state(process: &Process, kid: &str) -> Result<String> {
    let found = keys(process).await?.into_iter().find(|key| key["kid"] == kid);
    let found = found.context("the key is listed")?;
    Ok(found["state"].as_str().context("a state")?.to_owned())
}

async fn rotate(process: &Process) -> Result<Value> {
    process.caller()?.get(200, "POST", &process.path("keys/rotate"), None).await
}

async fn until_retired(process: &Process, kid: &str, within: Duration) -> Result<()> {
    let end = Instant::now() + within;
    while state(process, kid).await? != "retired" {
        ensure!(Instant::now() < end, "{kid} is not retired");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_no_key_that_is_to_retire() -> Result<()> {
    let run = async {
        let (mut wall_clock, folder) = (WallClock::new()?, tempfile::tempdir()?);
        let process = wall_clock.setting().start(folder.path()).await?;
        let first = rotate(&process).await?["retiring"].as_str().context("a kid")?.to_owned();
        process.kill().await?;
        let process = wall_clock.setting().start(folder.path()).await?;
        assert_eq!(state(&process, &first).await?, "retiring");
        wall_clock.set(DAY_AND_LEEWAY_S - 30)?;
        let second = rotate(&process).await?["retiring"].as_str().context("a kid")?.to_owned();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(state(&process, &first).await?, "retiring", "not before its time");
        wall_clock.set(DAY_AND_LEEWAY_S)?;
        until_retired(&process, &first, Duration::from_secs(2)).await?;
        assert_eq!(state(&process, &second).await?, "retiring");
        process.kill().await?;
        // Its time comes while nothing runs.
        wall_clock.set(2 * DAY_AND_LEEWAY_S)?;
        let process = wall_clock.setting().start(folder.path()).await?;
        until_retired(&process, &second, Duration::from_secs(5)).await?;
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_rotations_at_once_one_wins() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let setting = Setting::default().with("STAGEDOOR_SERVER__STORE_WAIT_MS", 60_000);
        let process = setting.start(folder.path()).await?;
        for round in 1..=3 {
            // The use of the credential is noted before the store is locked.
            keys(&process).await?;
            // The first waits for the store, so that all are under way together.
            let lock = Lock::on(folder.path()).await?;
            let mut tasks = JoinSet::new();
            for _ in 0..100 {
                let (caller, path) = (process.caller()?, process.path("keys/rotate"));
                tasks.spawn(async move { caller.ask("POST", &path, None).await });
            }
            for _ in 0..99 {
                let answer = tasks.join_next().await.context("an answer")???;
                assert_eq!(answer.problem(), (409, "key_busy"));
            }
            lock.release().await?;
            let winner = tasks.join_next().await.context("an answer")???;
            assert_eq!(winner.status, 200, "{}", winner.body);
            let keys = keys(&process).await?;
            assert_eq!(keys.len(), round + 1, "one rotation");
            let current = keys.iter().filter(|key| key["state"] == "current");
            assert_eq!(current.count(), 1);
        }
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
