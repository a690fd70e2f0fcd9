//! A complete Stagedoor in this process, with one app whose key the test holds.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde_json::{Value, json};
use stagedoor::{Config, Running, assemble};
use stagedoor_bus::{App, AppKey, Bus as _};
use stagedoor_token::{AppId, Claims, Key, KeyState, mint};
use stagedoor_wire::limits::Limits;
use tempfile::TempDir;

use stagedoor_server::Scope;

use crate::{
    http::Caller,
    member::{Member, PATIENCE},
};

/// The stage.
pub struct Stage {
    /// The running Stagedoor.
    pub running: Running,
    /// The app.
    pub app: AppId,
    /// The app's current key.
    pub key: Key,
    /// The key's secret, in base64url.
    pub secret: String,
    _data: TempDir,
}

/// Unix seconds.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}

/// Bytes of base64url, the form of a key's secret.
pub fn decode_secret(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

/// A token with arbitrary claims, signed with these bytes.
pub fn sign(kid: &str, secret: &[u8], claims: &str) -> String {
    let header = format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{kid}"}}"#);
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

impl Stage {
    /// Starts with the defaults.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(|_| {}).await
    }

    /// Starts with the test's limits.
    pub async fn with(change: impl FnOnce(&mut Limits)) -> anyhow::Result<Self> {
        Self::configured(|config| change(&mut config.relay.limits)).await
    }

    /// Starts with the test's configuration.
    pub async fn configured(change: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let mut config = Config::default();
        config.listen.address = "127.0.0.1:0".into();
        config.listen.operations = "127.0.0.1:0".into();
        config.server.data_dir = data.path().to_owned();
        config.relay.limits.drain_grace_ms = 200;
        change(&mut config);
        let running = Box::pin(assemble(&config)).await?;
        let created = running.server.create_app("test").await?;
        let app = AppId(created.app);
        let secret = created.key.secret.context("a secret")?;
        let key = Key::hs256(app, &created.key.kid, &decode_secret(&secret), KeyState::Current)?;
        Ok(Self { running, app, key, secret, _data: data })
    }

    /// Claims for ten minutes from now.
    pub fn claims(&self, room: &str, user: &str, role: &str) -> anyhow::Result<Claims> {
        let role = role.parse().context("a role's name")?;
        Ok(Claims::builder(self.app, role)
            .room(room)
            .user(user)
            .jti(format!(
                "t-{}",
                user.bytes().map(|byte| format!("{byte:02x}")).take(20).collect::<String>()
            ))
            .lifetime(now_s(), 600)
            .build())
    }

    /// A token for ten minutes from now.
    pub fn token(&self, room: &str, user: &str, role: &str) -> anyhow::Result<String> {
        Ok(mint(&self.claims(room, user, role)?, &self.key)?)
    }

    /// Valid claims as JSON, with some replaced; `null` removes a claim.
    pub fn claims_with(&self, change: &Value) -> anyhow::Result<String> {
        let mut claims = serde_json::to_value(self.claims("lobby", "anna", "audience")?)?;
        if let (Some(claims), Some(change)) = (claims.as_object_mut(), change.as_object()) {
            claims.extend(change.clone());
            claims.retain(|_, value| !value.is_null());
        }
        Ok(claims.to_string())
    }

    /// A token with arbitrary claims.
    pub fn sign(&self, claims: &str) -> String {
        sign(self.key.kid(), &decode_secret(&self.secret), claims)
    }

    /// A backend with these scopes in the app.
    pub async fn backend(&self, scopes: &[Scope]) -> anyhow::Result<Caller> {
        let created = self.running.server.create_api_key(self.app.0, "test", scopes).await?;
        Ok(Caller { to: self.running.http, credential: created.api_key })
    }

    /// A backend whose API key has these scopes, and further fields of a new API key.
    pub async fn limited(&self, scopes: &[Scope], how: &Value) -> anyhow::Result<Caller> {
        let mut new = json!({"name": "limited", "scopes": scopes});
        if let (Some(new), Some(how)) = (new.as_object_mut(), how.as_object()) {
            new.extend(how.clone());
        }
        let path = format!("/v1/apps/{}/api-keys", self.app.0);
        let made = self.operator().get(201, "POST", &path, Some(&new)).await?;
        let credential = made["api_key"].as_str().context("a credential")?.into();
        Ok(Caller { to: self.running.http, credential })
    }

    /// The operator.
    pub fn operator(&self) -> Caller {
        Caller { to: self.running.http, credential: self.running.root.clone().unwrap_or_default() }
    }

    /// When an app was created, as the relay knows it.
    pub fn since_ms(&self, app: AppId) -> u64 {
        self.running.bus.directory().app(app).map_or(0, |app| app.since_ms)
    }

    /// The address that clients connect to.
    pub fn url(&self) -> String {
        format!("ws://{}{}", self.running.http, stagedoor_wire::CONNECT_PATH)
    }

    /// Gives the app's key these bounds, at the door alone.
    pub async fn bound(&self, bounds: Value) -> anyhow::Result<()> {
        let bounds = Arc::new(serde_json::from_value(bounds)?);
        let directory = self.running.bus.directory();
        let app = directory.app(self.app).context("the app")?.clone();
        let keys = vec![AppKey::new(&self.key, bounds)];
        Ok(self.running.bus.put_app(App { keys, ..app }).await?)
    }

    /// A connection without a seat.
    pub async fn connect(&self) -> anyhow::Result<Member> {
        Member::connect(self.running.http).await
    }

    /// A member in its seat.
    pub async fn join(&self, room: &str, user: &str, role: &str) -> anyhow::Result<Member> {
        let mut member = self.connect().await?;
        member.log_in(&self.token(room, user, role)?).await?;
        Ok(member)
    }

    /// A figure from the operations endpoint.
    pub async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let text = crate::member::http_get(self.running.operations, "/metrics").await?;
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        let value = line
            .and_then(|line| line.split(' ').nth(1))
            .with_context(|| format!("no metric {name}"))?;
        Ok(value.parse()?)
    }

    /// Waits until a figure of the operations endpoint has this value.
    pub async fn until_metric(&self, name: &str, wanted: u64) -> anyhow::Result<()> {
        let reached = async {
            while self.metric(name).await? != wanted {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .with_context(|| format!("{name} is not {wanted} in time"))?
    }
}
