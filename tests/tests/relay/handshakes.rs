//! The handshake: what is refused before there is a WebSocket, and a token in its header.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{
    Member, Stage,
    member::{http, http_get},
};
use stagedoor_wire::SUBPROTOCOL;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const UPGRADE: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: stagedoor.v1\r\n";

/// Status and code of a refused handshake.
fn problem(answer: &str) -> Result<(u16, String)> {
    let status = answer.split(' ').nth(1).context("a status")?.parse()?;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).context("a body")?)?;
    assert!(answer.contains("application/problem+json"));
    Ok((status, body["code"].as_str().context("a code")?.to_owned()))
}

#[tokio::test]
async fn each_bad_handshake_has_its_status_and_code() -> Result<()> {
    let ours = "https://ours.example".parse()?;
    let stage = Stage::configured(|config| config.relay.origins = vec![ours]).await?;
    let cases = [
        (
            UPGRADE.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
            400,
            "handshake_invalid",
        ),
        (UPGRADE.replace("/v1/connect", "/v1/connect?token=abc"), 400, "query_refused"),
        (format!("{UPGRADE}Origin: https://theirs.example\r\n"), 403, "origin_refused"),
        (UPGRADE.replace("Version: 13", "Version: 12"), 426, "upgrade_required"),
        ("GET /v1/connect HTTP/1.1\r\nHost: x\r\n".into(), 426, "upgrade_required"),
        (format!("{UPGRADE}X-Long: {}\r\n", "x".repeat(9_000)), 431, "handshake_too_large"),
        (format!("{UPGRADE}Authorization: Bearer nonsense\r\n"), 401, "token_invalid"),
    ];
    for (head, status, code) in cases {
        let answer = http(stage.running.http, &format!("{head}\r\n")).await?;
        assert_eq!(problem(&answer)?, (status, code.to_owned()), "{head}");
        assert_eq!(answer.contains("WWW-Authenticate: Bearer"), status == 401, "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_in_the_handshake_gets_a_seat_at_once() -> Result<()> {
    let stage = Stage::start().await?;
    let bearer = format!("Bearer {}", stage.token("lobby", "anna", "host")?);
    let fields = [("sec-websocket-protocol", SUBPROTOCOL), ("authorization", bearer.as_str())];
    let tcp = TcpStream::connect(stage.running.http).await?;
    let mut anna = Member::connect_over(tcp, &fields).await?.ok().context("upgraded")?;
    let seated = anna
        .find(|heard| matches!(heard, stagedoor_tests::Heard::Control(value) if value["re"] == 0))
        .await?;
    assert!(format!("{seated:?}").contains("lobby"));
    assert_eq!(anna.ok(json!({"op": "members"})).await?["count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_valid_but_unacceptable_handshake_token_is_forbidden() -> Result<()> {
    let stage = Stage::start().await?;
    let token = stage.token("lobby", "anna", "king")?;
    let answer =
        http(stage.running.http, &format!("{UPGRADE}Authorization: Bearer {token}\r\n\r\n"))
            .await?;
    assert_eq!(problem(&answer)?, (403, "role_unknown".into()));
    assert!(!answer.contains(&token));
    Ok(())
}

#[tokio::test]
async fn without_the_subprotocol_the_close_says_so() -> Result<()> {
    let stage = Stage::start().await?;
    let tcp = TcpStream::connect(stage.running.http).await?;
    let mut stranger = Member::connect_over(tcp, &[]).await?.ok().context("upgraded")?;
    let closed = stranger.closed().await?;
    assert_eq!((closed.code, closed.reason.as_str()), (4306, "subprotocol_unsupported"));
    Ok(())
}

#[tokio::test]
async fn connections_above_a_limit_are_refused_until_one_ends() -> Result<()> {
    for by_address in [true, false] {
        let stage = Stage::with(|limits| {
            if by_address {
                limits.connections_per_address_max = 1;
            } else {
                limits.connections_max = 1;
            }
        })
        .await?;
        let mut first = stage.join("lobby", "anna", "host").await?;
        let mut second = stage.connect().await?;
        assert_eq!(second.closed().await?.reason, "connections_exceeded");
        let token = stage.token("lobby", "bob", "host")?;
        let answer =
            http(stage.running.http, &format!("{UPGRADE}Authorization: Bearer {token}\r\n\r\n"))
                .await?;
        assert_eq!(problem(&answer)?, (503, "connections_exceeded".into()));
        assert!(answer.contains("Retry-After"));
        first.ok(json!({"op": "leave"})).await?;
        first.closed().await?;
        drop((first, second));
        // The relay notices the ends of the others a moment later.
        let mut joined = false;
        for _ in 0..100 {
            let mut third = stage.connect().await?;
            joined = third.log_in(&token).await.is_ok();
            if joined {
                break;
            }
        }
        assert!(joined);
    }
    Ok(())
}

#[tokio::test]
async fn a_missing_head_is_cut_off() -> Result<()> {
    let stage = Stage::with(|limits| limits.login_timeout_ms = 50).await?;
    let mut tcp = TcpStream::connect(stage.running.http).await?;
    tcp.write_all(b"GET /v1/conn").await?;
    assert_eq!(tcp.read(&mut [0; 16]).await?, 0);
    Ok(())
}

#[tokio::test]
async fn the_port_is_shared_with_the_http_api() -> Result<()> {
    let stage = Stage::start().await?;
    let front = http_get(stage.running.http, "/").await?;
    assert!(front.starts_with("HTTP/1.1 200"), "{front}");
    let refused = http_get(stage.running.http, "/v1/apps").await?;
    assert_eq!(problem(&refused)?, (401, "credential_missing".into()));
    Ok(())
}
