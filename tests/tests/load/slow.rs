//! Members that read very slowly, with a real relay whose logs are short.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stagedoor_load::{
    Dialect, Minter, Outcome, Target,
    scenario::{Scenario, SlowLine, SlowReaders},
};
use stagedoor_tests::Stage;

const SLOW: usize = 2;

fn target(stage: &Stage) -> Target {
    Target {
        address: stage.running.http,
        dialect: Dialect::Stagedoor(Minter::new(stage.key.clone())),
        process: None,
        cores: 1,
        patience: Duration::from_secs(10),
    }
}

async fn run(reliable: bool) -> Result<(Outcome, u64)> {
    let stage = Stage::with(|limits| {
        limits.stream_log_bytes_max = 200_000;
        limits.gather_bytes_max = 20_000;
        limits.socket_send_buffer_bytes = 8_192;
    })
    .await?;
    let target = target(&stage);
    let scenario = Scenario::SlowReaders(SlowReaders {
        subscribers: 6,
        slow: SLOW,
        trickle_bytes_per_s: 2_000,
        payload_bytes: 10_000,
        window: 4,
        reliable,
        time: Duration::from_millis(300),
    });
    let outcome = tokio::task::spawn_blocking(move || scenario.run(&target, &mut |_| {})).await??;
    Ok((outcome, stage.metric("stagedoor_relay_frames_lost_total").await?))
}

fn figure(outcome: &Outcome, name: &str) -> Result<f64> {
    outcome.figure(name).with_context(|| format!("no {name}: {:?}", outcome.figures))
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_learn_exactly_what_they_lost() -> Result<()> {
    let (outcome, lost) = run(false).await?;
    ensure!(outcome.faults.none() && outcome.count > 0, "{:?}", outcome.faults);
    ensure!(figure(&outcome, "slow_told")? == SLOW as f64, "{:?}", outcome.figures);
    ensure!(figure(&outcome, "slow_closed")? == 0.0, "{:?}", outcome.figures);
    ensure!(figure(&outcome, "slow_behind")? == 0.0, "{:?}", outcome.figures);
    ensure!(figure(&outcome, "frames_told_lost")? == lost as f64, "{lost}: {:?}", outcome.figures);
    ensure!(figure(&outcome, "kept_of_rate")? > 0.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_a_reliable_stream_close_without_loss() -> Result<()> {
    let (outcome, lost) = run(true).await?;
    ensure!(outcome.faults.none() && outcome.count > 0, "{:?}", outcome.faults);
    ensure!(figure(&outcome, "slow_closed")? == SLOW as f64, "{:?}", outcome.figures);
    ensure!(figure(&outcome, "slow_told")? == 0.0 && lost == 0, "{lost}: {:?}", outcome.figures);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_on_a_slow_line_skips_and_is_told() -> Result<()> {
    let stage = Stage::with(|limits| limits.media_behind_ms_max = 500).await?;
    let target = target(&stage);
    let scenario = Scenario::SlowLine(SlowLine { kbits: 500, time: Duration::from_secs(3) });
    let outcome = tokio::task::spawn_blocking(move || scenario.run(&target, &mut |_| {})).await??;
    ensure!(outcome.faults.none() && outcome.count > 0, "{:?}", outcome.faults);
    let lost = stage.metric("stagedoor_relay_frames_lost_total").await?;
    ensure!(figure(&outcome, "frames_told_lost")? == lost as f64, "{lost}: {:?}", outcome.figures);
    ensure!(stage.metric("stagedoor_relay_jumps_by_time_total").await? > 0, "it never skipped");
    for name in ["video_p50_ms", "audio_p50_ms", "video_shown_p95_ms"] {
        ensure!(figure(&outcome, name)? > 0.0, "{name}: {:?}", outcome.figures);
    }
    Ok(())
}
