//! The master key: given, wrong, lost, changed; and what is sealed under it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::Caller;

use super::{DATABASE, Place, Serve, serve_command, within};
use crate::{Dev, run_with};

/// How often the master key is rotated.
const ROTATIONS: u32 = 20;

/// Makes an app and mints with its key; returns the app.
async fn app(root: &Caller) -> Result<u64> {
    let made = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "a"}))).await?;
    let app = made["app"].as_u64().context("an app")?;
    mint(root, app).await?;
    Ok(app)
}

async fn mint(root: &Caller, app: u64) -> Result<()> {
    let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
    root.get(201, "POST", &format!("/v1/apps/{app}/tokens"), Some(&new)).await?;
    Ok(())
}

/// Why `serve` does not start, and its exit code.
fn refused(place: &Place, variables: &[(&str, &str)]) -> Result<(i32, String)> {
    let log = place.path("refused.log");
    let _ = fs::remove_file(&log);
    let mut command = serve_command(&place.data, None, &log)?;
    let status = command.envs(variables.iter().copied()).status()?;
    Ok((status.code().context("it was killed")?, fs::read_to_string(&log)?))
}

#[tokio::test]
async fn a_wrong_missing_or_broken_master_key_harms_nothing() -> Result<()> {
    within(100, async {
        let place = Place::sealed().await?;
        let serve = place.serve(Some("master.key"))?;
        let app = app(&place.caller(&serve)).await?;
        serve.stop()?;
        let before = place.bytes()?;
        let id = place.status()?["master_keys"][0].as_str().context("an id")?.to_owned();
        let (good, wrong) = (fs::read(place.path("master.key"))?, place.make_key("wrong.key")?);
        fs::write(place.path("half.key"), &good[..17])?;
        fs::write(place.path("open.key"), &good)?;
        fs::set_permissions(place.path("half.key"), Permissions::from_mode(0o600))?;
        fs::set_permissions(place.path("open.key"), Permissions::from_mode(0o640))?;
        let text = URL_SAFE_NO_PAD.encode(&good);
        let file = |name: &str| place.path(name).display().to_string();
        let by_file = super::KEY_FILE;
        let by_command = "STAGEDOOR_SERVER__MASTER_KEY__COMMAND";
        for (variable, value, code, says) in [
            ("STAGEDOOR_IGNORED__", String::new(), "", "no such setting"),
            ("UNRELATED", String::new(), "master_key_missing", id.as_str()),
            (by_file, file("wrong.key"), "master_key_wrong", &wrong),
            (by_file, file("half.key"), "master_key_invalid", "17 bytes instead of 32"),
            (by_file, file("none.key"), "master_key_invalid", "No such file"),
            (by_file, file("open.key"), "master_key_invalid", "0640"),
            ("STAGEDOOR_MASTER_KEY", text[1..].into(), "master_key_invalid", "64 hexadecimal"),
            (by_command, "[\"false\"]".into(), "master_key_invalid", "exit status: 1"),
            (by_command, "[\"head\", \"-c9\", \"/dev/zero\"]".into(), "master_key_invalid", "32"),
        ] {
            let (exit, said) = refused(&place, &[(variable, &value)])?;
            ensure!(
                exit == 2 && said.contains(code) && said.contains(says),
                "{variable}={value}: {said}"
            );
            ensure!(!said.contains(&text[1..]), "the key was logged: {said}");
            ensure!(place.bytes()? == before, "{variable}={value} changed the database");
        }
        for (variable, value) in [
            ("STAGEDOOR_MASTER_KEY", text.clone()),
            (by_command, format!("[\"cat\", \"{}\"]", file("master.key"))),
        ] {
            let log = place.path(&format!("{variable}.log"));
            let mut command = serve_command(&place.data, None, &log)?;
            let started = Serve::listening(command.env(variable, value).spawn()?, &log, 0)?;
            mint(&place.caller(&started), app).await?;
            ensure!(!started.logged()?.contains(&text), "the key was logged");
            started.stop()?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_rotates_while_requests_go_on() -> Result<()> {
    within(150, async {
        let place = Place::sealed().await?;
        let serve = place.serve(Some("master.key"))?;
        let root = place.caller(&serve);
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let mut loads = Vec::new();
        for _ in 0..4 {
            let (root, stop, count) = (root.clone(), stop.clone(), count.clone());
            let app = app(&root).await?;
            loads.push(tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    mint(&root, app).await?;
                    let rotate = format!("/v1/apps/{app}/keys/rotate");
                    let done = root.get(200, "POST", &rotate, Some(&json!({}))).await?;
                    let kid = done["retiring"].as_str().context("a key")?.to_owned();
                    let retire = format!("/v1/apps/{app}/keys/{kid}/retire");
                    root.get(200, "POST", &retire, None).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            }));
        }
        let place = Arc::new(place);
        for turn in 0..ROTATIONS {
            let before = count.load(Ordering::Relaxed);
            let rotated = place.clone();
            tokio::task::spawn_blocking(move || rotate(&rotated, turn)).await??;
            while count.load(Ordering::Relaxed) < before + 2 {
                ensure!(loads.iter().all(|load| !load.is_finished()), "a request failed");
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.await??;
        }
        let kind = "/v1/audit?kind=master_key.rotate&limit=100";
        assert_eq!(root.records(kind, ROTATIONS as usize).await?.len(), ROTATIONS as usize);
        serve.stop()?;
        place.serve(Some("master.key"))?.stop()
    })
    .await
}

/// Rotates to a new key, as an operator does.
fn rotate(place: &Place, turn: u32) -> Result<()> {
    let key = Some("master.key");
    let id = place.make_key("new.key")?;
    let new = place.path("new.key").display().to_string();
    place.ok(key, &["master-key", "rotate", "--new", &new])?;
    let status = place.status()?;
    ensure!(
        status["master_keys"][0] == id
            && status["master_keys"].as_array().is_some_and(|keys| keys.len() == 2)
    );
    if turn == 0 {
        let early = place.run(key, &["master-key", "retire"])?;
        ensure!(early.code == 1 && early.err.contains("master_key_in_use"), "{}", early.err);
        place.make_key("third.key")?;
        let third = place.path("third.key").display().to_string();
        let third = place.run(key, &["master-key", "rotate", "--new", &third])?;
        ensure!(third.code == 1 && third.err.contains("master_key_rotating"), "{}", third.err);
        let early = place.run(key, &["master-key", "reseal"])?;
        ensure!(early.code == 1 && early.err.contains("master_key_rotating"), "{}", early.err);
    }
    fs::rename(place.path("new.key"), place.path("master.key"))?;
    place.ok(key, &["master-key", "retire"])?;
    ensure!(place.status()?["master_keys"] == json!([id]));
    Ok(())
}

#[tokio::test]
async fn either_master_key_starts_the_server_until_one_is_retired() -> Result<()> {
    within(100, async {
        let place = Place::sealed().await?;
        place.make_key("new.key")?;
        let new = place.path("new.key").display().to_string();
        place.ok(Some("master.key"), &["master-key", "rotate", "--new", &new])?;
        let again = place.ok(Some("master.key"), &["master-key", "rotate", "--new", &new])?;
        assert_eq!(again["changed"], false);
        for key in ["master.key", "new.key"] {
            place.serve(Some(key))?.stop()?;
        }
        let old = place.ok(Some("new.key"), &["master-key", "retire"])?;
        assert!(old["retired"].is_string(), "{old}");
        assert_eq!(place.ok(Some("new.key"), &["master-key", "retire"])?["retired"], Value::Null);
        place.serve(Some("new.key"))?.stop()?;
        let file = place.path("master.key").display().to_string();
        let (exit, said) = refused(&place, &[(super::KEY_FILE, &file)])?;
        assert_eq!(exit, 2, "{said}");
        assert!(said.contains("master_key_wrong"), "{said}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_server_seals_everything_again_under_a_new_data_key() -> Result<()> {
    within(100, async {
        let place = Place::sealed().await?;
        let key = Some("master.key");
        let serve = place.serve(key)?;
        let root = place.caller(&serve);
        let mut apps = Vec::new();
        for _ in 0..150 {
            apps.push(app(&root).await?);
        }
        let before = place.status()?;
        assert_eq!(before["secrets"][0]["count"], 150, "{before}");
        let done = place.ok(key, &["master-key", "reseal"])?;
        let after = place.status()?;
        assert_eq!(after["data_keys"], json!([done["data_key"]]));
        assert_ne!(before["data_keys"], after["data_keys"]);
        let secrets = after["secrets"].as_array().context("counts")?;
        assert!(secrets.iter().all(|by| by["data_key"] == done["data_key"]), "{after}");
        assert!(secrets.iter().any(|by| by["table"] == "keys" && by["count"] == 150), "{after}");
        for app in &apps {
            mint(&root, *app).await?;
        }
        let records = root.records("/v1/audit?kind=data_key.reseal", 1).await?;
        let detail = records[0]["detail"].as_str().context("a detail")?;
        // The audit key as well.
        assert!(detail.contains("secrets=151"), "{detail}");
        serve.stop()?;
        // Without a server, the command does it.
        let done = place.ok(key, &["master-key", "reseal"])?;
        assert_eq!(place.status()?["data_keys"], json!([done["data_key"]]));
        let serve = place.serve(key)?;
        mint(&place.caller(&serve), apps[0]).await?;
        serve.stop()
    })
    .await
}

#[tokio::test]
async fn a_secret_in_clear_or_from_another_row_is_refused() -> Result<()> {
    within(60, async {
        let place = Place::sealed().await?;
        let key = Some("master.key");
        let serve = place.serve(key)?;
        for _ in 0..2 {
            app(&place.caller(&serve)).await?;
        }
        serve.stop()?;
        let good = fs::read(place.data.join(DATABASE))?;
        let clear = "UPDATE keys SET secret = zeroblob(32)";
        let other =
            "UPDATE keys SET secret = (SELECT secret FROM keys AS k WHERE k.kid <> keys.kid)";
        for sql in [clear, other] {
            let file = place.data.join(DATABASE);
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
            let mut database = sqlx::ConnectOptions::connect(&options).await?;
            sqlx::query(sql).execute(&mut database).await?;
            sqlx::Connection::close(database).await?;
            let log = place.path("refused.log");
            let status =
                serve_command(&place.data, Some(&place.path("master.key")), &log)?.status()?;
            let said = fs::read_to_string(&log)?;
            assert_eq!(status.code(), Some(1), "{said}");
            assert!(said.contains("a secret of keys cannot be opened"), "{said}");
            fs::write(&file, &good)?;
        }
        place.serve(key)?.stop()
    })
    .await
}

#[tokio::test]
async fn init_is_for_folders_in_clear_that_no_server_uses() -> Result<()> {
    within(60, async {
        let place = Place::in_clear().await?;
        place.make_key("master.key")?;
        let key = Some("master.key");
        for act in ["rotate --new x", "retire", "reseal"] {
            let file = place.path("master.key").display().to_string();
            let arguments: Vec<&str> = std::iter::once("master-key")
                .chain(act.split(' ').map(|word| if word == "x" { file.as_str() } else { word }))
                .collect();
            let ran = place.run(key, &arguments)?;
            assert_eq!(ran.code, 1, "{act}: {}", ran.err);
            assert!(ran.err.contains("not_sealed"), "{act}: {}", ran.err);
        }
        let serve = place.serve(None)?;
        assert!(serve.logged()?.contains("set [server.master_key]"), "{}", serve.logged()?);
        let used = place.run(key, &["master-key", "init"])?;
        assert_eq!(used.code, 4, "{}", used.err);
        serve.stop()?;
        let serve = place.serve(key)?;
        assert!(serve.logged()?.contains("although there is a master key"), "{}", serve.logged()?);
        serve.stop()?;
        let keyless = place.run(None, &["master-key", "init"])?;
        assert_eq!(keyless.code, 2, "{}", keyless.err);
        assert!(keyless.err.contains("\"code\":\"master_key_missing\""), "{}", keyless.err);
        assert_eq!(place.ok(key, &["master-key", "init"])?["rewritten"], true);
        assert_eq!(place.ok(key, &["master-key", "init"])?["rewritten"], false);
        let none = run_with(&["master-key", "init", "--data", "/nowhere/at/all"], &[], "")?;
        assert_eq!(none.code, 1, "{}", none.err);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_restore_says_which_master_key_it_needs() -> Result<()> {
    within(60, async {
        let place = Place::sealed().await?;
        let file = place.path("backup.sqlite").display().to_string();
        place.ok(None, &["backup", &file])?;
        let id = place.status()?["master_keys"][0].clone();
        for (n, key, state) in
            [(1, Some("master.key"), Value::Null), (2, None, json!("master_key_missing"))]
        {
            let data = place.path(&format!("restored-{n}")).display().to_string();
            let name = key.map(|key| place.path(key).display().to_string()).unwrap_or_default();
            let variables: &[(&str, &str)] =
                if key.is_some() { &[(super::KEY_FILE, &name)] } else { &[] };
            let arguments = ["restore", &file, "--data", &data];
            let told = run_with(&[&arguments[..], &["--json"]].concat(), variables, "")?;
            assert_eq!(told.code, 0, "{}", told.err);
            let told = told.json()?;
            assert_eq!(told["master_keys"], json!([id]), "{told}");
            assert_eq!(told["fault"], state, "{told}");
        }
        let data = place.path("restored-3").display().to_string();
        let told = run_with(&["restore", &file, "--data", &data], &[], "")?;
        assert!(told.out.contains("master_key_missing"), "{}", told.out);
        let log = place.path("restored.log");
        let data = place.path("restored-1");
        Serve::start(&data, Some(&place.path("master.key")), &log)?.stop()
    })
    .await
}

#[test]
fn dev_seals_its_folder_and_one_from_before() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let dev = Dev::start_in(&data, &[])?;
    let kid = dev.text("kid").to_owned();
    dev.stop()?;
    let shown = data.display().to_string();
    let status =
        |data: &str| run_with(&["master-key", "status", "--data", data, "--json"], &[], "");
    let sealed = status(&shown)?.json()?;
    assert_eq!(sealed["master_keys"], json!([sealed["configured"]]), "{sealed}");
    assert_eq!(fs::metadata(data.join("master.key"))?.permissions().mode() & 0o777, 0o600);
    let dev = Dev::start_in(&data, &[])?;
    assert_eq!(dev.text("kid"), kid, "the same key opens it again");
    dev.stop()?;
    // Its master key is lost: a new one would open nothing.
    fs::rename(data.join("master.key"), folder.path().join("lost.key"))?;
    let ran = run_with(&["dev", "--data", &shown, "--listen", "127.0.0.1:0"], &[], "")?;
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("master_key_missing"), "{}", ran.err);
    assert!(!data.join("master.key").exists());
    Ok(())
}
