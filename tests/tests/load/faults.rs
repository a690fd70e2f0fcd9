//! Whatever a server does wrong, the load tester reports it, and in time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use stagedoor_load::{
    Faults, LoadError, Outcome,
    scenario::{FanOut, JoinStorm, OpenLoop, Rooms, Scenario},
};

use super::faulty::{Mistake, target};

const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for the frames of the mistake to pass.
const TIME: Duration = Duration::from_millis(200);

fn fan_out(time: Duration) -> Scenario {
    Scenario::FanOut(FanOut { subscribers: 3, payload_bytes: 24, window: 4, time })
}

fn run(scenario: &Scenario, mistake: Mistake, patience: Duration) -> Result<Outcome> {
    let outcome = scenario.run(&target(mistake, patience)?, &mut |_| {});
    outcome.with_context(|| format!("{mistake:?}"))
}

/// The error that a run ends with.
fn error(scenario: &Scenario, mistake: Mistake, patience: Duration) -> Result<LoadError> {
    let ended = scenario.run(&target(mistake, patience)?, &mut |_| {});
    ended.err().with_context(|| format!("{mistake:?} went unnoticed"))
}

#[test]
fn each_fault_of_a_server_is_reported_as_such() -> Result<()> {
    let none = Faults::default();
    for (mistake, faults) in [
        (Mistake::None, none),
        (Mistake::Loses, Faults { lost: 1, ..none }),
        (Mistake::Doubles, Faults { out_of_order: 1, ..none }),
        (Mistake::Swaps, Faults { lost: 1, out_of_order: 1, ..none }),
        (Mistake::Strays, Faults { foreign: 1, ..none }),
        (Mistake::Invents, Faults { foreign: 1, ..none }),
        (Mistake::Cuts, Faults { garbage: 1, ..none }),
        (Mistake::Babbles, Faults { garbage: 1, ..none }),
    ] {
        let outcome = run(&fan_out(TIME), mistake, PATIENCE)?;
        ensure!(outcome.faults == faults, "{mistake:?}: {:?}", outcome.faults);
        ensure!(outcome.faults.none() == (mistake == Mistake::None));
        ensure!(outcome.count > 0, "{mistake:?} held the run up");
    }
    Ok(())
}

#[test]
fn a_lost_frame_is_detected_in_every_scenario() -> Result<()> {
    let rooms = Rooms { rooms: 2, members: 3, payload_bytes: 24, window: 3, time: TIME };
    let rate = OpenLoop { subscribers: 2, per_s: 500.0, payload_bytes: 24, time: TIME };
    for scenario in [Scenario::Rooms(rooms), Scenario::OpenLoop(rate)] {
        let outcome = run(&scenario, Mistake::None, PATIENCE)?;
        ensure!(outcome.faults.none() && outcome.count > 0, "{outcome:?}");
        let faults = run(&scenario, Mistake::Loses, PATIENCE)?.faults;
        ensure!(faults == Faults { lost: 1, ..Faults::default() }, "{faults:?}");
    }
    Ok(())
}

#[test]
fn a_server_that_closes_or_refuses_ends_the_run() -> Result<()> {
    let closed = error(&fan_out(TIME), Mistake::Closes, PATIENCE)?;
    ensure!(closed.to_string() == "the server closed a member with code 4999", "{closed}");
    let refused = error(&fan_out(TIME), Mistake::Refuses, PATIENCE)?;
    let text = "the server answers HTTP/1.1 503 Service Unavailable";
    ensure!(refused.to_string() == text, "{refused}");
    Ok(())
}

#[test]
fn a_silent_server_ends_the_run_in_time() -> Result<()> {
    let patience = Duration::from_millis(200);
    let long = Duration::from_secs(3_600);
    for mistake in [Mistake::FallsSilent, Mistake::NeverAnswers, Mistake::Drips] {
        let ended = error(&fan_out(long), mistake, patience)?;
        ensure!(matches!(ended, LoadError::Silence(after) if after == patience), "{ended}");
    }
    Ok(())
}

#[test]
fn a_storm_counts_successful_and_failed_logins() -> Result<()> {
    let storm = |time| Scenario::JoinStorm(JoinStorm { at_once: 3, rooms: 2, time });
    // A whole login must fit in, even on a busy machine.
    let outcome = run(&storm(20 * TIME), Mistake::None, PATIENCE)?;
    ensure!(outcome.faults.none() && outcome.count > 0, "{outcome:?}");
    ensure!(outcome.unit == "logins" && outcome.latency.is_some());
    for mistake in [Mistake::Refuses, Mistake::NeverAnswers] {
        let ended = error(&storm(TIME), mistake, PATIENCE)?;
        ensure!(ended.to_string() == "the server seated nobody", "{ended}");
    }
    Ok(())
}
