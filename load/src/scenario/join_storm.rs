//! `join-storm`: connect, log in with a real token, get a seat, close; as fast as possible.

use std::time::Duration;

use crate::{
    dialect::Target,
    error::LoadError,
    outcome::Outcome,
    storm::{Storm, blow},
    watch::Tell,
};

/// The options.
#[derive(Clone, Copy, Debug)]
pub struct JoinStorm {
    /// Logins in progress at once.
    pub at_once: usize,
    /// Rooms to spread them over.
    pub rooms: usize,
    /// How long it lasts.
    pub time: Duration,
}

impl JoinStorm {
    pub(super) fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        let Self { at_once, rooms, time } = *self;
        let scenario = format!("logins, {at_once} at once into {rooms} rooms");
        let storm = Storm { at_once, rooms, time, renews: false, sitters: Vec::new() };
        blow(target, storm, scenario, tell)
    }
}
