//! Credentials: their form, their life, and what happens when they leak.

#[path = "credentials/form.rs"]
mod form;
#[path = "credentials/leaks.rs"]
mod leaks;
#[path = "credentials/life.rs"]
mod life;

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use stagedoor::Config;
use stagedoor_tests::{Caller, Stage};
use tempfile::TempDir;

/// How long a test of this file may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a test that ends in time or fails.
async fn within(test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(TEST_TIMEOUT, test).await.context("the test hung")?
}

/// A stage whose database the test can reach.
struct Open {
    stage: Stage,
    data: TempDir,
}

impl Open {
    async fn start(change: impl FnOnce(&mut Config)) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let stage = Stage::configured(|config| {
            config.server.data_dir = data.path().to_owned();
            change(config);
        });
        Ok(Self { stage: stage.await?, data })
    }

    async fn database(&self) -> Result<SqliteConnection> {
        database(self.data.path()).await
    }

    /// An API key, as the API answers it.
    async fn api_key(&self, fields: Value) -> Result<Value> {
        let mut body = json!({"name": "backend", "scopes": ["apps:admin"]});
        let fields = fields.as_object().context("fields")?.clone();
        body.as_object_mut().context("an object")?.extend(fields);
        let path = format!("/v1/apps/{}/api-keys", self.stage.app);
        self.stage.operator().get(201, "POST", &path, Some(&body)).await
    }

    /// A caller with a credential.
    fn with(&self, credential: &str) -> Caller {
        Caller { to: self.stage.running.http, credential: credential.into() }
    }

    /// What a request with a credential gets: its status and code.
    async fn tried(&self, credential: &str) -> Result<(u16, String)> {
        let path = format!("/v1/apps/{}/keys", self.stage.app);
        let answer = self.with(credential).ask("GET", &path, None).await?;
        Ok((answer.status, answer.body["code"].as_str().unwrap_or_default().into()))
    }
}

async fn database(data: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(data.join("stagedoor.sqlite"));
    Ok(options.busy_timeout(Duration::from_secs(5)).connect().await?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
