//! A reader of `media` that falls behind by time skips ahead.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Heard, Member, Stage};
use tokio::{net::TcpSocket, time::timeout};

const TIME_LIMIT: Duration = Duration::from_secs(30);
const BEHIND: Duration = Duration::from_millis(300);
const FRAME_BYTES: usize = 10_000;

/// A stage whose logs hold everything, and whose sockets hold little.
async fn stage(behind_ms_max: u64) -> Result<Stage> {
    Stage::with(|limits| {
        limits.media_behind_ms_max = behind_ms_max;
        limits.stream_log_age_ms_max = 600_000;
        limits.gather_bytes_max = 20_000;
        limits.socket_send_buffer_bytes = 8_192;
    })
    .await
}

/// A member whose kernel's buffer is small.
async fn slow(stage: &Stage) -> Result<Member> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let tcp = socket.connect(stage.running.http).await?;
    let fields = [("sec-websocket-protocol", stagedoor_wire::SUBPROTOCOL)];
    let mut member = Member::connect_over(tcp, &fields).await?.ok().context("upgraded")?;
    member.log_in(&stage.token("lobby", "snail", "audience")?).await?;
    Ok(member)
}

/// Publishes frames that begin with their number.
async fn publish(host: &mut Member, stream: u32, frames: std::ops::Range<u32>) -> Result<()> {
    for n in frames {
        let mut payload = n.to_be_bytes().to_vec();
        payload.resize(FRAME_BYTES, 0);
        host.frame(stream, n % 60 == 0, &payload).await?;
    }
    host.ok(json!({"op": "ping"})).await?;
    Ok(())
}

/// Reads until `last`; returns what was told lost, checking that all else came.
async fn read_until(slow: &mut Member, last: u32) -> Result<Vec<(u64, u64)>> {
    let (mut next, mut lost) = (0_u64, Vec::new());
    loop {
        match slow.hear().await?.context("still open")? {
            Heard::Frame(_, _, payload) => {
                let n = u32::from_be_bytes(payload[..4].try_into()?);
                assert_eq!(u64::from(n), next, "what was told lost is what is missing");
                next += 1;
                if n == last {
                    return Ok(lost);
                }
            }
            Heard::Control(event) if event["ev"] == "lagged" => {
                let number = |field: &str| event[field].as_u64().context("a number");
                assert_eq!(next + number("lost")?, number("seq")?);
                next = number("seq")?;
                lost.push((number("lost")?, next));
            }
            Heard::Control(_) => {}
        }
    }
}

#[tokio::test]
async fn a_reader_behind_by_time_jumps_to_the_newest_keyframe() -> Result<()> {
    let behind_ms = BEHIND.as_millis() as u64;
    for (limit, own) in [(behind_ms, Value::Null), (60_000, json!(behind_ms))] {
        let run = async {
            let stage = stage(limit).await?;
            let mut anna = stage.join("lobby", "anna", "host").await?;
            let more = json!({"delivery": "media", "behind_ms": own});
            let cam = anna.publish("cam", more).await?;
            let mut snail = slow(&stage).await?;
            snail.subscribe(&["cam"]).await?;
            publish(&mut anna, cam, 0..60).await?;
            tokio::time::sleep(BEHIND * 2).await;
            publish(&mut anna, cam, 60..65).await?;
            let lost = read_until(&mut snail, 64).await?;
            assert!(matches!(lost[..], [(1.., 60)]), "{lost:?}");
            let jumps = stage.metric("stagedoor_relay_jumps_by_time_total").await?;
            assert_eq!(jumps, 1);
            anyhow::Ok(())
        };
        timeout(TIME_LIMIT, run).await??;
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_behind_without_a_keyframe_has_one_wanted() -> Result<()> {
    let run = async {
        let stage = stage(BEHIND.as_millis() as u64).await?;
        let mut anna = stage.join("lobby", "anna", "host").await?;
        let cam = anna.publish("cam", json!({"delivery": "media"})).await?;
        publish(&mut anna, cam, 0..1).await?;
        let mut snail = slow(&stage).await?;
        snail.subscribe(&["cam"]).await?;
        publish(&mut anna, cam, 1..60).await?;
        tokio::time::sleep(BEHIND * 2).await;
        let publisher = async {
            let wanted = anna.event("keyframe_wanted").await?;
            assert_eq!(wanted["stream"], cam);
            publish(&mut anna, cam, 60..62).await
        };
        let (lost, ()) = tokio::try_join!(read_until(&mut snail, 61), publisher)?;
        assert!(matches!(lost[..], [(1.., 60)]), "{lost:?}");
        anyhow::Ok(())
    };
    timeout(TIME_LIMIT, run).await?
}
