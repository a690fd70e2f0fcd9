//! Publishes the time, once a second, until the seat is lost.
//!
//! `STAGEDOOR_TOKEN=… cargo run -p stagedoor-client --example publish`; where to connect is in
//! `STAGEDOOR_CONNECT`.

use std::time::Duration;

use stagedoor_client::{Client, Delivery, Kind, Publish, Token};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::var("STAGEDOOR_CONNECT")
        .unwrap_or_else(|_| "ws://127.0.0.1:7880/v1/connect".into());
    let token = Token::fixed(std::env::var("STAGEDOOR_TOKEN")?);
    let (room, mut events) = Client::new(url, token).connect().await?;
    let clock = room.publish(Publish::new("clock", Kind::Data).delivery(Delivery::Latest)).await?;
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = ticks.tick() => clock.send_keyframe(format!("{:?}", std::time::SystemTime::now())).await?,
            event = events.next() => match event {
                Some(event) => eprintln!("{event:?}"),
                None => return Ok(()),
            },
        }
    }
}
