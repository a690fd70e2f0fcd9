//! Token04: tokens of ZEGOCLOUD's form at the door, made here without our code, with an imported secret.

use std::{future::Future, time::Duration};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::{Value, json};
use stagedoor_tests::{Caller, Member, Stage, stage::now_s};

const SECRET: &str = "fa94dd0f974cf2e293728a526b028271";

async fn within<T>(test: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, test).await.with_context(|| format!("not done in {limit:?}"))?
}

/// What ZEGOCLOUD's generators do in GCM.
fn generate(secret: &str, plain: &Value) -> Result<String> {
    let key = UnboundKey::new(&AES_256_GCM, secret.as_bytes()).ok().context("a key")?;
    let nonce: [u8; 12] = std::array::from_fn(|at| at as u8 + 65);
    let mut sealed = plain.to_string().into_bytes();
    let sealing = LessSafeKey::new(key).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut sealed,
    );
    sealing.ok().context("sealed")?;
    let mut body = plain["expire"].as_i64().context("an end")?.to_be_bytes().to_vec();
    body.extend(12_u16.to_be_bytes());
    body.extend(nonce);
    body.extend(u16::try_from(sealed.len())?.to_be_bytes());
    body.extend(sealed);
    body.push(1);
    Ok(format!("04{}", STANDARD.encode(body)))
}

/// An app that takes Token04 with an imported secret.
struct Scene {
    stage: Stage,
    operator: Caller,
    path: String,
    kid: String,
}

impl Scene {
    async fn start(accept: &str) -> Result<Self> {
        let stage = Stage::start().await?;
        let (operator, path) = (stage.operator(), format!("/v1/apps/{}", stage.app));
        let key = json!({"alg": "token04", "secret": SECRET});
        let made = operator.get(201, "POST", &format!("{path}/keys"), Some(&key)).await?;
        assert_eq!((&made["line"], &made["state"]), (&json!("token04"), &json!("current")));
        assert_eq!(made["secret"], Value::Null, "the caller has it");
        let kid = made["kid"].as_str().context("an id")?.to_owned();
        let scene = Self { stage, operator, path, kid };
        scene.set(json!({ "accept": accept })).await?;
        Ok(scene)
    }

    async fn set(&self, setting: Value) -> Result<Value> {
        let change = json!({ "token04": setting });
        let app = self.operator.get(200, "PATCH", &self.path, Some(&change)).await?;
        Ok(app["token04"].clone())
    }

    /// The plaintext of a token for ten minutes, with fields replaced.
    fn plain(&self, payload: &str, more: Value) -> Value {
        let now_s = now_s();
        let mut plain = json!({
            "app_id": self.stage.app.0, "user_id": "anna", "nonce": 7, "ctime": now_s, "expire": now_s + 600,
            "payload": payload,
        });
        if let Value::Object(more) = more {
            more.into_iter().for_each(|(name, value)| plain[name] = value);
        }
        plain
    }

    fn token(&self, payload: &Value, more: Value) -> Result<String> {
        generate(SECRET, &self.plain(&payload.to_string(), more))
    }

    fn host(&self) -> Result<String> {
        self.token(&privileges(1, 1, json!(["s1"])), json!({}))
    }

    /// The code with which a login ends, or `ok`.
    async fn login(&self, token: &str) -> Result<String> {
        self.login_with(token, json!({})).await
    }

    async fn login_with(&self, token: &str, more: Value) -> Result<String> {
        let mut member = Member::connect(self.stage.running.http).await?;
        let mut request = json!({"op": "login", "token": token});
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        let answer = member.ask(request).await?;
        let code = answer["error"]["code"].as_str().unwrap_or("ok");
        Ok(code.to_owned())
    }

    async fn revoke(&self, target: Value) -> Result<()> {
        let body = json!({ "target": target });
        let path = format!("{}/revocations", self.path);
        self.operator.get(201, "POST", &path, Some(&body)).await.map(drop)
    }

    async fn verify(&self, token: &str) -> Result<Value> {
        let path = format!("{}/tokens/verify", self.path);
        self.operator.get(200, "POST", &path, Some(&json!({ "token": token }))).await
    }

    /// The newest record of a refused login.
    async fn refused(&self) -> Result<Value> {
        let path = format!("{}/audit?kind=door&limit=1", self.path);
        self.operator.records(&path, 1).await?.pop().context("a record")
    }
}

fn privileges(login: u8, publish: u8, streams: Value) -> Value {
    let mut payload = json!({"room_id": "lobby", "privilege": {"1": login, "2": publish}});
    payload["stream_id_list"] = streams;
    payload
}

#[tokio::test]
async fn a_token_of_an_imported_secret_joins_and_publishes() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let mut member = Member::connect(scene.stage.running.http).await?;
        let seat = member.log_in(&scene.host()?).await?;
        assert_eq!((&seat["room"], &seat["user"]), (&json!("lobby"), &json!("anna")));
        assert_eq!(seat["role"], "host");
        assert_eq!(seat["grants"]["publish"]["streams"], json!(["s1"]));
        member.publish("s1", json!({})).await?;
        let other = json!({"op": "publish", "stream": "s2", "kind": "data"});
        assert_eq!(member.code(other).await?, "publish_denied");
        let next = scene.token(&privileges(1, 0, Value::Null), json!({"nonce": -8}))?;
        let renewed = member.ok(json!({"op": "renew", "token": next})).await?;
        assert_eq!(renewed["role"], "audience", "without privilege 2");
        let mut other = Member::connect(scene.stage.running.http).await?;
        let audience = scene.token(&privileges(1, 0, json!([])), json!({"user_id": "ben"}))?;
        assert_eq!(other.log_in(&audience).await?["role"], "audience");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_token04_opens_nothing_where_it_is_off() -> Result<()> {
    within(async {
        let scene = Scene::start("off").await?;
        let token = scene.host()?;
        assert_eq!(scene.login(&token).await?, "token_invalid");
        assert_eq!(scene.set(json!({"accept": "gcm"})).await?["warning"], Value::Null);
        assert_eq!(scene.login(&token).await?, "ok");
        let legacy = scene.set(json!({"accept": "legacy"})).await?;
        assert!(legacy["warning"].as_str().is_some_and(|text| text.contains("CBC")), "{legacy}");
        let wrong = json!({"token04": {"accept": "gcm", "publish": "king"}});
        let refused = scene.operator.ask("PATCH", &scene.path, Some(&wrong)).await?;
        assert_eq!(refused.problem(), (422, "role_unknown"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn refusals_tell_what_is_proven_and_the_trail_the_rest() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let room = privileges(1, 1, Value::Null);
        let other = generate(&"x".repeat(32), &scene.plain(&room.to_string(), json!({})))?;
        assert_eq!(scene.login(&other).await?, "token_invalid");
        let record = scene.refused().await?;
        assert_eq!(
            (&record["code"], &record["user"]),
            (&json!("token04_tag_invalid"), &Value::Null)
        );
        let past = json!({"ctime": now_s() - 90, "expire": now_s() - 30});
        let bad = json!({"room_id": "lobby", "privilege": {"1": 1}, "stream_id_list": ["a b"]});
        for (token, code) in [
            (scene.token(&privileges(0, 1, Value::Null), json!({}))?, "token04_login_denied"),
            (scene.token(&room, json!({"app_id": 1}))?, "app_mismatch"),
            (scene.token(&room, past)?, "token_expired"),
            (scene.token(&room, json!({"expire": now_s() + 90_000}))?, "lifetime_too_long"),
            (scene.token(&room, json!({"ctime": now_s() + 60}))?, "token_not_yet_valid"),
            (scene.token(&bad, json!({}))?, "token04_stream_invalid"),
            (generate(SECRET, &scene.plain("", json!({})))?, "token04_basic_refused"),
            ("04".into(), "token_invalid"),
            (format!("{}A", scene.host()?), "token_invalid"),
        ] {
            assert_eq!(scene.login(&token).await?, code);
            let said = scene.verify(&token).await?;
            assert_eq!((&said["valid"], &said["public_code"]), (&json!(false), &json!(code)));
        }
        let mismatch = json!({"room": "hall"});
        assert_eq!(scene.login_with(&scene.host()?, mismatch).await?, "room_mismatch");
        let said = scene.verify(&scene.host()?).await?;
        assert_eq!((&said["code"], &said["claims"]["role"]), (&json!("ok"), &json!("host")));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_basic_token_needs_the_switch_and_a_room() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        scene.set(json!({"accept": "gcm", "basic": true})).await?;
        let token = generate(SECRET, &scene.plain("", json!({})))?;
        assert_eq!(scene.login(&token).await?, "token04_room_missing");
        assert_eq!(scene.login_with(&token, json!({"room": "lobby"})).await?, "ok");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_target_of_a_revocation_hits_a_token04() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let host = scene.host()?;
        let id = scene.verify(&host).await?["claims"]["jti"].as_str().context("an id")?.to_owned();
        scene.revoke(json!({ "jti": id })).await?;
        assert_eq!(scene.login(&host).await?, "token_revoked");
        for (at, target) in [
            json!({"user": "user-0"}),
            json!({"room": "lobby"}),
            json!({"role": "host"}),
            json!({"key": scene.kid}),
            json!("app"),
        ]
        .into_iter()
        .enumerate()
        {
            // A later issue time than that of the revocations before, within the leeway.
            let ctime = now_s() + at as u64 + 1;
            let user = format!("user-{at}");
            let more = json!({"user_id": user, "ctime": ctime});
            let token = scene.token(&privileges(1, 1, Value::Null), more)?;
            assert_eq!(scene.login(&token).await?, "ok", "before {target}");
            let old = json!({"user_id": user, "nonce": 9, "ctime": now_s() - 1});
            let old = scene.token(&privileges(1, 1, Value::Null), old)?;
            scene.revoke(target.clone()).await?;
            assert_eq!(scene.login(&old).await?, "token_revoked", "{target}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn retiring_secrets_open_and_retired_ones_do_not() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let token = scene.host()?;
        let rotate = format!("{}/keys/rotate", scene.path);
        let line = json!({"line": "token04"});
        let rotated = scene.operator.get(200, "POST", &rotate, Some(&line)).await?;
        let made = rotated["created"]["secret"].as_str().context("a secret")?;
        assert_eq!(made.len(), 32);
        assert_eq!(scene.login(&token).await?, "ok");
        let plain = scene.plain(&privileges(1, 1, Value::Null).to_string(), json!({}));
        assert_eq!(scene.login(&generate(made, &plain)?).await?, "ok");
        let retire = format!("{}/keys/{}/retire", scene.path, scene.kid);
        scene.operator.get(200, "POST", &retire, None).await?;
        assert_eq!(scene.login(&token).await?, "token_invalid");
        for _ in 0..3 {
            scene.operator.get(200, "POST", &rotate, Some(&line)).await?;
        }
        let fifth = scene.operator.ask("POST", &rotate, Some(&line)).await?;
        assert_eq!(fifth.problem(), (409, "keys_exceeded"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_secret_of_one_kind_is_never_one_of_the_other() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let keys = format!("{}/keys", scene.path);
        for (new, code) in [
            (json!({"alg": "token04", "secret": "short"}), "token04_secret_invalid"),
            (json!({"alg": "token04", "secret": SECRET}), "token04_secret_invalid"),
            (json!({"alg": "HS256", "secret": "a".repeat(32)}), "token04_secret_invalid"),
            (json!({"alg": "token04", "line": "main"}), "line_invalid"),
            (json!({"alg": "HS256", "line": "token04"}), "line_invalid"),
        ] {
            let refused = scene.operator.ask("POST", &keys, Some(&new)).await?;
            assert_eq!(refused.problem(), (422, code), "{new}");
        }
        let claims = scene.stage.claims_with(&json!({}))?;
        let signed = stagedoor_tests::stage::sign(&scene.kid, SECRET.as_bytes(), &claims);
        assert_eq!(scene.login(&signed).await?, "token_invalid");
        let listed = scene.operator.get(200, "GET", &keys, None).await?.to_string();
        assert!(!listed.contains(SECRET));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_minted_token04_joins_and_what_it_cannot_say_is_refused() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let path = format!("{}/tokens", scene.path);
        let with = |more: Value| {
            let mut new =
                json!({"form": "token04", "room": "lobby", "user": "anna", "role": "host"});
            for (name, value) in more.as_object().into_iter().flatten() {
                new[name] = value.clone();
            }
            new
        };
        scene.revoke(json!({"user": "anna"})).await?;
        let streams = json!({"grants": {"publish": {"streams": ["s1"]}}});
        let made = scene.operator.get(201, "POST", &path, Some(&with(streams))).await?;
        let token = made["token"].as_str().context("a token")?;
        assert!(token.starts_with("04"));
        let mut member = Member::connect(scene.stage.running.http).await?;
        let seat = member.log_in(token).await?;
        assert_eq!(seat["grants"]["publish"]["streams"], json!(["s1"]));
        assert_eq!(scene.verify(token).await?["claims"]["jti"], made["jti"]);
        for more in [
            json!({"once": true}),
            json!({"role": "speaker"}),
            json!({"max_stay": 5}),
            json!({"name": "Anna"}),
            json!({"cnf": {"jkt": "A".repeat(43)}}),
            json!({"grants": {"publish": {"streams": ["s*"]}}}),
            json!({"grants": {"subscribe": {"streams": ["s1"]}}}),
            json!({"role": "audience", "grants": {"publish": {"streams": ["s1"]}}}),
        ] {
            let refused = scene.operator.ask("POST", &path, Some(&with(more.clone()))).await?;
            assert_eq!(refused.problem(), (422, "token04_cannot"), "{more}");
        }
        scene.set(json!({"accept": "off"})).await?;
        let off = scene.operator.ask("POST", &path, Some(&with(json!({})))).await?;
        assert_eq!(off.problem(), (422, "token04_cannot"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn many_apps_are_told_apart_by_the_login() -> Result<()> {
    within(async {
        let scene = Scene::start("gcm").await?;
        let token = scene.host()?;
        for _ in 0..2 {
            let new = json!({"name": "other"});
            let made = scene.operator.get(201, "POST", "/v1/apps", Some(&new)).await?;
            let path = format!("/v1/apps/{}", made["app"]);
            let change = json!({"token04": {"accept": "gcm"}});
            scene.operator.get(200, "PATCH", &path, Some(&change)).await?;
            let key = json!({"alg": "token04"});
            scene.operator.get(201, "POST", &format!("{path}/keys"), Some(&key)).await?;
            for _ in 0..3 {
                let rotate = format!("{path}/keys/rotate");
                let line = json!({"line": "token04"});
                scene.operator.get(200, "POST", &rotate, Some(&line)).await?;
            }
        }
        assert_eq!(scene.login(&token).await?, "token_invalid", "nine secrets");
        let named = json!({"app": scene.stage.app.0});
        assert_eq!(scene.login_with(&token, named).await?, "ok");
        assert_eq!(scene.login_with(&token, json!({"app": 1})).await?, "token_invalid");
        Ok(())
    })
    .await
}
