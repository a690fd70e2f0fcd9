//! A slow line: a proxy between the server and one reader that passes bytes on at a fixed rate, and holds few of them.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::{dialect::Target, error::LoadError};

/// What is passed on at a time, as a packet is.
const PACKET_BYTES: usize = 1_448;
/// What the line holds: asked of the kernel, which doubles it.
const HELD_BYTES: usize = 16_384;

/// A line for one connection.
pub(crate) struct Line {
    address: SocketAddr,
}

impl Line {
    /// A line to the server.
    pub(crate) fn open(target: &Target, kbits: u32) -> Result<Self, LoadError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (server, patience) = (target.address, target.patience);
        thread::spawn(move || {
            // Both ends notice that the line is gone.
            let _ = carry(&listener, server, kbits, patience);
        });
        Ok(Self { address })
    }

    /// The server as the reader sees it.
    pub(crate) fn target(&self, target: &Target) -> Target {
        Target { address: self.address, dialect: target.dialect.clone(), ..*target }
    }
}

fn carry(
    listener: &TcpListener,
    server: SocketAddr,
    kbits: u32,
    patience: Duration,
) -> Result<(), LoadError> {
    let (mut reader, _) = listener.accept()?;
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_recv_buffer_size(HELD_BYTES)?;
    socket.connect_timeout(&server.into(), patience)?;
    let mut server = TcpStream::from(socket);
    reader.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut up_from, mut up_to) = (reader.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut up_from, &mut up_to);
        let _ = up_to.shutdown(Shutdown::Write);
    });
    let mut packet = [0; PACKET_BYTES];
    let mut free = Instant::now();
    loop {
        let bytes = server.read(&mut packet)?;
        if bytes == 0 {
            let _ = reader.shutdown(Shutdown::Write);
            return Ok(());
        }
        // An idle line saves nothing up.
        free = free.max(Instant::now())
            + Duration::from_nanos(bytes as u64 * 8 * 1_000_000 / u64::from(kbits));
        thread::sleep(free.saturating_duration_since(Instant::now()));
        reader.write_all(&packet[..bytes])?;
    }
}
