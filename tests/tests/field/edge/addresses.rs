//! Which address counts: the peer's, or the one from trusted proxies; and where Stagedoor listens.

use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_relay::ClientAddress;
use stagedoor_server::Scope;
use stagedoor_tests::{Member, Stage};
use stagedoor_wire::SUBPROTOCOL;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream, UnixStream},
};

use super::{one_answer, status, within};

const PROTOCOL: (&str, &str) = ("sec-websocket-protocol", SUBPROTOCOL);
const FRONT: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A stage that trusts only 127.0.0.1, with one connection per address.
async fn stage(client_address: ClientAddress) -> Result<Stage> {
    let trusted = "127.0.0.1".parse()?;
    Stage::configured(|config| {
        config.listen.trusted_proxies = vec![trusted];
        config.listen.client_address = client_address;
        config.relay.limits.connections_per_address_max = 1;
    })
    .await
}

async fn tcp_from(stage: &Stage, last: u8) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into())?;
    Ok(socket.connect(stage.running.http).await?)
}

/// Connects over a socket with a field, and logs in; or why the relay closed.
async fn seated(
    stage: &Stage,
    tcp: TcpStream,
    field: (&'static str, &str),
    user: &str,
) -> Result<Result<Member, String>> {
    let mut member = Member::connect_over(tcp, &[PROTOCOL, field]).await?.ok().context("101")?;
    let token = stage.token("lobby", user, "host")?;
    match member.log_in(&token).await {
        Ok(_) => Ok(Ok(member)),
        Err(_) => Ok(Err(member.closed().await?.reason)),
    }
}

/// The recorded peer of each of these users.
async fn recorded(stage: &Stage, users: usize) -> Result<Vec<(String, String)>> {
    let backend = stage.backend(&[Scope::AppsAdmin]).await?;
    let path = format!("/v1/apps/{}/audit?kind=door&code=ok", stage.app);
    let mut all: Vec<_> = backend
        .records(&path, users)
        .await?
        .iter()
        .map(|record| {
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            (text("user"), text("peer"))
        })
        .collect();
    all.sort();
    Ok(all)
}

#[tokio::test]
async fn the_address_in_a_trusted_proxys_field_counts() -> Result<()> {
    within(async {
        for (client_address, name, [anna, bob, again]) in [
            (
                ClientAddress::XForwardedFor,
                "x-forwarded-for",
                ["203.0.113.9, 198.51.100.7", "198.51.100.8", "::ffff:198.51.100.7, 127.0.0.1"],
            ),
            (
                ClientAddress::Forwarded,
                "forwarded",
                ["for=203.0.113.9, for=198.51.100.7", "for=\"198.51.100.8\"", "For=198.51.100.7"],
            ),
        ] {
            let stage = stage(client_address).await?;
            for later in [false, true] {
                let tcp = async || -> Result<TcpStream> {
                    let mut tcp = tcp_from(&stage, 1).await?;
                    if later {
                        tcp.write_all(FRONT).await?;
                        assert_eq!(status(&one_answer(&mut tcp).await?.0)?, 200);
                    }
                    Ok(tcp)
                };
                let user = |name: &str| format!("{name}-{later}");
                let first = seated(&stage, tcp().await?, (name, anna), &user("anna")).await?;
                let mut first = first.ok().context("a seat")?;
                let other = seated(&stage, tcp().await?, (name, bob), &user("bob")).await?;
                let mut other = other.ok().context("another address")?;
                let third = seated(&stage, tcp().await?, (name, again), &user("anna")).await?;
                assert_eq!(third.err().as_deref(), Some("connections_exceeded"), "{name}");
                for member in [&mut first, &mut other] {
                    member.ok(json!({"op": "leave"})).await?;
                    member.closed().await?;
                }
            }
            let peers = recorded(&stage, 4).await?;
            let peers: Vec<_> = peers.iter().map(|(_, peer)| peer.as_str()).collect();
            assert_eq!(peers, ["198.51.100.7", "198.51.100.7", "198.51.100.8", "198.51.100.8"]);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_strangers_fields_are_ignored() -> Result<()> {
    within(async {
        for (client_address, field) in [
            (ClientAddress::XForwardedFor, ("x-forwarded-for", "198.51.100.7")),
            (ClientAddress::Forwarded, ("forwarded", "for=198.51.100.7")),
            (ClientAddress::ProxyV2, ("x-forwarded-for", "198.51.100.7")),
        ] {
            let stage = stage(client_address).await?;
            let tcp = tcp_from(&stage, 2).await?;
            let _anna = seated(&stage, tcp, field, "anna").await?.ok().context("a seat")?;
            let tcp = tcp_from(&stage, 2).await?;
            let second = seated(&stage, tcp, (field.0, "203.0.113.9"), "bob").await?;
            assert_eq!(second.err().as_deref(), Some("connections_exceeded"));
            // The test's own backend is trusted, and would have to send a header first.
            if client_address != ClientAddress::ProxyV2 {
                let peers = recorded(&stage, 1).await?;
                assert!(peers[0].1.starts_with("127.0.0.2:"), "{peers:?}");
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn requests_to_the_api_count_at_their_clients() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::XForwardedFor).await?;
        let mut proxied = Vec::new();
        for _ in 0..3 {
            let mut tcp = tcp_from(&stage, 1).await?;
            tcp.write_all(FRONT).await?;
            assert_eq!(status(&one_answer(&mut tcp).await?.0)?, 200, "a proxy has many");
            proxied.push(tcp);
        }
        // A request in progress holds the only place of its client.
        let held = "POST /v1/apps HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.7\r\n\
            Content-Type: application/json\r\nContent-Length: 9\r\n";
        let root = stage.running.root.as_deref().context("the root credential")?;
        let head = format!("{held}Authorization: Bearer {root}\r\n\r\n{{");
        proxied[0].write_all(head.as_bytes()).await?;
        let ask = async |tcp: &mut TcpStream, client: &str| -> Result<u16> {
            let request = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n");
            tcp.write_all(request.as_bytes()).await?;
            let (head, body) = one_answer(tcp).await?;
            if status(&head)? == 503 {
                let problem: Value = serde_json::from_str(&body)?;
                assert_eq!(problem["code"], "connections_exceeded");
            }
            status(&head)
        };
        // The held one is taken up a moment after it is sent.
        while ask(&mut proxied[1], "198.51.100.7").await? != 503 {}
        assert_eq!(ask(&mut proxied[2], "198.51.100.8").await?, 200);
        proxied[0].write_all(b"\"\": 0 } ").await?;
        one_answer(&mut proxied[0]).await?;
        assert_eq!(ask(&mut proxied[1], "198.51.100.7").await?, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_trusted_peer_sends_a_proxy_header_first() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::ProxyV2).await?;
        let header = |last: u8| {
            let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
            header.extend([198, 51, 100, last, 127, 0, 0, 1, 0x12, 0x67, 0, 80]);
            header
        };
        let connect = async |last: u8| -> Result<TcpStream> {
            let mut tcp = tcp_from(&stage, 1).await?;
            tcp.write_all(&header(last)).await?;
            Ok(tcp)
        };
        let none = ("x-forwarded-for", "203.0.113.9");
        let anna = seated(&stage, connect(7).await?, none, "anna").await?;
        let _anna = anna.ok().context("a seat")?;
        let again = seated(&stage, connect(7).await?, none, "bob").await?;
        assert_eq!(again.err().as_deref(), Some("connections_exceeded"));
        let carl = seated(&stage, connect(8).await?, none, "carl").await?;
        assert!(carl.is_ok(), "another address");
        for bytes in [FRONT, b"PROXY TCP4 198.51.100.7 127.0.0.1 1 2\r\n", &header(9)[..20]] {
            let mut tcp = tcp_from(&stage, 1).await?;
            tcp.write_all(bytes).await?;
            tcp.shutdown().await?;
            let mut answer = Vec::new();
            // A reset is an end too.
            let _ = tcp.read_to_end(&mut answer).await;
            assert!(answer.is_empty(), "{answer:?}");
        }
        assert!(
            stage
                .metric("stagedoor_relay_handshakes_refused_total{code=\"proxy_header_invalid\"}")
                .await?
                >= 3
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_unix_socket_serves_api_and_members_by_its_mode() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("stagedoor.sock");
        let stage = Stage::configured(|config| {
            config.listen.address = format!("unix:{}", path.display());
            config.listen.unix_mode = "0600".into();
            config.listen.client_address = ClientAddress::XForwardedFor;
            config.relay.limits.connections_per_address_max = 1;
        })
        .await?;
        assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        let mut held = Vec::new();
        for (user, client, expected) in
            [("anna", "198.51.100.7", 101), ("bob", "198.51.100.7", 503), ("carl", "198.51.100.8", 101)]
        {
            let mut unix = UnixStream::connect(&path).await?;
            unix.write_all(FRONT).await?;
            assert_eq!(status(&one_answer(&mut unix).await?.0)?, 200);
            let token = stage.token("lobby", user, "host")?;
            let upgrade = format!(
                "GET /v1/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                 Sec-WebSocket-Protocol: stagedoor.v1\r\nX-Forwarded-For: {client}\r\n\
                 Authorization: Bearer {token}\r\n\r\n"
            );
            unix.write_all(upgrade.as_bytes()).await?;
            let (head, body) = one_answer(&mut unix).await?;
            assert_eq!(status(&head)?, expected, "{user}: {head}{body}");
            held.push(unix);
        }
        stage.running.stop().await;
        assert!(!path.exists(), "the file goes with the process");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_server_listens_on_a_host_name() -> Result<()> {
    within(async {
        let stage =
            Stage::configured(|config| config.listen.address = "localhost:0".into()).await?;
        assert!(stage.running.http.ip().is_loopback());
        stage.join("lobby", "anna", "host").await?;
        Ok(())
    })
    .await
}
