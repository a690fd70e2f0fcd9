//! The audit trail: complete, in order, and bounded whatever strangers send.

#[path = "trail/actors.rs"]
mod actors;
#[path = "trail/disk.rs"]
mod disk;
#[path = "trail/filing.rs"]
mod filing;
#[path = "trail/found.rs"]
mod found;
#[path = "trail/rates.rs"]
mod rates;
#[path = "trail/repeats.rs"]
mod repeats;
#[path = "trail/story.rs"]
mod story;
#[path = "trail/texts.rs"]
mod texts;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Stage, member::PATIENCE, stage::now_s};

/// How long a test of this file may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a test that ends in time or fails.
async fn in_time(test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(TEST_TIMEOUT, test).await.context("the test took too long")?
}

/// Every record of a listing, oldest first. `path` has a query.
async fn all(caller: &Caller, path: &str) -> Result<Vec<Value>> {
    let (mut records, mut after) = (Vec::new(), String::new());
    loop {
        let page = format!("{path}&limit=200{after}");
        let mut page = caller.get(200, "GET", &page, None).await?;
        records.append(page["items"].as_array_mut().context("records")?);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    records.reverse();
    Ok(records)
}

/// How many events the records stand for.
fn sum(records: &[Value]) -> u64 {
    records.iter().map(|record| record["count"].as_u64().unwrap_or(1)).sum()
}

/// The records of a listing once they stand for this many events, oldest first.
async fn counted(caller: &Caller, path: &str, events: u64) -> Result<Vec<Value>> {
    let patience = tokio::time::Instant::now() + PATIENCE;
    loop {
        let records = all(caller, path).await?;
        let found = sum(&records);
        ensure!(found <= events, "{path}: {events} events expected, {found} found");
        if found == events {
            return Ok(records);
        }
        let late = tokio::time::Instant::now() >= patience;
        ensure!(!late, "{path}: {events} events expected, {found} found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The app's trail, with a query.
fn trail_of(stage: &Stage, query: &str) -> String {
    format!("/v1/apps/{}/audit?{query}", stage.app)
}

/// An app of the operator, whose key the test may use to sign anything.
struct Signing {
    app: u64,
    kid: String,
    secret: Vec<u8>,
}

impl Signing {
    async fn new(stage: &Stage) -> Result<Self> {
        let name = json!({"name": "signing"});
        let made = stage.operator().get(201, "POST", "/v1/apps", Some(&name)).await?;
        let kid = made["key"]["kid"].as_str().context("a kid")?.to_owned();
        let secret = URL_SAFE_NO_PAD.decode(made["key"]["secret"].as_str().context("a secret")?)?;
        Ok(Self { app: made["app"].as_u64().context("an AppID")?, kid, secret })
    }

    /// A token that no mint would sign.
    fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": self.kid});
        let now = now_s();
        let mut claims = json!({
            "app": self.app, "room": "lobby", "sub": "anna", "role": "host", "iat": now, "nbf": now,
            "exp": now + 600, "jti": "t-signed",
        });
        change(&mut claims);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.secret);
        let tag = ring::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The app's trail, with a query.
    fn trail(&self, query: &str) -> String {
        format!("/v1/apps/{}/audit?{query}", self.app)
    }
}
