//! The authorisation oracle: a real relay is driven with random roles, tokens, renewals, revocations,
//! moderation and steps of the clock, and whatever it answers, tells and delivers is compared with a small
//! model that was written from `spec/roles.md` (and the law of the seat in `spec/wire.md`) alone.

#[path = "oracle/acts.rs"]
mod acts;
#[path = "oracle/client.rs"]
mod client;
#[path = "oracle/drive.rs"]
mod drive;
#[path = "oracle/law.rs"]
mod law;
#[path = "oracle/ops.rs"]
mod ops;
#[path = "oracle/regrant.rs"]
mod regrant;
#[path = "oracle/world.rs"]
mod world;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stagedoor_tests::Stage;

use self::{
    drive::Episode,
    ops::{Dice, Gen, Op},
};

/// Operations of one episode: an app with its rooms.
const EPISODE: usize = 1_000;
/// Operations in all, where the environment says nothing.
const OPERATIONS: usize = 100_000;
/// Relays at work at once.
const LANES: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

async fn stage() -> Result<Stage> {
    Stage::with(|limits| {
        // Nothing but grants refuses, and all is told at once.
        limits.requests_per_s = 1_000_000;
        limits.requests_burst = 1_000_000;
        limits.sends_per_s = 1_000_000;
        limits.sends_burst = 1_000_000;
        limits.presence_batch_interval_ms = 0;
        limits.token_expiring_notice_s = 0;
        limits.ping_interval_ms = 600_000;
        limits.stream_log_age_ms_max = 600_000;
        limits.events_log_age_ms_max = 600_000;
    })
    .await
}

/// Plays an episode; how many operations it had, or after which it failed and how.
async fn play(
    stage: &Stage,
    ahead: &mut Duration,
    seed: u64,
    operations: usize,
) -> Result<Result<usize, (Vec<Op>, anyhow::Error)>> {
    let mut episode = Episode::begin(stage, ahead).await?;
    let mut draw = Gen::new(seed);
    let (roles, second_login) = draw.roles();
    let mut played = vec![Op::Roles { roles, second_login, reapply: false }];
    episode.carry_out(&played[0]).await?;
    while played.len() < operations {
        let op = draw.draw(&episode.world);
        played.push(op.clone());
        let before = format!("{:#?}", episode.world.rooms);
        if let Err(error) = episode.carry_out(&op).await {
            std::fs::write("/tmp/d/before.txt", before).ok();
            std::fs::write("/tmp/d/after.txt", format!("{:#?}", episode.world.rooms)).ok();
            return Ok(Err((played, error)));
        }
    }
    Ok(Ok(played.len()))
}

async fn lane(seeds: Vec<u64>, operations: usize) -> Result<usize> {
    let stage = stage().await?;
    let mut ahead = Duration::ZERO;
    let mut done = 0;
    for seed in seeds {
        match play(&stage, &mut ahead, seed, operations).await? {
            Ok(played) => done += played,
            Err((played, error)) => {
                let all: Vec<String> = played.iter().map(|op| format!("{op:?}")).collect();
                bail!(
                    "STAGEDOOR_ORACLE_SEED={seed} differs after {} operations: {error:#}\n{}",
                    played.len(),
                    all[all.len().saturating_sub(6)..].join("\n")
                );
            }
        }
    }
    Ok(done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_does_what_the_model_says() -> Result<()> {
    let began = Instant::now();
    let operations = number("STAGEDOOR_ORACLE_OPERATIONS").map_or(OPERATIONS, |n| n as usize);
    let one = number("STAGEDOOR_ORACLE_SEED");
    let mut dice = Dice(0x5747_4144);
    let seeds: Vec<u64> = match one {
        Some(seed) => vec![seed],
        None => (0..operations.div_ceil(EPISODE)).map(|_| dice.roll() >> 16).collect(),
    };
    let each = operations.min(EPISODE);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane_of| {
            let seeds = seeds.iter().skip(lane_of).step_by(LANES).copied().collect();
            tokio::spawn(lane(seeds, each))
        })
        .collect();
    let mut done = 0;
    for lane in lanes {
        done += lane.await.context("a lane")??;
    }
    println!("{done} operations in {:?}", began.elapsed());
    Ok(())
}
