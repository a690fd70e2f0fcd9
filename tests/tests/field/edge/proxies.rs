//! Behind real proxies, with the files of `examples/proxies`: only ports and certificates are the test's. Needs what
//! `cargo xtask test` installs; without it these tests fail and say so.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use serde_json::{Value, json};
use stagedoor_relay::{ClientAddress, TlsFiles};
use stagedoor_server::Scope;
use stagedoor_tests::{Caller, Stage, member::PATIENCE, trusting};
use stagedoor_wire::SUBPROTOCOL;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{one_answer, status, within};

const HOST: &str = "classroom.example";
/// Upgrades of each test.
const UPGRADES: usize = 20;
/// Where most of nginx's settings stand that are not of one site.
const NGINX: &str = "daemon off; error_log stderr; worker_processes 1; pid FOLDER/pid; USER\n\
    events {}\n\
    http { access_log off; client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy;\n\
    fastcgi_temp_path FOLDER/fastcgi; uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;\n\
    include FOLDER/shipped; }\n";

/// A running proxy.
struct Proxy {
    child: Child,
    at: SocketAddr,
    config: Arc<ClientConfig>,
    _folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Certificates for the host, in the forms that proxies read.
fn certificates(folder: &Path) -> Result<Arc<ClientConfig>> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    std::fs::write(folder.join("cert.pem"), &cert)?;
    std::fs::write(folder.join("key.pem"), &key)?;
    std::fs::write(folder.join("both.pem"), format!("{cert}{key}"))?;
    trusting(made.cert.der().clone())
}

/// A shipped file with the test's replacements, each of which must occur.
fn shipped(file: &str, own: &[(&str, String)]) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/proxies").join(file);
    let mut text = std::fs::read_to_string(path)?;
    for (from, to) in own {
        ensure!(text.contains(from), "{file} has no {from}");
        text = text.replace(from, to);
    }
    Ok(text)
}

/// A program; Debian puts servers where only root looks.
fn program(name: &str) -> Command {
    let sbin = Path::new("/usr/sbin").join(name);
    if sbin.is_file() { Command::new(sbin) } else { Command::new(name) }
}

/// A port that is free, of those that the system gives to nobody who asks for any: other tests do that
/// meanwhile. Each process begins elsewhere.
fn free_port() -> Result<u16> {
    let first = std::process::id() % 10_000;
    let mut ports = (0..10_000).map(|at| 20_000 + ((first + at) % 10_000) as u16);
    ports
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("a free port")
}

impl Proxy {
    /// Starts a program and waits until it listens.
    async fn start(
        folder: TempDir,
        config: Arc<ClientConfig>,
        mut command: Command,
        port: u16,
    ) -> Result<Self> {
        let home = folder.path();
        command
            .env("HOME", home)
            .env("XDG_DATA_HOME", home)
            .env("XDG_CONFIG_HOME", home)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.join("log"))?);
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{program:?} is not here: `cargo xtask test` installs it"))?;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut proxy = Self { child, at, config, _folder: folder };
        let patience = tokio::time::Instant::now() + PATIENCE;
        // There is no signal when it listens.
        while TcpStream::connect(at).await.is_err() {
            let log = || std::fs::read_to_string(proxy._folder.path().join("log"));
            ensure!(proxy.child.try_wait()?.is_none(), "{program:?} ended: {}", log()?);
            ensure!(tokio::time::Instant::now() < patience, "it does not listen: {}", log()?);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        Ok(proxy)
    }

    async fn nginx(stage: &Stage) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let home = folder.path().display().to_string();
        let (config, port) = (certificates(folder.path())?, free_port()?);
        let text = shipped(
            "nginx.conf",
            &[
                ("listen 443", format!("listen 127.0.0.1:{port}")),
                ("127.0.0.1:7880", stage.running.http.to_string()),
                ("/etc/ssl/stagedoor", home.clone()),
            ],
        )?;
        std::fs::write(folder.path().join("shipped"), text)?;
        // A worker that is not root may not read what is the test's.
        let is_root = Command::new("id").arg("-u").output()?.stdout == b"0\n";
        let user = if is_root { "user root;" } else { "" };
        let main = NGINX.replace("FOLDER", &home).replace("USER", user);
        std::fs::write(folder.path().join("nginx.conf"), main)?;
        let mut command = program("nginx");
        command.args(["-p", &home, "-c", "nginx.conf"]);
        Self::start(folder, config, command, port).await
    }

    async fn haproxy(stage: &Stage, file: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let home = folder.path().display().to_string();
        let (config, port) = (certificates(folder.path())?, free_port()?);
        let mut own = vec![
            ("bind :443", format!("bind 127.0.0.1:{port}")),
            ("127.0.0.1:7880", stage.running.http.to_string()),
        ];
        if file == "haproxy.cfg" {
            own.push(("/etc/ssl/stagedoor", home));
        }
        let path = folder.path().join("haproxy.cfg");
        // One thread, so that each idle connection is there for every client.
        let global = "global\n    nbthread 1\n";
        std::fs::write(&path, format!("{global}{}", shipped(file, &own)?))?;
        let mut command = program("haproxy");
        command.arg("-db").arg("-f").arg(path);
        Self::start(folder, config, command, port).await
    }

    async fn caddy(stage: &Stage) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (config, port) = (certificates(folder.path())?, free_port()?);
        let text = shipped(
            "Caddyfile",
            &[
                ("classroom.example {", format!("{HOST}:{port} {{")),
                ("127.0.0.1:7880", stage.running.http.to_string()),
                ("/etc/ssl/stagedoor", folder.path().display().to_string()),
            ],
        )?;
        let path = folder.path().join("Caddyfile");
        let options = "{\n\tadmin off\n\tauto_https disable_redirects\n}\n";
        std::fs::write(&path, format!("{options}{text}"))?;
        let mut command = program("caddy");
        command.arg("run").arg("--adapter").arg("caddyfile").arg("--config").arg(path);
        Self::start(folder, config, command, port).await
    }

    /// A connection of a client with an address of its own.
    async fn connect(&self, from: IpAddr) -> Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        let tcp = socket.connect(self.at).await?;
        Ok(TlsConnector::from(self.config.clone()).connect(HOST.try_into()?, tcp).await?)
    }

    /// Upgrades, logs in, and leaves. Claims to be another client.
    async fn visit(&self, from: IpAddr, token: &str, in_head: bool) -> Result<()> {
        let mut request = format!("wss://{HOST}/v1/connect").into_client_request()?;
        let fields = request.headers_mut();
        fields.insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
        fields.insert("x-forwarded-for", "203.0.113.9".parse()?);
        fields.insert("forwarded", "for=203.0.113.9".parse()?);
        if in_head {
            fields.insert("authorization", format!("Bearer {token}").parse()?);
        }
        let (mut socket, _) = client_async(request, self.connect(from).await?).await?;
        if !in_head {
            let login = json!({"op": "login", "id": 0, "token": token});
            socket.send(Message::text(login.to_string())).await?;
        }
        let answer: Value =
            serde_json::from_str(socket.next().await.context("an answer")??.to_text()?)?;
        ensure!(answer["ok"]["room"] == "lobby", "{answer}");
        socket.send(Message::text(json!({"op": "leave", "id": 1}).to_string())).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok(())
    }
}

async fn stage(client_address: ClientAddress, tls: Option<TlsFiles>) -> Result<Stage> {
    let trusted = "127.0.0.1".parse()?;
    Stage::configured(|config| {
        config.listen.trusted_proxies = vec![trusted];
        config.listen.client_address = client_address;
        config.relay.tls = tls;
    })
    .await
}

/// A backend's connection to the API, which stays open.
struct Api {
    io: TlsStream<TcpStream>,
    credential: String,
    app: String,
}

impl Api {
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Value> {
        let request = format!(
            "{method} /v1/apps/{}{path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.app,
            self.credential,
            body.len()
        );
        self.io.write_all(request.as_bytes()).await?;
        let (head, answer) = one_answer(&mut self.io).await?;
        ensure!(status(&head)? < 300, "{head}{answer}");
        Ok(serde_json::from_str(&answer)?)
    }

    /// Each visitor is recorded with its own address.
    async fn addresses_are_right(&mut self) -> Result<()> {
        let patience = tokio::time::Instant::now() + PATIENCE;
        loop {
            let path = "/audit?kind=door&code=ok&limit=200";
            let page = self.ask("GET", path, "").await?;
            let records = page["items"].as_array().context("records")?;
            for record in records {
                let (user, peer) = (record["user"].as_str(), record["peer"].as_str());
                let address = user.and_then(|user| user.split('-').nth(1)).context("a user")?;
                let peer = peer.context("a peer")?;
                ensure!(peer.split(':').next() == Some(address), "{user:?} came from {peer}");
            }
            if records.len() == UPGRADES {
                return Ok(());
            }
            // The relay's events are recorded a moment after they happen, without a signal.
            ensure!(tokio::time::Instant::now() < patience, "{} records", records.len());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// Requests to the API and upgrades in turn. How many upgrades came over a connection that was used before.
async fn use_of(stage: &Stage, proxy: &Proxy) -> Result<u64> {
    let Caller { credential, .. } = stage.backend(&Scope::ALL).await?;
    let io = proxy.connect(Ipv4Addr::LOCALHOST.into()).await?;
    let mut api = Api { io, credential, app: stage.app.to_string() };
    let clients = [2, 3, 4].map(|last| IpAddr::from([127, 0, 0, last]));
    for (n, client) in clients.into_iter().cycle().take(UPGRADES).enumerate() {
        let body = json!({"room": "lobby", "user": format!("u{n}-{client}"), "role": "host"});
        let minted = api.ask("POST", "/tokens", &body.to_string()).await?;
        let token = minted["token"].as_str().context("a token")?;
        let visit = proxy.visit(client, token, n % 2 == 0).await;
        visit.with_context(|| format!("upgrade {n} of {UPGRADES}"))?;
    }
    api.addresses_are_right().await?;
    stage.metric("stagedoor_relay_upgrades_later_total").await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_every_upgrade_opens_on_a_used_connection() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::XForwardedFor, None).await?;
        let proxy = Proxy::nginx(&stage).await?;
        assert_eq!(use_of(&stage, &proxy).await?, UPGRADES as u64);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_haproxy_every_upgrade_opens_on_a_used_connection() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::XForwardedFor, None).await?;
        let proxy = Proxy::haproxy(&stage, "haproxy.cfg").await?;
        assert_eq!(use_of(&stage, &proxy).await?, UPGRADES as u64);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_caddy_every_upgrade_opens() -> Result<()> {
    within(async {
        let stage = stage(ClientAddress::XForwardedFor, None).await?;
        let proxy = Proxy::caddy(&stage).await?;
        // It opens a separate connection for each.
        use_of(&stage, &proxy).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_haproxy_in_tcp_mode_proxy_v2_gives_addresses() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let config = certificates(folder.path())?;
        let tls =
            TlsFiles { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        let stage = stage(ClientAddress::ProxyV2, Some(tls)).await?;
        let mut proxy = Proxy::haproxy(&stage, "haproxy-tcp.cfg").await?;
        proxy.config = config;
        use_of(&stage, &proxy).await?;
        Ok(())
    })
    .await
}
