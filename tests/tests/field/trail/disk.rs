//! A trail that cannot grow stops acts that must be recorded, and no seat.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage, member::PATIENCE};

use super::{all, counted, in_time, sum, trail_of};

/// A file system in memory, of which other programs use next to nothing.
const IN_MEMORY: &str = "/dev/shm";
const MIB: u64 = 1024 * 1024;

fn free_bytes(folder: &Path) -> Result<u64> {
    let found = rustix::fs::statvfs(folder)?;
    Ok(found.f_bavail * found.f_frsize)
}

/// Mints until the answer has this status.
async fn minted(stage: &Stage, caller: &Caller, status: u16) -> Result<()> {
    let mint = json!({"room": "lobby", "user": "anna", "role": "host"});
    let path = format!("/v1/apps/{}/tokens", stage.app);
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = caller.ask("POST", &path, Some(&mint)).await?;
        if answer.status == status {
            if status == 503 {
                assert_eq!(answer.problem(), (503, "store_unavailable"));
                answer.field("retry-after").context("a time to try again")?;
            }
            return Ok(());
        }
        let late = tokio::time::Instant::now() >= patience;
        anyhow::ensure!(!late, "{} {}", answer.head, answer.body);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_nearly_full_disk_stops_acts_but_no_seat() -> Result<()> {
    in_time(async {
        let folder = tempfile::tempdir_in(IN_MEMORY)?;
        let free = free_bytes(folder.path())?;
        let stage = Stage::configured(|config| {
            config.server.data_dir = folder.path().join("data");
            config.server.disk_free_bytes_min = free - 64 * MIB;
        })
        .await?;
        let backend = stage.backend(&Scope::ALL).await?;
        minted(&stage, &backend, 201).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        counted(&backend, &trail_of(&stage, "kind=door"), 1).await?;

        let filler = folder.path().join("filler");
        fs::write(&filler, vec![1; 128 * MIB as usize])?;
        minted(&stage, &backend, 503).await?;
        let name = json!({"name": "other"});
        let answer = stage.operator().ask("POST", "/v1/apps", Some(&name)).await?;
        assert_eq!(answer.problem(), (503, "store_unavailable"));
        for number in 0..20 {
            let ben = stage.join("lobby", &format!("ben{number}"), "audience").await?;
            drop(ben);
        }
        anna.publish("camera", json!({})).await?;

        fs::remove_file(&filler)?;
        minted(&stage, &backend, 201).await?;
        let _carl = stage.join("lobby", "carl", "host").await?;
        // Each one that came and went caused two events, recorded as a gap or individually.
        let told = |records: &[serde_json::Value]| sum(records);
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let doors = all(&backend, &trail_of(&stage, "kind=door")).await?;
            let left = all(&backend, &trail_of(&stage, "kind=seat.left")).await?;
            let gap = all(&stage.operator(), "/v1/audit?kind=events.dropped").await?;
            if told(&doors) + told(&left) + told(&gap) == 42 && told(&gap) > 0 {
                return Ok(());
            }
            let late = tokio::time::Instant::now() >= patience;
            anyhow::ensure!(!late, "{doors:?} {left:?} {gap:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
}
