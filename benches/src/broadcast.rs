//! A relay the way it is usually written on `tokio::broadcast`: a channel per room, a task per member, one message at a
//! time. On tokio-tungstenite, on which axum's `ws` is built; axum's own release of it is older than ours, and only one
//! version may be used.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::broadcast::{self, Receiver, Sender, error::RecvError},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
    },
};

use crate::check::Check;

/// Messages that a member may be behind.
const CAPACITY: usize = 1_024;

/// A payload, and the number of its sender.
type Sent = (u64, Bytes);
type Rooms = Arc<Mutex<HashMap<String, Sender<Sent>>>>;

/// Serves on this thread until the process ends; reports its address first.
pub fn run(tell: impl FnOnce(SocketAddr) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        tell(listener.local_addr()?)?;
        let (rooms, check) = (Rooms::default(), Check::new()?);
        let mut number = 0;
        loop {
            let (tcp, _) = listener.accept().await?;
            number += 1;
            // A member that leaves without a close is not an error of the relay.
            tokio::spawn(member(tcp, number, rooms.clone(), check.clone()));
        }
    })
}

async fn member(tcp: TcpStream, number: u64, rooms: Rooms, check: Check) -> Result<()> {
    tcp.set_nodelay(true)?;
    let mut joined: Option<(Sender<Sent>, Receiver<Sent>)> = None;
    // Before the answer is written, so that an upgraded member misses nothing.
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let join = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = rooms.entry(request.uri().path().to_owned());
        let sender = room.or_insert_with(|| broadcast::channel(CAPACITY).0).clone();
        let receiver = sender.subscribe();
        joined = Some((sender, receiver));
        Ok(response)
    };
    let mut socket = accept_hdr_async(tcp, join).await?;
    let (sender, mut receiver) = joined.context("no request")?;
    loop {
        tokio::select! {
            sent = receiver.recv() => match sent {
                Ok((from, payload)) if from != number => {
                    socket.send(Message::Binary(payload)).await?;
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
            message = socket.next() => match message.transpose()? {
                Some(Message::Binary(payload)) => {
                    // This member receives itself, so there is a receiver.
                    let _ = sender.send((number, payload));
                }
                Some(Message::Text(token)) => {
                    let answer = check.answer(token.as_bytes()).context("no such signature")?;
                    socket.send(Message::text(answer)).await?;
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}
