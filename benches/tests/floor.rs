//! The floor and the relay on `tokio::broadcast` do what they are measured for: frames reach only the others in a room,
//! in order; a login is checked. The load tester checks every frame.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use stagedoor_benches::check::SECRET;
use stagedoor_load::{
    Dialect, Minter, Target,
    scenario::{FanOut, JoinStorm, Rooms, Scenario},
};
use stagedoor_token::{AppId, Key, KeyState};

const PEERS: [&str; 3] = ["floor", "floor-one-by-one", "broadcast"];
const TIME: Duration = Duration::from_millis(300);

struct Peer {
    child: Child,
    target: Target,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(which: &str, secret: &[u8]) -> Result<Peer> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let mut child = command.arg(which).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("output")?).read_line(&mut line)?;
    let told: serde_json::Value = serde_json::from_str(&line)?;
    let key = Key::hs256(AppId(1), "bench", secret, KeyState::Current)?;
    let target = Target {
        address: told["address"].as_str().context("an address")?.parse()?,
        dialect: Dialect::Plain { minter: Some(Minter::new(key)) },
        process: None,
        cores: 1,
        patience: Duration::from_secs(20),
    };
    Ok(Peer { child, target })
}

#[test]
fn frames_reach_the_others_of_a_room_in_order_and_nobody_else() -> Result<()> {
    for which in PEERS {
        let peer = start(which, &SECRET)?;
        let rooms = Rooms { rooms: 5, members: 4, payload_bytes: 128, window: 4, time: TIME };
        let fan_out = FanOut { subscribers: 20, payload_bytes: 70_000, window: 8, time: TIME };
        for scenario in [Scenario::Rooms(rooms), Scenario::FanOut(fan_out)] {
            let outcome = scenario.run(&peer.target, &mut |_| {}).context(which)?;
            ensure!(outcome.faults.none() && outcome.count > 100, "{which}: {outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn a_login_is_checked() -> Result<()> {
    let storm = Scenario::JoinStorm(JoinStorm { at_once: 4, rooms: 2, time: TIME });
    for which in PEERS {
        let peer = start(which, &SECRET)?;
        let outcome = storm.run(&peer.target, &mut |_| {}).context(which)?;
        ensure!(outcome.faults.none() && outcome.count > 10, "{which}: {outcome:?}");
        let peer = start(which, &[7; 32])?;
        ensure!(storm.run(&peer.target, &mut |_| {}).is_err(), "{which} accepts any token");
    }
    Ok(())
}
