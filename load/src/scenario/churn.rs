//! `churn`: members join, renew their tokens and leave one room, as fast as they can. Unlike in `join-storm`,
//! everything happens in one room, whose other members receive the presence events.

use std::time::{Duration, Instant};

use crate::{
    dialect::{Target, Who},
    error::LoadError,
    join::join,
    link::Link,
    member::Member,
    outcome::Outcome,
    storm::{Storm, blow},
    watch::Tell,
};

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct Churn {
    /// Members that stay.
    pub members: usize,
    /// Members that join and leave at once.
    pub at_once: usize,
    /// How long it lasts.
    pub time: Duration,
}

impl Churn {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { members, at_once, time } = *self;
        let begun = Instant::now();
        let mut sitters = Vec::with_capacity(members);
        for at in 0..members {
            let who = Who {
                room: "storm-0".into(),
                user: format!("stays-{at}"),
                publishes: true,
                hears: true,
                delivery: "latest",
                receive_buffer_bytes: None,
            };
            let mut link = Link::open(target, at, &who)?;
            join(&target.dialect, &mut link, &who)?;
            sitters.push(Member::new(link, 0, true)?);
        }
        let setup_s = begun.elapsed().as_secs_f64();
        let scenario = format!("{at_once} join, renew and leave in a room of {members}");
        let storm = Storm { at_once, rooms: 1, time, renews: true, sitters };
        let mut outcome = blow(target, storm, scenario, tell)?;
        outcome.figures.push(("joins_per_s", members as f64 / setup_s.max(1e-9)));
        Ok(outcome)
    }
}
