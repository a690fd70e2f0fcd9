//! What has not been sent can still be changed: sounds overtake pictures that have not left the relay.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Heard, Member, Stage, member::http_get};
use tokio::{net::TcpSocket, time::timeout};

const TIME_LIMIT: Duration = Duration::from_secs(30);
const FRAME_BYTES: usize = 10_000;
const PICTURES: u32 = 300;

#[tokio::test]
async fn a_sound_overtakes_pictures_that_are_not_sent_yet() -> Result<()> {
    let run = async {
        let stage = Stage::with(|limits| {
            limits.stream_log_age_ms_max = 600_000;
            limits.media_behind_ms_max = 600_000;
        })
        .await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let cam = anna.publish("cam", json!({"delivery": "media"})).await?;
        let mic = anna.publish("mic", json!({"delivery": "latest"})).await?;
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4_096)?;
        let tcp = socket.connect(stage.running.http).await?;
        let fields = [("sec-websocket-protocol", stagedoor_wire::SUBPROTOCOL)];
        let mut ben = Member::connect_over(tcp, &fields).await?.ok().context("upgraded")?;
        ben.log_in(&stage.token("lobby", "ben", "audience")?).await?;
        ben.subscribe(&["*"]).await?;
        for n in 0..PICTURES {
            anna.frame(cam, n == 0, &[0; FRAME_BYTES]).await?;
        }
        anna.frame(mic, true, b"a sound").await?;
        anna.ok(json!({"op": "ping"})).await?;
        let mut pictures = 0;
        loop {
            match ben.hear().await?.context("still open")? {
                Heard::Frame(stream, ..) if stream == mic => break,
                Heard::Frame(..) => pictures += 1,
                Heard::Control(_) => {}
            }
        }
        assert!(pictures < PICTURES / 15, "it came after {pictures} of {PICTURES} pictures");
        while pictures < PICTURES {
            let heard = ben.hear().await?.context("still open")?;
            pictures += u32::from(matches!(heard, Heard::Frame(stream, ..) if stream == cam));
        }
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}

#[tokio::test]
async fn the_delay_of_written_frames_is_measured_by_delivery() -> Result<()> {
    let run = async {
        let stage = Stage::start().await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let mic = anna.publish("mic", json!({"delivery": "latest"})).await?;
        let mut ben = stage.join("lobby", "ben", "audience").await?;
        ben.subscribe(&["*"]).await?;
        for _ in 0..100 {
            anna.frame(mic, true, b"a sound").await?;
            ben.next_frame().await?;
        }
        let text = http_get(stage.running.operations, "/metrics").await?;
        let count = |delivery: &str| {
            let name =
                format!("stagedoor_relay_frame_delay_seconds_count{{delivery=\"{delivery}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.and_then(|count| count.parse::<u64>().ok())
        };
        assert!(count("latest").is_some_and(|count| (1..=2).contains(&count)), "{text}");
        assert_eq!(count("media"), Some(0));
        assert!(text.contains("# TYPE stagedoor_relay_frame_delay_seconds histogram"));
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
