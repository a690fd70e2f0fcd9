//! The authorization oracle: drives a real relay with random roles, tokens, renewals, revocations, moderation and steps
//! of the clock, and compares whatever it answers, announces and delivers with a small model that was written only from
//! `spec/roles.md` (and the rules of the seat in `spec/wire.md`).
//!
//! Faults put into the relay by hand, each found within 20,000 operations: a mute that is announced and not enforced, a
//! set role kept forever, a revocation ignored at the door, members of rank 0 who see everybody, a cursor kept after
//! the right to subscribe was lost, joins announced after their members' acts, members admitted by a list that the
//! requester may not decide about.

#[path = "oracle/acts.rs"]
mod acts;
#[path = "oracle/bounds.rs"]
mod bounds;
#[path = "oracle/client.rs"]
mod client;
#[path = "oracle/credentials.rs"]
mod credentials;
#[path = "oracle/dice.rs"]
mod dice;
#[path = "oracle/draw.rs"]
mod draw;
#[path = "oracle/drive.rs"]
mod drive;
#[path = "oracle/law.rs"]
mod law;
#[path = "oracle/lines.rs"]
mod lines;
#[path = "oracle/moderate.rs"]
mod moderate;
#[path = "oracle/ops.rs"]
mod ops;
#[path = "oracle/reach.rs"]
mod reach;
#[path = "oracle/readers.rs"]
mod readers;
#[path = "oracle/regrant.rs"]
mod regrant;
#[path = "oracle/say.rs"]
mod say;
#[path = "oracle/world.rs"]
mod world;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use stagedoor_tests::Stage;

use self::{dice::Dice, draw::Gen, drive::Episode, ops::Op};

/// Operations of one episode: an app with its rooms.
const EPISODE: usize = 1_000;
/// Operations in all, unless the environment says otherwise.
const OPERATIONS: usize = 100_000;
/// Relays at work at once.
const LANES: usize = 8;
/// How long joins and leaves wait in episodes with batched announcements.
const BATCH_INTERVAL_MS: u64 = 30;
/// How often to try to reproduce a difference with fewer operations.
const TRIES: usize = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

async fn stage(batched: bool) -> Result<Stage> {
    Stage::with(|limits| {
        // Only grants refuse, and everything is announced at once; but in some episodes joins and leaves are batched,
        // so that they wait while their members act, and all lists have small pages.
        limits.requests_per_s = 1_000_000;
        limits.requests_burst = 1_000_000;
        limits.sends_per_s = 1_000_000;
        limits.sends_burst = 1_000_000;
        limits.logins_burst = 1_000_000;
        limits.address_logins_burst = 1_000_000;
        limits.login_refusals_burst = 1_000_000;
        limits.presence_batch_interval_ms = if batched { BATCH_INTERVAL_MS } else { 0 };
        if batched {
            limits.presence_batch_members_max = 2;
            limits.page_bytes_max = 500;
        }
        limits.token_expiring_notice_s = 0;
        limits.ping_interval_ms = 600_000;
        limits.stream_log_age_ms_max = 600_000;
        limits.events_log_age_ms_max = 600_000;
        // Publishers are told of their readers at once, and any keyframe is fresh.
        limits.keyframe_interval_ms = 0;
        limits.keyframe_fresh_ms = 600_000;
        limits.watched_linger_ms = 0;
        limits.media_behind_ms_max = 600_000;
    })
    .await
}

/// Whether this seed's episode has batched announcements.
fn is_batched(seed: u64) -> bool {
    seed.is_multiple_of(4)
}

/// Operations on one app, drawn or given, until relay and model differ.
struct Play {
    stage: Stage,
    ahead: Duration,
    batched: bool,
}

/// The operations up to a difference, and the difference.
type Differs = (Vec<Op>, anyhow::Error);

impl Play {
    async fn begin(batched: bool) -> Result<Self> {
        Ok(Self { stage: stage(batched).await?, ahead: Duration::ZERO, batched })
    }

    /// Plays a seed's episode; returns its number of operations.
    async fn drawn(&mut self, seed: u64, operations: usize) -> Result<Result<usize, Differs>> {
        let mut episode = Episode::begin(&self.stage, &mut self.ahead, self.batched).await?;
        let mut draw = Gen::new(seed);
        let (roles, second_login) = draw.roles();
        let mut op = Op::Roles { roles, second_login, reapply: false };
        let mut played = Vec::new();
        while played.len() < operations {
            played.push(op.clone());
            if let Err(error) = episode.carry_out(&op).await {
                return Ok(Err((played, error)));
            }
            op = draw.draw(&episode.world);
        }
        Ok(Ok(played.len()))
    }

    /// Plays these operations, checking everybody after each; up to the difference, if there is one.
    async fn given(&mut self, operations: &[Op]) -> Result<Option<Differs>> {
        let mut episode = Episode::begin(&self.stage, &mut self.ahead, self.batched).await?;
        episode.look_always();
        let mut played = Vec::new();
        for op in operations {
            played.push(op.clone());
            match episode.carry_out(op).await {
                Ok(true) => {}
                // It no longer means anything.
                Ok(false) => drop(played.pop()),
                Err(error) => return Ok(Some((played, error))),
            }
        }
        Ok(None)
    }

    /// Fewer operations that still differ, as few as a few attempts find.
    async fn shortest(&mut self, differs: Differs) -> Result<Differs> {
        let mut least = match self.given(&differs.0).await? {
            Some(sooner) => sooner,
            None => return Ok(differs),
        };
        let (mut piece, mut tries) = (least.0.len() / 2, 0);
        while piece > 0 && tries < TRIES {
            // The roles, which come first, stay.
            let mut from = 1;
            while from + piece < least.0.len() && tries < TRIES {
                tries += 1;
                let mut fewer = least.0.clone();
                fewer.drain(from..from + piece);
                match self.given(&fewer).await? {
                    Some(shorter) => least = shorter,
                    None => from += piece,
                }
            }
            piece /= 2;
        }
        Ok(least)
    }
}

async fn lane(seeds: Vec<u64>, operations: usize) -> Result<usize> {
    let mut plays = [Play::begin(false).await?, Play::begin(true).await?];
    let mut done = 0;
    for seed in seeds {
        let play = &mut plays[usize::from(is_batched(seed))];
        match play.drawn(seed, operations).await? {
            Ok(played) => done += played,
            Err(differs) => {
                let (after, first) = (differs.0.len(), format!("{:#}", differs.1));
                let (least, error) = play.shortest(differs).await?;
                let least: Vec<String> = least.iter().map(|op| format!("{op:?}")).collect();
                bail!(
                    "STAGEDOOR_ORACLE_SEED={seed}: relay and model differ after {after} operations: \
                     {first}\n\nas short as was found, {} operations: {error:#}\n{}",
                    least.len(),
                    least.join("\n"),
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
