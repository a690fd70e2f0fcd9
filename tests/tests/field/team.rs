//! A team: operators, their levels, and what they log in and ask with.

#[path = "team/console.rs"]
mod console;
#[path = "team/levels.rs"]
mod levels;
#[path = "team/owners.rs"]
mod owners;
#[path = "team/sessions.rs"]
mod sessions;
#[path = "team/tokens.rs"]
mod tokens;

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage};

/// How long a test of this file may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a test that ends in time or fails.
async fn within(test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(TEST_TIMEOUT, test).await.context("the test hung")?
}

/// Makes an operator; returns its id.
async fn operator(stage: &Stage, name: &str, kind: &str, level: &str) -> Result<String> {
    let new = json!({"name": name, "kind": kind, "level": level});
    let made = stage.operator().get(201, "POST", "/v1/operators", Some(&new)).await?;
    Ok(made["id"].as_str().context("an id")?.into())
}

/// Gives an operator a level in the stage's app.
async fn give(stage: &Stage, operator: &str, level: &str) -> Result<()> {
    let path = format!("/v1/apps/{}/team/{operator}", stage.app);
    stage.operator().get(200, "PUT", &path, Some(&json!({"level": level}))).await.map(drop)
}

/// Changes an operator.
async fn change(stage: &Stage, operator: &str, change: Value) -> Result<()> {
    let path = format!("/v1/operators/{operator}");
    stage.operator().get(200, "PATCH", &path, Some(&change)).await.map(drop)
}

/// A service account that has a level in every app, or none, and a token of every scope it can have.
async fn service(stage: &Stage, name: &str, level: &str) -> Result<(String, Caller)> {
    let id = operator(stage, name, "service", level).await?;
    Ok((id.clone(), token(stage, &id, Scope::EVERY).await?))
}

/// What a page of the server's own sends with an act.
const OWN: &str =
    "Sec-Fetch-Site: same-origin\r\nX-Stagedoor-Console: 1\r\nContent-Type: application/json\r\n";

/// A browser: it keeps a cookie and has no credential.
#[derive(Clone)]
struct Browser {
    caller: Caller,
    cookie: String,
}

impl Browser {
    fn new(stage: &Stage) -> Self {
        let caller = Caller { to: stage.running.http, credential: String::new() };
        Self { caller, cookie: String::new() }
    }

    /// Asks with these fields and its cookie.
    async fn ask_with(
        &self,
        method: &str,
        path: &str,
        fields: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let cookie = match self.cookie.as_str() {
            "" => String::new(),
            cookie => format!("Cookie: {cookie}\r\n"),
        };
        let body = body.map(ToString::to_string);
        self.caller.ask_with(method, path, &format!("{cookie}{fields}"), body.as_deref()).await
    }

    /// Asks as a page of the server's own does.
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let fields = if method == "GET" { "" } else { OWN };
        self.ask_with(method, path, fields, body).await
    }

    /// Logs in by a link, and keeps the cookie.
    async fn log_in(&mut self, link: &str) -> Result<Answer> {
        let answer = self.ask("POST", "/v1/session", Some(&json!({"link": link}))).await?;
        if let Some(set) = field(&answer, "set-cookie") {
            self.cookie = set.split(';').next().unwrap_or_default().into();
        }
        Ok(answer)
    }
}

/// A field of an answer's head.
fn field(answer: &Answer, name: &str) -> Option<String> {
    let fields = answer.head.lines().filter_map(|line| line.split_once(':'));
    let mut of_name = fields.filter(|(of, _)| of.eq_ignore_ascii_case(name));
    of_name.next().map(|(_, value)| value.trim().to_owned())
}

/// The secret of a new link for an operator.
async fn link(stage: &Stage, operator: &str) -> Result<String> {
    let path = format!("/v1/operators/{operator}/links");
    let made = stage.operator().get(201, "POST", &path, None).await?;
    let url = made["url"].as_str().context("a URL")?;
    let link = made["link"].as_str().context("a link")?;
    anyhow::ensure!(url.ends_with(&format!("/login#{link}")), "{url}");
    Ok(link.into())
}

/// A person with a level in every app, and a browser in which they are logged in.
async fn person(stage: &Stage, name: &str, level: &str) -> Result<(String, Browser)> {
    let id = operator(stage, name, "person", level).await?;
    let mut browser = Browser::new(stage);
    let answer = browser.log_in(&link(stage, &id).await?).await?;
    anyhow::ensure!(answer.status == 201, "{} {}", answer.head, answer.body);
    Ok((id, browser))
}

/// A token of a service account, with those of these scopes that it opens anywhere.
async fn token(stage: &Stage, operator: &str, scopes: &[Scope]) -> Result<Caller> {
    let root = stage.operator();
    let path = format!("/v1/operators/{operator}/tokens");
    let mut scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    loop {
        let new = json!({"name": "t", "scopes": scopes});
        let answer = root.ask("POST", &path, Some(&new)).await?;
        if answer.status == 201 {
            let credential = answer.body["token"].as_str().context("a token")?.into();
            return Ok(Caller { to: stage.running.http, credential });
        }
        anyhow::ensure!(answer.problem() == (403, "scope_missing"), "{}", answer.body);
        let missing = answer.body["scope"].as_str().context("a scope")?;
        scopes.retain(|scope| *scope != missing);
    }
}
