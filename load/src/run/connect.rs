//! Members of a run connect, and some of them slow down.

use mio::{Events, Interest, Token};

use super::{EVENTS_MAX, Pace, Run, TRICKLE_INTERVAL};
use crate::{
    dialect::Who, error::LoadError, join::join, link::Link, member::Member, publisher::Publisher,
};

/// How many connect before the existing ones are read from.
const CONNECTS_AT_A_TIME: usize = 64;
/// Open files that a program has besides its connections.
const FILES_BESIDE: usize = 64;

/// Reports before a run, not in the middle of it, that the limit of open files is too low.
fn open_files_suffice(connections: usize) -> Result<(), LoadError> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    match soft {
        Some(soft) if soft < connections + FILES_BESIDE => Err(LoadError::Option(format!(
            "{connections} connections need as many open files, but the limit is {soft}; raise it with \
             `ulimit -n` for this program and for the server"
        ))),
        _ => Ok(()),
    }
}

impl Run<'_> {
    /// Connects members, in groups whose members hear each other.
    pub(crate) fn connect(
        &mut self,
        all: &[Who],
        group_of: impl Fn(usize) -> u32,
    ) -> Result<(), LoadError> {
        open_files_suffice(all.len())?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        for (at, who) in all.iter().enumerate() {
            let which = |error| match error {
                LoadError::Io { error } => LoadError::Connect { at: at + 1, of: all.len(), error },
                other => other,
            };
            let mut link = Link::open(self.target, at, who).map_err(which)?;
            let number = join(&self.target.dialect, &mut link, who).map_err(which)?;
            let place = self.members.len();
            let mut member = Member::new(link, group_of(at), who.hears)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut member.tcp, Token(place), interest)?;
            self.members.push(member);
            // Bytes that arrived with the last answer of the set-up.
            let ahead = std::mem::take(&mut self.members[place].ahead);
            self.read(place, &ahead);
            if who.publishes {
                self.due.push(self.publishers.len());
                self.publishers.push(Publisher {
                    member: place,
                    group: group_of(at),
                    number,
                    room: who.room.clone(),
                    receivers: 0,
                    sent: 0,
                    done: 0,
                    have: match self.pace {
                        Pace::Window(window) => vec![0; window as usize],
                        Pace::Rate(_) => Vec::new(),
                    },
                });
            }
            self.watch.connecting(at + 1, all.len());
            if at % CONNECTS_AT_A_TIME == 0 {
                self.attend(&mut events)?;
            }
        }
        for publisher in &mut self.publishers {
            let others = self.members.iter().enumerate().filter(|(at, member)| {
                *at != publisher.member && member.group == publisher.group && member.hears
            });
            publisher.receivers = others.count() as u32;
        }
        Ok(())
    }

    /// Slows the first `count` subscribers down to `bytes_per_s`. From now on they no longer count for the window.
    pub(crate) fn slow_down(&mut self, count: usize, bytes_per_s: usize) -> Result<(), LoadError> {
        self.trickle_bytes = (bytes_per_s as f64 * TRICKLE_INTERVAL.as_secs_f64()).ceil() as usize;
        let slow = self.members.iter_mut().filter(|member| member.hears).take(count);
        for member in slow {
            member.slow = true;
            let publishers = self.publishers.iter().enumerate();
            let under_way = publishers.map(|(at, of)| of.sent - member.next(at as u32));
            self.ledger.owed -= under_way.sum::<u64>();
            self.poll.registry().deregister(&mut member.tcp)?;
            for publisher in &mut self.publishers {
                publisher.receivers -= 1;
            }
        }
        // The others may have everything in flight; then no further frame would report it.
        for (at, publisher) in self.publishers.iter_mut().enumerate() {
            if !publisher.have.is_empty() && publisher.is_due() {
                self.due.push(at);
            }
        }
        Ok(())
    }
}
