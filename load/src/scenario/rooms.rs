//! `rooms`: many small rooms in which every member publishes to all others.

use std::time::Duration;

use super::crowd::{MEMBERS_MAX, warm_up};
use crate::{
    dialect::{Target, Who},
    error::LoadError,
    outcome::Outcome,
    run::{Pace, Run},
    watch::Tell,
};

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct Rooms {
    /// Rooms.
    pub rooms: usize,
    /// Members of each room, who all publish.
    pub members: usize,
    /// Payload size in bytes.
    pub payload_bytes: usize,
    /// Frames of each publisher that not all others have yet, at most.
    pub window: u64,
    /// How long to measure.
    pub time: Duration,
}

impl Rooms {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { rooms, members, payload_bytes, window, time } = *self;
        let in_all = rooms.checked_mul(members).filter(|in_all| *in_all <= MEMBERS_MAX);
        let Some(in_all) = in_all.filter(|in_all| *in_all > 0 && members > 1) else {
            let range = format!(
                "choose at least one room of two members, and at most {MEMBERS_MAX} members in all"
            );
            return Err(LoadError::Option(range));
        };
        let who = |at: usize| Who {
            room: format!("room-{}", at / members),
            user: format!("u{at}"),
            publishes: true,
            hears: true,
            delivery: "reliable",
            receive_buffer_bytes: None,
        };
        let all: Vec<Who> = (0..in_all).map(who).collect();
        let mut run = Run::new(target, Pace::Window(window), payload_bytes, tell)?;
        run.connect(&all, |at| (at / members) as u32)?;
        run.measure("warming up", warm_up(time))?;
        let measured = run.measure("measuring", time)?;
        let scenario = format!(
            "{rooms} rooms of {members}, {payload_bytes} B, all publish, {window} in flight each"
        );
        run.finish(scenario, measured)
    }
}
