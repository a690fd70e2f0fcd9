//! A relay that drains all its members.

use std::{
    sync::Arc,
    task::Waker,
    time::{Duration, Instant},
};

use stagedoor_bus::{LocalBus, Receivers};
use stagedoor_wire::limits::Limits;

use super::take_in;
use crate::{
    log::mailbox::{Mail, Mailbox},
    session::Seat,
    shared::{Connected, Shared},
};

/// Members per room of the draining relay.
const LEAVING_PER_ROOM: usize = 100;

/// A relay that drains all its members.
pub struct Leaving {
    shared: Arc<Shared>,
    members: Vec<(Seat, Connected, Arc<Mailbox>)>,
    _bus: Receivers,
}

impl Leaving {
    /// With this many members, a hundred per room.
    pub fn new(seats: usize) -> Result<Self, String> {
        let (bus, ends) = LocalBus::new();
        let limits = Limits { connections_per_app_max: seats, ..Limits::default() };
        let shared = Arc::new(Shared::new(limits, Vec::new(), None, bus));
        let members = (0..seats).map(|number| {
            let mailbox = Arc::<Mailbox>::default();
            let connected = shared.connected(&mailbox);
            let room = format!("room-{}", number / LEAVING_PER_ROOM);
            Ok((take_in(&shared, &room, &format!("u-{number}"), &mailbox)?, connected, mailbox))
        });
        let members = members.collect::<Result<_, String>>()?;
        Ok(Self { shared, members, _bus: ends })
    }

    /// Orders everybody to close, and lets them obey. `false` if an order is missing or a member remains.
    pub fn drain(self) -> bool {
        let Self { shared, members, _bus } = self;
        shared.drain(Instant::now(), Duration::from_secs(10));
        let mut mail = Mail::default();
        let mut ordered = true;
        for (seat, connected, mailbox) in members {
            ordered &= mailbox.take(&mut mail, true, Waker::noop()).is_some();
            drop(seat);
            drop(connected);
        }
        ordered && shared.connection_count() == 0
    }
}
