//! The pages of the binary before a real browser. Needs what `cargo xtask test` installs; without it these tests
//! fail and say so.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Stage, member::http};
use tokio::{io::AsyncWriteExt, process::Command};

/// How long the browser may take for everything.
const PATIENCE: Duration = Duration::from_secs(120);
/// Where `cargo xtask test` installs, of the workspace's root.
const INSTALLED: &str = "target/interop/node_modules";

/// What must not happen on a page.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Noted {
    console: Vec<String>,
    violations: Vec<String>,
    elsewhere: Vec<String>,
}

#[derive(Deserialize)]
struct Listed {
    method: String,
    path: String,
    summary: String,
}

#[derive(Deserialize)]
struct Reference {
    listed: Vec<Listed>,
    words: String,
    autocomplete: Option<String>,
    shown_in_dialog: bool,
    shown: bool,
    status: String,
    minted: String,
    body: String,
    outlives: bool,
    gone: bool,
    renderer: String,
    noted: Noted,
}

#[derive(Deserialize)]
struct Focused {
    tag: String,
    outline: bool,
}

#[derive(Deserialize)]
struct Front {
    words: String,
    scripts: usize,
    links: Vec<String>,
    focused: Focused,
}

#[derive(Deserialize)]
struct Join {
    answer: Value,
    noted: Noted,
}

#[derive(Deserialize)]
struct Look {
    page: String,
    overflow: i64,
    faint: Vec<String>,
}

/// A page in all of them.
#[derive(Deserialize)]
struct Looks {
    seen: Vec<Look>,
    noted: Noted,
}

#[derive(Deserialize)]
struct Seen {
    reference: Reference,
    front: Front,
    join: Join,
    looks: Vec<Looks>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Has a browser look at everything. Its screenshots are in `target/screenshots`.
async fn look(stage: &Stage, api_key: &str) -> Result<Seen> {
    let modules = root().join(INSTALLED);
    ensure!(
        modules.join("playwright-core").exists(),
        "there is no playwright-core in {INSTALLED}; `cargo xtask test` installs it and Chromium"
    );
    let asked = json!({
        "url": format!("http://{}", stage.running.http), "app": stage.app.0, "api_key": api_key,
        "screenshots": root().join("target/screenshots"),
    });
    let mut browser = Command::new("node");
    browser.arg(root().join("tests/interop/pages.mjs")).env("STAGEDOOR_NODE_MODULES", modules);
    browser.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut browser = browser.spawn().context("node")?;
    let mut stdin = browser.stdin.take().context("a pipe")?;
    stdin.write_all(asked.to_string().as_bytes()).await?;
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, browser.wait_with_output()).await??;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The operations of the document: method, path and summary.
fn operations() -> Result<BTreeSet<(String, String, String)>> {
    let document: Value = serde_json::from_str(&stagedoor_server::openapi())?;
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("an item")? {
            let summary = operation["summary"].as_str().context("a summary")?;
            operations.insert((method.to_uppercase(), path.clone(), summary.to_owned()));
        }
    }
    Ok(operations)
}

/// One browser for all of it: to start it takes longer than to look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_work_in_a_real_browser_under_their_policy() -> Result<()> {
    let stage = Stage::start().await?;
    let key = stage.running.server.create_api_key(stage.app.0, "browser", &Scope::ALL).await?;
    let api_key = key.api_key;
    stage.running.server.show_dev(stage.app.0);
    let Seen { reference, front, join, looks } = look(&stage, &api_key).await?;

    let listed =
        reference.listed.iter().map(|of| (of.method.clone(), of.path.clone(), of.summary.clone()));
    let listed: BTreeSet<_> = listed.collect();
    assert_eq!(listed, operations()?, "the reference lists every operation");
    for word in ["apps:read", "app_unknown", "credential_invalid", "ttl_s_default", "webinars"] {
        assert!(reference.words.contains(word), "{word}: {}", reference.words);
    }

    assert_eq!((reference.status.as_str(), reference.minted.as_str()), ("200", "201"));
    assert!(reference.body.contains(&stage.app.0.to_string()), "{}", reference.body);
    assert_eq!(reference.autocomplete.as_deref(), Some("off"));
    assert!(!reference.shown_in_dialog && !reference.shown, "the credential is drawn nowhere");
    assert!(!reference.outlives, "the credential is in no storage");
    assert!(reference.gone, "the credential is gone after a reload");
    let sums = include_str!("../../server/pages/swagger-ui/README.md");
    assert!(sums.contains(&reference.renderer), "not the published bytes: {}", reference.renderer);
    assert_eq!(reference.noted, Noted::default());

    let dev = format!("app {} with a key", stage.app.0);
    for word in ["Mint a token", "Join a room", "/v1/connect", "docs/tour.md", &dev] {
        assert!(front.words.contains(word), "{word}: {}", front.words);
    }
    assert_eq!(front.scripts, 0);
    assert!(front.links.contains(&"/reference".into()), "{:?}", front.links);
    assert!(front.links.iter().all(|link| link.starts_with('/')), "{:?}", front.links);
    assert_eq!((front.focused.tag.as_str(), front.focused.outline), ("A", true));

    assert_eq!(join.answer["ok"]["room"], "lobby", "{}", join.answer);
    assert_eq!(join.noted.violations, Vec::<String>::new());

    assert_eq!(looks.len(), 2, "both pages");
    for Looks { seen, noted } in looks {
        assert_eq!(noted, Noted::default());
        assert_eq!(seen.len(), 4, "light and dark, narrow and wide");
        for look in seen {
            assert!(look.overflow <= 0, "{} is {} pixels too wide", look.page, look.overflow);
            assert_eq!(look.faint, Vec::<String>::new(), "{}: contrast below AA", look.page);
        }
    }
    Ok(())
}

/// A page or a file, and its text.
async fn get(stage: &Stage, path: &str, fields: &str) -> Result<(Answer, String)> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{fields}\r\n");
    let text = http(stage.running.http, &head).await?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer")?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    let problem = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((Answer { status, head: head.into(), body: problem }, body.to_owned()))
}

#[tokio::test]
async fn pages_and_files_are_cached_by_their_content() -> Result<()> {
    let stage = Stage::start().await?;
    let (page, text) = get(&stage, "/reference", "").await?;
    assert_eq!(page.field("cache-control"), Some("no-cache"));
    let paths: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(paths.len(), 6, "{text}");
    for path in paths.iter().copied().chain(["/", "/start", "/reference"]) {
        let (answer, _) = get(&stage, path, "").await?;
        assert_eq!(answer.status, 200, "{path}");
        for field in ["content-security-policy", "permissions-policy", "referrer-policy"] {
            assert!(answer.field(field).is_some(), "{path}: {field}");
        }
        let policy = answer.field("content-security-policy").context("a policy")?;
        assert!(!policy.contains("unsafe"), "{policy}");
        let is_file = path.starts_with("/assets/");
        let is_kept = answer.field("cache-control").is_some_and(|of| of.contains("immutable"));
        assert_eq!(is_kept, is_file, "{path}");
        let tag = answer.field("etag").context("a tag")?.to_owned();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
            let field = format!("If-None-Match: {known}\r\n");
            let (again, body) = get(&stage, path, &field).await?;
            assert_eq!((again.status, body.as_str()), (304, ""), "{path}");
            assert_eq!(again.field("etag"), Some(tag.as_str()));
        }
        let (other, _) = get(&stage, path, "If-None-Match: \"other\"\r\n").await?;
        assert_eq!(other.status, 200);
    }
    let older = paths[0].replace("/assets/", "/assets/0");
    for path in [older.as_str(), "/assets/x", "/assets/../Cargo.toml", "/reference.js"] {
        let (answer, _) = get(&stage, path, "").await?;
        assert_eq!(answer.problem(), (404, "path_unknown"), "{path}");
    }
    Ok(())
}

/// The text of the commands in a page.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("aria-label=\"Command\"><code>").skip(1);
    let texts = blocks.filter_map(|block| block.split("</code>").next());
    texts.map(|text| text.replace("&gt;", ">").replace("&amp;", "&")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_the_front_page_of_dev_run_as_they_stand() -> Result<()> {
    let stage = Stage::start().await?;
    let (_, of_serve) = get(&stage, "/", "").await?;
    assert!(of_serve.contains("Make an app"));
    stage.running.server.show_dev(stage.app.0);
    let key = stage.running.server.create_api_key(stage.app.0, "shell", &Scope::ALL).await?;
    let (_, page) = get(&stage, "/start", "").await?;
    assert!(!page.contains(&stage.secret), "nothing secret is on it");
    let commands = commands(&page);
    assert_eq!(commands.len(), 2, "{page}");
    for (command, answers) in commands.iter().zip(["\"token\":", "\"token.mint\""]) {
        let mut shell = Command::new("sh");
        shell.arg("-euc").arg(command).kill_on_drop(true);
        shell.env("STAGEDOOR_URL", format!("http://{}", stage.running.http));
        shell.env("STAGEDOOR_API_KEY", &key.api_key);
        let output = tokio::time::timeout(PATIENCE, shell.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(answers), "{command}\n{said}");
    }
    Ok(())
}
