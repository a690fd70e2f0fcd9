//! Receives every stream of a room and prints what comes; leaves after as many frames as the argument says.
//!
//! `STAGEDOOR_TOKEN=… cargo run -p stagedoor-client --example subscribe -- 5`; where to connect is in
//! `STAGEDOOR_CONNECT`.

use stagedoor_client::{Client, ClientEvent, Token};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("STAGEDOOR_CONNECT")
        .unwrap_or_else(|_| "ws://127.0.0.1:7880/v1/connect".into());
    let token = Token::fixed(std::env::var("STAGEDOOR_TOKEN")?);
    let (room, mut events) = Client::new(url, token).connect().await?;
    eprintln!("in {} as {}", room.seat().room, room.seat().me.user);
    let mut left: u64 = std::env::args().nth(1).map_or(Ok(u64::MAX), |frames| frames.parse())?;
    room.subscribe(&["*"]).await?;
    while let Some(event) = events.next().await {
        match event {
            ClientEvent::Frame(frame) => {
                eprintln!("{} #{}: {} bytes", frame.stream.name, frame.seq, frame.payload.len());
                left = left.saturating_sub(1);
                if left == 0 {
                    return Ok(room.leave().await?);
                }
            }
            other => eprintln!("{other:?}"),
        }
    }
    Ok(())
}
