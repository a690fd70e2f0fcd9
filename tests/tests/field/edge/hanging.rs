//! HTTP clients that hang: in the head, in the body, in the answer, or doing nothing. Each is closed in its time, none
//! keeps others out, and none keeps the process from stopping.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor::config::Http;
use stagedoor_tests::{Caller, Member, Stage, member::http_get};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{
    field, one_answer,
    process::{self, Dev},
    status, within,
};

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

/// Waits until a connection is closed; what came before.
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
async fn a_head_that_does_not_come_whole_is_closed() -> Result<()> {
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
async fn a_body_that_does_not_come_whole_is_408() -> Result<()> {
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
            // It asks until nothing more is taken, and reads nothing; in the end it is cut off.
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
async fn connections_of_every_kind_count_and_free_their_place() -> Result<()> {
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
async fn the_operations_socket_has_a_bound_of_its_own() -> Result<()> {
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
async fn idle_connections_go_early_when_connections_are_scarce() -> Result<()> {
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

/// A request whose body does not come.
async fn hang(to: SocketAddr, root: &str) -> Result<TcpStream> {
    let mut tcp = TcpStream::connect(to).await?;
    let head = format!(
        "POST /v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {root}\r\n\
         Content-Type: application/json\r\nContent-Length: 60\r\n\r\n{{"
    );
    tcp.write_all(head.as_bytes()).await?;
    Ok(tcp)
}

#[tokio::test]
async fn a_request_that_hangs_does_not_hold_the_stop() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let variables = [
            ("STAGEDOOR_LISTEN__STOP_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_RELAY__LIMITS__DRAIN_GRACE_MS", "500"),
        ];
        let dev = Dev::start(folder.path(), &variables).await?;
        let root = dev.told["root"].as_str().context("the root credential")?.to_owned();
        let _hanging = [hang(dev.http()?, &root).await?, hang(dev.operations()?, &root).await?];
        let mut never_read = TcpStream::connect(dev.http()?).await?;
        never_read
            .write_all(&b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200))
            .await?;
        let mut half = TcpStream::connect(dev.operations()?).await?;
        half.write_all(b"GET /met").await?;
        let mut member = Member::connect(dev.http()?).await?;
        member.log_in(dev.told["host_token"].as_str().context("a token")?).await?;
        let begun = Instant::now();
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        let took = begun.elapsed();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(took < Duration::from_millis(500 + 1_000 + 500), "{took:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn with_nobody_left_the_stop_is_immediate() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let dev = Dev::start(folder.path(), &[]).await?;
        let root = dev.caller("root")?;
        root.get(200, "GET", "/v1/apps", None).await?;
        let mut idle = Vec::new();
        for (to, path) in [(dev.http()?, "/"), (dev.operations()?, "/metrics")] {
            let mut tcp = TcpStream::connect(to).await?;
            tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
            one_answer(&mut tcp).await?;
            idle.push(tcp);
        }
        let mut member = Member::connect(dev.http()?).await?;
        member.log_in(dev.told["host_token"].as_str().context("a token")?).await?;
        member.ok(json!({"op": "leave"})).await?;
        member.closed().await?;
        drop(member);
        let begun = Instant::now();
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        let took = begun.elapsed();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(took < Duration::from_secs(1), "{took:?}");
        Ok(())
    })
    .await
}

/// A client that hangs in one of several ways; `n` chooses.
async fn hanging(to: SocketAddr, n: usize) -> Option<TcpStream> {
    let mut tcp = TcpStream::connect(to).await.ok()?;
    let said: &[u8] = match n % 4 {
        0 => b"",
        1 => b"GET /v1/conn",
        2 => b"POST /v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{",
        _ => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    tcp.write_all(said).await.ok()?;
    Some(tcp)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_files_and_many_hanging_somebody_logs_in() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        let variables = [
            ("STAGEDOOR_HTTP__HEAD_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_HTTP__BODY_TIMEOUT_MS", "1000"),
            ("STAGEDOOR_RELAY__LIMITS__LOGIN_TIMEOUT_MS", "1000"),
        ];
        let binary = stagedoor_tests::binary::binary()?.display().to_string();
        let mut limited = tokio::process::Command::new("sh");
        limited.args(["-c", "ulimit -n 200; exec \"$0\" \"$@\"", &binary]);
        limited.args(process::on_own_ports("dev", &data));
        let dev = Dev::of(process::own(limited, &variables)).await?;
        let to = dev.http()?;
        let mut held = Vec::new();
        for n in 0..1_500 {
            held.extend(hanging(to, n).await);
        }
        let token = dev.told["host_token"].as_str().context("a token")?;
        let begun = Instant::now();
        let mut member = loop {
            let mut member = match Member::connect(to).await {
                Ok(member) => member,
                Err(_) if begun.elapsed() < Duration::from_secs(15) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if member.log_in(token).await.is_ok() {
                break member;
            }
        };
        assert_eq!(member.ok(json!({"op": "members"})).await?["count"], 1);
        let files = dev.metric("process_open_fds").await?;
        assert!(files < 200, "{files}");
        let root = dev.caller("root")?;
        let created: Value = loop {
            let answer = Caller::ask(&root, "GET", "/v1/apps", None).await;
            match answer {
                Ok(answer) if answer.status == 200 => break answer.body,
                _ if begun.elapsed() < Duration::from_secs(15) => {}
                other => anyhow::bail!("{other:?}"),
            }
        };
        assert!(created["items"].is_array());
        dev.signal("TERM")?;
        let ended = dev.ended().await?;
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let complaints = ended.err.matches("accepting failed").count();
        assert!(complaints <= 3, "{complaints} lines of the log: {}", ended.err);
        drop(held);
        Ok(())
    })
    .await
}
