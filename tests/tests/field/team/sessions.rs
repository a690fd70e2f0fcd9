//! Logging in by a link, and how long what it begins lasts.

use anyhow::{Context, Result};
use futures_util::future::join_all;
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_tests::{Answer, Stage};

use super::{Browser, change, field, link, operator, person, within};

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body["code"].as_str().unwrap_or_default().into())
}

fn expired() -> (u16, String) {
    (401, "session_expired".into())
}

#[tokio::test]
async fn a_link_logs_in_once() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let secret = link(&stage, &id).await?;
        let mut browser = Browser::new(&stage);
        let begun = browser.log_in(&secret).await?;
        assert_eq!((begun.status, begun.body["name"].as_str()), (201, Some("maria")));
        let set = field(&begun, "set-cookie").context("a cookie")?;
        assert!(set.starts_with("stagedoor-dev=") && !set.contains("Secure"), "loopback: {set}");
        assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{set}");
        assert_eq!(field(&begun, "cache-control").as_deref(), Some("no-store"));
        let me = browser.ask("GET", "/console/v1/me", None).await?;
        assert_eq!((me.status, me.body["id"].as_str()), (200, Some(&*id)));
        assert_eq!(
            (&me.body["credential"], &me.body["credential_id"]),
            (&json!("session"), &begun.body["id"])
        );
        let again = Browser::new(&stage).log_in(&secret).await?;
        assert_eq!(code(&again), (401, "link_unknown".into()));
        assert!(field(&again, "set-cookie").is_none());
        let shown = stage.operator().get(200, "GET", "/v1/operators/maria", None).await?;
        assert!(shown["last_login_ms"].is_u64());
        let records = stage.operator().get(200, "GET", "/v1/audit?limit=200", None).await?;
        let records = records["items"].as_array().context("records")?;
        let one = |kind: &str| records.iter().find(|record| record["kind"] == kind).context("it");
        assert_eq!(one("session.begin")?["actor"], json!(id));
        assert_eq!(one("session.begin")?["actor_kind"], "operator");
        assert!(one("link.create")?["detail"].to_string().contains(&id));
        assert!(!json!(records).to_string().contains(&secret), "no record has the secret");
        assert!(!json!(records).to_string().contains(&browser.cookie["stagedoor-dev=".len()..]));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_logs_in() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let secret = link(&stage, &id).await?;
        let tries = (0..8).map(|_| {
            let (mut browser, secret) = (Browser::new(&stage), secret.clone());
            async move { browser.log_in(&secret).await }
        });
        let mut codes = Vec::new();
        for answer in join_all(tries).await {
            codes.push(answer?.status);
        }
        codes.sort_unstable();
        assert_eq!(codes, [201, 401, 401, 401, 401, 401, 401, 401]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_link_ends_by_time_by_its_operator_and_by_number() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.server.links_per_operator_max = 2).await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let path = format!("/v1/operators/{id}/links");
        let (first, second) = (link(&stage, &id).await?, link(&stage, &id).await?);
        let full = stage.operator().ask("POST", &path, None).await?;
        assert_eq!(full.problem(), (409, "links_exceeded"));
        let unknown = (401, "link_unknown".to_owned());
        change(&stage, &id, json!({"disabled": true})).await?;
        assert_eq!(code(&Browser::new(&stage).log_in(&first).await?), unknown);
        let disabled = stage.operator().ask("POST", &path, None).await?;
        assert_eq!(disabled.problem(), (409, "operator_disabled"));
        change(&stage, &id, json!({"disabled": false})).await?;
        assert_eq!(code(&Browser::new(&stage).log_in(&second).await?), unknown, "gone for good");
        let late = link(&stage, &id).await?;
        stage.running.bus.clock().put(600_000);
        assert_eq!(code(&Browser::new(&stage).log_in(&late).await?), unknown);
        let robot = operator(&stage, "robot", "service", "viewer").await?;
        let refused =
            stage.operator().ask("POST", &format!("/v1/operators/{robot}/links"), None).await?;
        assert_eq!(refused.problem(), (409, "operator_kind"));
        for text in ["", "sdlnk_x", &late[..late.len() - 1], &stage.operator().credential] {
            assert_eq!(code(&Browser::new(&stage).log_in(text).await?), unknown, "{text}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leaked_link_logs_nobody_in() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let id = operator(&stage, "maria", "person", "viewer").await?;
        let secret = link(&stage, &id).await?;
        let report = json!({"credentials": [secret], "found_at": "https://example.com/"});
        let told = stage.operator().get(200, "POST", "/v1/leaks", Some(&report)).await?;
        assert_eq!(
            (&told["items"][0]["kind"], &told["items"][0]["state"]),
            (&json!("link"), &json!("revoked"))
        );
        let refused = Browser::new(&stage).log_in(&secret).await?;
        assert_eq!(code(&refused), (401, "link_unknown".into()));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_session_ends_when_it_is_unused_and_when_it_is_old() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let clock = stage.running.bus.clock();
        let (id, browser) = person(&stage, "maria", "viewer").await?;
        let me = async || browser.ask("GET", "/console/v1/me", None).await;
        // Used every half an hour it lives for twelve hours, and not a moment longer.
        for half_hours in 1..24 {
            clock.put(1_800_000);
            assert_eq!(me().await?.status, 200, "after {half_hours} half hours");
        }
        clock.put(1_800_000);
        assert_eq!(code(&me().await?), expired());
        let mut idle = Browser::new(&stage);
        idle.log_in(&link(&stage, &id).await?).await?;
        clock.put(3_599_000);
        assert_eq!(idle.ask("GET", "/console/v1/me", None).await?.status, 200);
        clock.put(3_600_000);
        assert_eq!(code(&idle.ask("GET", "/console/v1/me", None).await?), expired());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_clock_that_jumps_back_ends_a_session_and_lengthens_no_link() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let clock = stage.running.bus.clock();
        let (id, browser) = person(&stage, "maria", "viewer").await?;
        let secret = link(&stage, &id).await?;
        clock.put(-86_400_000);
        assert_eq!(code(&browser.ask("GET", "/console/v1/me", None).await?), expired());
        let refused = Browser::new(&stage).log_in(&secret).await?;
        assert_eq!(code(&refused), (401, "link_unknown".into()));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn ending_an_operator_ends_its_session_before_the_answer() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, browser) = person(&stage, "maria", "viewer").await?;
        assert_eq!(browser.ask("GET", "/console/v1/apps", None).await?.status, 200);
        change(&stage, &id, json!({"level": "none"})).await?;
        let refused = browser.ask("GET", "/console/v1/apps", None).await?;
        assert_eq!(code(&refused), (403, "scope_missing".into()), "levels are read each time");
        change(&stage, &id, json!({"disabled": true})).await?;
        assert_eq!(code(&browser.ask("GET", "/console/v1/me", None).await?), expired());
        let (id, browser) = person(&stage, "bob", "viewer").await?;
        stage.operator().get(204, "DELETE", &format!("/v1/operators/{id}"), None).await?;
        assert_eq!(code(&browser.ask("GET", "/console/v1/me", None).await?), expired());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn sessions_are_listed_ended_and_bounded_in_number() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| config.server.sessions_per_operator_max = 2).await?;
        let (id, first) = person(&stage, "maria", "viewer").await?;
        let (mut second, mut third) = (Browser::new(&stage), Browser::new(&stage));
        second.log_in(&link(&stage, &id).await?).await?;
        let list = second.ask("GET", "/console/v1/me/sessions", None).await?;
        let items = list.body["items"].as_array().context("sessions")?.clone();
        assert_eq!(
            (items.len(), items.iter().filter(|one| one["current"] == true).count()),
            (2, 1)
        );
        assert_eq!(items[0]["way"], "link");
        assert_eq!(items[0]["last_used_from"], "127.0.0.0/24");
        third.log_in(&link(&stage, &id).await?).await?;
        let statuses = async |browsers: [&Browser; 3]| {
            let mut found = Vec::new();
            for browser in browsers {
                found.push(browser.ask("GET", "/console/v1/me", None).await?.status);
            }
            anyhow::Ok(found)
        };
        let found = statuses([&first, &second, &third]).await?;
        assert_eq!(found.iter().filter(|status| **status == 200).count(), 2, "{found:?}");
        assert_eq!(found[2], 200, "the newest stays");
        // A browser ends its own: it logs out.
        let mine = third.ask("GET", "/console/v1/me", None).await?.body["credential_id"].clone();
        let path = format!("/console/v1/me/sessions/{}", mine.as_str().context("an id")?);
        let out = third.ask("DELETE", &path, None).await?;
        assert_eq!(out.status, 204);
        let set = field(&out, "set-cookie").context("a cookie")?;
        assert!(set.starts_with("stagedoor-dev=;") && set.contains("Max-Age=0"), "{set}");
        assert_eq!(code(&third.ask("GET", "/console/v1/me", None).await?), expired());
        // An owner lists and ends anybody's.
        let path = format!("/v1/operators/{id}/sessions");
        let left = stage.operator().get(200, "GET", &path, None).await?;
        let left = left["items"].as_array().context("sessions")?.clone();
        assert_eq!(left.len(), 1);
        let one = format!("{path}/{}", left[0]["id"].as_str().context("an id")?);
        stage.operator().get(204, "DELETE", &one, None).await?;
        assert_eq!(
            stage.operator().ask("DELETE", &one, None).await?.problem(),
            (404, "session_unknown")
        );
        assert_eq!(statuses([&first, &second, &third]).await?, [401, 401, 401]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn logging_in_again_ends_the_session_that_the_browser_had() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, mut browser) = person(&stage, "maria", "viewer").await?;
        let before = browser.clone();
        browser.log_in(&link(&stage, &id).await?).await?;
        assert_ne!(before.cookie, browser.cookie);
        assert_eq!(code(&before.ask("GET", "/console/v1/me", None).await?), expired());
        assert_eq!(browser.ask("GET", "/console/v1/me", None).await?.status, 200);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_login_of_the_last_ten_minutes() -> Result<()> {
    within(async {
        let stage = Stage::start().await?;
        let (id, browser) = person(&stage, "maria", "owner").await?;
        operator(&stage, "bob", "person", "viewer").await?;
        let clock = stage.running.bus.clock();
        clock.put(600_000);
        let app = format!("/console/v1/apps/{}", stage.app);
        let room = format!("{app}/rooms/lobby");
        let line = format!("{app}/keys/lines/x");
        let retire = format!("{app}/keys/x/retire");
        let rotate = format!("{app}/keys/rotate");
        let required = (403, "confirmation_required".to_owned());
        let acts: [(&str, &str, Option<Value>); 6] = [
            ("DELETE", &app, None),
            ("DELETE", &room, None),
            ("DELETE", &line, None),
            ("POST", &retire, None),
            ("POST", &rotate, Some(json!({"compromised": true}))),
            ("DELETE", "/console/v1/operators/bob", None),
        ];
        for (method, path, body) in &acts {
            let answer = browser.ask(method, path, body.as_ref()).await?;
            assert_eq!(code(&answer), required, "{method} {path}");
        }
        let name = json!({"name": "another"});
        let harmless = browser.ask("PATCH", &app, Some(&name)).await?;
        assert_eq!(harmless.status, 200, "what can be undone needs none");
        let mut again = browser.clone();
        again.log_in(&link(&stage, &id).await?).await?;
        let done = again.ask("DELETE", "/console/v1/operators/bob", None).await?;
        assert_eq!(done.status, 204, "{}", done.body);
        assert_eq!(again.ask("DELETE", &app, None).await?.status, 204);
        Ok(())
    })
    .await
}
