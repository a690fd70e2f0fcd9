//! Long lists, which the relay sends in pages.

use anyhow::Result;
use serde_json::json;
use stagedoor_client::{Client, ClientEvent, Event, Kind, Message, Publish, Token};
use stagedoor_tests::Stage;

use super::until;

#[tokio::test]
async fn a_seat_is_complete_however_long_its_lists_are() -> Result<()> {
    let stage = Stage::with(|limits| limits.page_bytes_max = 1_000).await?;
    let host = Token::fixed(stage.token("lobby", "anna", "host")?);
    let (host, _events) = Client::new(stage.url(), host).connect().await?;
    let mut streams = Vec::new();
    for n in 0..9 {
        host.set(&format!("k{n}"), &"v".repeat(300)).await?;
        streams.push(host.publish(Publish::new(format!("s{n}"), Kind::Data)).await?);
    }
    let viewer = Token::fixed(stage.token("lobby", "bob", "host")?);
    let (viewer, mut events) = Client::new(stage.url(), viewer).connect().await?;
    let keys: Vec<&str> = viewer.seat().state.iter().map(|entry| &*entry.key).collect();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"]);
    let names: Vec<&str> = viewer.seat().streams.iter().map(|info| &*info.name).collect();
    assert_eq!(names, ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"]);
    assert!(!viewer.seat().more);
    host.send(Message::to_room(&json!("after"))).await?;
    until(&mut events, |event| match event {
        ClientEvent::Room(Event::Message { data, .. }) => (data == "after").then_some(()),
        ClientEvent::Room(Event::State { .. } | Event::Published { .. }) => panic!("it was told"),
        _ => None,
    })
    .await
}
