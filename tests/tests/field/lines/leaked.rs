//! A key that leaked is ended by one request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use stagedoor_tests::{Member, Stage};
use stagedoor_token::{Claims, Key, mint};

use super::{Keys, text, within};

const SEATS: usize = 100;

async fn join(keys: &Keys, key: &Key, user: &str) -> Result<Member> {
    join_as(keys, key, user, "audience", |_| {}).await
}

/// A member in a seat by a token of this key.
async fn join_as(
    keys: &Keys,
    key: &Key,
    user: &str,
    role: &str,
    change: impl FnOnce(&mut Claims),
) -> Result<Member> {
    let mut claims = Claims { jti: format!("t-{user}"), ..keys.stage.claims("hall", user, role)? };
    change(&mut claims);
    let mut member = keys.stage.connect().await?;
    member.log_in(&mint(&claims, key)?).await?;
    Ok(member)
}

/// The seats of these users: each with its token, and since when it is taken.
async fn seats_of(keys: &Keys, users: &[&str]) -> Result<Vec<Value>> {
    let path = format!("/v1/apps/{}/rooms/hall", keys.stage.app);
    let room = keys.operator.get(200, "GET", &path, None).await?;
    let members = room["members"].as_array().context("members")?.iter();
    Ok(members
        .filter(|seat| users.iter().any(|user| seat["member"]["user"] == **user))
        .cloned()
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_is_ended_by_one_request() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let team = keys.key_of(&keys.make(json!({"line": "team"})).await?)?;
        let leaked = keys.stage.key.clone();
        // They come first, so that they are on the first page of the room's members.
        let mut other = join(&keys, &team, "other").await?;
        let mut speaker = join_as(&keys, &team, "speaker", "host", |_| {}).await?;
        let stream = speaker.publish("words", json!({})).await?;
        other.subscribe(&["words"]).await?;
        speaker.frame(stream, true, b"before").await?;
        let seats = seats_of(&keys, &["other", "speaker"]).await?;
        assert_eq!(seats.len(), 2);
        let mut of_leaked = Vec::new();
        for n in 0..SEATS {
            of_leaked.push(join(&keys, &leaked, &format!("l{n}")).await?);
        }
        let token = keys.token(&leaked)?;
        let watching = of_leaked.into_iter().map(|mut member| {
            tokio::spawn(async move { anyhow::Ok((member.closed().await?.reason, Instant::now())) })
        });
        let watching: Vec<_> = watching.collect();
        let rotated = keys.rotate(json!({"compromised": true})).await?;
        let answered = Instant::now();
        assert_eq!(keys.log_in(&token).await?, "token_invalid", "from the answer on");
        assert_eq!(
            (&rotated["retired"], &rotated["retiring"]),
            (&json!(leaked.kid()), &Value::Null)
        );
        assert_eq!(rotated["seats"], SEATS);
        let mut late = Vec::new();
        for closed in watching {
            let (reason, at) = closed.await??;
            assert_eq!(reason, "token_revoked");
            late.push(at.saturating_duration_since(answered));
        }
        late.sort();
        assert!(late[SEATS * 99 / 100 - 1] < Duration::from_millis(100), "{late:?}");
        speaker.frame(stream, true, b"after").await?;
        for expected in [&b"before"[..], b"after"] {
            let (from, _, frame) = other.next_frame().await?;
            assert_eq!((from, &frame[..]), (stream, expected), "not one is lost");
        }
        assert_eq!(seats_of(&keys, &["other", "speaker"]).await?, seats, "untouched");
        assert_eq!(keys.login(&team).await?, "ok", "other keys go on");
        let app = format!("/v1/apps/{}", keys.stage.app);
        let records = keys.operator.records(&format!("{app}/audit?kind=key.rotate"), 1).await?;
        assert_eq!(records.len(), 1, "one act, one record");
        assert!(text(&records[0], "detail")?.contains("compromised generation=1"));
        let revocations =
            keys.operator.get(200, "GET", &format!("{app}/revocations"), None).await?;
        let revocations = revocations["items"].as_array().context("revocations")?;
        assert_eq!(revocations.len(), 1);
        assert_eq!(revocations[0]["target"], json!({"key": leaked.kid()}));
        let added = format!("{app}/audit?kind=revocation.add");
        assert_eq!(keys.operator.records(&added, 0).await?, Vec::<Value>::new());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_forgers_seat_ends_whatever_its_token_says() -> Result<()> {
    within(async {
        for is_reported in [false, true] {
            let keys = Keys::start().await?;
            let stolen = keys.stage.key.clone();
            let set = |generation: Option<u64>, later_s: u64| {
                move |claims: &mut Claims| {
                    claims.generation = generation;
                    claims.iat += later_s;
                    claims.exp += later_s;
                }
            };
            let mut forgers = Vec::new();
            for (user, generation, later_s) in
                [("e1", Some(1 << 53), 0), ("e2", Some(u64::MAX), 0), ("e3", None, 8)]
            {
                let change = set(generation, later_s);
                forgers.push(join_as(&keys, &stolen, user, "host", change).await?);
            }
            let seats = if is_reported {
                let body = json!({"credentials": [keys.stage.secret]});
                let path = "/v1/leaks";
                keys.operator.get(200, "POST", path, Some(&body)).await?["items"][0]["seats"]
                    .clone()
            } else {
                keys.rotate(json!({"compromised": true})).await?["seats"].clone()
            };
            assert_eq!(seats, 3, "reported: {is_reported}");
            for mut forger in forgers {
                let closed = forger.closed().await?;
                // With a token of the new key its user may come back.
                assert_eq!((closed.code, &*closed.reason), (4205, "token_revoked"));
            }
            let app = format!("/v1/apps/{}", keys.stage.app);
            let listed = keys.operator.get(200, "GET", &format!("{app}/revocations"), None).await?;
            let entry = &listed["items"][0];
            assert_eq!(entry["target"], json!({"key": stolen.kid()}));
            assert_eq!(entry["ban"], true);
            let ends = entry["ends_at"].as_u64().context("an end")?;
            assert_eq!(ends, entry["at"].as_u64().context("a time")? + 86_410);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_leak_is_ended_when_the_app_is_full() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.server.keys_per_app_max = 2;
            config.server.revocations_per_app_max = 1;
        });
        let keys = Keys::of(stage.await?).await?;
        keys.make(json!({})).await?;
        let app = format!("/v1/apps/{}", keys.stage.app);
        let revoke = json!({"target": {"user": "u"}});
        keys.operator.get(201, "POST", &format!("{app}/revocations"), Some(&revoke)).await?;
        for _ in 0..3 {
            let rotated = keys.rotate(json!({"compromised": true})).await?;
            assert_eq!(keys.state(text(&rotated, "retired")?).await?, "retired");
        }
        Ok(())
    })
    .await
}
