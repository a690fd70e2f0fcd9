//! What is done to a server, one file per scenario. Each is a function of a target and its options, bounded in time, so
//! that several servers can be compared in one run.

mod churn;
mod crowd;
mod fanout;
mod idle;
mod join_storm;
mod latency;
mod rooms;
mod slow_line;
mod slow_readers;

pub use self::{
    churn::Churn, fanout::FanOut, idle::Idle, join_storm::JoinStorm, latency::OpenLoop,
    rooms::Rooms, slow_line::SlowLine, slow_readers::SlowReaders,
};

use crate::{dialect::Target, error::LoadError, outcome::Outcome, watch::Tell};

/// A scenario with its options.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// One publisher, many subscribers, frames in flight.
    FanOut(FanOut),
    /// Many small rooms in which all publish.
    Rooms(Rooms),
    /// A fixed rate: how long deliveries take.
    OpenLoop(OpenLoop),
    /// Picture and sound over a slow line: how far behind a reader is.
    SlowLine(SlowLine),
    /// Logins, one after another.
    JoinStorm(JoinStorm),
    /// Some members read very slowly: what that costs the others.
    SlowReaders(SlowReaders),
    /// Members join and leave a room with others.
    Churn(Churn),
    /// Members that do nothing: the memory that each takes.
    Idle(Idle),
}

impl Scenario {
    /// Runs it.
    pub fn run(&self, target: &Target, tell: Tell<'_>) -> Result<Outcome, LoadError> {
        match self {
            Self::FanOut(options) => options.run(target, tell),
            Self::Rooms(options) => options.run(target, tell),
            Self::OpenLoop(options) => options.run(target, tell),
            Self::SlowLine(options) => options.run(target, tell),
            Self::JoinStorm(options) => options.run(target, tell),
            Self::SlowReaders(options) => options.run(target, tell),
            Self::Churn(options) => options.run(target, tell),
            Self::Idle(options) => options.run(target, tell),
        }
    }
}
