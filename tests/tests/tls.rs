//! TLS on the shared port: WebSocket and HTTP, and certificates that are renewed at run time.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ClientConfig;
use stagedoor_client::{Client, Kind, Publish, Token};
use stagedoor_relay::TlsFiles;
use stagedoor_tests::{Stage, trusting};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Writes a new pair; returns a client's configuration that trusts only it.
fn pair(folder: &Path) -> Result<(TlsFiles, Arc<ClientConfig>)> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let files = TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.cert, cert.pem())?;
    std::fs::write(&files.key, signing_key.serialize_pem())?;
    Ok((files, trusting(cert.der().clone())?))
}

#[tokio::test]
async fn wss_and_https_share_a_port_and_reload_certificates() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (files, first) = pair(folder.path())?;
    let stage = Stage::configured(|config| config.relay.tls = Some(files)).await?;
    let url = format!("wss://localhost:{}/v1/connect", stage.running.http.port());
    let client = |user: &str, config: &Arc<ClientConfig>| -> Result<Client> {
        let token = Token::fixed(stage.token("lobby", user, "host")?);
        Ok(Client::new(&url, token).tls(config.clone()))
    };
    let (anna, _events) = client("anna", &first)?.connect().await?;
    let (bob, mut events) = client("bob", &first)?.connect().await?;
    let camera = anna.publish(Publish::new("cam", Kind::Data)).await?;
    bob.subscribe(&["cam"]).await?;
    let large = vec![7; 200_000];
    camera.send_keyframe(large.clone()).await?;
    loop {
        match events.next().await.context("it goes on")? {
            stagedoor_client::ClientEvent::Frame(frame) => {
                assert_eq!(frame.payload, large);
                break;
            }
            _ => continue,
        }
    }

    let tcp = TcpStream::connect(stage.running.http).await?;
    let connector = tokio_rustls::TlsConnector::from(first.clone());
    let mut tls = connector.connect("localhost".try_into()?, tcp).await?;
    tls.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let (files, second) = pair(folder.path())?;
    stage.running.relay.reload_tls()?;
    assert!(client("carl", &first)?.connect().await.is_err(), "the old certificate is gone");
    let (carl, _events) = client("carl", &second)?.connect().await?;
    assert_eq!(carl.members(None).await?.count, 3, "who was there stays");
    std::fs::write(files.cert, "not a certificate")?;
    assert!(stage.running.relay.reload_tls().is_err());
    client("dora", &second)?.connect().await?;
    Ok(())
}

/// The address, for the child in which this file's test of the system's roots connects.
const ADDRESS: &str = "STAGEDOOR_TEST_WSS";
/// And its token.
const TOKEN: &str = "STAGEDOOR_TEST_WSS_TOKEN";

#[tokio::test]
async fn wss_trusts_what_the_system_trusts() -> Result<()> {
    if let (Ok(url), Ok(token)) = (std::env::var(ADDRESS), std::env::var(TOKEN)) {
        let (room, _events) = Client::new(url, Token::fixed(token)).connect().await?;
        return Ok(room.leave().await?);
    }
    let folder = tempfile::tempdir()?;
    let (files, _) = pair(folder.path())?;
    let trusted = files.cert.clone();
    let stage = Stage::configured(|config| config.relay.tls = Some(files)).await?;
    let other = folder.path().join("other");
    std::fs::create_dir(&other)?;
    let (others, _) = pair(&other)?;
    // Another process each: what is trusted is read from the environment.
    for (certificates, connects) in [(trusted, true), (others.cert, false)] {
        let mut child = tokio::process::Command::new(std::env::current_exe()?);
        child.args(["--exact", "wss_trusts_what_the_system_trusts"]).kill_on_drop(true);
        child.env(ADDRESS, format!("wss://localhost:{}/v1/connect", stage.running.http.port()));
        child.env(TOKEN, stage.token("lobby", "anna", "host")?);
        child.env("SSL_CERT_FILE", &certificates).env_remove("SSL_CERT_DIR");
        let ended = tokio::time::timeout(Duration::from_secs(60), child.output()).await??;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert_eq!(ended.status.success(), connects, "{said}");
        assert!(connects || said.contains("invalid peer certificate"), "{said}");
    }
    Ok(())
}
