//! The audit trail's chain is whole whenever the process ends.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_server::verify_trail;
use stagedoor_trail::{ChainId, Checkpoint, Report};
use tokio::time::{sleep, timeout};

use super::child::{Process, Setting};

const KILLS: u64 = 50;
const TIME_LIMIT: Duration = Duration::from_secs(170);

/// Mints until the process is gone; counts what was answered.
async fn mint(process: &Process, minted: Arc<AtomicU64>) -> Result<()> {
    let (caller, path) = (process.caller()?, process.path("tokens"));
    tokio::spawn(async move {
        let claims = json!({"room": "lobby", "user": "anna", "role": "audience"});
        while caller.get(201, "POST", &path, Some(&claims)).await.is_ok() {
            minted.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Members log in and leave until the process is gone.
async fn log_in(process: &Process, user: &'static str) -> Result<()> {
    let token = process.mint(json!({"room": "lobby", "user": user, "role": "audience"})).await?;
    let to = process.caller()?.to;
    tokio::spawn(async move {
        loop {
            let Ok(mut member) = stagedoor_tests::Member::connect(to).await else { return };
            if member.log_in(&token).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}

async fn whole(data: &Path) -> Result<Report> {
    let report = verify_trail(data, None, &[]).await?;
    ensure!(report.is_whole(), "{:?}", report.faults);
    Ok(report)
}

/// The last checkpoint in the log.
fn logged(process: &Process) -> Result<Value> {
    let log = process.logged()?;
    let line = log.lines().rfind(|line| line.contains("audit checkpoint"));
    Ok(serde_json::from_str(line.context("no checkpoint was logged")?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_is_whole_after_each_of_50_kills_under_load() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let minted = Arc::<AtomicU64>::default();
        let random = RandomState::new();
        let mut checkpoints = 0;
        for kill in 0..KILLS {
            let process = Setting::default().start(folder.path()).await?;
            for user in ["anna", "ben"] {
                log_in(&process, user).await?;
                mint(&process, minted.clone()).await?;
            }
            sleep(Duration::from_millis(random.hash_one(kill) % 400)).await;
            process.kill().await?;
            let report = whole(folder.path()).await.with_context(|| format!("kill {kill}"))?;
            ensure!(report.checkpoints >= checkpoints, "a checkpoint is gone");
            checkpoints = report.checkpoints;
        }
        ensure!(checkpoints > KILLS / 2, "each start signs what the last one left: {checkpoints}");
        let report = whole(folder.path()).await?;
        ensure!(report.records > minted.load(Ordering::Relaxed), "{report:?}");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_signs_the_whole_trail() -> Result<()> {
    let run = async {
        let folder = tempfile::tempdir()?;
        let setting = Setting::default()
            .with("STAGEDOOR_LOG__FORMAT", "json")
            .with("STAGEDOOR_LOG__LEVEL", "info")
            .with("STAGEDOOR_SERVER__AUDIT_PEER", "prefix");
        let process = setting.start(folder.path()).await?;
        for _ in 0..20 {
            process.mint(json!({"room": "lobby", "user": "anna", "role": "audience"})).await?;
        }
        let process = process.stop().await?;
        let report = whole(folder.path()).await?;
        let said = logged(&process)?;
        let fields = said.get("fields").unwrap_or(&said);
        let text = |name: &str| fields[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(fields["last"].as_i64(), Some(report.last), "{said}");
        let witness = Checkpoint {
            chain: ChainId::of_hex(&text("chain")).context("a chain")?,
            last: report.last,
            link: report.link.context("a link")?,
            at_ms: fields["at_ms"].as_i64().context("a time")?,
            kid: text("kid"),
            signature: text("signature"),
        };
        assert_eq!(witness.link.to_string(), text("link"));
        let verified = verify_trail(folder.path(), None, &[witness]).await?;
        assert_eq!((&verified.faults, verified.checkpoints), (&vec![], report.checkpoints + 1));
        let process = setting.start(folder.path()).await?;
        let path = process.path("audit?kind=token.mint&limit=1");
        let mints = process.caller()?.get(200, "GET", &path, None).await?;
        assert_eq!(mints["items"][0]["peer"], "127.0.0.0/24");
        Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
