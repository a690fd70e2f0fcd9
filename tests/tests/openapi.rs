//! The OpenAPI document and its readers: a linter, a client generator, and a property tester. Needs what `cargo xtask
//! test` installs; without it these tests fail and say so.

// Helpers may panic, like tests.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use stagedoor_server::Scope;
use stagedoor_tests::Stage;

/// How long a tool may take.
const PATIENCE: Duration = Duration::from_secs(400);
/// Where `cargo xtask test` installs, of the workspace's root.
const INSTALLED: &str = "target/interop";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A tool in the workspace's root.
fn tool(path: &str) -> Result<Command> {
    let program = root().join(INSTALLED).join(path);
    ensure!(program.exists(), "there is no {INSTALLED}/{path}; `cargo xtask test` installs it");
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null()).env("NO_COLOR", "1");
    Ok(command)
}

/// Runs a tool to its end; the output of a failed one is the error.
async fn well(command: Command) -> Result<String> {
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("too long")??;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let said = said.lines().map(|line| line.chars().take(400).chain(['\n']).collect::<String>());
    let said: String = said.collect();
    ensure!(output.status.success(), "{}:\n{said}", output.status);
    Ok(said)
}

/// A stage whose rates do not slow a tester down.
async fn stage() -> Result<Stage> {
    Stage::configured(|config| {
        config.server.rate_per_s = 1_000_000;
        config.server.rate_burst = 1_000_000;
        config.server.refusals_per_s = 1_000_000;
        config.server.refusals_burst = 1_000_000;
    })
    .await
}

#[tokio::test]
async fn the_linter_finds_no_fault() -> Result<()> {
    let mut redocly = tool("node_modules/.bin/redocly")?;
    redocly.args([
        "lint",
        "spec/openapi.json",
        "--config",
        "tests/interop/redocly.yaml",
        "--format",
        "json",
    ]);
    redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let said = well(redocly).await?;
    let warns = !said.contains("\"warnings\": 0,");
    ensure!(!warns, "a warning is a fault: {said}");
    Ok(())
}

#[tokio::test]
async fn a_generated_client_mints_and_lists() -> Result<()> {
    let stage = Stage::start().await?;
    let folder = tempfile::tempdir()?;
    let package = folder.path().join("client");
    let mut generate = tool("venv/bin/openapi-python-client")?;
    generate.args([
        "generate",
        "--path",
        "spec/openapi.json",
        "--meta",
        "none",
        "--fail-on-warning",
    ]);
    generate.args(["--config", "tests/interop/client.yaml", "--output-path"]);
    generate.arg(package.join("stagedoor_client"));
    std::fs::create_dir(&package)?;
    well(generate).await?;
    let mut python = tool("venv/bin/python")?;
    python.arg("tests/interop/client.py").env("STAGEDOOR_CLIENT", &package);
    python.env("STAGEDOOR_URL", format!("http://{}", stage.running.http));
    python.env("STAGEDOOR_ROOT", stage.operator().credential);
    well(python).await?;
    Ok(())
}

/// What schemathesis may use in the app, so that it finds something. Another app is deleted.
fn inside(app: u32) -> String {
    format!(
        "\n[parameters]\napp = {app}\nroom = \"lobby\"\nuser = \"anna\"\nversion = 0\n\
         \n[[operations]]\ninclude-operation-id = \"apps_delete\"\nparameters = {{ app = {DOOMED} }}\n\
         \n[[operations]]\ninclude-operation-id = \"team_remove\"\nparameters = {{ operator = \"none\" }}\n\
         \n[[operations]]\ninclude-operation-id = \"team_show\"\nparameters = {{ operator = \"none\" }}\n\
         \n[[operations]]\ninclude-operation-id = \"team_put\"\nparameters = {{ operator = \"none\" }}\n"
    )
}

const DOOMED: u32 = u32::MAX;

/// Has schemathesis try everything, with `more` after the configuration.
async fn try_all(stage: &Stage, more: &str) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("schemathesis.toml");
    std::fs::write(&config, include_str!("../interop/schemathesis.toml").to_owned() + more)?;
    let mut schemathesis = tool("venv/bin/schemathesis")?;
    schemathesis.arg("--config-file").arg(&config).arg("run");
    schemathesis.arg(format!("http://{}/v1/openapi.json", stage.running.http));
    schemathesis.current_dir(folder.path());
    schemathesis
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", root().join("tests/interop").canonicalize()?);
    schemathesis.env("STAGEDOOR_ROOT", stage.operator().credential);
    let client = stage.backend(&Scope::ALL).await?;
    let pair = STANDARD.encode(format!("{}:{}", client.id()?, client.credential));
    schemathesis.env("STAGEDOOR_CLIENT", pair);
    well(schemathesis).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_tester_finds_no_fault() -> Result<()> {
    let stage = stage().await?;
    try_all(&stage, "").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_property_tester_finds_no_fault_in_a_used_app() -> Result<()> {
    let stage = stage().await?;
    let doomed = json!({"name": "to go", "id": DOOMED});
    stage.operator().get(201, "POST", "/v1/apps", Some(&doomed)).await?;
    let anna = stage.join("lobby", "anna", "audience").await?;
    try_all(&stage, &inside(stage.app.0)).await?;
    drop(anna);
    Ok(())
}
