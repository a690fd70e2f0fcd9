//! A small broadcast server with one fault, on blocking threads. Each binary message goes to all other members of its
//! room; the fault affects the member that came second.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use anyhow::Result;
use stagedoor_load::{Dialect, Target};

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// None.
    None,
    /// A frame is missing.
    Loses,
    /// A frame is repeated.
    Doubles,
    /// Two frames are in the wrong order.
    Swaps,
    /// A frame is from a publisher that is not in the room.
    Strays,
    /// A frame has a number that nobody sent.
    Invents,
    /// A frame is too short for its content.
    Cuts,
    /// A frame has an unknown opcode.
    Babbles,
    /// The member is closed.
    Closes,
    /// From some frame on nothing is forwarded.
    FallsSilent,
    /// Upgrades are not answered.
    NeverAnswers,
    /// Upgrades are refused.
    Refuses,
    /// The head of an upgrade's answer never ends.
    Drips,
}

/// The frame with the fault, counted by the affected member.
const AT: u64 = 5;
/// The server's close code.
const CODE: u16 = 4_999;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// Whoever is in a room.
struct Guest {
    tcp: TcpStream,
    room: String,
    /// It came second.
    is_second: bool,
    count: u64,
    kept: Vec<u8>,
}

#[derive(Default)]
struct House {
    guests: HashMap<usize, Guest>,
}

/// Starts a server; it ends with the test's process.
pub(crate) fn start(mistake: Mistake) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let house = Arc::new(Mutex::new(House::default()));
    thread::spawn(move || {
        for (at, tcp) in listener.incoming().flatten().enumerate() {
            let house = Arc::clone(&house);
            // A guest that leaves ends its thread with an error, which is fine.
            thread::spawn(move || serve(at, tcp, &house, mistake).ok());
        }
    });
    Ok(address)
}

/// The server as the load tester sees it.
pub(crate) fn target(mistake: Mistake, patience: Duration) -> Result<Target> {
    let address = start(mistake)?;
    let dialect = Dialect::Plain { minter: None };
    Ok(Target { address, dialect, process: None, cores: 1, patience })
}

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    // The tests' payloads are short.
    [&[first, body.len() as u8], body].concat()
}

/// Reads the head of an upgrade; the room in its path.
fn asked(tcp: &mut TcpStream) -> Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        tcp.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    Ok(path.trim_start_matches("/room/").to_owned())
}

fn serve(at: usize, mut tcp: TcpStream, house: &Mutex<House>, mistake: Mistake) -> Result<()> {
    let room = asked(&mut tcp)?;
    match mistake {
        // Until the member has had enough.
        Mistake::NeverAnswers => return Ok(tcp.read_exact(&mut [0])?),
        Mistake::Refuses => {
            return Ok(tcp.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")?);
        }
        Mistake::Drips => loop {
            tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\nx: y\r\n")?;
            thread::yield_now();
        },
        _ => {}
    }
    let (is_second, count) = (at == 1, 0);
    let guest =
        Guest { tcp: tcp.try_clone()?, room: room.clone(), is_second, count, kept: Vec::new() };
    // An answered member is in the room.
    lock(house).guests.insert(at, guest);
    tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")?;
    loop {
        // A client's head with its mask, which is zero.
        let mut head = [0; 6];
        tcp.read_exact(&mut head)?;
        let mut body = vec![0; usize::from(head[1] & 0x7f)];
        tcp.read_exact(&mut body)?;
        let mut house = lock(house);
        match head[0] {
            BINARY => {
                let others = house.guests.iter_mut().filter(|(other, _)| **other != at);
                for (_, guest) in others.filter(|(_, guest)| guest.room == room) {
                    guest.count += 1;
                    let bytes = passed_on(guest, &body, mistake);
                    // It may have left.
                    let _ = guest.tcp.write_all(&bytes);
                }
            }
            CLOSE => {
                house.guests.remove(&at);
                return Ok(tcp.shutdown(std::net::Shutdown::Both)?);
            }
            // The login of a storm.
            _ => tcp.write_all(&frame(0x81, b"ok"))?,
        }
    }
}

fn lock(house: &Mutex<House>) -> MutexGuard<'_, House> {
    house.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a guest is sent of a frame.
fn passed_on(guest: &mut Guest, body: &[u8], mistake: Mistake) -> Vec<u8> {
    let whole = frame(BINARY, body);
    if mistake == Mistake::FallsSilent && guest.count >= AT {
        return Vec::new();
    }
    if !guest.is_second {
        return whole;
    }
    match (mistake, guest.count) {
        (Mistake::Loses, AT) => Vec::new(),
        (Mistake::Doubles, AT) => [whole.clone(), whole].concat(),
        (Mistake::Swaps, AT) => {
            guest.kept = whole;
            Vec::new()
        }
        (Mistake::Swaps, n) if n == AT + 1 => [whole, std::mem::take(&mut guest.kept)].concat(),
        (Mistake::Strays, AT) => {
            let mut other = body.to_vec();
            other[..4].copy_from_slice(&7_u32.to_be_bytes());
            [whole, frame(BINARY, &other)].concat()
        }
        (Mistake::Invents, AT) => {
            let mut other = body.to_vec();
            other[4..12].copy_from_slice(&u64::MAX.to_be_bytes());
            [whole, frame(BINARY, &other)].concat()
        }
        (Mistake::Cuts, AT) => [whole, frame(BINARY, &body[..12])].concat(),
        (Mistake::Babbles, AT) => [whole, frame(0x83, b"what?")].concat(),
        (Mistake::Closes, AT) => frame(CLOSE, &CODE.to_be_bytes()),
        _ => whole,
    }
}
