//! Frames that RFC 6455 forbids, and messages beyond their limits: judged by their heads, not at their ends.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::Stage;
use tokio::io::AsyncReadExt;

use super::{Raw, frame, within};

/// The head of a masked frame with an arbitrary length, and nothing behind it.
fn head(first: u8, length: &[u8]) -> Vec<u8> {
    [&[first], length, &[0; 4]].concat()
}

const PROTOCOL_ERROR: u16 = 4304;
const TOO_LARGE: u16 = 4307;

#[tokio::test]
async fn an_overlong_length_encoding_is_an_error() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (name, length) in [
            ("5 in 16 bits", &[0xfe, 0, 5][..]),
            ("125 in 16 bits", &[0xfe, 0, 125]),
            ("5 in 64 bits", &[0xff, 0, 0, 0, 0, 0, 0, 0, 5]),
            ("65535 in 64 bits", &[0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            ("beyond 63 bits", &[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            for first in [0x81, 0x82, 0x01] {
                let mut raw = Raw::seated(&stage).await?;
                raw.write(&head(first, length)).await?;
                assert_eq!(raw.closed().await.context(name)?, PROTOCOL_ERROR, "{name} {first:#x}");
            }
            let mut stranger = Raw::connect(&stage).await?;
            stranger.write(&head(0x81, length)).await?;
            assert_eq!(stranger.closed().await.context(name)?, PROTOCOL_ERROR, "{name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_shortest_form_of_each_length_is_read() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut raw = Raw::seated(&stage).await?;
        for bytes in [22_usize, 125, 126, 127, 16_000, 65_535, 65_536] {
            let request = json!({"op": "ping", "id": bytes}).to_string();
            let padding = " ".repeat(bytes.saturating_sub(request.len()));
            raw.write(&frame(0x81, (request + &padding).as_bytes())).await?;
            let answer = raw.next_text().await?;
            assert_eq!(answer["re"], bytes, "{answer}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_forbidden_close_code_is_a_protocol_error() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for code in [0_u16, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 0xffff] {
            let mut raw = Raw::seated(&stage).await?;
            raw.write(&frame(0x88, &code.to_be_bytes())).await?;
            assert_eq!(raw.closed().await?, PROTOCOL_ERROR, "{code}");
        }
        let mut raw = Raw::seated(&stage).await?;
        raw.write(&frame(0x88, &[3])).await?;
        assert_eq!(raw.closed().await?, PROTOCOL_ERROR, "half a code");
        for code in [1000_u16, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 3000, 3999, 4000, 4999] {
            let mut raw = Raw::seated(&stage).await?;
            let reason = [&code.to_be_bytes()[..], b"goodbye"].concat();
            raw.write(&frame(0x88, &reason)).await?;
            assert_eq!(raw.closed().await?, code, "it is said back");
        }
        let mut raw = Raw::seated(&stage).await?;
        raw.write(&frame(0x88, &[])).await?;
        assert_eq!(raw.next().await?, (8, vec![]));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_split_close_code_is_judged_as_a_whole() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut raw = Raw::seated(&stage).await?;
        for byte in frame(0x88, &1005_u16.to_be_bytes()) {
            raw.write(&[byte]).await?;
            tokio::task::yield_now().await;
        }
        assert_eq!(raw.closed().await?, PROTOCOL_ERROR);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_unfinished_text_closes_when_it_passes_its_limit() -> Result<()> {
    within(async {
        let stage = Stage::with(|limits| limits.control_bytes_max = 1_000).await?;
        for (name, pieces) in [
            ("a head that says it", vec![head(0x81, &[0xfe, 0x10, 0])]),
            ("an unfinished head that says it", vec![head(0x01, &[0xfe, 0x10, 0])]),
            ("two pieces", vec![frame(0x01, &[b' '; 600]), frame(0x00, &[b' '; 401])]),
            ("a head of the second", vec![frame(0x01, &[b' '; 600]), head(0x00, &[0xfe, 1, 0x91])]),
            ("many pieces", vec![frame(0x01, b" "), frame(0x00, b" ").repeat(1_000)]),
            (
                "a ping between",
                vec![frame(0x01, &[b' '; 600]), frame(0x89, b"p"), frame(0x00, &[b' '; 401])],
            ),
        ] {
            let mut raw = Raw::seated(&stage).await?;
            for piece in &pieces {
                raw.write(piece).await?;
            }
            assert_eq!(raw.closed().await.context(name)?, TOO_LARGE, "{name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_split_text_within_its_limit_is_read() -> Result<()> {
    within(async {
        let stage = Stage::with(|limits| limits.control_bytes_max = 1_000).await?;
        let mut raw = Raw::seated(&stage).await?;
        for id in 0..3 {
            let request = format!("{:1000}", json!({"op": "ping", "id": id}).to_string());
            let (start, rest) = request.as_bytes().split_at(7);
            raw.write(&frame(0x01, start)).await?;
            raw.write(&frame(0x89, b"between")).await?;
            assert_eq!(raw.next().await?, (10, b"between".to_vec()));
            raw.write(&frame(0x00, &rest[..500])).await?;
            raw.write(&frame(0x80, &rest[500..])).await?;
            assert_eq!(raw.next_text().await?["re"], id);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_unfinished_data_frame_closes_when_it_passes_its_limit() -> Result<()> {
    within(async {
        // Less than a text may have.
        let stage = Stage::with(|limits| limits.frame_bytes_max = 1_000).await?;
        for pieces in [
            vec![head(0x82, &[0xfe, 0x10, 0])],
            vec![frame(0x02, &[1; 600]), head(0x00, &[0xfe, 1, 0x91])],
        ] {
            let mut raw = Raw::seated(&stage).await?;
            for piece in &pieces {
                raw.write(piece).await?;
            }
            assert_eq!(raw.closed().await?, TOO_LARGE);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_forbidden_frame_closes_as_soon_as_its_head_arrives() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (name, bytes) in [
            ("not masked", vec![0x81, 0x05]),
            ("a reserved bit", vec![0xc1, 0x85]),
            ("a reserved opcode", vec![0x83, 0x85]),
            ("a reserved control", vec![0x8b, 0x80]),
            ("a ping in pieces", vec![0x09, 0x81]),
            ("a long ping", vec![0x89, 0xfe]),
            ("a continuation of nothing", vec![0x80, 0x85]),
            ("a text within a text", [frame(0x01, b"{"), vec![0x81, 0x85]].concat()),
        ] {
            let mut raw = Raw::seated(&stage).await?;
            raw.write(&bytes).await?;
            assert_eq!(raw.closed().await.context(name)?, PROTOCOL_ERROR, "{name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn requests_before_a_bad_frame_are_answered() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut raw = Raw::seated(&stage).await?;
        let pings =
            (5..8).map(|id| frame(0x81, json!({"op": "ping", "id": id}).to_string().as_bytes()));
        let mut all: Vec<u8> = pings.flatten().collect();
        all.extend(head(0x81, &[0xfe, 0, 5]));
        all.extend(frame(0x81, br#"{"op":"ping","id":9}"#));
        raw.write(&all).await?;
        for id in 5..8 {
            assert_eq!(raw.next_text().await?["re"], id);
        }
        let (opcode, payload) = raw.next().await?;
        assert_eq!((opcode, &payload[..2]), (8, &PROTOCOL_ERROR.to_be_bytes()[..]));
        // Nothing follows a close.
        assert_eq!(raw.0.read(&mut [0; 16]).await.unwrap_or(0), 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_large_text_right_behind_a_login_is_within_the_seats_limit() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut raw = Raw::connect(&stage).await?;
        let token = stage.token("lobby", "anna", "host")?;
        let login = json!({"op": "login", "id": 1, "token": token}).to_string();
        let ping = format!("{:20000}", json!({"op": "ping", "id": 2}).to_string());
        let all = [frame(0x81, login.as_bytes()), frame(0x81, ping.as_bytes())].concat();
        raw.write(&all).await?;
        assert_eq!(raw.next_text().await?["re"], 1);
        assert_eq!(raw.next_text().await?["re"], 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_frame_behind_a_waiting_login_closes_after_it() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let token = stage.sign(&stage.claims_with(&json!({"once": true}))?);
        let mut raw = Raw::connect(&stage).await?;
        let login = json!({"op": "login", "id": 1, "token": token}).to_string();
        let all = [frame(0x81, login.as_bytes()), head(0x81, &[0xfe, 0, 5])].concat();
        raw.write(&all).await?;
        assert_eq!(raw.next_text().await?["ok"]["user"], "anna");
        assert_eq!(raw.closed().await?, PROTOCOL_ERROR);
        Ok(())
    })
    .await
}
