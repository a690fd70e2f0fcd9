//! Receives every stream of a room and prints what comes.
//!
//! `STAGEDOOR_TOKEN=… cargo run -p stagedoor-client --example subscribe -- ws://127.0.0.1:7880/v1/connect`

use stagedoor_client::{Client, ClientEvent, Token};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:7880/v1/connect".into());
    let token = Token::fixed(std::env::var("STAGEDOOR_TOKEN")?);
    let (room, mut events) = Client::new(url, token).connect().await?;
    eprintln!("in {} as {}", room.seat().room, room.seat().me.user);
    room.subscribe(&["*"]).await?;
    while let Some(event) = events.next().await {
        match event {
            ClientEvent::Frame(frame) => {
                eprintln!("{} #{}: {} bytes", frame.stream.name, frame.seq, frame.payload.len());
            }
            other => eprintln!("{other:?}"),
        }
    }
    Ok(())
}
