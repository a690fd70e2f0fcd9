//! Concurrent acts have the same result as in some order one after another, or one is refused as too late.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use stagedoor_tests::{Answer, Caller, Member, Stage, Steady};
use tokio::task::JoinSet;

use super::{rounds, within};

const API_KEYS_MAX: u32 = 3;

async fn stage() -> Result<(Stage, Caller)> {
    let stage = Stage::configured(|config| {
        config.server.rate_per_s = 1_000_000;
        config.server.rate_burst = 1_000_000;
        config.server.keys_per_app_max = 1_000_000;
        config.server.api_keys_per_app_max = API_KEYS_MAX;
        config.server.role_versions_max = 1_000_000;
    })
    .await?;
    let operator = stage.operator();
    Ok((stage, operator))
}

/// Sends all requests at the same time; returns the statuses and codes in the given order.
async fn at_once(caller: &Caller, asked: &[(&str, String, Option<Value>)]) -> Result<Vec<Answer>> {
    let mut tasks = JoinSet::new();
    for (place, (method, path, body)) in asked.iter().cloned().enumerate() {
        let (caller, method) = (caller.clone(), method.to_owned());
        tasks.spawn(async move {
            Ok::<_, anyhow::Error>((place, caller.ask(&method, &path, body.as_ref()).await?))
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer??);
    }
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Asserts that the answers are among these.
fn are_among(answers: &[Answer], good: &[(u16, &str)]) -> Result<()> {
    for answer in answers {
        ensure!(good.contains(&answer.problem()), "{} {}", answer.head, answer.body);
    }
    Ok(())
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn of_state(caller: &Caller, app: &str, state: &str) -> Result<usize> {
    let keys = caller.get(200, "GET", &format!("{app}/keys"), None).await?;
    let keys = keys["items"].as_array().context("keys")?;
    Ok(keys.iter().filter(|key| key["state"] == state).count())
}

/// Asserts that the app has one current key, whose tokens the door accepts.
async fn signs(caller: &Caller, app: &str) -> Result<()> {
    assert_eq!(of_state(caller, app, "current").await?, 1);
    let body = json!({"room": "r", "user": "u", "role": "host"});
    let token = caller.get(201, "POST", &format!("{app}/tokens"), Some(&body)).await?;
    let mut member = Member::connect(caller.to).await?;
    member.log_in(token["token"].as_str().context("a token")?).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_key_changes_leave_one_current_key() -> Result<()> {
    within(120, async {
        let (_stage, operator) = stage().await?;
        for id in 1..=rounds(12) {
            let new = json!({"name": "n", "id": id});
            operator.get(201, "POST", "/v1/apps", Some(&new)).await?;
            let app = format!("/v1/apps/{id}");
            let next = operator.get(201, "POST", &format!("{app}/keys"), None).await?;
            let retire = format!("{app}/keys/{}/retire", next["kid"].as_str().context("a kid")?);
            let rotate = format!("{app}/keys/rotate");
            let asked = [("POST", retire, None), ("POST", rotate.clone(), None)];
            let answers = at_once(&operator, &asked).await?;
            are_among(&answers, &[(200, "none"), (409, "key_current")])?;
            assert_eq!(answers[1].status, 200);
            signs(&operator, &app).await?;
            let answers = at_once(&operator, &vec![("POST", rotate, None); 8]).await?;
            are_among(&answers, &[(200, "none"), (409, "key_busy")])?;
            assert!(count(&answers, 200) > 0);
            signs(&operator, &app).await?;
            let asked = vec![("POST", format!("{app}/keys"), None); 4];
            let answers = at_once(&operator, &asked).await?;
            are_among(&answers, &[(201, "none"), (409, "next_key_exists")])?;
            assert_eq!((count(&answers, 201), of_state(&operator, &app, "next").await?), (1, 1));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_app_changes_lose_nothing() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        let app = format!("/v1/apps/{}", stage.app);
        for n in 1..=rounds(40) {
            let (name, life) = (format!("n{n}"), 60 + n);
            let asked = [
                ("PATCH", app.clone(), Some(json!({"name": name}))),
                ("PATCH", app.clone(), Some(json!({"ttl_s_default": life}))),
            ];
            are_among(&at_once(&operator, &asked).await?, &[(200, "none")])?;
            let now = operator.get(200, "GET", &app, None).await?;
            assert_eq!((&now["name"], &now["ttl_s_default"]), (&json!(name), &json!(life)));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_changes_with_one_etag_is_made() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        let app = format!("/v1/apps/{}", stage.app);
        let change = |tag: String, name: String| {
            let (operator, app) = (operator.clone(), app.clone());
            async move {
                let fields = format!("If-Match: {tag}\r\n");
                let body = json!({"name": name}).to_string();
                operator.ask_with("PATCH", &app, &fields, Some(&body)).await
            }
        };
        for n in 0..rounds(20) {
            let tag = operator.ask("GET", &app, None).await?;
            let tag = tag.field("etag").context("an ETag")?.to_owned();
            let (one, other) = tokio::join!(
                change(tag.clone(), format!("one-{n}")),
                change(tag.clone(), format!("other-{n}"))
            );
            let answers = [one?, other?];
            are_among(&answers, &[(200, "none"), (412, "etag_mismatch")])?;
            assert_eq!(count(&answers, 200), 1);
            let made = answers.iter().find(|answer| answer.status == 200).context("one")?;
            let now = operator.ask("GET", &app, None).await?;
            assert_eq!(now.field("etag"), made.field("etag"));
            assert_eq!(now.body["name"], made.body["name"]);
            let renewed = change(now.field("etag").context("an ETag")?.into(), "next".into());
            assert_eq!(renewed.await?.status, 200);
        }
        assert_eq!(change("*".into(), "any".into()).await?.status, 200);
        for tag in ["", "W/\"1\"", "\"never\"", "\"a\", \"b\""] {
            let refused = change(tag.into(), "no".into()).await?;
            assert_eq!(refused.problem(), (412, "etag_mismatch"), "{tag}");
        }
        for tag in ["naked", "\"open", "\"a\" \"b\""] {
            let refused = change(tag.into(), "no".into()).await?;
            assert_eq!(refused.problem(), (400, "if_match_invalid"), "{tag}");
        }
        let before = operator.ask("GET", &app, None).await?;
        operator.get(200, "DELETE", &app, None).await.err();
        let again = json!({"name": "any", "id": stage.app.0});
        operator.get(201, "POST", "/v1/apps", Some(&again)).await?;
        let old = before.field("etag").context("an ETag")?.to_owned();
        let refused = change(old, "of another".into()).await?;
        assert_eq!(refused.problem(), (412, "etag_mismatch"), "the app is another one");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_api_keys_stay_within_their_limit() -> Result<()> {
    within(120, async {
        let (_stage, operator) = stage().await?;
        let body = json!({"name": "k", "scopes": ["rooms:read"]});
        for id in 1..=rounds(15) {
            let app = json!({"name": "n", "id": id});
            operator.get(201, "POST", "/v1/apps", Some(&app)).await?;
            let path = format!("/v1/apps/{id}/api-keys");
            let asked = vec![("POST", path.clone(), Some(body.clone())); 6];
            let answers = at_once(&operator, &asked).await?;
            are_among(&answers, &[(201, "none"), (409, "api_keys_exceeded")])?;
            let there = operator.get(200, "GET", &path, None).await?;
            let there = there["items"].as_array().map_or(0, Vec::len);
            assert_eq!((count(&answers, 201), there), (3, 3));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_role_changes_are_made_or_refused() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        let roles = format!("/v1/apps/{}/roles", stage.app);
        for n in 0..rounds(15) {
            let put = |name: String| {
                let template = json!({"template": {"role": name, "rank": n % 65_536}});
                ("PUT", format!("{roles}/{name}"), Some(template))
            };
            let asked: Vec<_> = (0..4).map(|place| put(format!("r{}", n % 8 + place))).collect();
            let answers = at_once(&operator, &asked).await?;
            are_among(&answers, &[(200, "none"), (409, "version_conflict")])?;
            for (answer, (_, path, body)) in answers.iter().zip(&asked) {
                if answer.status == 200 {
                    let now = operator.get(200, "GET", path, None).await?;
                    let rank = &body.as_ref().context("a body")?["template"]["rank"];
                    assert_eq!(&now["template"]["rank"], rank, "{path}");
                }
            }
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_role_changes_of_a_version_is_made() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        let roles = format!("/v1/apps/{}/roles", stage.app);
        for version in 0..rounds(15) as u64 {
            let put = json!({"template": {"role": "chef"}, "version": version});
            let restore = format!("{roles}/versions/0/restore?version={version}");
            let asked = [
                ("PUT", format!("{roles}/chef"), Some(put)),
                ("DELETE", format!("{roles}/observer?version={version}"), None),
                ("POST", restore, None),
            ];
            let answers = at_once(&operator, &asked).await?;
            let (late, gone) = ((409, "version_conflict"), (404, "role_unknown"));
            are_among(&answers, &[(200, "none"), late, gone])?;
            assert_eq!(count(&answers, 200), 1);
            assert_eq!(operator.get(200, "GET", &roles, None).await?["version"], version + 1);
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_deleted_during_changes_accepts_no_token() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        for id in 1..=rounds(25) as u32 {
            let app = json!({"name": "n", "id": id});
            operator.get(201, "POST", "/v1/apps", Some(&app)).await?;
            let path = format!("/v1/apps/{id}");
            let asked = [
                ("POST", format!("{path}/keys/rotate"), None),
                ("PATCH", path.clone(), Some(json!({"second_login": "reject"}))),
                ("PUT", format!("{path}/roles"), Some(json!({"roles": [{"role": "chef"}]}))),
                ("DELETE", path.clone(), None),
                ("POST", format!("{path}/revocations"), Some(json!({"target": {"user": "u"}}))),
            ];
            let answers = at_once(&operator, &asked).await?;
            let created = (201, "none");
            are_among(&answers, &[(200, "none"), (204, "none"), created, (404, "app_unknown")])?;
            let bus: &dyn stagedoor_bus::Bus = stage.running.bus.as_ref();
            let app = stagedoor_token::AppId(id);
            assert!(bus.directory().app(app).is_none(), "the doors know it still");
            assert_eq!(bus.revocations().targets_of(app), (0, 0));
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_bans_and_lifts_match_the_list() -> Result<()> {
    within(120, async {
        let (stage, operator) = stage().await?;
        let path = format!("/v1/apps/{}/revocations", stage.app);
        let ban = Some(json!({"target": {"user": "u"}, "ban": true}));
        for _ in 0..rounds(25) {
            let first = operator.get(201, "POST", &path, ban.as_ref()).await?;
            let first = format!("{path}/{}", first["generation"]);
            let asked = [("DELETE", first, None), ("POST", path.clone(), ban.clone())];
            let answers = at_once(&operator, &asked).await?;
            are_among(&answers, &[(204, "none"), (201, "none")])?;
            let mint = json!({"room": "r", "user": "u", "role": "host"});
            let mint = operator
                .ask("POST", &format!("/v1/apps/{}/tokens", stage.app), Some(&mint))
                .await?;
            assert_eq!(mint.problem(), (403, "banned"), "the second ban stands");
            let second = format!("{path}/{}", answers[1].body["generation"]);
            assert_eq!(operator.ask("DELETE", &second, None).await?.status, 204);
        }
        Ok(())
    })
    .await
}

/// Proxies send one client's request over the connection of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_key_leaves_its_connection_good() -> Result<()> {
    within(60, async {
        let (stage, root) = stage().await?;
        let path = format!("/v1/apps/{}/keys/rotate", stage.app);
        let mut shared = Vec::new();
        for _ in 0..8 {
            shared.push(Steady::connect(stage.running.http).await?);
        }
        let mut seen = BTreeMap::<(u16, String), usize>::new();
        for round in 0..6 {
            // One client hangs up in the middle of its own rotation, but in the last round none does.
            if round < 5 {
                let after = Duration::from_micros(200 * round);
                root.break_off("POST", &path, "", None, after).await?;
            }
            let asked = shared.iter_mut().map(|to| to.ask("POST", &path, &root.credential, None));
            for (status, answer) in try_join_all(asked).await? {
                let code = answer["code"].as_str().unwrap_or("ok").to_owned();
                *seen.entry((status, code)).or_default() += 1;
            }
            for to in &mut shared {
                let listed = format!("/v1/apps/{}/keys", stage.app);
                let (status, _) = to.ask("GET", &listed, &root.credential, None).await?;
                ensure!(status == 200, "the connection goes on");
            }
        }
        let busy = seen.remove(&(409, "key_busy".into())).unwrap_or_default();
        let done = seen.remove(&(200, "ok".into())).unwrap_or_default();
        ensure!(seen.is_empty() && busy > 0 && done > 0, "{busy} busy, {done} done, {seen:?}");
        // From an answer on nobody else's request is in the way.
        for to in shared.iter_mut().chain(&mut [Steady::connect(stage.running.http).await?]) {
            let (status, answer) = to.ask("POST", &path, &root.credential, None).await?;
            ensure!(status == 200, "{answer}");
        }
        signs(&root, &format!("/v1/apps/{}", stage.app)).await
    })
    .await
}
