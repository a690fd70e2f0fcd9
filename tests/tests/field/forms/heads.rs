//! Request heads: Host, targets, methods, announced bodies, and unparsable bytes, on every port.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Stage, member::PATIENCE};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{UPGRADE, answer_of, ask, code_of, within};

/// A request of the operations socket, and of the shared port, first and behind another.
const FRONT: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// The answers to a request as a connection's first, and behind another.
async fn both(to: SocketAddr, request: &str) -> Result<[(u16, String, String); 2]> {
    let first = ask(to, request).await.with_context(|| format!("first: {request}"))?;
    let mut tcp = TcpStream::connect(to).await?;
    tcp.write_all(FRONT.as_bytes()).await?;
    answer_of(&mut tcp).await?;
    tcp.write_all(request.as_bytes()).await?;
    let second = answer_of(&mut tcp).await.with_context(|| format!("second: {request}"))?;
    Ok([first, second])
}

#[tokio::test]
async fn a_missing_or_second_host_is_refused_on_every_port() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (shared, operations) = (stage.running.http, stage.running.operations);
        for (to, path, code) in [
            (shared, "/", "host_invalid"),
            (shared, "/v1/apps", "host_invalid"),
            (operations, "/healthz", "host_invalid"),
            (shared, "/v1/connect", "handshake_invalid"),
        ] {
            let rest = UPGRADE.split_once("Host: x\r\n").context("a host")?.1;
            let rest = if path == "/v1/connect" { rest } else { "" };
            for hosts in [
                "",
                "Host: x\r\nHost: x\r\n",
                "Host: x\r\nhost: y\r\n",
                "Host: a b\r\n",
                "Host: a@b\r\n",
                "Host: a/b\r\n",
            ] {
                let request = format!("GET {path} HTTP/1.1\r\n{hosts}{rest}\r\n");
                for answer in both(to, &request).await? {
                    assert_eq!(code_of(&answer)?, (400, code.into()), "{request}");
                }
            }
            for host in ["x", "x:7880", "127.0.0.1:1", "[::1]:80", "", "a_b.example", "%41"] {
                let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{rest}\r\n");
                for (status, ..) in both(to, &request).await? {
                    assert_ne!(status, 400, "{request}");
                }
            }
            if path != "/v1/connect" {
                // A Host came with HTTP/1.1.
                let old = format!("GET {path} HTTP/1.0\r\n\r\n");
                assert_ne!(ask(to, &old).await?.0, 400, "{old}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_absolute_target_is_the_same_request() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (shared, operations) = (stage.running.http, stage.running.operations);
        for (to, path, rest, expected) in [
            (shared, "/", "Host: x\r\n", 200),
            (shared, "/v1/apps?limit=1", "Host: x\r\n", 401),
            (operations, "/healthz", "Host: x\r\n", 200),
            (shared, "/v1/connect", UPGRADE.split_once("1.1\r\n").context("a line")?.1, 101),
            (shared, "/v1/connect?a", UPGRADE.split_once("1.1\r\n").context("a line")?.1, 400),
            (shared, "/v1/connect", "Host: x\r\n", 426),
        ] {
            for start in ["http://x", "http://x:7880", "HTTP://X", "https://x", "http://[::1]:80"] {
                let request = format!("GET {start}{path} HTTP/1.1\r\n{rest}\r\n");
                for answer in both(to, &request).await? {
                    assert_eq!(answer.0, expected, "{request}: {answer:?}");
                    if expected >= 400 {
                        code_of(&answer)?;
                    }
                }
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn head_is_answered_without_a_body() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (to, path) in [
            (stage.running.http, "/"),
            (stage.running.http, "/nothing"),
            (stage.running.http, "/v1/apps"),
            (stage.running.http, "/v1/connect"),
            (stage.running.http, "/v1/connect?a"),
            (stage.running.http, "http://x/v1/connect"),
            (stage.running.operations, "/healthz"),
            (stage.running.operations, "/nothing"),
        ] {
            let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
            for more in ["", "Host: y\r\n", &long] {
                let request =
                    format!("HEAD {path} HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n\r\n");
                let mut tcp = TcpStream::connect(to).await?;
                tcp.write_all(request.as_bytes()).await?;
                let mut answer = Vec::new();
                tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut answer)).await??;
                let answer = String::from_utf8(answer)?;
                ensure!(answer.starts_with("HTTP/1.1 "), "{request}: {answer}");
                assert!(answer.ends_with("\r\n\r\n"), "{request}: {answer}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn only_bearer_credentials_are_handshake_tokens() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (authorization, status) in [
            ("Basic dXNlcjpwYXNz", 101),
            ("basic dXNlcjpwYXNz", 101),
            ("Digest username=\"a\", realm=\"b\"", 101),
            ("Negotiate", 101),
            ("", 101),
            ("Bearer nonsense", 401),
            ("Bearer", 400),
            ("bearer ", 400),
        ] {
            let request = format!("{UPGRADE}Authorization: {authorization}\r\n\r\n");
            for answer in both(stage.running.http, &request).await? {
                assert_eq!(answer.0, status, "{authorization}: {answer:?}");
            }
        }
        let request = format!("{UPGRADE}Authorization: Basic a\r\nAuthorization: Basic a\r\n\r\n");
        for answer in both(stage.running.http, &request).await? {
            assert_eq!(code_of(&answer)?, (400, "handshake_invalid".into()), "twice");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_handshake_key_is_base64_of_sixteen_bytes() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for key in [
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ--",
            "dGhlIHNhbXBsZSBub25jZWU=",
            "dGhlIHNhbXBsZSBub25jZWVl",
            "dGhlIHNhbXBsZSBub25j*Q==",
            "dGhlIHNhbXBsZSBub25j_Q==",
            "dGhlIHNhbXBsZSBub2 jZQ==",
            "========================",
            "",
        ] {
            let request = UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", key) + "\r\n";
            for answer in both(stage.running.http, &request).await? {
                assert_eq!(code_of(&answer)?, (400, "handshake_invalid".into()), "{key}");
            }
        }
        for key in ["AAAAAAAAAAAAAAAAAAAAAA==", "//////////++++++++++/w=="] {
            let request = UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", key) + "\r\n";
            for answer in both(stage.running.http, &request).await? {
                assert_eq!(answer.0, 101, "{key}: {answer:?}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_unparsable_request_is_a_problem_on_every_port() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let long = "x".repeat(70_000);
        for to in [stage.running.http, stage.running.operations] {
            for (request, status, code) in [
                ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400, "request_malformed"),
                ("GE(T / HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "request_malformed"),
                ("GET / HTTP/9.1\r\nHost: x\r\n\r\n".into(), 400, "request_malformed"),
                ("GET / HTTP/1.1\r\nHost x\r\n\r\n".into(), 400, "request_malformed"),
                ("GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n".into(), 400, "request_malformed"),
                (
                    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n".into(),
                    400,
                    "request_malformed",
                ),
                ("GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n".into(), 400, "request_malformed"),
                ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 400, "request_malformed"),
                (
                    "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03 and so on\r\n\r\n".into(),
                    400,
                    "request_malformed",
                ),
                (format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414, "uri_too_long"),
                (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n"), 431, "head_too_large"),
                (
                    format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(200)),
                    431,
                    "head_too_large",
                ),
            ] {
                let shown: String = request.chars().take(60).collect();
                for answer in both(to, &request).await? {
                    assert_eq!(
                        code_of(&answer).with_context(|| shown.clone())?,
                        (status, code.into()),
                        "{shown}"
                    );
                    assert!(
                        answer.1.contains("\r\nconnection: close\r\n"),
                        "{shown}: {}",
                        answer.1
                    );
                    assert!(answer.1.contains("\r\ncache-control: no-store\r\n"), "{}", answer.1);
                }
                // In one write behind another.
                let mut tcp = TcpStream::connect(to).await?;
                tcp.write_all(format!("{FRONT}{request}").as_bytes()).await?;
                assert!(answer_of(&mut tcp).await?.0 < 405);
                let answer = answer_of(&mut tcp).await?;
                assert_eq!(code_of(&answer)?, (status, code.into()), "{shown}");
                assert_eq!(tcp.read(&mut [0; 16]).await?, 0, "and that is the end");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_sent() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let backend = stage.backend(&[Scope::TokensMint]).await?;
        let head = |length: usize, more: &str| {
            format!(
                "POST /v1/apps/{}/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n",
                stage.app.0, backend.credential
            )
        };
        for more in
            ["Expect: 100-continue\r\n", "Expect: 100-continue\r\nIdempotency-Key: a\r\n", ""]
        {
            // The first bytes that come are the answer, without a `100 Continue`.
            let answer = ask(stage.running.http, &head(70_000, more)).await?;
            assert_eq!(code_of(&answer)?, (413, "body_too_large".into()), "{more}");
        }
        // Within the limit the client is asked for it.
        let mut tcp = TcpStream::connect(stage.running.http).await?;
        let body = json!({"room": "lobby", "user": "anna", "role": "audience"}).to_string();
        tcp.write_all(head(body.len(), "Expect: 100-continue\r\n").as_bytes()).await?;
        assert_eq!(answer_of(&mut tcp).await?.0, 100);
        tcp.write_all(body.as_bytes()).await?;
        let (status, _, body) = answer_of(&mut tcp).await?;
        assert_eq!(status, 201, "{body}");
        assert!(serde_json::from_str::<Value>(&body)?["token"].is_string());
        Ok(())
    })
    .await
}
