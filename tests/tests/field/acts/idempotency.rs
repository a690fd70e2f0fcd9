//! A creation with an `Idempotency-Key` happens once, however often and however closely together it is requested.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_server::Scope;
use stagedoor_tests::{Answer, Caller, Stage};
use tokio::task::JoinSet;

use super::{Dice, child::Served, within};

async fn create(caller: &Caller, path: &str, key: &str, body: &Value) -> Result<Answer> {
    let fields = format!("Idempotency-Key: {key}\r\n");
    caller.ask_with("POST", path, &fields, Some(&body.to_string())).await
}

async fn apps_named(operator: &Caller, name: &str) -> Result<Vec<Value>> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = operator.get(200, "GET", &format!("/v1/apps?limit=200{after}"), None).await?;
        let items = page["items"].as_array().context("items")?;
        found.extend(items.iter().filter(|app| app["name"] == name).cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(found),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_simultaneous_requests_with_one_key_create_once() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let served = Served::start(folder.path()).await?;
        let operator = served.operator()?;
        let (mut made, mut under_way) = (0, 0);
        for round in 0..20 {
            let mut asked = JoinSet::new();
            for _ in 0..4 {
                let operator = operator.clone();
                asked.spawn(async move {
                    let key = format!("at-once-{round}");
                    create(&operator, "/v1/apps", &key, &json!({"name": "at-once"})).await
                });
            }
            while let Some(answer) = asked.join_next().await {
                match answer??.problem() {
                    (201, _) => made += 1,
                    (409, "idempotency_under_way") => under_way += 1,
                    other => anyhow::bail!("{other:?}"),
                }
            }
            operator.get(200, "GET", "/v1/apps?limit=1", None).await.context("it is frozen")?;
        }
        assert_eq!(made + under_way, 80);
        ensure!(under_way > 0, "no two were under way at the same time");
        assert_eq!(apps_named(&operator, "at-once").await?.len(), 20);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_and_repeated_creation_happens_once() -> Result<()> {
    within(60, async {
        let stage = Stage::configured(|config| config.server.rate_burst = 1_000_000).await?;
        let operator = stage.operator();
        let mut dice = Dice(1);
        for n in 0..super::rounds(60) {
            let (key, body) = (format!("broken-{n}"), json!({"name": format!("broken-{n}")}));
            let fields = format!("Idempotency-Key: {key}\r\n");
            operator.break_off("POST", "/v1/apps", &fields, Some(&body), dice.moment()).await?;
            let answer = loop {
                let answer = create(&operator, "/v1/apps", &key, &body).await?;
                match answer.problem() {
                    (409, "idempotency_under_way") => tokio::task::yield_now().await,
                    _ => break answer,
                }
            };
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
        for n in 0..super::rounds(60) {
            let made = apps_named(&operator, &format!("broken-{n}")).await?.len();
            assert_eq!(made, 1, "app {n}");
        }
        Ok(())
    })
    .await
}

/// Within which a server answers, however busy its machine is.
const LONG: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_answer_survives_a_kill() -> Result<()> {
    within(60, async {
        let folder = tempfile::tempdir()?;
        let (mut dice, mut acknowledged) = (Dice(2), 0);
        let body = |n: u64| json!({"name": format!("killed-{n}")});
        for n in 0..4_u64 {
            let served = Served::start(folder.path()).await?;
            let operator = served.operator()?;
            let fields = format!("Idempotency-Key: killed-{n}\r\n");
            // On a busy machine only the last one may have the time to be acknowledged.
            let is_last_chance = n == 3 && acknowledged == 0;
            let moment = if is_last_chance { LONG } else { dice.moment() * 2 };
            let status =
                operator.break_off("POST", "/v1/apps", &fields, Some(&body(n)), moment).await?;
            served.kill().await?;
            let served = Served::start(folder.path()).await?;
            let operator = served.operator()?;
            let answer = create(&operator, "/v1/apps", &format!("killed-{n}"), &body(n)).await?;
            assert_eq!(answer.status, 201, "{}", answer.body);
            if status == Some(201) {
                acknowledged += 1;
                assert_eq!(answer.field("idempotency-replayed"), Some("true"));
                assert_eq!(answer.body["key"]["secret"], Value::Null, "shown once");
            }
            assert_eq!(apps_named(&operator, &format!("killed-{n}")).await?.len(), 1);
            served.kill().await?;
        }
        ensure!(acknowledged > 0, "none was acknowledged before the end");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_may_use_the_same_key() -> Result<()> {
    within(30, async {
        let stage = Stage::start().await?;
        let path = format!("/v1/apps/{}/api-keys", stage.app);
        let body = json!({"name": "n", "scopes": ["rooms:read"]});
        let first = stage.backend(&Scope::ALL).await?;
        let second = stage.backend(&Scope::ALL).await?;
        let (one, other, root) = tokio::join!(
            create(&first, &path, "k", &body),
            create(&second, &path, "k", &body),
            async { create(&stage.operator(), &path, "k", &body).await },
        );
        let ids = [one?, other?, root?].map(|answer| {
            assert_eq!(answer.status, 201, "{}", answer.body);
            assert_eq!(answer.field("idempotency-replayed"), None);
            answer.body["id"].to_string()
        });
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "{ids:?}");
        Ok(())
    })
    .await
}
