//! Whenever a command or the server is killed while it seals, one of the keys opens the database afterwards.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::binary::binary;

use super::{KEY_FILE, Place, within};

/// Moments at which each act is killed, at least; the last ones come after its end.
const MOMENTS: u32 = 12;
/// Moments at most, on a machine that became slower meanwhile.
const MOMENTS_MAX: u32 = 60;

/// How many secrets of signing keys there are, if one data key seals everything.
fn sealed_by_one(status: &Value) -> Option<u64> {
    let by = status["secrets"].as_array()?;
    let key = &status["data_keys"][0];
    let is_one = key.is_string() && by.iter().all(|by| by["data_key"] == *key);
    let keys = by.iter().find(|by| by["table"] == "keys")?;
    is_one.then(|| keys["count"].as_u64()).flatten()
}

/// Starts an act and kills it after a part of the time that it takes when nobody does. Returns whether it was killed.
fn kill_at(place: &Place, arguments: &[&str], after: Duration) -> Result<bool> {
    let mut child = Command::new(binary()?)
        .args(arguments)
        .arg("--data")
        .arg(&place.data)
        .env(KEY_FILE, place.path("master.key"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    std::thread::sleep(after);
    child.kill()?;
    Ok(child.wait()?.code().is_none())
}

/// Fills a database with secrets; returns its apps.
async fn fill(place: &Place, key: Option<&str>, apps: u32) -> Result<Vec<u64>> {
    let serve = place.serve(key)?;
    let root = place.caller(&serve);
    let mut made = Vec::new();
    for _ in 0..apps {
        let app = root.get(201, "POST", "/v1/apps", Some(&json!({"name": "a"}))).await?;
        made.push(app["app"].as_u64().context("an app")?);
    }
    serve.stop()?;
    Ok(made)
}

/// Every app mints with its key.
async fn expect_whole(place: &Place, key: Option<&str>, apps: &[u64]) -> Result<()> {
    let serve = place.serve(key)?;
    let root = place.caller(&serve);
    let new = json!({"room": "lobby", "user": "anna", "role": "audience"});
    for app in apps {
        root.get(201, "POST", &format!("/v1/apps/{app}/tokens"), Some(&new)).await?;
    }
    serve.stop()
}

/// How long an act takes on a copy, from start to end.
fn time(act: impl FnOnce() -> Result<Value>) -> Result<Duration> {
    let begun = Instant::now();
    act()?;
    Ok(begun.elapsed())
}

/// Copies the data folder as it is.
fn copy(place: &Place, name: &str) -> Result<()> {
    let to = place.path(name);
    let _ = fs::remove_dir_all(&to);
    fs::create_dir(&to)?;
    for entry in fs::read_dir(&place.data)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

fn put_back(place: &Place, name: &str) -> Result<()> {
    fs::remove_dir_all(&place.data)?;
    fs::rename(place.path(name), &place.data)?;
    copy(place, name)
}

#[tokio::test]
async fn a_kill_during_init_leaves_it_in_clear_or_sealed() -> Result<()> {
    within(170, async {
        let place = Place::in_clear().await?;
        let apps = fill(&place, None, 40).await?;
        place.make_key("master.key")?;
        copy(&place, "before")?;
        let init = ["master-key", "init"];
        let whole = time(|| place.ok(Some("master.key"), &init))?;
        let (mut clear, mut sealed) = (0, 0);
        for moment in 0..MOMENTS_MAX {
            if moment >= MOMENTS && sealed > 2 {
                break;
            }
            put_back(&place, "before")?;
            kill_at(&place, &init, whole * moment / (MOMENTS - 2))?;
            let status = place.status()?;
            if status["master_keys"] == json!([]) {
                clear += 1;
                ensure!(status["data_keys"] == json!([]), "{status}");
                if moment % 4 == 0 {
                    expect_whole(&place, None, &apps[..3]).await?;
                }
            } else {
                sealed += 1;
                ensure!(sealed_by_one(&status) == Some(40), "{status}");
            }
            // The next call completes it.
            place.ok(Some("master.key"), &init)?;
            let status = place.status()?;
            ensure!(
                status["rewrite_due"] == false && status["secrets"][0]["count"] == 40,
                "{status}"
            );
            ensure!(status["secrets"][0]["data_key"] == status["data_keys"][0], "{status}");
            if moment % 4 == 0 {
                expect_whole(&place, Some("master.key"), &apps).await?;
            }
        }
        assert!(clear > 0 && sealed > 0, "killed before and after: {clear}, {sealed}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kill_during_a_rotation_leaves_one_key_that_opens() -> Result<()> {
    within(170, async {
        let place = Place::sealed().await?;
        let apps = fill(&place, Some("master.key"), 3).await?;
        place.make_key("new.key")?;
        let new = place.path("new.key").display().to_string();
        copy(&place, "before")?;
        let rotate = ["master-key", "rotate", "--new", &new];
        let whole = time(|| place.ok(Some("master.key"), &rotate))?;
        for moment in 0..MOMENTS {
            put_back(&place, "before")?;
            kill_at(&place, &rotate, whole * moment / (MOMENTS - 2))?;
            let status = place.status()?;
            let count = status["master_keys"].as_array().map_or(0, Vec::len);
            ensure!((1..=2).contains(&count), "{status}");
            let key = if count == 2 && moment % 2 == 0 { "new.key" } else { "master.key" };
            expect_whole(&place, Some(key), &apps).await?;
            place.ok(Some("master.key"), &rotate)?;
            // The same for what drops the old one, which the new one opens in any case.
            let old = status["master_keys"].as_array().and_then(|keys| keys.last()).cloned();
            let old = old.context("an id")?;
            let retire = ["master-key", "retire", "--id", old.as_str().context("an id")?];
            fs::copy(place.path("master.key"), place.path("old.key"))?;
            fs::copy(place.path("new.key"), place.path("master.key"))?;
            kill_at(&place, &retire, whole * moment / (MOMENTS - 2))?;
            expect_whole(&place, Some("master.key"), &apps).await?;
            fs::rename(place.path("old.key"), place.path("master.key"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kill_while_secrets_are_sealed_again_loses_none() -> Result<()> {
    within(170, async {
        let place = Place::sealed().await?;
        let key = Some("master.key");
        let apps = fill(&place, key, 250).await?;
        let whole = time(|| place.ok(key, &["master-key", "reseal"]))?;
        let mut mixed = 0;
        for moment in 0..MOMENTS {
            // Without a server, in the command's own process.
            kill_at(&place, &["master-key", "reseal"], whole * moment / (MOMENTS - 2))?;
            let status = place.status()?;
            let keys = status["data_keys"].as_array().map_or(0, Vec::len);
            ensure!((1..=2).contains(&keys), "{status}");
            mixed += u32::from(keys == 2);
            let counts = status["secrets"].as_array().context("counts")?;
            let keys = counts.iter().filter(|by| by["table"] == "keys");
            let sum: u64 = keys.filter_map(|by| by["count"].as_u64()).sum();
            ensure!(sum == 250 && counts.iter().all(|by| by["data_key"].is_string()), "{status}");
            // A server goes on where it ended.
            if moment % 3 == 0 {
                let serve = place.serve(key)?;
                let done = place.ok(key, &["master-key", "reseal"])?;
                drop(serve);
                ensure!(place.status()?["data_keys"] == json!([done["data_key"]]));
                expect_whole(&place, key, &apps[..20]).await?;
            }
        }
        assert!(mixed > 0, "none was killed half-way");
        expect_whole(&place, key, &apps).await
    })
    .await
}
