//! A relay that runs alone, from a directory of public keys: what it serves, what it refuses, and how it follows its
//! file.

#[path = "alone/memory.rs"]
mod memory;
#[path = "alone/public.rs"]
mod public;
#[path = "alone/secrets.rs"]
mod secrets;
#[path = "alone/server.rs"]
mod server;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Member, binary::binary, member::http_get, stage::now_s};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

const APP: AppId = AppId(7);
const TIME_LIMIT: Duration = Duration::from_secs(90);

async fn within(run: impl Future<Output = Result<()>>) -> Result<()> {
    timeout(TIME_LIMIT, run).await.context("the test took too long")?
}

/// A relay alone, killed when this is dropped.
struct Alone {
    child: Child,
    http: SocketAddr,
    operations: SocketAddr,
    folder: TempDir,
}

fn address(line: &str, name: &str) -> Result<SocketAddr> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\"")).context("an address")?;
    Ok(rest.split('"').next().unwrap_or_default().parse()?)
}

impl Alone {
    /// Starts with this directory file.
    async fn start(directory: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("directory.json"), directory)?;
        Self::on(folder).await
    }

    /// Starts in a folder with a directory file.
    async fn on(folder: TempDir) -> Result<Self> {
        let here = "127.0.0.1:0";
        let mut command = Command::new(binary()?);
        command.args(["serve", "--only", "relay", "--directory", "directory.json"]);
        command.args(["--listen", here, "--operations", here]).current_dir(folder.path());
        command.env("STAGEDOOR_LOG__FORMAT", "json");
        command.stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut said = Vec::new();
        while let Some(line) = lines.next_line().await? {
            if line.contains("\"listening\"") {
                let (http, operations) = (address(&line, "http")?, address(&line, "operations")?);
                // A process whose pipe nobody reads would stop at its next line.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, http, operations, folder });
            }
            said.push(line);
        }
        bail!("it did not start: {}", said.join("\n"))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("directory.json")
    }

    async fn log_in(&self, token: &str) -> Result<Member> {
        let mut member = Member::connect(self.http).await?;
        member.log_in(token).await?;
        Ok(member)
    }

    async fn code(&self, token: &str) -> Result<String> {
        let mut member = Member::connect(self.http).await?;
        let answer = member.ask(json!({"op": "login", "token": token})).await?;
        Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
    }

    /// Puts a file in the place of the one before, as the export does, and waits until it was read.
    async fn replace(&self, directory: &str, outcome: &str) -> Result<()> {
        let before = self.loads(outcome).await?;
        put(&self.file(), directory)?;
        while self.loads(outcome).await? == before {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn loads(&self, outcome: &str) -> Result<u64> {
        let metrics = http_get(self.operations, "/metrics").await?;
        let name = format!("stagedoor_directory_loads_total{{outcome=\"{outcome}\"}} ");
        let count = metrics.lines().find_map(|line| line.strip_prefix(&name));
        Ok(count.context("a count")?.trim().parse()?)
    }
}

fn put(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    Ok(std::fs::rename(new, file)?)
}

fn key(kid: &str, seed: u8) -> Result<Key> {
    Ok(Key::ed25519(APP, kid, &[seed; 32], KeyState::Current)?)
}

fn token(key: &Key, user: &str, role: &str, change: impl FnOnce(&mut Claims)) -> Result<String> {
    let mut claims = Claims::builder(APP, role.parse()?)
        .room("stage")
        .user(user)
        .jti(format!("t-{user}"))
        .lifetime(now_s(), 600)
        .build();
    change(&mut claims);
    Ok(mint(&claims, key)?)
}

/// A directory of one app with these keys and revocations.
fn directory(keys: &[(&Key, &str, Value)], revocations: &Value) -> Result<String> {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(key, state, bounds)| {
            let jwk = key.verifying().to_jwk().context("a public key")?;
            Ok(json!({"state": state, "bounds": bounds, "jwk": jwk}))
        })
        .collect::<Result<_>>()?;
    let app = json!({
        "app": APP, "since_ms": 1, "generation": 0, "keys": keys, "revocations": revocations,
    });
    Ok(json!({"version": 1, "made_ms": 1_700_000_000_000_u64, "apps": [app]}).to_string())
}

fn one(key: &Key, revocations: &Value) -> Result<String> {
    directory(&[(key, "current", json!({}))], revocations)
}

/// Host and audience of a webinar, both publishing where they may.
async fn webinar(host: &mut Member, guest: &mut Member) -> Result<()> {
    let (media, latest) = (json!({"delivery": "media"}), json!({"delivery": "latest"}));
    let picture = host.publish("camera", json!({"kind": "video"}).merged(media)).await?;
    guest.subscribe(&["*"]).await?;
    host.frame(picture, true, b"picture").await?;
    let (_, is_key, frame) = guest.next_frame().await?;
    ensure!(is_key && &frame[..] == b"picture", "the picture came as {frame:?}");
    let denied = json!({"op": "publish", "stream": "own", "kind": "audio", "delivery": "media"});
    ensure!(guest.code(denied).await? == "publish_denied");
    host.ok(json!({"op": "moderate", "verb": "promote", "user": "ada", "role": "speaker"})).await?;
    guest.event("grants_changed").await?;
    let voice = guest.publish("voice", json!({"kind": "audio"}).merged(latest)).await?;
    host.subscribe(&["voice"]).await?;
    guest.frame(voice, false, b"hello").await?;
    let (_, _, frame) = host.next_frame().await?;
    ensure!(&frame[..] == b"hello", "the voice came as {frame:?}");
    Ok(())
}

/// One object with the fields of another.
trait Merged {
    fn merged(self, more: Value) -> Value;
}

impl Merged for Value {
    fn merged(mut self, more: Value) -> Value {
        if let (Some(own), Value::Object(more)) = (self.as_object_mut(), more) {
            own.extend(more);
        }
        self
    }
}

#[tokio::test]
async fn a_relay_alone_serves_members_and_refuses_the_rest() -> Result<()> {
    within(async {
        let key = key("k_main", 1)?;
        let alone = Alone::start(&one(&key, &json!([]))?).await?;
        let mut host = alone.log_in(&token(&key, "hans", "host", |_| {})?).await?;
        let mut ada = alone.log_in(&token(&key, "ada", "audience", |_| {})?).await?;
        webinar(&mut host, &mut ada).await?;
        let invite = json!({"op": "invite", "role": "audience", "ttl_s": 60});
        assert_eq!(host.code(invite).await?, "relay_unavailable");
        for verb in ["kick", "ban"] {
            let act = json!({"op": "moderate", "verb": verb, "user": "ada"});
            assert_eq!(host.code(act).await?, "store_unavailable", "{verb}");
        }
        let once = token(&key, "eve", "audience", |claims| claims.once = true)?;
        assert_eq!(alone.code(&once).await?, "store_unavailable");
        ada.ok(json!({"op": "ping"})).await?;

        let own = Key::hs256(APP, "k_main", &[1; 32], KeyState::Current)?;
        assert_eq!(alone.code(&token(&own, "eve", "host", |_| {})?).await?, "token_invalid");
        let answer = http_get(alone.http, "/v1/apps").await?;
        assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("path_unknown"), "{answer}");
        assert!(http_get(alone.operations, "/readyz").await?.starts_with("HTTP/1.1 200 "));
        let metrics = http_get(alone.operations, "/metrics").await?;
        assert!(metrics.contains("stagedoor_directory_made_seconds 1700000000"), "{metrics}");
        assert!(!metrics.contains("stagedoor_server_"), "{metrics}");
        let files: Vec<_> = std::fs::read_dir(alone.folder.path())?.collect();
        assert_eq!(files.len(), 1, "{files:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_relay_alone_follows_its_file_and_keeps_what_it_has() -> Result<()> {
    within(async {
        let (old, new) = (key("k_old", 1)?, key("k_new", 2)?);
        let alone = Alone::start(&one(&old, &json!([]))?).await?;
        let mut ada = alone.log_in(&token(&old, "ada", "audience", |_| {})?).await?;
        let mut ben = alone.log_in(&token(&old, "ben", "audience", |_| {})?).await?;
        assert_eq!(alone.code(&token(&new, "eve", "audience", |_| {})?).await?, "token_invalid");

        let good = directory(
            &[(&old, "retiring", json!({})), (&new, "current", json!({"roles": ["audience"]}))],
            &json!([{"target": {"user": "ada"}, "generation": 1, "at_s": now_s(), "ban": true}]),
        )?;
        alone.replace(&good[..good.len() / 2], "refused").await?;
        ada.ok(json!({"op": "ping"})).await?;
        assert_eq!(alone.code(&token(&old, "eve", "audience", |_| {})?).await?, "ok");

        alone.replace(&good, "loaded").await?;
        assert_eq!(ada.closed().await?.reason, "banned");
        ben.ok(json!({"op": "ping"})).await?;
        assert_eq!(alone.code(&token(&old, "ada", "audience", |_| {})?).await?, "banned");
        assert_eq!(alone.code(&token(&new, "eve", "audience", |_| {})?).await?, "ok");
        let host = token(&new, "eve", "host", |_| {})?;
        assert_eq!(alone.code(&host).await?, "key_bounds_exceeded");

        std::fs::remove_file(alone.file())?;
        let before = alone.loads("refused").await?;
        while alone.loads("refused").await? == before {
            sleep(Duration::from_millis(20)).await;
        }
        ben.ok(json!({"op": "ping"})).await?;

        alone.replace(&one(&new, &json!([]))?, "loaded").await?;
        assert_eq!(alone.code(&token(&new, "ada", "host", |_| {})?).await?, "ok", "it is lifted");
        assert_eq!(alone.code(&token(&old, "ada", "host", |_| {})?).await?, "token_invalid");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_relay_alone_needs_a_directory_that_is_whole() -> Result<()> {
    within(async {
        let key = key("k_main", 1)?;
        let good = one(&key, &json!([]))?;
        for (directory, why) in [
            (String::new(), "not a directory file"),
            (good.replace("\"version\":1", "\"version\":2"), "version 2"),
            (good.replace("\"x\":", "\"d\":\"AAAA\",\"x\":"), "private"),
        ] {
            let error = Alone::start(&directory).await.err().context("it started")?.to_string();
            assert!(error.contains("directory.json") && error.contains(why), "{why}: {error}");
        }
        Ok(())
    })
    .await
}
