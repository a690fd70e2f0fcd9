//! While the database cannot be written, acts are refused with a code and readiness reports it; afterwards everything
//! recovers on its own.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use stagedoor_tests::{Answer, Caller, Member, member::PATIENCE};
use tokio::{task::JoinSet, time::Instant};

use super::{child::Served, within};

/// Writers at a time: more than the database has connections.
const WRITERS: usize = 16;

async fn at_once(caller: &Caller, path: &str, body: &Value) -> Result<Vec<Answer>> {
    let mut tasks = JoinSet::new();
    for _ in 0..WRITERS {
        let (caller, path, body) = (caller.clone(), path.to_owned(), body.clone());
        tasks.spawn(async move { caller.ask("POST", &path, Some(&body)).await });
    }
    let answers = tasks.join_all().await;
    answers.into_iter().collect()
}

/// Writes until nothing can be written any more; every refusal has a code.
async fn until_refused(caller: &Caller, path: &str, body: &Value) -> Result<()> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let answers = at_once(caller, path, body).await?;
        for answer in &answers {
            match answer.problem() {
                (201, _) => {}
                (503, "store_unavailable") => {
                    ensure!(answer.field("retry-after").is_some(), "{}", answer.head);
                }
                _ => anyhow::bail!("{} {}", answer.head, answer.body),
            }
        }
        if answers.iter().all(|answer| answer.status == 503) {
            return Ok(());
        }
        ensure!(Instant::now() < patience, "writes go on");
    }
}

/// Waits until readiness has this status; returns what it says.
async fn ready(served: &Served, status: &str) -> Result<String> {
    let patience = Instant::now() + PATIENCE;
    loop {
        let told = stagedoor_tests::member::http_get(served.operations()?.to, "/readyz").await?;
        if told.split(' ').nth(1) == Some(status) {
            let (_, body) = told.split_once("\r\n\r\n").context("an answer")?;
            return Ok(body.trim().to_owned());
        }
        ensure!(Instant::now() < patience, "{told}");
        // There is no signal when it recovers.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Everything that writes is refused, and everything else works.
async fn refuses_what_writes(served: &Served) -> Result<()> {
    let (root, app) = (served.operator()?, format!("/v1/apps/{}", served.told["app"]));
    let mint = json!({"room": "r", "user": "u", "role": "host"});
    let role = json!({"template": {"role": "chef"}});
    let named = json!({"name": "n"});
    for (method, path, body) in [
        ("POST", format!("{app}/tokens"), Some(&mint)),
        ("POST", format!("{app}/keys/rotate"), None),
        ("PUT", format!("{app}/roles/chef"), Some(&role)),
        ("PATCH", app.clone(), Some(&named)),
        ("DELETE", app.clone(), None),
        ("DELETE", format!("{app}/rooms/lobby"), None),
    ] {
        let answer = root.ask(method, &path, body).await?;
        assert_eq!(answer.problem(), (503, "store_unavailable"), "{method} {path}");
    }
    // What could not be ended goes on, and its holder is told so.
    let leaked = ["secret", "host_token"].map(|name| served.told[name].clone());
    let leaked = json!({"credentials": leaked});
    let answer = root.ask("POST", "/v1/leaks", Some(&leaked)).await?;
    assert_eq!(answer.problem(), (503, "store_unavailable"), "a leak");
    for token in ["host_token", "audience_token"] {
        let token = served.told[token].as_str().context("a token")?;
        Member::connect(root.to).await?.log_in(token).await?;
    }
    for path in ["", "/keys", "/api-keys", "/roles", "/revocations", "/rooms", "/audit"] {
        served.backend()?.get(200, "GET", &format!("{app}{path}"), None).await?;
    }
    Ok(())
}

async fn works(served: &Served) -> Result<()> {
    let (root, app) = (served.operator()?, format!("/v1/apps/{}", served.told["app"]));
    let mint = json!({"room": "r", "user": "u", "role": "host"});
    for _ in 0..3 {
        for answer in at_once(&root, &format!("{app}/tokens"), &mint).await? {
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
        for answer in at_once(&root, "/v1/apps", &json!({"name": "n"})).await? {
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
    }
    root.get(200, "POST", &format!("{app}/keys/rotate"), None).await?;
    let kept = root.records(&format!("{app}/audit?kind=key.rotate"), 1).await?;
    assert_eq!(kept.len(), 1, "what was refused left no record: {kept:?}");
    let leaked = root.get(200, "GET", "/v1/audit?kind=credential.leaked", None).await?;
    assert_eq!(leaked["items"], json!([]), "nor did the leaks");
    let report = json!({"credentials": [served.told["secret"]]});
    let ended = root.get(200, "POST", "/v1/leaks", Some(&report)).await?;
    assert_eq!(ended["items"][0]["state"], "revoked", "{ended}");
    let token = served.told["audience_token"].as_str().context("a token")?;
    assert!(Member::connect(root.to).await?.log_in(token).await.is_err());
    Ok(())
}

/// Twice from good to bad and back.
async fn fails_and_heals(
    served: &Served,
    fill: impl Fn() -> Result<()>,
    free: impl Fn() -> Result<()>,
) -> Result<()> {
    let root = served.operator()?;
    let large = json!({"name": "n".repeat(128)});
    assert_eq!(ready(served, "200").await?, "ok");
    for _ in 0..2 {
        fill()?;
        until_refused(&root, "/v1/apps", &large).await?;
        let reason = ready(served, "503").await?;
        assert!(reason.starts_with("the store cannot be written: "), "{reason}");
        refuses_what_writes(served).await?;
        free()?;
        ready(served, "200").await?;
    }
    works(served).await
}

/// Limits the size of the process's files, in bytes; `None`: unlimited.
fn limit_files(pid: u32, bytes: Option<u64>) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(pid)?).context("a process")?;
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum })?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_not_grow_refuse_writes_and_heal() -> Result<()> {
    within(120, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let pid = served.pid()?;
        let file = |name: &str| -> u64 {
            std::fs::metadata(folder.path().join(name)).map_or(0, |about| about.len())
        };
        let fill = || {
            let largest = file("stagedoor.sqlite").max(file("stagedoor.sqlite-wal"));
            limit_files(pid, Some(largest + 4_096))
        };
        fails_and_heals(&served, fill, || limit_files(pid, None)).await
    })
    .await
}

/// A file system of a few MB; dropping this unmounts it.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` where the test may not mount.
    fn mount(at: &'a Path) -> Result<Option<Self>> {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(at).output()?;
        Ok(mounted.status.success().then(|| Self(at)))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // The process that used it may end a moment later.
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_heals() -> Result<()> {
    within(120, async {
        let folder = tempfile::tempdir()?;
        let Some(_small) = Small::mount(folder.path())? else {
            // Only a privileged user mounts; the limit of a file's size, above, is for everybody.
            return Ok(());
        };
        let served = Served::start(folder.path()).await?;
        let filler = folder.path().join("filler");
        let fill = || {
            let mut left = 4_194_304;
            // As much as there is room for.
            while left > 0 && std::fs::write(&filler, vec![0; left]).is_err() {
                left -= 4_096;
            }
            Ok(())
        };
        fails_and_heals(&served, fill, || Ok(std::fs::remove_file(&filler)?)).await?;
        served.kill().await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_locked_by_another_process_refuses_and_heals() -> Result<()> {
    within(120, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let root = served.operator()?;
        let file = folder.path().join("stagedoor.sqlite");
        let mut other = SqliteConnectOptions::new().filename(&file).connect().await?;
        let locked = other.begin_with("BEGIN EXCLUSIVE").await?;
        let asked = Instant::now();
        let answers = at_once(&root, "/v1/apps", &json!({"name": "n"})).await?;
        for answer in &answers {
            assert_eq!(answer.problem(), (503, "store_unavailable"), "{}", answer.body);
        }
        // One waits for the other process, and all others for that one: nobody for as long once more.
        let longest = Duration::from_millis(stagedoor_server::Config::default().store_wait_ms);
        let took = asked.elapsed();
        assert!(took < longest.mul_f64(1.5), "all of them, in {took:?}");
        let reason = ready(&served, "503").await?;
        assert!(reason.contains("locked"), "{reason}");
        served
            .backend()?
            .get(200, "GET", &format!("/v1/apps/{}", served.told["app"]), None)
            .await?;
        locked.rollback().await?;
        ready(&served, "200").await?;
        works(&served).await
    })
    .await
}
