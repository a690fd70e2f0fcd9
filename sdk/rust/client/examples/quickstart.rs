//! Joins a room, says hello to it, reads that, and leaves: the quick start of `docs/quickstart-rust.md`.
//!
//! `STAGEDOOR_TOKEN=… STAGEDOOR_CONNECT=… cargo run -p stagedoor-client --example quickstart`

use stagedoor_client::{Client, ClientEvent, Event, Message, Token};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("STAGEDOOR_CONNECT")?;
    let token = Token::fixed(std::env::var("STAGEDOOR_TOKEN")?);
    let (room, mut events) = Client::new(url, token).connect().await?;
    eprintln!("in {} as {}", room.seat().room, room.seat().me.role);

    room.send(Message::to_room("hello")).await?;
    while let Some(event) = events.next().await {
        eprintln!("{event:?}");
        if matches!(event, ClientEvent::Room(Event::Message { .. })) {
            room.leave().await?;
        }
    }
    Ok(())
}
