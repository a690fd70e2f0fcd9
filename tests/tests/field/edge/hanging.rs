//! HTTP clients that hang: in the head, in the body, in the answer, or idle. Each is closed in its time, and counts as
//! a connection.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor::config::Http;
use stagedoor_tests::{Stage, member::http_get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{field, one_answer, status, within};

/// A limit that the test waits for, and one that it must not come near.
const SOON_MS: u64 = 300;
const LATE_MS: u64 = 60_000;

/// A stage where one of the limits is short.
async fn stage(short: impl FnOnce(&mut Http)) -> Result<Stage> {
    Stage::configured(|config| {
        let [head_timeout_ms, body_timeout_ms, answer_timeout_ms, idle_timeout_ms] = [LATE_MS; 4];
        let head_bytes_max = config.http.head_bytes_max;
        config.http = Http {
            head_timeout_ms,
            body_timeout_ms,
            answer_timeout_ms,
            idle_timeout_ms,
            head_bytes_max,
        };
        short(&mut config.http);
    })
    .await
}

/// Waits until a connection is closed; returns what came before.
async fn closed(tcp: &mut TcpStream) -> Result<Vec<u8>> {
    let mut came = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), tcp.read_to_end(&mut came)).await;
    // A reset is an end too.
    drop(ended.context("it is not closed")?);
    Ok(came)
}

/// A connection to either port, new or after a request.
async fn connection(stage: &Stage, operations: bool, later: bool) -> Result<TcpStream> {
    let (to, path) =
        if operations { (stage.running.operations, "/healthz") } else { (stage.running.http, "/") };
    let mut tcp = TcpStream::connect(to).await?;
    if later {
        tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
        assert_eq!(status(&one_answer(&mut tcp).await?.0)?, 200);
    }
    Ok(tcp)
}

/// Each combination of those.
const WAYS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[tokio::test]
async fn an_incomplete_head_is_closed() -> Result<()> {
    within(async {
        let stage = stage(|http| http.head_timeout_ms = SOON_MS).await?;
        for (operations, later) in WAYS {
            let mut tcp = connection(&stage, operations, later).await?;
            let begun = Instant::now();
            tcp.write_all(b"GET /v1/openapi.json HTTP/1.1\r\nHost: ").await?;
            assert!(closed(&mut tcp).await?.is_empty());
            ensure!(begun.elapsed() >= Duration::from_millis(SOON_MS - 50));
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_idle_connection_is_closed() -> Result<()> {
    within(async {
        let stage = stage(|http| http.idle_timeout_ms = SOON_MS).await?;
        for operations in [false, true] {
            let mut tcp = connection(&stage, operations, true).await?;
            assert!(closed(&mut tcp).await?.is_empty());
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_incomplete_body_is_408() -> Result<()> {
    within(async {
        let stage = stage(|http| http.body_timeout_ms = SOON_MS).await?;
        let root = stage.running.root.as_deref().context("the root credential")?;
        for more in ["Content-Length: 60\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
        {
            for path in ["/v1/apps", "/v1/apps/1/tokens/verify"] {
                let mut tcp = TcpStream::connect(stage.running.http).await?;
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {root}\r\n\
                     Content-Type: application/json\r\n{more}"
                );
                tcp.write_all(head.as_bytes()).await?;
                let (head, body) = one_answer(&mut tcp).await?;
                let body: Value = serde_json::from_str(&body)?;
                assert_eq!((status(&head)?, &body["code"]), (408, &json!("body_timeout")));
                assert_eq!(field(&head, "connection"), Some("close"));
                assert!(closed(&mut tcp).await?.is_empty());
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_client_that_never_reads_its_answers_is_closed() -> Result<()> {
    within(async {
        let stage = stage(|http| http.answer_timeout_ms = SOON_MS).await?;
        for (to, path) in
            [(stage.running.http, "/v1/openapi.json"), (stage.running.operations, "/metrics")]
        {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4_096)?;
            let mut tcp = socket.connect(to).await?;
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(100);
            // It sends requests until nothing more is accepted, and reads nothing; in the end it is cut off.
            let asking = async { while tcp.write_all(request.as_bytes()).await.is_ok() {} };
            let asked = tokio::time::timeout(Duration::from_secs(20), asking).await;
            asked.with_context(|| format!("{path}: it is not closed"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_head_over_its_limit_is_431() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.http.head_bytes_max = 8_192).await?;
        for (to, path) in [(stage.running.http, "/"), (stage.running.operations, "/healthz")] {
            for (bytes, expected) in [(7_000, 200), (9_000, 431)] {
                let mut tcp = TcpStream::connect(to).await?;
                let long = "x".repeat(bytes);
                let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nA: {long}\r\n\r\n");
                tcp.write_all(request.as_bytes()).await?;
                assert_eq!(status(&one_answer(&mut tcp).await?.0)?, expected);
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_kind_of_connection_is_counted_and_released() -> Result<()> {
    within(async {
        let stage = Stage::with(|limits| limits.connections_max = 4).await?;
        let mut held = Vec::new();
        for (operations, later) in WAYS {
            held.push(connection(&stage, operations, later).await?);
        }
        // One hangs in its head, one idles; those of the operations socket count as well.
        held[0].write_all(b"GET / HT").await?;
        stage.join("lobby", "anna", "host").await.err().context("it is full")?;
        let answer = http_get(stage.running.http, "/").await?;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("connections_exceeded") && answer.contains("retry-after"));
        let health = http_get(stage.running.operations, "/healthz").await?;
        assert!(health.starts_with("HTTP/1.1 200"), "it has places of its own");
        drop(held);
        // Their ends are noticed a moment later.
        while stage.join("lobby", "anna", "host").await.is_err() {}
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_operations_socket_has_its_own_bound() -> Result<()> {
    within(async {
        let stage =
            Stage::configured(|config| config.listen.operations_connections_max = 2).await?;
        let to = stage.running.operations;
        let held = [TcpStream::connect(to).await?, TcpStream::connect(to).await?];
        let mut third = TcpStream::connect(to).await?;
        assert!(closed(&mut third).await?.is_empty());
        stage.join("lobby", "anna", "host").await?;
        drop(held);
        while !http_get(to, "/healthz").await.is_ok_and(|answer| answer.contains("200 OK")) {}
        Ok(())
    })
    .await
}

#[tokio::test]
async fn idle_connections_close_early_when_scarce() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.relay.limits.connections_max = 4;
            config.http.head_timeout_ms = SOON_MS;
            config.http.idle_timeout_ms = LATE_MS;
        })
        .await?;
        let mut all = Vec::new();
        for _ in 0..4 {
            let mut tcp = TcpStream::connect(stage.running.http).await?;
            tcp.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
            assert_eq!(status(&one_answer(&mut tcp).await?.0)?, 200);
            all.push(tcp);
        }
        while stage.join("lobby", "anna", "host").await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_answer_survives_its_clients_unread_bytes() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        for (path, expected) in [("/v1/apps", 401), ("/nowhere", 404)] {
            let mut tcp = TcpStream::connect(stage.running.http).await?;
            let body = vec![b' '; 500_000];
            let length = body.len();
            let head =
                format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
            tcp.write_all(head.as_bytes()).await?;
            // It is answered, and what it sends from now on is for nobody.
            assert_eq!(status(&one_answer(&mut tcp).await?.0)?, expected);
            for piece in body.chunks(50_000) {
                // A reset would end this, and take an answer back that is still on its way.
                tcp.write_all(piece).await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tcp.shutdown().await?;
            assert_eq!(tcp.read(&mut [0; 16]).await?, 0);
        }
        Ok(())
    })
    .await
}
