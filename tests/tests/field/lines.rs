//! Lines of keys: made, registered, rotated, bounded, ended and retired by themselves; what doors and lists then say.

#[path = "lines/forms.rs"]
mod forms;
#[path = "lines/leaked.rs"]
mod leaked;
#[path = "lines/rotate.rs"]
mod rotate;
#[path = "lines/turning.rs"]
mod turning;
#[path = "lines/uses.rs"]
mod uses;

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_tests::{Caller, Stage, stage::decode_secret};
use stagedoor_token::{Claims, Key, KeyState, mint};

/// Runs a test that must end in time.
async fn within<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = Duration::from_secs(120);
    tokio::time::timeout(limit, test).await.with_context(|| format!("not done in {limit:?}"))?
}

/// An app's keys, as the operator sees and changes them.
struct Keys {
    stage: Stage,
    operator: Caller,
    path: String,
}

impl Keys {
    async fn of(stage: Stage) -> Result<Self> {
        let (operator, path) = (stage.operator(), format!("/v1/apps/{}/keys", stage.app));
        Ok(Self { stage, operator, path })
    }

    async fn start() -> Result<Self> {
        Self::of(Stage::start().await?).await
    }

    /// Asks for something below the keys' path.
    async fn ask(&self, method: &str, rest: &str, body: Value) -> Result<stagedoor_tests::Answer> {
        let body = Some(body).filter(|body| !body.is_null());
        self.operator.ask(method, &format!("{}{rest}", self.path), body.as_ref()).await
    }

    async fn make(&self, new: Value) -> Result<Value> {
        self.operator.get(201, "POST", &self.path, Some(&new)).await
    }

    async fn rotate(&self, asked: Value) -> Result<Value> {
        self.operator.get(200, "POST", &format!("{}/rotate", self.path), Some(&asked)).await
    }

    async fn list(&self) -> Result<Vec<Value>> {
        let list = self.operator.get(200, "GET", &self.path, None).await?;
        Ok(list["items"].as_array().context("keys")?.clone())
    }

    /// A key as it is listed.
    async fn listed(&self, kid: &str) -> Result<Value> {
        let found = self.list().await?.into_iter().find(|key| key["kid"] == kid);
        found.with_context(|| format!("{kid} is not listed"))
    }

    async fn state(&self, kid: &str) -> Result<String> {
        Ok(text(&self.listed(kid).await?, "state")?.to_owned())
    }

    /// The code of a login with a token that a backend signed with this key.
    async fn login(&self, key: &Key) -> Result<String> {
        self.log_in(&self.token(key)?).await
    }

    fn token(&self, key: &Key) -> Result<String> {
        let app = self.stage.app;
        Ok(mint(&Claims { app, ..self.stage.claims("lobby", "anna", "host")? }, key)?)
    }

    async fn log_in(&self, token: &str) -> Result<String> {
        let mut member = self.stage.connect().await?;
        let answer = member.ask(json!({"op": "login", "token": token})).await?;
        Ok(answer["error"]["code"].as_str().unwrap_or("ok").to_owned())
    }

    /// A token that the server mints.
    async fn minted(&self) -> Result<String> {
        let path = format!("/v1/apps/{}/tokens", self.stage.app);
        let asked = json!({"room": "lobby", "user": "ben", "role": "host"});
        let minted = self.operator.get(201, "POST", &path, Some(&asked)).await?;
        Ok(text(&minted, "token")?.to_owned())
    }

    /// Moves the wall clock.
    fn put(&self, ahead_ms: i64) {
        self.stage.running.bus.clock().put(ahead_ms);
    }

    fn now_ms(&self) -> u64 {
        self.stage.running.bus.clock().unix_ms()
    }

    /// The key whose creation was answered so.
    fn key_of(&self, created: &Value) -> Result<Key> {
        let (app, kid, current) = (self.stage.app, text(created, "kid")?, KeyState::Current);
        Ok(match created["secret"].as_str() {
            Some(secret) => Key::hs256(app, kid, &decode_secret(secret), current)?,
            None => {
                let seed = URL_SAFE_NO_PAD.decode(text(&created["private_jwk"], "d")?)?;
                Key::ed25519(app, kid, seed.as_slice().try_into()?, current)?
            }
        })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().with_context(|| format!("no `{field}` in {value}"))
}
