//! How credentials live: their end, rotations with an overlap, and what is kept of their uses.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stagedoor_bus::Bus as _;
use stagedoor_relay::ClientAddress;
use stagedoor_tests::{Answer, member::PATIENCE};
use tokio::time::Instant;

use super::{Open, text, within};

const DAY_S: u64 = 86_400;
const DAY_MS: i64 = 86_400_000;

impl Open {
    /// A request with a credential, from an address.
    async fn from(&self, credential: &str, address: &str) -> Result<Answer> {
        let path = format!("/v1/apps/{}/keys", self.stage.app);
        let field = format!("X-Forwarded-For: {address}\r\n");
        self.with(credential).ask_with("GET", &path, &field, None).await
    }

    async fn rotate(&self, id: &str, overlap_s: u64) -> Result<String> {
        let path = format!("/v1/apps/{}/api-keys/{id}/rotate", self.stage.app);
        let body = json!({"overlap_s": overlap_s});
        let rotated = self.stage.operator().get(200, "POST", &path, Some(&body)).await?;
        Ok(text(&rotated["api_key"]).to_owned())
    }

    async fn listed(&self, id: &str) -> Result<Value> {
        let path = format!("/v1/apps/{}/api-keys", self.stage.app);
        let list = self.stage.operator().get(200, "GET", &path, None).await?;
        let items = list["items"].as_array().context("items")?;
        items.iter().find(|key| key["id"] == id).cloned().context("it is listed")
    }

    fn shift(&self, by_ms: i64) {
        self.stage.running.bus.clock().put(by_ms);
    }
}

async fn behind_a_proxy() -> Result<Open> {
    let trusted = "127.0.0.1".parse()?;
    Open::start(|config| {
        config.listen.trusted_proxies = vec![trusted];
        config.listen.client_address = ClientAddress::XForwardedFor;
        config.server.revocation_prune_interval_s = 1;
    })
    .await
}

#[tokio::test]
async fn an_api_key_ends_after_a_year_unless_it_says_otherwise() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let created_ms = |made: &Value| made["created_ms"].as_u64().unwrap_or_default();
        for (fields, ttl_s) in [
            (json!({}), Some(365 * DAY_S)),
            (json!({"ttl_s": 60}), Some(60)),
            (json!({"ttl_s": 0}), None),
        ] {
            let made = open.api_key(fields).await?;
            let listed = open.listed(text(&made["id"])).await?;
            let expires_ms = ttl_s.map(|ttl_s| created_ms(&listed) + ttl_s * 1_000);
            assert_eq!(listed["expires_ms"].as_u64(), expires_ms);
        }
        let strict = Open::start(|config| {
            config.server.credential_ttl_s_default = 0;
            config.server.credential_ttl_s_max = 90 * DAY_S;
        })
        .await?;
        let made = strict.api_key(json!({})).await?;
        let listed = strict.listed(text(&made["id"])).await?;
        assert_eq!(listed["expires_ms"].as_u64(), Some(created_ms(&listed) + 90 * DAY_S * 1_000));
        let path = format!("/v1/apps/{}/api-keys", strict.stage.app);
        for ttl_s in [0, 90 * DAY_S + 1, u64::MAX] {
            let body = json!({"name": "n", "scopes": ["rooms:read"], "ttl_s": ttl_s});
            let answer = strict.stage.operator().ask("POST", &path, Some(&body)).await?;
            assert_eq!(answer.problem(), (422, "expires_invalid"), "{ttl_s}");
            assert_eq!(answer.body["field"], "ttl_s");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_end_of_a_credential_is_announced_once() -> Result<()> {
    within(async {
        let open = behind_a_proxy().await?;
        let field = "stagedoor-credential-expires";
        let far = open.api_key(json!({"ttl_s": 15 * DAY_S})).await?;
        let announced = async |id: &str| -> Result<usize> {
            let path = format!("/v1/apps/{}/audit?kind=credential.expiring", open.stage.app);
            let trail = open.stage.operator().get(200, "GET", &path, None).await?;
            let detail = format!("api_key={id} days=");
            let items = trail["items"].as_array().context("items")?;
            Ok(items.iter().filter(|item| text(&item["detail"]).starts_with(&detail)).count())
        };
        let mut ids = Vec::new();
        for _ in 0..2 {
            let near = open.api_key(json!({"ttl_s": 13 * DAY_S})).await?;
            let answer = open.from(text(&near["api_key"]), "192.0.2.1").await?;
            let expires_s = near["expires_ms"].as_u64().context("an end")? / 1_000;
            assert_eq!(answer.field(field), Some(&*expires_s.to_string()));
            ids.push(text(&near["id"]).to_owned());
            let patience = Instant::now() + PATIENCE;
            // There is no event when the task has run.
            while announced(&ids[ids.len() - 1]).await? == 0 {
                ensure!(Instant::now() < patience, "nothing is announced");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
        // The task has run again meanwhile.
        assert_eq!((announced(&ids[0]).await?, announced(text(&far["id"])).await?), (1, 0));
        assert_eq!(open.from(text(&far["api_key"]), "192.0.2.1").await?.field(field), None);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_old_secret_lives_on_for_its_overlap() -> Result<()> {
    within(async {
        let open = Open::start(|_| {}).await?;
        let made = open.api_key(json!({})).await?;
        let (first, id) = (text(&made["api_key"]), text(&made["id"]));
        let second = open.rotate(id, 3_600).await?;
        assert_eq!(open.listed(id).await?["old_secret"]["last_used_ms"], Value::Null);
        assert_eq!((open.tried(first).await?.0, open.tried(&second).await?.0), (200, 200));
        assert!(open.listed(id).await?["old_secret"]["last_used_ms"].is_u64());
        // A jump of the clock ends it, and back brings it back.
        for (by_ms, status) in [(3_599_000, 200), (2_000, 401), (-3_601_000, 200)] {
            open.shift(by_ms);
            assert_eq!((open.tried(first).await?.0, open.tried(&second).await?.0), (status, 200));
        }
        // The overlap of an overlap: the oldest ends.
        let third = open.rotate(id, 3_600).await?;
        let mut statuses = Vec::new();
        for secret in [first, &second, &third] {
            statuses.push(open.tried(secret).await?.0);
        }
        assert_eq!(statuses, [401, 200, 200]);
        let fourth = open.rotate(id, 0).await?;
        let mut statuses = Vec::new();
        for secret in [first, &second, &third, &fourth] {
            statuses.push(open.tried(secret).await?.0);
        }
        assert_eq!(statuses, [401, 401, 401, 200]);
        assert_eq!(open.listed(id).await?["old_secret"], Value::Null);
        let path = format!("/v1/apps/{}/api-keys/{id}/rotate", open.stage.app);
        let beyond = json!({"overlap_s": 7 * DAY_S + 1});
        let beyond = open.stage.operator().ask("POST", &path, Some(&beyond)).await?;
        assert_eq!(beyond.problem(), (422, "overlap_invalid"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rotations_at_once_two_secrets_are_left() -> Result<()> {
    within(async {
        let open = std::sync::Arc::new(Open::start(|_| {}).await?);
        let made = open.api_key(json!({})).await?;
        let id = text(&made["id"]).to_owned();
        let tasks = (0..20).map(|_| {
            let (open, id) = (open.clone(), id.clone());
            tokio::spawn(async move { open.rotate(&id, 3_600).await })
        });
        let mut all = vec![text(&made["api_key"]).to_owned()];
        for task in tasks.collect::<Vec<_>>() {
            all.push(task.await??);
        }
        let good = async || {
            let mut good = Vec::new();
            for secret in &all {
                match open.tried(secret).await? {
                    (200, _) => good.push(secret.clone()),
                    (status, code) => assert_eq!((status, &*code), (401, "credential_invalid")),
                }
            }
            anyhow::Ok(good)
        };
        let two = good().await?;
        assert_eq!(two.len(), 2, "the last one, and the one before it");
        assert!(!two.contains(&all[0]), "the first was 20 rotations ago");
        let latest = open.rotate(&id, 3_600).await?;
        assert_eq!(open.tried(&latest).await?.0, 200);
        let left = good().await?;
        assert!(left.len() == 1 && two.contains(&left[0]), "the one before the latest");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_new_address_and_a_long_sleep_are_recorded() -> Result<()> {
    within(async {
        let open = behind_a_proxy().await?;
        let made = open.api_key(json!({"ttl_s": 0})).await?;
        let (key, id) = (text(&made["api_key"]), text(&made["id"]));
        for address in ["192.0.2.1", "192.0.2.77", "198.51.100.9", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(open.from(key, address).await?.status, 200);
        }
        assert_eq!(open.listed(id).await?["last_used_from"], "2001:db8::/56");
        open.shift(91 * DAY_MS);
        assert_eq!(open.from(key, "198.51.100.1").await?.status, 200);
        open.shift(-91 * DAY_MS);
        assert_eq!(open.from(key, "198.51.100.1").await?.status, 200);
        let mut told = Vec::new();
        for kind in ["credential.new_address", "credential.woken"] {
            let path = format!("/v1/apps/{}/audit?kind={kind}", open.stage.app);
            let trail = open.stage.operator().get(200, "GET", &path, None).await?;
            for item in trail["items"].as_array().context("items")?.iter().rev() {
                assert_eq!((&item["actor"], &item["actor_kind"]), (&json!(id), &json!("api_key")));
                told.push(format!("{} {}", text(&item["detail"]), text(&item["peer"])));
            }
        }
        assert_eq!(
            told,
            [
                "network=198.51.100.0/24 198.51.100.9",
                "network=2001:db8::/56 2001:db8::1",
                "slept_days=91 198.51.100.1",
            ]
        );
        let mut kept = String::new();
        for net in 0..40 {
            open.from(key, &format!("203.0.{net}.1")).await?;
        }
        let mut database = open.database().await?;
        let query = sqlx::query_scalar("SELECT networks FROM api_keys WHERE id = ?").bind(id);
        kept += &query.fetch_one(&mut database).await.map(|text: String| text)?;
        assert_eq!(serde_json::from_str::<Vec<Value>>(&kept)?.len(), 32);
        Ok(())
    })
    .await
}
