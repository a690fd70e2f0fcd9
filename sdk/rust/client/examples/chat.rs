//! Sends each line of standard input to the room, and prints what others send.
//!
//! `STAGEDOOR_TOKEN=… cargo run -p stagedoor-client --example chat`; where to connect is in
//! `STAGEDOOR_CONNECT`.

use stagedoor_client::{Client, ClientEvent, Message, Token};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("STAGEDOOR_CONNECT")
        .unwrap_or_else(|_| "ws://127.0.0.1:7880/v1/connect".into());
    let token = Token::fixed(std::env::var("STAGEDOOR_TOKEN")?);
    let (room, mut events) = Client::new(url, token).connect().await?;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                ClientEvent::Room(event) => eprintln!("{event:?}"),
                ClientEvent::Closed(closed) => eprintln!("closed: {closed:?}"),
                _ => {}
            }
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Err(refused) = room.send(Message::to_room(&line).topic("chat")).await {
            eprintln!("{refused}");
        }
    }
    room.leave().await?;
    Ok(())
}
