//! One member: its socket, what it receives, and what it expects next.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use serde::Deserialize;

use crate::{
    error::LoadError,
    frames::{Mark, PONG, put_client_frame},
    link::Link,
    outcome::Faults,
    reader::{Heard, Reader},
};

/// The member.
pub(crate) struct Member {
    pub(crate) tcp: TcpStream,
    pub(crate) reader: Reader,
    /// Bytes read during set-up.
    pub(crate) ahead: Vec<u8>,
    /// Bytes to be written.
    pub(crate) out: Vec<u8>,
    /// The group whose members hear each other.
    pub(crate) group: u32,
    pub(crate) hears: bool,
    /// It reads very slowly.
    pub(crate) slow: bool,
    /// The server closed it with this code.
    pub(crate) closed: bool,
    pub(crate) code: u16,
    /// Frames that the server said it lost.
    pub(crate) told_lost: u64,
    /// Those of them whose gap has not arrived yet.
    allowed: u64,
    /// The number of the next frame, by publisher.
    nexts: Vec<(u32, u64)>,
}

#[derive(Deserialize)]
struct Lagged {
    lost: u64,
}

impl Member {
    pub(crate) fn new(link: Link, group: u32, hears: bool) -> Result<Self, LoadError> {
        let (tcp, ahead) = link.into_parts();
        tcp.set_nonblocking(true)?;
        Ok(Self {
            tcp: TcpStream::from_std(tcp),
            reader: Reader::default(),
            ahead,
            out: Vec::new(),
            group,
            hears,
            slow: false,
            closed: false,
            code: 0,
            told_lost: 0,
            allowed: 0,
            nexts: Vec::new(),
        })
    }

    /// Writes what is queued, as far as the socket accepts it.
    pub(crate) fn flush(&mut self) -> Result<(), LoadError> {
        while !self.out.is_empty() {
            match self.tcp.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads once; `None` if nothing has arrived, or the server is gone.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, LoadError> {
        match self.tcp.read(buffer) {
            Ok(0) => {
                self.closed = true;
                Ok(None)
            }
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                self.closed = true;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The number of the next frame of a publisher.
    pub(crate) fn next(&self, sender: u32) -> u64 {
        self.nexts.iter().find(|(known, _)| *known == sender).map_or(0, |(_, next)| *next)
    }

    /// Handles what was received; passes frames on.
    pub(crate) fn hear(&mut self, heard: Heard<'_>, faults: &mut Faults) -> Option<Mark> {
        match heard {
            Heard::Frame(mark) => return Some(mark),
            Heard::Text(text) if text.starts_with(br#"{"ev":"lagged""#) => {
                match serde_json::from_slice::<Lagged>(text) {
                    Ok(Lagged { lost }) => {
                        self.told_lost += lost;
                        self.allowed += lost;
                    }
                    Err(_) => faults.garbage += 1,
                }
            }
            Heard::Text(_) => {}
            Heard::Ping => put_client_frame(&mut self.out, PONG, &[]),
            Heard::Close(code) => (self.closed, self.code) = (true, code),
            Heard::Garbage => faults.garbage += 1,
        }
        None
    }

    /// Checks a frame's number. Returns by how many frames it advances, counting itself and those reported lost or
    /// missing; 0 if it is not new.
    pub(crate) fn check(&mut self, mark: Mark, faults: &mut Faults) -> u64 {
        let at = match self.nexts.iter().position(|(sender, _)| *sender == mark.sender) {
            Some(at) => at,
            None => {
                self.nexts.push((mark.sender, 0));
                self.nexts.len() - 1
            }
        };
        let next = &mut self.nexts[at].1;
        if mark.seq < *next {
            faults.out_of_order += 1;
            return 0;
        }
        let gap = mark.seq - *next;
        let told = gap.min(self.allowed);
        self.allowed -= told;
        faults.lost += gap - told;
        *next = mark.seq + 1;
        gap + 1
    }
}
