//! Streams: beginning, discovery, reading, ending, falling behind.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Heard, Member, Stage};
use stagedoor_token::mint;
use tokio::net::TcpSocket;

#[tokio::test]
async fn published_frames_arrive_unchanged_and_in_order() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut early = stage.join("lobby", "bob", "audience").await?;
    early.subscribe(&["cam*"]).await?;
    let number = host.publish("cam", json!({"delivery": "reliable"})).await?;
    let found = early.event("subscribed").await?;
    assert_eq!(found["streams"][0]["stream"], number);
    let mut late = stage.join("lobby", "carl", "audience").await?;
    late.subscribe(&["cam"]).await?;
    for n in 0..100_u8 {
        host.frame(number, n == 0, &[n; 70]).await?;
    }
    for member in [&mut early, &mut late] {
        for n in 0..100_u8 {
            assert_eq!(member.next_frame().await?, (number, n == 0, vec![n; 70].into()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn late_subscribers_start_where_the_delivery_says() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    for (name, more, begin) in [
        ("m", json!({"delivery": "media"}), Some(6)),
        ("l", json!({"delivery": "latest"}), Some(9)),
        ("r", json!({"delivery": "reliable"}), None),
        ("h", json!({"delivery": "reliable", "history": true}), Some(0)),
    ] {
        let number = host.publish(name, more).await?;
        for n in 0..10_u8 {
            host.frame(number, n % 3 == 0 && n < 9, &[n]).await?;
        }
        host.ok(json!({"op": "members"})).await?;
        let mut late = stage.join("lobby", "bob", "audience").await?;
        let streams = late.subscribe(&[name]).await?;
        assert_eq!(streams["streams"][0]["seq"], begin.unwrap_or(10), "{name}");
        host.frame(number, false, &[10]).await?;
        for n in begin.unwrap_or(10)..=10 {
            assert_eq!(late.next_frame().await?.2, vec![n as u8], "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_ends_for_its_subscribers_after_its_last_frame() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    bob.subscribe(&["*"]).await?;
    for (way, reason) in [("unpublish", "unpublished"), ("leave", "left")] {
        let number = host.publish("cam", json!({})).await?;
        bob.event("published").await?;
        for n in 0..20_u8 {
            host.frame(number, false, &[n]).await?;
        }
        let mut request = json!({"op": way});
        if way == "unpublish" {
            request["stream"] = "cam".into();
        }
        host.ok(request).await?;
        let mut frames = 0;
        let ended = loop {
            match bob.hear().await?.context("still open")? {
                Heard::Frame(..) => frames += 1,
                Heard::Control(event) if event["ev"] == "ended" => break event,
                Heard::Control(_) => {}
            }
        };
        assert_eq!((frames, &ended["seq"], &ended["reason"]), (20, &json!(20), &json!(reason)));
        assert_eq!(bob.event("unpublished").await?["reason"], reason);
    }
    Ok(())
}

/// Mail and socket wake the same task: neither may hide the other.
#[tokio::test]
async fn two_constant_publishers_hear_each_other_completely() -> Result<()> {
    const FRAMES: u32 = 3_000;
    async fn talk(me: &mut Member, number: u32) -> Result<()> {
        let mut heard = 0;
        for n in 0..FRAMES {
            me.frame(number, false, &n.to_be_bytes()).await?;
            tokio::task::yield_now().await;
        }
        while heard < FRAMES {
            heard += u32::from(matches!(me.hear().await?, Some(Heard::Frame(..))));
        }
        Ok(())
    }
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "host").await?;
    let (a, b) = (anna.publish("a", json!({})).await?, bob.publish("b", json!({})).await?);
    anna.subscribe(&["*"]).await?;
    bob.subscribe(&["*"]).await?;
    tokio::try_join!(talk(&mut anna, a), talk(&mut bob, b))?;
    Ok(())
}

#[tokio::test]
async fn a_frame_for_anothers_stream_closes_the_connection() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let number = host.publish("cam", json!({})).await?;
    let mut cohost = stage.join("lobby", "bob", "cohost").await?;
    let publish = json!({"op": "publish", "stream": "cam", "kind": "data"});
    assert_eq!(cohost.code(publish).await?, "stream_exists");
    assert_eq!(cohost.code(json!({"op": "unpublish", "stream": "cam"})).await?, "stream_unknown");
    cohost.frame(number, true, b"not mine").await?;
    let closed = cohost.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4305, "stream_not_yours"));
    host.ok(json!({"op": "unpublish", "stream": "cam"})).await?;
    host.frame(number, true, b"not mine any more").await?;
    assert_eq!(host.closed().await?.reason, "stream_not_yours");
    Ok(())
}

#[tokio::test]
async fn republishing_a_name_replaces_its_stream() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    bob.subscribe(&["cam"]).await?;
    let first = host.publish("cam", json!({})).await?;
    let second = host.publish("cam", json!({})).await?;
    assert_eq!(bob.event("ended").await?["reason"], "replaced");
    host.frame(first, true, b"late").await?;
    host.frame(second, true, b"new").await?;
    assert_eq!(bob.next_frame().await?, (second, true, "new".into()));
    assert_eq!(stage.metric("stagedoor_relay_frames_dropped_total").await?, 1);
    Ok(())
}

#[tokio::test]
async fn caps_on_streams_and_subscriptions_hold() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.streams_per_room_max = 2;
        limits.subscriptions_per_member_max = 3;
        limits.stream_meta_bytes_max = 5;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let publish = |name: &str| json!({"op": "publish", "stream": name, "kind": "data"});
    let large = json!({"op": "publish", "stream": "a", "kind": "data", "meta": "too long"});
    assert_eq!(host.code(large).await?, "too_large");
    host.ok(publish("a")).await?;
    host.ok(publish("b")).await?;
    assert_eq!(host.code(publish("c")).await?, "streams_exceeded");
    host.subscribe(&["x", "y"]).await?;
    let more = json!({"op": "subscribe", "streams": ["y", "z", "w"]});
    assert_eq!(host.code(more).await?, "subscriptions_exceeded");
    host.subscribe(&["y", "z"]).await?;
    let bad = json!({"op": "subscribe", "streams": ["a*b"]});
    assert_eq!(host.code(bad).await?, "request_invalid");

    let mut narrow = stage.claims("lobby", "bob", "host")?;
    let grants = r#"{"publish":{"streams":["b-*"],"kinds":["audio"],"streams_max":1},"subscribe":{"streams":["s-*"]}}"#;
    narrow.grants = Some(serde_json::from_str(grants)?);
    let mut bob = stage.connect().await?;
    bob.log_in(&mint(&narrow, &stage.key)?).await?;
    for (request, code, rule) in [
        (
            json!({"op": "publish", "stream": "cam", "kind": "audio"}),
            "publish_denied",
            "publish.streams",
        ),
        (
            json!({"op": "publish", "stream": "b-1", "kind": "video"}),
            "publish_denied",
            "publish.kinds",
        ),
        (json!({"op": "subscribe", "streams": ["cam"]}), "subscribe_denied", "subscribe.streams"),
        (json!({"op": "subscribe", "streams": ["cam*"]}), "subscribe_denied", "subscribe.streams"),
    ] {
        let answer = bob.ask(request.clone()).await?;
        assert_eq!(
            (&answer["error"]["code"], &answer["error"]["rule"]),
            (&json!(code), &json!(rule)),
            "{request}"
        );
    }
    bob.subscribe(&["s-1", "s-*", "*"]).await?;
    Ok(())
}

#[tokio::test]
async fn only_permitted_streams_are_found() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    host.publish("s-1", json!({})).await?;
    host.publish("cam", json!({})).await?;
    let mut claims = stage.claims("lobby", "bob", "audience")?;
    claims.grants = Some(serde_json::from_str(r#"{"subscribe":{"streams":["s-*"]}}"#)?);
    let mut bob = stage.connect().await?;
    let seat = bob.log_in(&mint(&claims, &stage.key)?).await?;
    assert_eq!(seat["streams"].as_array().map(Vec::len), Some(1));
    let found = bob.subscribe(&["*"]).await?;
    assert_eq!(
        (found["streams"].as_array().map(Vec::len), &found["streams"][0]["name"]),
        (Some(1), &json!("s-1"))
    );
    let hidden = host.publish("cam-2", json!({})).await?;
    let open = host.publish("s-2", json!({})).await?;
    host.frame(hidden, true, b"hidden").await?;
    host.frame(open, true, b"open").await?;
    assert_eq!(bob.next_frame().await?, (open, true, "open".into()));
    assert!(bob.unheard().all(|heard| !format!("{heard:?}").contains("cam-2")));
    Ok(())
}

#[tokio::test]
async fn unsubscribed_and_own_streams_send_no_frames() -> Result<()> {
    let stage = Stage::start().await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    assert_eq!(host.subscribe(&["*"]).await?["streams"], json!([]));
    let number = host.publish("cam", json!({})).await?;
    let mut bob = stage.join("lobby", "bob", "audience").await?;
    bob.subscribe(&["cam", "c*"]).await?;
    bob.ok(json!({"op": "unsubscribe", "streams": ["cam"]})).await?;
    host.frame(number, true, b"one").await?;
    assert_eq!(bob.next_frame().await?.2, "one", "another pattern holds it");
    bob.ok(json!({"op": "unsubscribe", "streams": ["c*"]})).await?;
    host.frame(number, true, b"two").await?;
    host.ok(json!({"op": "members"})).await?;
    bob.ok(json!({"op": "members"})).await?;
    for member in [&host, &bob] {
        assert!(member.unheard().all(|heard| matches!(heard, Heard::Control(_))));
    }
    Ok(())
}

/// A member whose kernel's buffer is small.
async fn slow(stage: &Stage, user: &str) -> Result<Member> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    let tcp = socket.connect(stage.running.http).await?;
    let fields = [("sec-websocket-protocol", stagedoor_wire::SUBPROTOCOL)];
    let mut member = Member::connect_over(tcp, &fields).await?.ok().context("upgraded")?;
    member.log_in(&stage.token("lobby", user, "audience")?).await?;
    Ok(member)
}

#[tokio::test]
async fn a_slow_member_learns_its_losses_and_delays_nobody() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.stream_log_bytes_max = 200_000;
        limits.gather_bytes_max = 20_000;
        limits.socket_send_buffer_bytes = 8_192;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    for delivery in ["media", "latest"] {
        let number = host.publish("cam", json!({"delivery": delivery})).await?;
        let mut slow = slow(&stage, "snail").await?;
        slow.subscribe(&["cam"]).await?;
        let mut fast = stage.join("lobby", "hare", "audience").await?;
        fast.subscribe(&["cam"]).await?;
        for n in 0..400_u32 {
            let mut payload = n.to_be_bytes().to_vec();
            payload.resize(10_000, 0);
            host.frame(number, n % 10 == 0, &payload).await?;
            let (_, _, got) = fast.next_frame().await?;
            assert_eq!(got[..4], n.to_be_bytes(), "the fast one gets everything as it comes");
        }
        host.ok(json!({"op": "unpublish", "stream": "cam"})).await?;
        let (mut next, mut lost, mut jumped) = (0_u64, 0_u64, false);
        loop {
            match slow.hear().await?.context("still open")? {
                Heard::Frame(_, keyframe, payload) => {
                    let n = u32::from_be_bytes(payload[..4].try_into()?);
                    assert_eq!(u64::from(n), next, "what was told lost is what is missing");
                    assert!(
                        !jumped || delivery == "latest" || keyframe,
                        "after a jump comes a keyframe"
                    );
                    jumped = false;
                    next += 1;
                }
                Heard::Control(event) if event["ev"] == "lagged" => {
                    lost += event["lost"].as_u64().context("a number")?;
                    next = event["seq"].as_u64().context("a number")?;
                    jumped = true;
                }
                Heard::Control(event) if event["ev"] == "ended" => break,
                Heard::Control(_) => {}
            }
        }
        assert!(lost > 0, "{delivery}");
        slow.ok(json!({"op": "leave"})).await?;
    }
    assert!(stage.metric("stagedoor_relay_frames_lost_total").await? > 0);
    Ok(())
}

#[tokio::test]
async fn a_reliable_stream_closes_slow_readers_which_can_resume() -> Result<()> {
    let stage = Stage::with(|limits| {
        limits.stream_log_bytes_max = 200_000;
        limits.gather_bytes_max = 20_000;
        limits.socket_send_buffer_bytes = 8_192;
    })
    .await?;
    let mut host = stage.join("lobby", "anna", "host").await?;
    let number = host.publish("cam", json!({"delivery": "reliable"})).await?;
    let mut slow = slow(&stage, "snail").await?;
    let streams = slow.subscribe(&["cam"]).await?;
    let epoch = streams["streams"][0]["epoch"].clone();
    for n in 0..400_u32 {
        let mut payload = n.to_be_bytes().to_vec();
        payload.resize(10_000, 0);
        host.frame(number, false, &payload).await?;
    }
    host.ok(json!({"op": "members"})).await?;
    let mut next = 0_u64;
    let closed = slow.closed().await?;
    for heard in slow.unheard() {
        if let Heard::Frame(_, _, payload) = heard {
            assert_eq!(payload[..4], (next as u32).to_be_bytes(), "in order, without a gap");
            next += 1;
        }
    }
    assert_eq!((closed.code, closed.reason.as_str()), (4001, "slow"));
    assert!(next < 400);
    let from = |seq| json!({"op": "subscribe", "streams": ["cam"], "from": [{"stream": "cam", "epoch": epoch, "seq": seq}]});
    let mut back = stage.join("lobby", "snail", "audience").await?;
    assert_eq!(back.ok(from(next)).await?["streams"][0]["resumed"], false, "that is gone");
    let mut again = stage.join("lobby", "snail", "audience").await?;
    let streams = again.ok(from(395)).await?;
    assert_eq!(
        (&streams["streams"][0]["resumed"], &streams["streams"][0]["seq"]),
        (&json!(true), &json!(395))
    );
    for n in 395..400_u32 {
        assert_eq!(again.next_frame().await?.2[..4], n.to_be_bytes());
    }
    Ok(())
}
