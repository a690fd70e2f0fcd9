//! Cost against size: what joining, leaving and publishing cost Stagedoor with ten of something, and with thousands.
//! Blocking sockets, one request after another: the server's CPU time is measured, so a slow generator does not distort
//! it.

mod visitor;

use anyhow::{Context, Result, bail};
use serde_json::json;
use stagedoor_load::Dialect;

use self::visitor::{App, Visitor};
use crate::{
    machine,
    peers::{self, Kind},
};

type Values = Vec<(&'static str, f64)>;
/// A size, and its figures by name.
pub type AtSize = (usize, Values);

/// A login with a subscription, or a subscription: server microseconds each.
pub const JOIN: &str = "join_us";
/// The reverse of it.
pub const LEAVE: &str = "leave_us";
/// A frame that reaches a member.
pub const DELIVERY: &str = "delivery_us";

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Members of one room.
    Members,
    /// Rooms of one member each.
    Rooms,
    /// Subscriptions of one connection.
    Subscriptions,
}

/// How many join and leave at each size.
const VISITS: usize = 200;
/// Frames published before any is read.
const BURST: usize = 64;
/// Minimum of measured deliveries at each size.
const DELIVERIES: usize = 40_000;
/// Files that a process has open besides its connections.
const FILES_ASIDE: usize = 600;
/// Streams of one host: the limit of its role.
const HOST_STREAMS: usize = 16;
const PAYLOAD_BYTES: usize = 64;

impl Curve {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Members, Self::Rooms, Self::Subscriptions];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Members => "curve-members",
            Self::Rooms => "curve-rooms",
            Self::Subscriptions => "curve-subscriptions",
        }
    }

    /// What grows, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Members => "cost against size: members of one room, all subscribed to one stream",
            Self::Rooms => {
                "cost against size: rooms of one member each, and one of two that is measured"
            }
            Self::Subscriptions => {
                "cost against size: subscriptions of one connection, to one stream each"
            }
        }
    }

    /// The sizes, as far as the system's limit of open files allows.
    pub fn sizes(self) -> Vec<usize> {
        self.sizes_within(machine::open_files())
    }

    fn sizes_within(self, open_files: usize) -> Vec<usize> {
        let wanted = match self {
            Self::Members => [10, 100, 1_000, 10_000],
            Self::Rooms => [10, 100, 1_000, 20_000],
            Self::Subscriptions => [10, 100, 1_000, 2_000],
        };
        // Subscriptions take no files.
        let most = if self == Self::Subscriptions { usize::MAX } else { open_files };
        wanted.map(|size| size.min(most.saturating_sub(FILES_ASIDE))).to_vec()
    }

    /// Runs it, with the server on these cores; returns the figures of each size.
    pub fn run(self, cores: Option<&str>) -> Result<Vec<AtSize>> {
        let peer = peers::start(Kind::Stagedoor, cores)?;
        let Dialect::Stagedoor(minter) = &peer.target.dialect else { bail!("another server") };
        let process = peer.target.process.context("its process")?;
        let app = App { address: peer.target.address, minter, process };
        match self {
            Self::Members => members(&app, &self.sizes()),
            Self::Rooms => rooms(&app, &self.sizes()),
            Self::Subscriptions => subscriptions(&app, &self.sizes()),
        }
    }
}

/// CPU time of the server per item, in microseconds.
fn cost(app: &App<'_>, count: usize, act: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = app.process.cpu_s()?;
    act()?;
    Ok((app.process.cpu_s()? - before) * 1e6 / count as f64)
}

/// Measures the cost of `VISITS` members that join, and leave again.
fn visits(
    app: &App<'_>,
    values: &mut Values,
    enter: impl Fn(usize) -> Result<Visitor>,
) -> Result<()> {
    let mut visitors = Vec::with_capacity(VISITS);
    let joining = cost(app, VISITS, || {
        (0..VISITS).try_for_each(|at| enter(at).map(|visitor| visitors.push(visitor)))
    })?;
    let leaving = cost(app, VISITS, || visitors.drain(..).try_for_each(Visitor::leave))?;
    values.extend([(JOIN, joining), (LEAVE, leaving)]);
    Ok(())
}

/// Measures the cost of a delivery: bursts, each read by all before the next. `publish` gets the burst's number and
/// returns its stream.
fn publishing(
    app: &App<'_>,
    values: &mut Values,
    hearers: &mut [Visitor],
    mut publish: impl FnMut(usize) -> Result<u32>,
) -> Result<()> {
    let count = hearers.len();
    let bursts = DELIVERIES.div_ceil(BURST * count).max(2);
    let mut burst = |at: usize| -> Result<()> {
        let stream = publish(at)?;
        hearers.iter_mut().try_for_each(|hearer| hearer.hear(stream, BURST))
    };
    burst(0)?;
    let per_delivery = cost(app, bursts * BURST * count, || (1..=bursts).try_for_each(&mut burst))?;
    values.push((DELIVERY, per_delivery));
    Ok(())
}

/// A host with one stream, which it publishes in bursts.
struct Host {
    visitor: Visitor,
    stream: u32,
}

impl Host {
    fn enter(app: &App<'_>) -> Result<Self> {
        let mut visitor = Visitor::enter(app, "hall", "host", "host")?;
        let stream = visitor.open_stream("cam")?;
        Ok(Self { visitor, stream })
    }

    fn burst(&mut self) -> Result<u32> {
        self.visitor.pass_over()?;
        self.visitor.publish(self.stream, BURST, PAYLOAD_BYTES)?;
        Ok(self.stream)
    }
}

fn members(app: &App<'_>, sizes: &[usize]) -> Result<Vec<AtSize>> {
    let mut figures = Vec::with_capacity(sizes.len());
    let mut host = Host::enter(app)?;
    let enter = |user: String| -> Result<Visitor> {
        let mut visitor = Visitor::enter(app, "hall", &user, "audience")?;
        visitor.ask(json!({"op": "subscribe", "streams": ["cam"]}))?;
        Ok(visitor)
    };
    let mut seated = Vec::new();
    for size in sizes.iter().copied() {
        while seated.len() < size {
            seated.push(enter(format!("u{}", seated.len()))?);
            // A host is notified of everybody who joins.
            host.visitor.pass_over()?;
        }
        let mut values = Values::new();
        visits(app, &mut values, |at| enter(format!("visitor-{at}")))?;
        publishing(app, &mut values, &mut seated, |_| host.burst())?;
        figures.push((size, values));
    }
    Ok(figures)
}

fn rooms(app: &App<'_>, sizes: &[usize]) -> Result<Vec<AtSize>> {
    let mut figures = Vec::with_capacity(sizes.len());
    let mut host = Host::enter(app)?;
    let mut hearer = Visitor::enter(app, "hall", "anna", "audience")?;
    hearer.ask(json!({"op": "subscribe", "streams": ["cam"]}))?;
    let mut hearers = [hearer];
    let mut others = Vec::new();
    for size in sizes.iter().copied() {
        while others.len() < size {
            let room = format!("room-{}", others.len());
            others.push(Visitor::enter(app, &room, "u", "audience")?);
        }
        let mut values = Values::new();
        visits(app, &mut values, |at| Visitor::enter(app, &format!("new-{at}"), "u", "audience"))?;
        publishing(app, &mut values, &mut hearers, |_| host.burst())?;
        figures.push((size, values));
    }
    Ok(figures)
}

fn subscriptions(app: &App<'_>, sizes: &[usize]) -> Result<Vec<AtSize>> {
    let mut figures = Vec::with_capacity(sizes.len());
    let most = sizes.last().copied().context("a size")?;
    let name = |at: usize| format!("cam-{at}");
    let mut hearers = [Visitor::enter(app, "hall", "anna", "audience")?];
    let (mut hosts, mut streams) = (Vec::new(), Vec::with_capacity(most));
    while streams.len() < most + VISITS {
        let mut host = Visitor::enter(app, "hall", &format!("host-{}", hosts.len()), "host")?;
        for _ in 0..HOST_STREAMS {
            streams.push(host.open_stream(&name(streams.len()))?);
        }
        hosts.push(host);
        hosts.iter_mut().try_for_each(Visitor::pass_over)?;
        // Reads the announced streams, too.
        hearers[0].ask(json!({"op": "members"}))?;
    }
    let mut subscribed = 0;
    for size in sizes.iter().copied() {
        let [hearer] = &mut hearers;
        while subscribed < size {
            hearer.ask(json!({"op": "subscribe", "streams": [name(subscribed)]}))?;
            subscribed += 1;
        }
        let mut values = Values::new();
        for (figure, op) in [(JOIN, "subscribe"), (LEAVE, "unsubscribe")] {
            let mut ask =
                |at| hearer.ask(json!({"op": op, "streams": [name(most + at)]})).map(drop);
            let per_one = cost(app, VISITS, || (0..VISITS).try_for_each(&mut ask))?;
            values.push((figure, per_one));
        }
        publishing(app, &mut values, &mut hearers, |at| {
            // Takes turns between all subscribed streams.
            let at = at % size;
            hosts[at / HOST_STREAMS].publish(streams[at], BURST, PAYLOAD_BYTES)?;
            Ok(streams[at])
        })?;
        figures.push((size, values));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_from_ten_and_fit_into_the_limit_of_open_files() {
        for curve in Curve::ALL {
            let sizes = curve.sizes_within(5_000);
            assert_eq!(sizes[0], 10);
            assert!(sizes.is_sorted() && sizes.iter().all(|size| *size <= 4_400), "{sizes:?}");
        }
        assert_eq!(Curve::Rooms.sizes_within(usize::MAX).last(), Some(&20_000));
        assert_eq!(Curve::Subscriptions.sizes_within(1_024).last(), Some(&2_000));
    }
}
