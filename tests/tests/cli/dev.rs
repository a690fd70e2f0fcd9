//! `dev`: its output works, even if the app changed meanwhile, and it starts over on request.

use anyhow::{Context, Result};
use serde_json::json;
use stagedoor_tests::{Caller, Member};

use super::{Dev, run_with};

/// Whether everything that `dev` prints works.
async fn works(dev: &Dev) -> Result<()> {
    for token in ["host_token", "audience_token"] {
        let mut member = Member::connect(dev.address("url")?).await?;
        member.log_in(dev.text(token)).await.with_context(|| token.to_owned())?;
    }
    let body = dev.text("curl").split("-d '").nth(1).context("a body")?.trim_end_matches('\'');
    let api = Caller { to: dev.address("url")?, credential: dev.text("api_key").into() };
    let body = serde_json::from_str(body)?;
    api.get(201, "POST", &format!("/v1/apps/{}/tokens", dev.app()), Some(&body)).await?;
    Ok(())
}

#[tokio::test]
async fn dev_prints_roles_keys_and_api_keys_that_exist() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dev = Dev::start_in(folder.path(), &[])?;
    works(&dev).await?;
    assert_eq!((dev.text("host_role"), dev.text("audience_role")), ("host", "audience"));
    let app = dev.app();
    let roles = folder.path().join("roles.json");
    let mine = json!([{"role": "pupil", "rank": 1}, {"role": "head", "rank": 9}, {"role": "aide", "rank": 5}]);
    std::fs::write(&roles, mine.to_string())?;
    dev.ok("api_key", &["role", "import", &app, &roles.display().to_string()])?;
    dev.ok("root", &["app", "keys", "rotate", &app])?;
    dev.ok("root", &["app", "keys", "retire", &app, dev.text("kid"), "--yes"])?;
    let listed = dev.ok("root", &["app", "api-keys", "list", &app])?;
    let id = listed["items"][0]["id"].as_str().context("an id")?.to_owned();
    dev.ok("root", &["app", "api-keys", "delete", &app, &id, "--yes"])?;
    assert_eq!(dev.stop()?.0, 0);
    let dev = Dev::start_in(folder.path(), &[])?;
    assert_eq!(dev.app(), app);
    assert_eq!((dev.text("host_role"), dev.text("audience_role")), ("head", "pupil"));
    works(&dev).await?;
    dev.ok("root", &["app", "delete", &app, "--yes"])?;
    assert_eq!(dev.stop()?.0, 0);
    let dev = Dev::start_in(folder.path(), &[])?;
    assert_ne!(dev.app(), app);
    works(&dev).await
}

#[test]
fn dev_prints_a_key_whose_secret_mints() -> Result<()> {
    let dev = Dev::start()?;
    let (app, role) = (dev.app(), dev.text("audience_role"));
    let mut mint = vec!["token", "mint", "--app", &app, "--kid", dev.text("kid")];
    mint.extend(["--room", "a", "--user", "b", "--role", role]);
    let ran = run_with(&mint, &[("STAGEDOOR_SECRET", dev.text("secret"))], "")?;
    assert_eq!((ran.code, ran.out.matches('.').count()), (0, 2), "{}", ran.err);
    Ok(())
}

#[tokio::test]
async fn dev_fresh_starts_over_and_keeps_the_old_data() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let first = Dev::start_in(&data, &[])?;
    let (app, root) = (first.app(), first.text("root").to_owned());
    assert_eq!(first.stop()?.0, 0);
    let fresh = Dev::start_with(&data, &["--fresh"], &[])?;
    assert_ne!((fresh.app(), fresh.text("root")), (app.clone(), &*root));
    works(&fresh).await?;
    assert_eq!(fresh.stop()?.0, 0);
    let kept = std::fs::read_dir(&data)?.filter_map(|entry| Some(entry.ok()?.path()));
    let aside = kept.filter(|path| path.is_dir()).collect::<Vec<_>>();
    assert_eq!(aside.len(), 1, "{aside:?}");
    let old = Dev::start_in(&aside[0], &[])?;
    assert_eq!((old.app(), old.text("root")), (app, &*root));
    drop(old);
    // `dev` starts over only in its own folders.
    let other = folder.path().join("other");
    std::fs::create_dir(&other)?;
    std::fs::write(other.join("mine.txt"), "mine")?;
    let ran = run_with(&["dev", "--fresh", "--data", &other.display().to_string()], &[], "")?;
    assert!(ran.code == 2 && ran.err.contains("dev.json"), "{}", ran.err);
    assert!(other.join("mine.txt").exists());
    Ok(())
}

#[test]
fn an_offline_mint_warns_of_a_useless_key_or_role() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let mint = [
        "token",
        "mint",
        "--app",
        &app,
        "--kid",
        dev.text("kid"),
        "--room",
        "a",
        "--user",
        "b",
        "--role",
        "host",
    ];
    let known = [
        ("STAGEDOOR_SECRET", dev.text("secret")),
        ("STAGEDOOR_URL", dev.text("url")),
        ("STAGEDOOR_API_KEY", dev.text("api_key")),
    ];
    let ran = run_with(&mint, &known, "")?;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let rotated = dev.ok("root", &["app", "keys", "rotate", &app])?;
    let ran = run_with(&mint, &known, "")?;
    let current = rotated["current"].as_str().context("a key")?;
    assert!(ran.code == 0 && !ran.out.is_empty(), "{}", ran.err);
    for says in ["warning: ", dev.text("kid"), "retiring", current] {
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    dev.ok("root", &["app", "keys", "retire", &app, dev.text("kid"), "--yes"])?;
    assert!(run_with(&mint, &known, "")?.err.contains("the door refuses"));
    dev.ok("api_key", &["role", "delete", &app, "host"])?;
    let ran = run_with(&mint, &known, "")?;
    assert!(ran.err.contains("no role `host`") && ran.err.contains("audience"), "{}", ran.err);
    // Without a server nothing is asked, and nothing waits.
    let alone = run_with(&mint, &known[..1], "")?;
    assert_eq!((alone.code, alone.err.as_str()), (0, ""));
    let dead = [known[0], ("STAGEDOOR_URL", "http://127.0.0.1:1"), known[2]];
    assert_eq!(run_with(&mint, &dead, "")?.code, 0);
    Ok(())
}
