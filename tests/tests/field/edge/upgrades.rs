//! An upgrade as any request of a persistent connection (RFC 9112 §9.3), which a proxy that reuses its connections
//! sends.

use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use stagedoor_relay::TlsFiles;
use stagedoor_tests::{Member, Stage, trusting};
use stagedoor_wire::SUBPROTOCOL;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::{field, one_answer, status, within};

const FRONT: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const UPGRADE: &str = "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: stagedoor.v1\r\n";

/// Requests the front page and reads it completely.
async fn ask_front(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<()> {
    io.write_all(FRONT).await?;
    let (head, _) = one_answer(io).await?;
    anyhow::ensure!(status(&head)? == 200, "{head}");
    Ok(())
}

#[tokio::test]
async fn any_request_of_a_connection_may_upgrade() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for earlier in 0..4 {
            let mut tcp = TcpStream::connect(stage.running.http).await?;
            for _ in 0..earlier {
                ask_front(&mut tcp).await?;
            }
            let fields = [("sec-websocket-protocol", SUBPROTOCOL)];
            let mut anna = Member::connect_over(tcp, &fields).await?.map_err(|response| {
                anyhow::anyhow!("{} after {earlier} requests", response.status())
            })?;
            let token = stage.token("lobby", &format!("anna-{earlier}"), "host")?;
            anna.log_in(&token).await?;
            let stream = anna.publish(&format!("cam-{earlier}"), json!({})).await?;
            anna.frame(stream, true, b"picture").await?;
            anna.ok(json!({"op": "leave"})).await?;
            assert_eq!(anna.closed().await?.reason, "left");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_later_upgrade_reads_its_token_from_the_head() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut tcp = TcpStream::connect(stage.running.http).await?;
        ask_front(&mut tcp).await?;
        let bearer = format!("Bearer {}", stage.token("lobby", "anna", "host")?);
        let fields = [("sec-websocket-protocol", SUBPROTOCOL), ("authorization", &bearer)];
        let mut anna = Member::connect_over(tcp, &fields).await?.ok().context("upgraded")?;
        let seated = anna.hear().await?.context("the answer")?;
        assert!(format!("{seated:?}").contains("lobby"), "{seated:?}");
        assert_eq!(anna.ok(json!({"op": "members"})).await?["count"], 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bytes_right_behind_a_later_upgrade_are_read() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let mut tcp = TcpStream::connect(stage.running.http).await?;
        let token = stage.token("lobby", "anna", "host")?;
        let login = json!({"op": "login", "id": 7, "token": token}).to_string();
        // Two requests, an upgrade and a masked message in one write.
        let mut frame = vec![0x81, 0xfe];
        frame.extend(u16::try_from(login.len())?.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(login.as_bytes());
        let all = [FRONT, FRONT, UPGRADE.as_bytes(), b"\r\n", &frame].concat();
        tcp.write_all(&all).await?;
        for expected in [200, 200, 101] {
            assert_eq!(status(&one_answer(&mut tcp).await?.0)?, expected);
        }
        let mut socket = WebSocketStream::from_raw_socket(tcp, Role::Client, None).await;
        let answer = socket.next().await.context("an answer")??;
        let answer: Value = serde_json::from_str(answer.to_text()?)?;
        assert_eq!((&answer["re"], &answer["ok"]["user"]), (&json!(7), &json!("anna")));
        socket.send(Message::Close(None)).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_bad_upgrade_gets_the_same_answer_first_or_later() -> Result<()> {
    within(async {
        let ours = "https://ours.example".parse()?;
        let stage = Stage::configured(|config| config.relay.origins = vec![ours]).await?;
        let many = "A: b\r\n".repeat(80);
        let king = stage.token("lobby", "anna", "king")?;
        let cases = [
            (UPGRADE.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
            (UPGRADE.replace("/v1/connect", "/v1/connect?token=abc"), 400),
            (format!("{UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
            (format!("{UPGRADE}Content-Length: 5\r\n"), 400),
            (format!("{UPGRADE}Transfer-Encoding: chunked\r\n"), 400),
            (format!("{UPGRADE}Origin: https://theirs.example\r\n"), 403),
            (UPGRADE.replace("Version: 13", "Version: 12"), 426),
            (UPGRADE.replace("GET", "POST"), 426),
            (UPGRADE.replace("GET", "PATCH"), 426),
            (UPGRADE.replace("HTTP/1.1", "HTTP/1.0"), 426),
            ("GET /v1/connect HTTP/1.1\r\nHost: x\r\n".into(), 426),
            (format!("{UPGRADE}X-Long: {}\r\n", "x".repeat(9_000)), 431),
            (format!("{UPGRADE}{many}"), 431),
            (format!("{UPGRADE}Authorization: Bearer nonsense\r\n"), 401),
            (format!("{UPGRADE}Authorization: Bearer {king}\r\n"), 403),
        ];
        for (head, expected) in cases {
            let mut answers = Vec::new();
            for earlier in 0..2 {
                let mut tcp = TcpStream::connect(stage.running.http).await?;
                for _ in 0..earlier {
                    ask_front(&mut tcp).await?;
                }
                tcp.write_all(format!("{head}\r\n").as_bytes()).await?;
                let (answer, body) = one_answer(&mut tcp).await?;
                assert_eq!(status(&answer)?, expected, "{head} after {earlier}: {answer}{body}");
                let named = ["content-type", "www-authenticate", "upgrade", "retry-after"]
                    .map(|name| field(&answer, name).map(ToOwned::to_owned));
                let mut body: Value = serde_json::from_str(&body)?;
                // Each refused handshake has a number of its own.
                if let Some(attempt) = body.get_mut("attempt") {
                    *attempt = Value::Null;
                }
                answers.push((named, body));
            }
            assert_eq!(answers[0], answers[1], "{head}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_later_upgrade_works_over_tls() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let (files, config) = certificate(folder.path())?;
        let stage = Stage::configured(|config| config.relay.tls = Some(files)).await?;
        let tcp = TcpStream::connect(stage.running.http).await?;
        let connector = tokio_rustls::TlsConnector::from(config);
        let mut tls = connector.connect("localhost".try_into()?, tcp).await?;
        ask_front(&mut tls).await?;
        tls.write_all(format!("{UPGRADE}\r\n").as_bytes()).await?;
        assert_eq!(status(&one_answer(&mut tls).await?.0)?, 101);
        let mut socket = WebSocketStream::from_raw_socket(tls, Role::Client, None).await;
        let token = stage.token("lobby", "anna", "host")?;
        let login = json!({"op": "login", "id": 1, "token": token}).to_string();
        socket.send(Message::text(login)).await?;
        let answer = socket.next().await.context("an answer")??;
        assert!(answer.to_text()?.contains("\"ok\""), "{answer}");
        Ok(())
    })
    .await
}

/// A certificate for `localhost`, and a client's configuration that trusts it alone.
fn certificate(folder: &std::path::Path) -> Result<(TlsFiles, Arc<rustls::ClientConfig>)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.cert, made.cert.pem())?;
    std::fs::write(&files.key, made.signing_key.serialize_pem())?;
    Ok((files, trusting(made.cert.der().clone())?))
}
