//! The data folder: who uses it, who may read it, and what must not be lost.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use stagedoor_tests::{Caller, member::PATIENCE};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use super::{
    process::{Dev, on_own_ports, run, stagedoor},
    within,
};

/// A running `stagedoor serve`, and what it logged until it listened.
struct Serve {
    child: Child,
    said: String,
}

impl Serve {
    async fn start(data: &str) -> Result<Self> {
        let mut child = stagedoor(&on_own_ports("serve", data), &[])?.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut said = String::new();
        while !said.contains("listening") {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??;
            said += &line.with_context(|| format!("it ended: {said}"))?;
            said.push('\n');
        }
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, said })
    }

    /// The root credential, if it was shown.
    fn root(&self) -> Option<&str> {
        self.said.split_whitespace().find(|word| word.starts_with("sdroot_"))
    }

    /// The operator, with a credential.
    fn operator(&self, credential: &str) -> Result<Caller> {
        let to = self.said.split("http=").nth(1).context("where it listens")?;
        let to = to.split_whitespace().next().context("an address")?.parse()?;
        Ok(Caller { to, credential: credential.into() })
    }

    async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

async fn status(operator: &Caller) -> Result<u16> {
    Ok(operator.ask("GET", "/v1/apps", None).await?.status)
}

#[tokio::test]
async fn a_second_process_on_a_folder_ends_with_four() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        let dev = Dev::start(folder.path(), &[]).await?;
        let commands = [
            on_own_ports("dev", &data).to_vec(),
            on_own_ports("serve", &data).to_vec(),
            vec!["root", "reset", "--yes", "--data", &data],
        ];
        for command in &commands {
            let second = run(command, &[]).await?;
            assert_eq!(second.code, Some(4), "{command:?}: {}", second.err);
            let says = format!("the data folder {data} is in use by another process");
            assert!(second.err.contains(&says), "{}", second.err);
            assert!(!second.err.contains("sdroot_") && second.out.is_empty(), "{second:?}");
        }
        assert_eq!(status(&dev.caller("root")?).await?, 200, "the first one goes on");
        // The system releases the lock, however the process ends.
        dev.signal("KILL")?;
        dev.ended().await?;
        let again = Dev::start(folder.path(), &[]).await?;
        assert_eq!(status(&again.caller("root")?).await?, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_failed_first_start_does_not_lose_the_root_credential() -> Result<()> {
    within(async {
        let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
        let taken = format!("--listen={}", taken.local_addr()?);
        let no_certificate = [
            ("STAGEDOOR_RELAY__TLS__CERT", "/nowhere/cert.pem"),
            ("STAGEDOOR_RELAY__TLS__KEY", "/nowhere/key.pem"),
        ];
        for (is_tls, is_full) in [(true, false), (false, false), (false, true)] {
            let folder = tempfile::tempdir()?;
            let data = folder.path().join("data").display().to_string();
            let mut arguments = on_own_ports("serve", &data);
            if !is_tls && !is_full {
                arguments[2] = &taken;
            }
            let mut failing = stagedoor(&arguments, if is_tls { &no_certificate } else { &[] })?;
            if is_full {
                // Nobody sees what is shown.
                let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
                failing.stderr(Stdio::from(full));
            }
            let failed = tokio::time::timeout(PATIENCE, failing.spawn()?.wait_with_output());
            let failed = failed.await.context("it does not end")??;
            assert_eq!(failed.status.code(), Some(if is_tls { 2 } else { 1 }));
            assert!(!String::from_utf8_lossy(&failed.stderr).contains("sdroot_"));
            let good = Serve::start(&data).await?;
            let root = good.root().with_context(|| format!("no credential: {}", good.said))?;
            assert_eq!(status(&good.operator(root)?).await?, 200);
            let root = root.to_owned();
            good.kill().await?;
            let later = Serve::start(&data).await?;
            assert_eq!(later.root(), None, "shown this once");
            assert_eq!(status(&later.operator(&root)?).await?, 200);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn root_reset_replaces_the_root_credential() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().display().to_string();
        let reset = ["root", "reset", "--yes", "--data", &data];
        let nothing = run(&reset, &[]).await?;
        assert_eq!(nothing.code, Some(1), "{}", nothing.err);
        assert_eq!(fs::read_dir(folder.path())?.count(), 0, "nothing is made");
        let dev = Dev::start(folder.path(), &[]).await?;
        let old = dev.told["root"].as_str().context("a credential")?.to_owned();
        dev.signal("TERM")?;
        assert_eq!(dev.ended().await?.code, Some(0));
        let printed = run(&reset, &[]).await?;
        assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""));
        let new = printed.out.trim().to_owned();
        assert!(new.starts_with("sdroot_") && new != old, "{new}");
        let serve = Serve::start(&data).await?;
        assert_eq!(serve.root(), None, "it was shown already");
        assert_eq!(status(&serve.operator(&new)?).await?, 200);
        assert_eq!(status(&serve.operator(&old)?).await?, 401);
        serve.kill().await?;
        let printed = run(&[&["--json"][..], &reset].concat(), &[]).await?;
        let newest = serde_json::from_str::<Value>(&printed.out)?["root"].clone();
        let dev = Dev::start(folder.path(), &[]).await?;
        assert_eq!(dev.told["root"], newest, "`dev` keeps the newest");
        assert_eq!(status(&dev.caller("root")?).await?, 200);
        Ok(())
    })
    .await
}

fn mode(file: &Path) -> Result<u32> {
    Ok(fs::metadata(file)?.permissions().mode() & 0o777)
}

#[tokio::test]
async fn files_open_to_others_are_made_private_and_named() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let dev = Dev::start(&data, &[]).await?;
        assert_eq!(mode(&data)?, 0o700);
        // Killed, it leaves the database's log behind.
        dev.signal("KILL")?;
        dev.ended().await?;
        let names =
            ["stagedoor.sqlite", "stagedoor.sqlite-wal", "stagedoor.sqlite-shm", "dev.json"];
        for (name, others) in names.into_iter().zip([0o666, 0o666, 0o644, 0o644]) {
            fs::set_permissions(data.join(name), Permissions::from_mode(others))?;
        }
        let dev = Dev::start(&data, &[]).await?;
        assert_eq!(status(&dev.caller("root")?).await?, 200);
        for entry in fs::read_dir(&data)? {
            let path = entry?.path();
            assert_eq!(mode(&path)?, 0o600, "{}", path.display());
        }
        dev.signal("TERM")?;
        let log = dev.ended().await?.err;
        for name in names {
            let line = log.lines().find(|line| {
                line.contains(&format!("{name} ")) && line.contains("accessible to other users")
            });
            assert!(line.is_some(), "{name} is not named: {log}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_truncated_dev_file_is_renamed_and_reported() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let dev = Dev::start(folder.path(), &[]).await?;
        dev.signal("TERM")?;
        dev.ended().await?;
        let file = folder.path().join("dev.json");
        let whole = fs::read(&file)?;
        for bytes in [0, 1, whole.len() / 2, whole.len() - 1] {
            for entry in fs::read_dir(folder.path())? {
                let path = entry?.path();
                if path.display().to_string().contains("broken") {
                    fs::remove_file(path)?;
                }
            }
            fs::write(&file, &whole[..bytes])?;
            let dev = Dev::start(folder.path(), &[]).await?;
            let minted = dev.caller("api_key")?;
            let path = format!("/v1/apps/{}/rooms", dev.told["app"]);
            minted.get(200, "GET", &path, None).await?;
            dev.signal("TERM")?;
            let ended = dev.ended().await?;
            assert_eq!(ended.code, Some(0), "{}", ended.err);
            assert!(ended.err.contains("cannot be read and was renamed"), "{}", ended.err);
            let aside = fs::read_dir(folder.path())?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .find(|path| path.display().to_string().contains("dev.json.broken"));
            let aside = aside.context("what was there is kept")?;
            assert_eq!(fs::read(&aside)?, &whole[..bytes]);
            let now: Value = serde_json::from_slice(&fs::read(&file)?)?;
            ensure!(now["app"].is_u64() && mode(&file)? == 0o600);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_rotation_and_a_leak_survive_a_kill() -> Result<()> {
    within(async {
        let folder = tempfile::tempdir()?;
        let dev = Dev::start(folder.path(), &[]).await?;
        let root = dev.caller("root")?;
        let keys = format!("/v1/apps/{}/api-keys", dev.told["app"]);
        let new = serde_json::json!({"name": "n", "scopes": ["apps:admin"]});
        let mut secrets = Vec::new();
        for _ in 0..2 {
            let made = root.get(201, "POST", &keys, Some(&new)).await?;
            let path = format!("{keys}/{}/rotate", made["id"].as_str().context("an id")?);
            let overlap = serde_json::json!({"overlap_s": 600});
            let rotated = root.get(200, "POST", &path, Some(&overlap)).await?;
            for answer in [&made, &rotated] {
                secrets.push(answer["api_key"].as_str().context("a key")?.to_owned());
            }
        }
        let leak = serde_json::json!({"credentials": [secrets[3]]});
        root.get(200, "POST", "/v1/leaks", Some(&leak)).await?;
        dev.signal("KILL")?;
        dev.ended().await?;
        let again = Dev::start(folder.path(), &[]).await?;
        let to = again.caller("root")?.to;
        let mut statuses = Vec::new();
        for secret in &secrets {
            let caller = Caller { to, credential: secret.clone() };
            statuses.push(caller.ask("GET", &keys, None).await?.status);
        }
        assert_eq!(statuses, [200, 200, 401, 401], "a leaked key takes its old secret along");
        Ok(())
    })
    .await
}
