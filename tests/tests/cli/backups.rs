//! `backup` and `restore`: a backup contains everything acknowledged, and no other file passes for one.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Answer, Caller, binary::binary};
use tempfile::TempDir;

use super::{Dev, Ran, run_with};

const DATABASE: &str = "stagedoor.sqlite";
/// How long a whole test may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// A running `stagedoor serve`, and what it logged until it listened.
struct Serve {
    child: Child,
    said: String,
}

impl Serve {
    fn command(data: &Path) -> Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Ok(command)
    }

    fn start(data: &Path) -> Result<Self> {
        let mut child = Self::command(data)?.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut said = String::new();
        while !said.contains("listening") {
            said += &lines.next().with_context(|| format!("it ended: {said}"))??;
            said.push('\n');
        }
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self { child, said })
    }

    /// Why it does not start, and its exit code.
    fn refused(data: &Path) -> Result<(i32, String)> {
        let mut child = Self::command(data)?.spawn()?;
        let mut said = String::new();
        for line in BufReader::new(child.stderr.take().context("its log")?).lines() {
            said += &line?;
            if said.contains("listening") {
                child.kill()?;
            }
        }
        Ok((child.wait()?.code().unwrap_or(0), said))
    }

    fn caller(&self, credential: &str) -> Result<Caller> {
        let to = self.said.split("http=").nth(1).context("where it listens")?;
        let to = to.split_whitespace().next().context("an address")?.parse()?;
        Ok(Caller { to, credential: credential.into() })
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    apps: Vec<u64>,
    kids: Vec<String>,
    role_versions: Vec<u64>,
    revocations: Vec<u64>,
    /// All acts, of whatever kind.
    count: usize,
    /// Each is in the trail under its `jti`.
    tokens: Vec<String>,
}

/// Acts one after the other, until told to stop.
async fn load(
    root: Caller,
    app: u64,
    acts: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
) -> Result<()> {
    let path = format!("/v1/apps/{app}");
    let count =
        || acts.lock().map(|mut acts| acts.count += 1).map_err(|_| anyhow::anyhow!("a panic"));
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let made =
            root.get(201, "POST", "/v1/apps", Some(&json!({"name": format!("a{n}")}))).await?;
        let (new, kid) = (made["app"].as_u64().context("an app")?, made["key"]["kid"].as_str());
        let kid = kid.context("a key")?.to_owned();
        count()?;
        let role =
            json!({"template": {"role": "guide", "rank": n % 90, "publish": {"streams": ["a"]}}});
        let roles = root.ask("PUT", &format!("{path}/roles/guide"), Some(&role)).await?;
        ensure!(roles.status == 200, "{}", roles.body);
        let version = roles.body["version"].as_u64().context("a version")?;
        count()?;
        let revoked = json!({"target": {"user": format!("u{n}")}, "ban": n % 2 == 0});
        let revoked = root.get(201, "POST", &format!("{path}/revocations"), Some(&revoked)).await?;
        count()?;
        let minted = json!({"room": "lobby", "user": "anna", "role": "audience"});
        let minted = root.get(201, "POST", &format!("{path}/tokens"), Some(&minted)).await?;
        let jti = minted["jti"].as_str().context("a jti")?.to_owned();
        let mut acts = acts.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        acts.apps.push(new);
        acts.kids.push(kid);
        acts.role_versions.push(version);
        acts.revocations.push(revoked["generation"].as_u64().context("a number")?);
        acts.tokens.push(jti);
    }
    Ok(())
}

/// Every entry of a list.
async fn all(caller: &Caller, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = caller.get(200, "GET", &format!("{path}?limit=200{after}"), None).await?;
        items.extend(page["items"].as_array().context("items")?.iter().cloned());
        let next = &page["next"];
        if next.is_null() {
            return Ok(items);
        }
        after = format!("&after={}", next.as_str().map_or_else(|| next.to_string(), Into::into));
    }
}

fn backup(data: &Path, file: &Path) -> Result<Ran> {
    run_with(
        &["backup", &file.display().to_string(), "--data", &data.display().to_string()],
        &[],
        "",
    )
}

fn restore(file: &Path, data: &Path) -> Result<Ran> {
    run_with(
        &["restore", &file.display().to_string(), "--data", &data.display().to_string()],
        &[],
        "",
    )
}

/// Whether all of it exists.
async fn expect_all(root: &Caller, app: u64, acts: &Acknowledged) -> Result<()> {
    let path = format!("/v1/apps/{app}");
    let apps = all(root, "/v1/apps").await?;
    for (made, kid) in acts.apps.iter().zip(&acts.kids) {
        ensure!(apps.iter().any(|app| app["app"] == *made), "app {made}");
        let keys = all(root, &format!("/v1/apps/{made}/keys")).await?;
        ensure!(keys.iter().any(|key| key["kid"] == **kid), "key {kid}");
    }
    let versions = all(root, &format!("{path}/roles/versions")).await?;
    for version in acts.role_versions.iter().rev().take(50) {
        ensure!(versions.iter().any(|kept| kept["version"] == *version), "roles {version}");
    }
    let revocations = all(root, &format!("{path}/revocations")).await?;
    for number in &acts.revocations {
        ensure!(
            revocations.iter().any(|entry| entry["generation"] == *number),
            "revocation {number}"
        );
    }
    let records = all(root, &format!("{path}/audit")).await?;
    for jti in &acts.tokens {
        ensure!(records.iter().any(|record| record["jti"] == **jti), "record of {jti}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_everything_acknowledged() -> Result<()> {
    tokio::time::timeout(TEST_TIMEOUT, async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let wide = [
            ("STAGEDOOR_SERVER__RATE_PER_S", "100000"),
            ("STAGEDOOR_SERVER__RATE_BURST", "100000"),
        ];
        let dev = Dev::start_in(&data, &wide)?;
        let root = Caller { to: dev.address("url")?, credential: dev.text("root").into() };
        let app = dev.told["app"].as_u64().context("an app")?;
        let acts = Arc::new(Mutex::new(Acknowledged::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let loads: Vec<_> = (0..4)
            .map(|_| tokio::spawn(load(root.clone(), app, acts.clone(), stop.clone())))
            .collect();
        let so_far =
            || acts.lock().map(|acts| acts.clone()).map_err(|_| anyhow::anyhow!("a panic"));
        while so_far()?.apps.len() < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = so_far()?;
        let file = folder.path().join("backup.sqlite");
        let made = tokio::task::spawn_blocking({
            let (data, file) = (data.clone(), file.clone());
            move || backup(&data, &file)
        })
        .await??;
        assert_eq!(made.code, 0, "{}", made.err);
        assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
        let at_end = so_far()?;
        assert!(at_end.count > before.count, "there was no load");
        while so_far()?.apps.len() < at_end.apps.len() + 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.await??;
        }
        let tokens = format!("/v1/apps/{app}/tokens");
        let wanted = json!({"room": "lobby", "user": "anna", "role": "audience"});
        let later = root.get(201, "POST", &tokens, Some(&wanted)).await?;
        drop(dev);

        let elsewhere = folder.path().join("elsewhere");
        let restored = restore(&file, &elsewhere)?;
        assert_eq!(restored.code, 0, "{}", restored.err);
        // Its secrets are sealed under the master key of the folder that it comes from.
        for says in ["taken at 20", "revocations", "restored", "master_key_missing"] {
            assert!(restored.out.contains(says), "{says}: {}", restored.out);
        }
        fs::copy(data.join("master.key"), elsewhere.join("master.key"))?;
        let serve = Serve::start(&elsewhere)?;
        assert!(!serve.said.contains("sdroot_"), "{}", serve.said);
        let root = serve.caller(&root.credential)?;
        expect_all(&root, app, &before).await?;

        // A token from after the backup is valid until a revocation from after the restore covers it.
        let verify = format!("{tokens}/verify");
        let code = async |token: &Value| -> Result<String> {
            let told = root.get(200, "POST", &verify, Some(&json!({"token": token}))).await?;
            Ok(told["code"].as_str().unwrap_or("ok").to_owned())
        };
        assert_eq!(code(&later["token"]).await?, "ok");
        let revoked = json!({"target": {"user": "anna"}});
        root.get(201, "POST", &format!("/v1/apps/{app}/revocations"), Some(&revoked)).await?;
        assert_eq!(code(&later["token"]).await?, "token_revoked");
        let newest = root.get(201, "POST", &tokens, Some(&wanted)).await?;
        assert_eq!(code(&newest["token"]).await?, "ok");
        let records = all(&root, "/v1/apps").await?;
        assert!(records.len() >= before.apps.len());
        Ok(())
    })
    .await
    .context("the test hung")?
}

/// A folder with a deployment whose process was killed, so that its database's log exists.
struct Killed {
    _folder: TempDir,
    data: PathBuf,
}

fn killed() -> Result<Killed> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    drop(Serve::start(&data)?);
    Ok(Killed { _folder: folder, data })
}

fn expect_refused(data: &Path, says: &[&str]) -> Result<()> {
    let (code, said) = Serve::refused(data)?;
    ensure!(code == 1 && !said.contains("sdroot_"), "{code}: {said}");
    for says in says {
        ensure!(said.contains(says), "{says}: {said}");
    }
    Ok(())
}

#[test]
fn a_copied_database_file_is_not_a_new_deployment() -> Result<()> {
    let (folder, copy) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dev = Dev::start_in(folder.path(), &[])?;
    fs::copy(folder.path().join(DATABASE), copy.path().join(DATABASE))?;
    expect_refused(copy.path(), &["stagedoor backup"])?;
    // Nor is it if the server has run for longer, and part of its log was written back.
    for n in 0..40 {
        dev.ok("root", &["app", "create", &format!("app {n}")])?;
    }
    let later = tempfile::tempdir()?;
    fs::copy(folder.path().join(DATABASE), later.path().join(DATABASE))?;
    expect_refused(later.path(), &["stagedoor backup"])
}

#[test]
fn a_lost_or_foreign_database_is_refused() -> Result<()> {
    let gone = |data: &Path| -> Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            // Not all of them exist.
            let _ = fs::remove_file(data.join(format!("{DATABASE}{suffix}")));
        }
        Ok(())
    };
    // Missing, beside the marker.
    let lost = killed()?;
    gone(&lost.data)?;
    expect_refused(&lost.data, &["contained a database", "restore"])?;
    // Empty, beside the marker.
    fs::write(lost.data.join(DATABASE), "")?;
    expect_refused(&lost.data, &["restore"])?;
    // Not a database at all.
    fs::write(
        lost.data.join(DATABASE),
        "not a database, and longer than a head of one".repeat(20),
    )?;
    expect_refused(&lost.data, &["restore"])?;
    // Of another deployment.
    let other = killed()?;
    gone(&lost.data)?;
    Serve::start(&other.data)?.child.kill()?;
    for suffix in ["", "-wal"] {
        let name = format!("{DATABASE}{suffix}");
        if other.data.join(&name).exists() {
            fs::copy(other.data.join(&name), lost.data.join(&name))?;
        }
    }
    expect_refused(&lost.data, &["another deployment"])?;
    // Of `dev`, with only its file left.
    let folder = tempfile::tempdir()?;
    assert_eq!(Dev::start_in(folder.path(), &[])?.stop()?.0, 0);
    for entry in fs::read_dir(folder.path())? {
        let path = entry?.path();
        if !path.ends_with("dev.json") {
            fs::remove_file(path)?;
        }
    }
    expect_refused(folder.path(), &["dev.json", "restore"])
}

#[test]
fn a_backup_cannot_be_used_until_it_is_restored() -> Result<()> {
    let old = killed()?;
    let file = old.data.with_file_name("backup");
    assert_eq!(backup(&old.data, &file)?.code, 0);
    let by_hand = tempfile::tempdir()?;
    fs::copy(&file, by_hand.path().join(DATABASE))?;
    expect_refused(by_hand.path(), &["is a backup", "stagedoor restore"])?;
    // An older state of itself, restored by hand.
    let data = tempfile::tempdir()?;
    assert_eq!(Dev::start_in(data.path(), &[])?.stop()?.0, 0);
    let kept = fs::read(data.path().join(DATABASE))?;
    let dev = Dev::start_in(data.path(), &[])?;
    dev.ok("root", &["app", "create", "later"])?;
    assert_eq!(dev.stop()?.0, 0);
    fs::write(data.path().join(DATABASE), kept)?;
    expect_refused(data.path(), &["older than"])
}

#[test]
fn backup_overwrites_nothing_and_restore_needs_an_empty_folder() -> Result<()> {
    let old = killed()?;
    let there = old.data.with_file_name("there");
    fs::write(&there, "mine")?;
    let refused = backup(&old.data, &there)?;
    assert!(refused.code == 1 && refused.err.contains("already exists"), "{}", refused.err);
    assert_eq!(fs::read_to_string(&there)?, "mine");
    let none = backup(&old.data.with_file_name("none"), &old.data.with_file_name("b"))?;
    assert!(none.code == 1 && none.err.contains("no database"), "{}", none.err);

    let file = old.data.with_file_name("backup");
    assert_eq!(backup(&old.data, &file)?.code, 0);
    let refused = restore(&file, &old.data)?;
    assert!(refused.code == 1 && refused.err.contains("is not empty"), "{}", refused.err);
    let empty = tempfile::tempdir()?;
    for (name, bytes) in [("text", &b"nothing of the kind"[..]), ("empty", b"")] {
        let file = old.data.with_file_name(name);
        fs::write(&file, bytes)?;
        let refused = restore(&file, empty.path())?;
        assert!(refused.code == 1 && refused.err.contains("is not a backup"), "{}", refused.err);
    }
    let half = fs::read(&file)?;
    let torn = old.data.with_file_name("torn");
    fs::write(&torn, &half[..half.len() / 2])?;
    let refused = restore(&torn, empty.path())?;
    assert_eq!(refused.code, 1, "{}", refused.out);
    // The refusal left nothing: the folder is as empty as before.
    assert_eq!(restore(&file, empty.path())?.code, 0);
    // Nothing half-made remains beside it.
    let left = fs::read_dir(old.data.parent().context("a folder")?)?;
    let names: Vec<_> = left.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("partial")), "{names:?}");
    Ok(())
}

#[test]
fn an_interrupted_first_start_can_be_repeated() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let mut busy = Command::new(binary()?);
    busy.args(["serve", "--operations", "127.0.0.1:0", "--data"]).arg(&data);
    busy.args(["--listen", &taken.local_addr()?.to_string()]).stderr(Stdio::null());
    assert_eq!(busy.status()?.code(), Some(1));
    assert!(Serve::start(&data)?.said.contains("sdroot_"));
    Ok(())
}

#[tokio::test]
async fn versions_seen_before_a_restore_are_outdated_after_it() -> Result<()> {
    let test = async {
        let folder = tempfile::tempdir()?;
        let (data, file) = (folder.path().join("data"), folder.path().join("backup"));
        let dev = Dev::start_in(&data, &[])?;
        let caller = Caller { to: dev.address("url")?, credential: dev.text("api_key").to_owned() };
        let app = format!("/v1/apps/{}", dev.app());
        let put = |n: u64| json!({"roles": [{"role": "host", "rank": n}]});
        let rename = |name: &str| json!({"name": name});
        let path = format!("{app}/roles");
        caller.get(200, "PUT", &path, Some(&put(1))).await?;
        assert_eq!(backup(&data, &file)?.code, 0);
        // Seen before, and lost by the restore.
        let lost = caller.get(200, "PUT", &path, Some(&put(2))).await?["version"].clone();
        let lost_tag = |answer: &Answer| answer.field("etag").map(str::to_owned);
        let roles = lost_tag(&caller.ask("GET", &path, None).await?).context("a tag")?;
        let named = caller.ask("PATCH", &app, Some(&rename("lost"))).await?;
        let named = lost_tag(&named).context("a tag")?;
        drop(dev);
        let elsewhere = folder.path().join("elsewhere");
        assert_eq!(restore(&file, &elsewhere)?.code, 0);
        fs::copy(data.join("master.key"), elsewhere.join("master.key"))?;
        let serve = Serve::start(&elsewhere)?;
        let caller = serve.caller(&caller.credential)?;
        caller.get(200, "PUT", &path, Some(&put(3))).await?;
        caller.get(200, "PATCH", &app, Some(&rename("other"))).await?;
        for (method, path, tag, body) in [
            ("PUT", &path, roles, json!({"roles": [{"role": "host"}]})),
            ("PATCH", &app, named, rename("mine")),
        ] {
            let seen = format!("If-Match: {tag}\r\n");
            let answer = caller.ask_with(method, path, &seen, Some(&body.to_string())).await?;
            assert_eq!(answer.problem(), (412, "etag_mismatch"), "{method}");
        }
        let mut by_version = put(4);
        by_version["version"] = lost;
        let answer = caller.ask("PUT", &path, Some(&by_version)).await?;
        assert_eq!(answer.problem(), (409, "version_conflict"));
        let kept = caller.get(200, "GET", &format!("{path}/versions"), None).await?;
        assert_eq!(kept["items"].as_array().map(Vec::len), Some(2), "{kept}");
        Ok(())
    };
    tokio::time::timeout(TEST_TIMEOUT, test).await?
}
