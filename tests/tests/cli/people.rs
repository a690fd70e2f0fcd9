//! The command line for people and scripts: durations, times, tables, errors, questions and signals.

use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member, binary::binary, member::PATIENCE, stage::now_s};

use super::{Dev, Ran, run_with};

/// The claims of a token that is minted offline with these extra options.
fn minted(words: &[&str]) -> Result<(Ran, Value)> {
    let secret = [("STAGEDOOR_SECRET", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")];
    let mut arguments = vec!["token", "mint", "--app", "7", "--kid", "k", "--room", "a"];
    arguments.extend(["--user", "b", "--role", "host"]);
    arguments.extend(words);
    let ran = run_with(&arguments, &secret, "")?;
    if ran.code != 0 {
        return Ok((ran, Value::Null));
    }
    let told = run_with(&["token", "inspect", "--json"], &[], &ran.out)?.json()?;
    Ok((ran, told["claims"].clone()))
}

#[test]
fn durations_have_one_form_everywhere() -> Result<()> {
    let words =
        ["--ttl", "2h", "--max-stay", "3h", "--at-exp", "grace:1m", "--until", "publish=30m"];
    let (ran, claims) = minted(&words)?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let iat = claims["iat"].as_u64().context("iat")?;
    assert_eq!(claims["exp"], iat + 7_200);
    assert_eq!((&claims["max_stay"], &claims["at_exp"]["grace"]), (&json!(10_800), &json!(60)));
    assert_eq!(claims["until"]["publish"], iat + 1_800);
    let end = "set=2096-10-02T07:06:40Z";
    assert_eq!(minted(&["--until", end])?.0.code, 1, "beyond the token's own end");
    for bad in [["--ttl", "soon"], ["--until", "publish=60"], ["--max-stay", "1y"]] {
        let (ran, _) = minted(&bad)?;
        assert!(ran.code == 2 && ran.err.contains("such as 90s"), "{bad:?}: {}", ran.err);
    }
    let dev = Dev::start()?;
    let app = dev.app();
    let changed = ["app", "change", &app, "--ttl-default", "15m", "--ttl-max", "2h"];
    let changed = dev.ok("root", &changed)?;
    assert_eq!((&changed["ttl_s_default"], &changed["ttl_s_max"]), (&json!(900), &json!(7_200)));
    let key = [
        "app",
        "api-keys",
        "create",
        &app,
        "--name",
        "a",
        "--scope",
        "rooms:read",
        "--expires-in",
        "7d",
    ];
    let made = dev.ok("root", &key)?;
    assert!(made["expires_ms"].as_u64().context("an end")? > (now_s() + 604_000) * 1_000, "{made}");
    for (until, ends) in [
        ("1h", now_s() + 3_600),
        ("2096-10-02T07:06:40Z", 4_000_000_000),
        ("@4000000000", 4_000_000_000),
    ] {
        let made =
            dev.ok("api_key", &["revoke", "add", &app, "--user", "a", "--ban", "--until", until])?;
        let ends_at = made["ends_at"].as_u64().context("an end")?;
        assert!(ends_at.abs_diff(ends) < 60, "{until}: {made}");
    }
    let number = dev.run_as(
        dev.text("api_key"),
        &["revoke", "add", &app, "--user", "a", "--ban", "--until", "4000000000"],
    )?;
    assert_eq!(number.code, 2, "{}", number.err);
    let softly = dev.ok("api_key", &["revoke", "add", &app, "--user", "a", "--margin", "2m"])?;
    assert!(softly["generation"].is_number(), "{softly}");
    Ok(())
}

#[test]
fn irreversible_acts_ask_first() -> Result<()> {
    let dev = Dev::start()?;
    let root = dev.text("root").to_owned();
    dev.ok("root", &["app", "create", "Second", "--id", "77"])?;
    let first = dev.ok("root", &["app", "keys", "list", "77"])?["items"][0]["kid"].clone();
    let first = first.as_str().context("a key")?.to_owned();
    dev.ok("root", &["app", "keys", "rotate", "77"])?;
    let made = ["app", "api-keys", "create", "77", "--name", "a", "--scope", "rooms:read"];
    let id = dev.ok("root", &made)?["id"].as_str().context("an id")?.to_owned();
    let acts: [&[&str]; 5] = [
        &["revoke", "add", "77", "--app"],
        &["app", "keys", "retire", "77", &first],
        &["app", "api-keys", "rotate", "77", &id],
        &["app", "api-keys", "delete", "77", &id],
        &["app", "delete", "77"],
    ];
    for act in acts {
        let asked = dev.run_as(&root, act)?;
        assert!(
            asked.code == 2 && asked.err.contains("--yes"),
            "{act:?}: {} {}",
            asked.code,
            asked.err
        );
    }
    assert_eq!(dev.ok("root", &["app", "show", "77"])?["name"], "Second");
    for act in acts {
        let mut act = act.to_vec();
        act.push("--yes");
        dev.ok("root", &act)?;
    }
    // Before it is known whether the room exists.
    let closed = ["room", "close", &dev.app(), "lobby"];
    let asked = dev.run_as(&root, &closed)?;
    assert!(asked.code == 2 && asked.err.contains("--yes"), "{}", asked.err);
    let folder = tempfile::tempdir()?;
    assert_eq!(Dev::start_in(folder.path(), &[])?.stop()?.0, 0);
    let reset = ["root", "reset", "--data", &folder.path().display().to_string()];
    let asked = run_with(&reset, &[], "")?;
    assert!(asked.code == 2 && asked.err.contains("--yes"), "{}", asked.err);
    Ok(())
}

#[test]
fn people_see_tables_with_times_and_key_columns_first() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let plain = |words: &[&str]| -> Result<String> {
        let ran = dev.run_as(dev.text("root"), words)?;
        ensure!(ran.code == 0, "{words:?}: {}", ran.err);
        Ok(ran.out)
    };
    let keys = plain(&["app", "keys", "list", &app])?;
    let mut lines = keys.lines();
    let head = lines.next().context("a head")?;
    assert!(head.starts_with("kid") && head.contains("state") && head.contains("about"), "{keys}");
    let year = 1970 + now_s() / 31_556_952;
    assert!(lines.next().context("a key")?.contains("current; not used yet"), "{keys}");
    let shown = plain(&["app", "show", &app])?;
    assert!(shown.starts_with("app ") && shown.contains(&format!("{year}-")), "{shown}");
    let json = dev.ok("root", &["app", "keys", "list", &app])?;
    assert!(json["items"][0]["created_ms"].is_number(), "scripts have numbers");
    plain(&["revoke", "add", &app, "--user", "anna"])?;
    let listed = plain(&["revoke", "list", &app])?;
    assert!(listed.starts_with("generation") && listed.contains("user=anna"), "{listed}");
    Ok(())
}

#[test]
fn errors_are_json_with_the_json_flag() -> Result<()> {
    let dev = Dev::start()?;
    let ran = dev.run_as(dev.text("root"), &["app", "show", "4242", "--json"])?;
    let told: Value = serde_json::from_str(&ran.err).with_context(|| ran.err.clone())?;
    assert_eq!(
        (ran.code, &told["error"]["exit"], &told["error"]["code"]),
        (1, &json!(1), &json!("app_unknown"))
    );
    assert!(told["error"]["message"].is_string() && told["error"]["status"] == 404, "{told}");
    for (words, code) in [
        (&["app", "keys", "list", "--json"][..], 2),
        (&["sing", "--json"], 2),
        (&["config", "check", "--config", "no-such.toml", "--json"], 2),
        (&["room", "list", "7", "--url", "http://127.0.0.1:1", "--json"], 3),
    ] {
        let ran = run_with(words, &[("STAGEDOOR_API_KEY", "x")], "")?;
        let told: Value =
            serde_json::from_str(&ran.err).with_context(|| format!("{words:?}: {}", ran.err))?;
        assert_eq!((ran.code, &told["error"]["exit"]), (code, &json!(code)), "{words:?}: {told}");
    }
    let ran = run_with(&["--help", "--json"], &[], "")?;
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    Ok(())
}

#[test]
fn a_wrong_scope_is_answered_with_the_list() -> Result<()> {
    let create = ["app", "api-keys", "create", "7", "--name", "a", "--scope", "tokens:write"];
    let ran = run_with(&create, &[("STAGEDOOR_API_KEY", "x")], "")?;
    assert_eq!(ran.code, 2, "{}", ran.err);
    for scope in ["tokens:mint", "tokens:revoke", "rooms:read", "rooms:moderate", "apps:admin"] {
        assert!(ran.err.contains(scope), "{scope}: {}", ran.err);
    }
    Ok(())
}

#[test]
fn a_closed_pipe_ends_quietly() -> Result<()> {
    for words in [&["completions", "zsh"][..], &["openapi"], &["config", "print"]] {
        let mut child = Command::new(binary()?)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().context("its errors")?.read_to_string(&mut said)?;
        assert_eq!((child.wait()?.code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
    Ok(())
}

#[test]
fn a_busy_port_is_reported_with_a_remedy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    for (flag, other, setting) in [
        ("--listen", "--operations", "listen.address"),
        ("--operations", "--listen", "listen.operations"),
    ] {
        let ran =
            run_with(&["serve", "--data", &data, flag, &taken, other, "127.0.0.1:0"], &[], "")?;
        assert_eq!(ran.code, 1);
        for says in [&*taken, "another program listens there", flag, setting] {
            assert!(ran.err.contains(says), "{says}: {}", ran.err);
        }
    }
    Ok(())
}

/// The child processes of a process.
fn children(id: u32) -> Result<Vec<u32>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(format!("/proc/{id}/task"))? {
        let text = fs::read_to_string(entry?.path().join("children"))?;
        all.extend(text.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    Ok(all)
}

fn is_alive(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

#[test]
fn an_interrupted_bench_ends_its_server() -> Result<()> {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let (folder, beside) = (tempfile::tempdir()?, tempfile::NamedTempFile::new()?);
        let mut bench = Command::new(binary()?)
            .args(["bench", "fanout", "--subscribers", "2", "--seconds", "60"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(fs::File::create(beside.path())?)
            .spawn()?;
        let patience = Instant::now() + PATIENCE;
        // Its server is up when its database exists; there is no other signal.
        let is_up = || -> Result<bool> {
            let folders = fs::read_dir(folder.path())?.filter_map(|entry| Some(entry.ok()?.path()));
            Ok(folders.map(|data: PathBuf| data.join("dev.json")).any(|file| file.exists()))
        };
        while !is_up()? {
            ensure!(Instant::now() < patience, "no server");
            std::thread::sleep(Duration::from_millis(10));
        }
        let servers = children(bench.id())?;
        ensure!(!servers.is_empty(), "it started none");
        let ended =
            Command::new("kill").args([&format!("-{signal}"), &bench.id().to_string()]).status()?;
        ensure!(ended.success(), "kill");
        let status = bench.wait()?;
        let said = fs::read_to_string(beside.path())?;
        assert_eq!(status.code(), Some(code), "{signal}: {said}");
        while servers.iter().any(|id| is_alive(*id)) {
            if Instant::now() >= patience {
                for id in &servers {
                    Command::new("kill").args(["-KILL", &id.to_string()]).status()?;
                }
                anyhow::bail!("after SIG{signal} the server goes on");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(fs::read_dir(folder.path())?.count(), 0, "SIG{signal}: its folder stays");
    }
    Ok(())
}

/// A member with a token that was just minted by the API.
async fn seated(dev: &Dev, user: &str) -> Result<(Member, String)> {
    let body = json!({"room": "lobby", "user": user, "role": "host"});
    let api = Caller { to: dev.address("url")?, credential: dev.text("api_key").into() };
    let minted =
        api.get(201, "POST", &format!("/v1/apps/{}/tokens", dev.app()), Some(&body)).await?;
    let token = minted["token"].as_str().context("a token")?.to_owned();
    let mut member = Member::connect(dev.address("url")?).await?;
    member.log_in(&token).await?;
    Ok((member, token))
}

#[tokio::test]
async fn retiring_a_key_reports_and_closes_its_live_seats() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let old = dev.text("kid").to_owned();
    let (mut anna, _) = seated(&dev, "anna").await?;
    let (mut ben, _) = seated(&dev, "ben").await?;
    let next = dev.ok("root", &["app", "keys", "rotate", &app])?;
    let next = next["current"].as_str().context("a key")?.to_owned();
    let (mut cleo, _) = seated(&dev, "cleo").await?;
    let retired = dev.ok("root", &["app", "keys", "retire", &app, &old, "--yes"])?;
    assert_eq!((&retired["state"], &retired["seats"]), (&json!("retired"), &json!(2)));
    anna.ok(json!({"op": "ping"})).await?;
    // Again, with the option that closes them.
    let plain = ["app", "keys", "retire", &app, &old, "--yes", "--close"];
    let closed = dev.run_as(dev.text("root"), &plain)?;
    assert_eq!(closed.code, 0, "{}", closed.err);
    assert!(closed.out.contains("closed         2"), "{}", closed.out);
    assert_eq!(anna.closed().await?.code, 4205);
    assert_eq!(ben.closed().await?.code, 4205);
    cleo.ok(json!({"op": "ping"})).await?;
    let current =
        dev.run_as(dev.text("root"), &["app", "keys", "retire", &app, &next, "--yes", "--close"])?;
    assert!(current.code == 1 && current.err.contains("key_current"), "{}", current.err);
    cleo.ok(json!({"op": "ping"})).await?;
    Ok(())
}

#[tokio::test]
async fn a_revocation_shows_what_it_does_to_seats() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let (_anna, _) = seated(&dev, "anna").await?;
    let softly =
        ["revoke", "add", &app, "--user", "anna", "--margin", "2m", "--demote", "audience"];
    let made = dev.ok("api_key", &softly)?;
    assert_eq!(
        (&made["margin_s"], &made["then"], &made["seats"]),
        (&json!(120), &json!({"demote": "audience"}), &json!(1))
    );
    let made = dev.ok("api_key", &["revoke", "add", &app, "--user", "ben"])?;
    assert_eq!((&made["margin_s"], &made["then"]), (&json!(0), &json!("close")));
    Ok(())
}

#[tokio::test]
async fn a_room_shows_who_is_muted() -> Result<()> {
    let dev = Dev::start()?;
    let app = dev.app();
    let (_anna, _) = seated(&dev, "anna").await?;
    let (_ben, _) = seated(&dev, "ben").await?;
    dev.ok(
        "api_key",
        &["room", "mute", &app, "lobby", "anna", "--kind", "audio", "--kind", "video"],
    )?;
    let shown = dev.ok("api_key", &["room", "show", &app, "lobby"])?;
    let members = shown["members"].as_array().context("members")?;
    let of = |user: &str| members.iter().find(|member| member["member"]["user"] == user);
    assert_eq!(of("anna").context("anna")?["muted"], json!(["audio", "video"]));
    assert!(of("ben").context("ben")?.get("muted").is_none(), "{shown}");
    let plain = dev.run_as(dev.text("api_key"), &["room", "show", &app, "lobby"])?;
    assert!(plain.out.contains("muted") && plain.out.contains("audio,video"), "{}", plain.out);
    dev.ok("api_key", &["room", "unmute", &app, "lobby", "anna"])?;
    let shown = dev.ok("api_key", &["room", "show", &app, "lobby"])?;
    assert!(!shown.to_string().contains("muted"), "{shown}");
    Ok(())
}
