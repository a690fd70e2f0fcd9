//! What a key, a line and a set of public keys may look like, and what is refused.

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use stagedoor_tests::{Stage, member::http_get};

use super::{Keys, text, within};

/// Ed25519's base point, and a point of P-256 (RFC 7517 §A.1).
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const P256: (&str, &str) =
    ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": X})
}

#[tokio::test]
async fn a_line_has_its_own_current_and_next_key() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let team = keys.make(json!({"line": "team-a"})).await?;
        assert_eq!((&team["line"], &team["state"]), (&json!("team-a"), &json!("current")));
        assert_eq!(keys.login(&keys.key_of(&team)?).await?, "ok");
        let main = keys.make(Value::Null).await.err();
        assert!(main.is_some(), "a body of null is none");
        let next = keys.make(json!({})).await?;
        assert_eq!((&next["line"], &next["state"]), (&json!("main"), &json!("next")));
        let other = keys.make(json!({"line": "team-a"})).await?;
        assert_eq!(other["state"], "next");
        for line in ["main", "team-a"] {
            let third = keys.ask("POST", "", json!({"line": line})).await?;
            assert_eq!(third.problem(), (409, "next_key_exists"));
        }
        let rotated = keys.rotate(json!({"line": "team-a"})).await?;
        assert_eq!((&rotated["current"], &rotated["retiring"]), (&other["kid"], &team["kid"]));
        assert_eq!(keys.state(keys.stage.key.kid()).await?, "current", "main goes its own way");
        assert_eq!(keys.state(text(&next, "kid")?).await?, "next");
        let minted = keys.minted().await?;
        let kid = stagedoor_token::kid_of_token(&minted).context("a kid")?;
        assert_eq!(kid, keys.stage.key.kid(), "the server mints with main");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn malformed_keys_and_lines_are_refused() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let with = |field: &str, value: Value| {
            let mut jwk = ed25519();
            jwk[field] = value;
            json!({ "jwk": jwk })
        };
        for (new, code) in [
            (json!({"line": ""}), "line_invalid"),
            (json!({"line": "Team"}), "line_invalid"),
            (json!({"line": "a".repeat(33)}), "line_invalid"),
            (json!({"alg": "none"}), "alg_unsupported"),
            (json!({"alg": "RS256"}), "alg_unsupported"),
            (json!({"alg": "ES256"}), "alg_unsupported"),
            (json!({"alg": "HS256", "jwk": ed25519()}), "alg_unsupported"),
            (json!({"alg": "ES256", "jwk": ed25519()}), "alg_unsupported"),
            (json!({"jwk": {}}), "jwk_invalid"),
            (json!({"jwk": [1]}), "jwk_invalid"),
            (json!({"jwk": {"kty": "oct", "k": X}}), "jwk_invalid"),
            (with("d", json!(X)), "jwk_invalid"),
            (with("use", json!("enc")), "jwk_invalid"),
            // On no curve; and of order 1.
            (with("x", json!("AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), "jwk_invalid"),
            (with("x", json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), "jwk_invalid"),
            (
                json!({"jwk": {"kty": "EC", "crv": "P-256", "x": P256.0, "y": P256.0}}),
                "jwk_invalid",
            ),
            (json!({"line": "a", "bounds": {"rooms": 1}}), "bounds_invalid"),
            (json!({"line": "a", "bounds": {"ranks": 1}}), "bounds_invalid"),
            (json!({"line": "a", "bounds": {"addresses": ["192.0.2.0/24"]}}), "bounds_invalid"),
            (json!({"bounds": {"ttl_s_max": 60}}), "bounds_invalid"),
            (json!({"secret": "x"}), "token04_secret_invalid"),
        ] {
            let answer = keys.ask("POST", "", new.clone()).await?;
            assert_eq!(answer.problem(), (422, code), "{new} {}", answer.body);
        }
        for (rest, body, status, code) in [
            ("/rotate", json!({"line": "Team"}), 422, "line_invalid"),
            ("/rotate", json!({"line": "team"}), 404, "key_unknown"),
            ("/rotate", json!({"alg": "ES256"}), 422, "alg_unsupported"),
            ("/k_none/retire", Value::Null, 404, "key_unknown"),
        ] {
            assert_eq!(keys.ask("POST", rest, body).await?.problem(), (status, code), "{rest}");
        }
        assert_eq!(keys.list().await?.len(), 1, "none was made");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_registered_public_key_signs_nothing_here() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let registered = keys.make(json!({"jwk": ed25519()})).await?;
        assert_eq!((&registered["alg"], &registered["state"]), (&json!("EdDSA"), &json!("next")));
        assert_eq!(
            (&registered["secret"], &registered["private_jwk"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(registered["public_jwk"]["kid"], registered["kid"]);
        let twice = keys.ask("POST", "", json!({"line": "b", "jwk": ed25519()})).await?;
        assert_eq!(twice.problem(), (422, "jwk_invalid"), "a leaked key would live on");
        keys.rotate(json!({})).await?;
        let path = format!("/v1/apps/{}/tokens", keys.stage.app);
        let asked = json!({"room": "r", "user": "u", "role": "host"});
        let mint = keys.operator.ask("POST", &path, Some(&asked)).await?;
        assert_eq!(mint.problem(), (409, "key_private_absent"));
        let kid = text(&registered, "kid")?;
        assert_eq!(keys.listed(kid).await?["signs_here"], false);
        assert_eq!(
            keys.ask("POST", "/rotate", json!({})).await?.problem(),
            (409, "key_private_absent")
        );
        keys.rotate(json!({"alg": "HS256"})).await?;
        assert_eq!(keys.log_in(&keys.minted().await?).await?, "ok");
        let es256 = json!({"kty": "EC", "crv": "P-256", "x": P256.0, "y": P256.1});
        let es256 = keys.make(json!({"line": "b", "alg": "ES256", "jwk": es256})).await?;
        assert_eq!((&es256["alg"], &es256["state"]), (&json!("ES256"), &json!("current")));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn keys_and_lines_have_their_limits() -> Result<()> {
    within(async {
        let stage = Stage::configured(|config| {
            config.server.keys_per_app_max = 4;
            config.server.lines_per_app_max = 2;
            config.server.retired_keys_per_app_max = 2;
        });
        let keys = Keys::of(stage.await?).await?;
        keys.make(json!({"line": "a"})).await?;
        let third = keys.ask("POST", "", json!({"line": "b"})).await?;
        assert_eq!(third.problem(), (409, "keys_exceeded"));
        for _ in 0..2 {
            keys.rotate(json!({})).await?;
        }
        assert_eq!(keys.ask("POST", "/rotate", json!({})).await?.problem(), (409, "keys_exceeded"));
        assert_eq!(keys.ask("POST", "", json!({})).await?.problem(), (409, "keys_exceeded"));
        for _ in 0..3 {
            keys.rotate(json!({"compromised": true})).await?;
        }
        let states: Vec<_> = keys.list().await?.iter().map(|key| key["state"].clone()).collect();
        let retired = states.iter().filter(|state| **state == "retired").count();
        assert_eq!((states.len(), retired), (6, 2), "older ones are deleted");
        assert_eq!(keys.ask("DELETE", "/lines/a", Value::Null).await?.status, 204);
        keys.make(json!({"line": "b"})).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bounds_belong_to_the_whole_line() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let bounds = json!({"rooms": ["team-a-*"], "ttl_s_max": 900});
        let first = keys.make(json!({"line": "a", "bounds": bounds})).await?;
        let next = keys.make(json!({"line": "a", "bounds": bounds})).await?;
        for made in [&first, &next] {
            assert_eq!(keys.listed(text(made, "kid")?).await?["bounds"], bounds);
        }
        keys.rotate(json!({"line": "a"})).await?;
        let made = keys.rotate(json!({"line": "a"})).await?;
        assert_eq!(keys.listed(text(&made, "current")?).await?["bounds"], bounds, "it inherits");
        let wide = json!({"bounds": {}});
        let changed = keys.ask("PATCH", "/lines/a", wide.clone()).await?;
        assert_eq!((changed.status, &changed.body), (200, &json!({"line": "a", "bounds": {}})));
        let listed = keys.list().await?;
        assert!(listed.iter().all(|key| key["bounds"] == json!({})), "{listed:?}");
        for (line, body, status, code) in [
            ("b", wide.clone(), 404, "key_unknown"),
            ("B", wide, 422, "line_invalid"),
            ("a", json!({"bounds": {"rank_max": "x"}}), 422, "bounds_invalid"),
            ("a", json!({}), 422, "body_invalid"),
        ] {
            let answer = keys.ask("PATCH", &format!("/lines/{line}"), body).await?;
            assert_eq!(answer.problem(), (status, code), "{line}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_line_that_is_ended_verifies_nothing() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let made = keys.make(json!({"line": "a", "bounds": {"rank_max": 9}})).await?;
        let main = keys.ask("DELETE", "/lines/main", Value::Null).await?;
        assert_eq!(main.problem(), (409, "key_current"));
        assert_eq!(keys.ask("DELETE", "/lines/a", Value::Null).await?.status, 204);
        assert_eq!(keys.login(&keys.key_of(&made)?).await?, "token_invalid");
        let again = keys.ask("DELETE", "/lines/a", Value::Null).await?;
        assert_eq!(again.problem(), (404, "key_unknown"));
        let fresh = keys.make(json!({"line": "a"})).await?;
        assert_eq!(keys.listed(text(&fresh, "kid")?).await?["bounds"], json!({}), "a new line");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_public_keys_are_there_for_everybody() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let path = format!("/v1/apps/{}/jwks.json", keys.stage.app);
        let get =
            |path: String| http_get(keys.stage.running.http, Box::leak(path.into_boxed_str()));
        let set = async |path: &str| -> Result<(String, Value)> {
            let answer = get(path.to_owned()).await?;
            let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
            assert!(head.contains("cache-control: public, max-age=300"), "{head}");
            let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).context("a tag")?;
            Ok((tag.to_owned(), serde_json::from_str(body)?))
        };
        let (empty_tag, empty) = set(&path).await?;
        assert_eq!(empty, json!({"keys": []}), "nothing of HS256");
        assert_eq!(set("/v1/apps/99/jwks.json").await?, (empty_tag.clone(), empty), "unknown app");
        let made = keys.make(json!({"alg": "EdDSA"})).await?;
        let team = keys.make(json!({"line": "b", "jwk": ed25519()})).await?;
        let (tag, both) = set(&path).await?;
        assert_ne!(tag, empty_tag);
        let mut public = both["keys"].as_array().context("keys")?.clone();
        public.sort_by_key(|key| key["kid"] != made["kid"]);
        assert_eq!(public, [made["public_jwk"].clone(), team["public_jwk"].clone()]);
        assert!(!both.to_string().contains("\"d\""));
        let known = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nIf-None-Match: {tag}\r\n\r\n"
        );
        let known = stagedoor_tests::member::http(keys.stage.running.http, &known).await?;
        assert!(known.starts_with("HTTP/1.1 304"), "{known}");
        let rotated = keys.rotate(json!({})).await?;
        assert_eq!(rotated["current"], made["kid"]);
        keys.rotate(json!({"alg": "EdDSA"})).await?;
        assert_eq!(set(&path).await?.1["keys"].as_array().map(Vec::len), Some(3), "retiring too");
        keys.ask("POST", &format!("/{}/retire", text(&made, "kid")?), Value::Null).await?;
        assert_eq!(set(&path).await?.1["keys"].as_array().map(Vec::len), Some(2));
        Ok(())
    })
    .await
}

/// A key of P-256 that a key service made, with its public JWK.
fn made_elsewhere() -> Result<(ring::signature::EcdsaKeyPair, Value)> {
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING as ES256, EcdsaKeyPair, KeyPair};
    let random = ring::rand::SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ES256, &random).map_err(|_| anyhow::anyhow!("no key"))?;
    let pair = EcdsaKeyPair::from_pkcs8(&ES256, pkcs8.as_ref(), &random)
        .map_err(|_| anyhow::anyhow!("no key"))?;
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    Ok((pair, json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})))
}

#[tokio::test]
async fn a_key_service_signs_within_the_bounds_of_its_line() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        let (pair, jwk) = made_elsewhere()?;
        let bounds = json!({"rooms": ["team-*"], "roles": ["audience"], "ttl_s_max": 600});
        let made = keys.make(json!({"line": "partner", "jwk": jwk, "bounds": bounds})).await?;
        let sign = |room: &str, role: &str| -> Result<String> {
            let header = json!({"alg": "ES256", "typ": "JWT", "kid": made["kid"]}).to_string();
            let claims = serde_json::to_string(&keys.stage.claims(room, "anna", role)?)?;
            let signed =
                format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
            let random = ring::rand::SystemRandom::new();
            let signature = pair.sign(&random, signed.as_bytes());
            let signature = signature.map_err(|_| anyhow::anyhow!("not signed"))?;
            Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
        };
        assert_eq!(keys.log_in(&sign("team-a", "audience")?).await?, "ok");
        for (room, role) in [("lobby", "audience"), ("team-a", "host")] {
            assert_eq!(
                keys.log_in(&sign(room, role)?).await?,
                "key_bounds_exceeded",
                "{room} {role}"
            );
        }
        let wider = json!({"bounds": {"rooms": ["team-*", "lobby"]}});
        assert_eq!(keys.ask("PATCH", "/lines/partner", wider).await?.status, 200);
        assert_eq!(keys.log_in(&sign("lobby", "host")?).await?, "ok", "from the answer on");
        let narrow = json!({"bounds": {"rank_max": 0}});
        assert_eq!(keys.ask("PATCH", "/lines/main", narrow).await?.status, 200);
        let path = format!("/v1/apps/{}/tokens", keys.stage.app);
        let asked = json!({"room": "r", "user": "u", "role": "host"});
        let mint = keys.operator.ask("POST", &path, Some(&asked)).await?;
        assert_eq!(mint.problem(), (403, "bounds_exceeded"), "what the door would refuse");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nobody_makes_a_line_wider_than_itself() -> Result<()> {
    within(async {
        let keys = Keys::start().await?;
        keys.make(json!({"line": "inner", "bounds": {"rooms": ["a-1"]}})).await?;
        let path = format!("/v1/apps/{}/api-keys", keys.stage.app);
        let bounds = json!({"rooms": ["a-*"]});
        let new = json!({"name": "n", "scopes": ["keys:manage"], "bounds": bounds});
        let made = keys.operator.get(201, "POST", &path, Some(&new)).await?;
        let credential = text(&made, "api_key")?.to_owned();
        let bounded = stagedoor_tests::Caller { credential, ..keys.operator.clone() };
        for (method, rest, body, problem) in [
            ("POST", "", json!({}), (403, "bounds_exceeded")),
            ("POST", "", json!({"line": "b"}), (422, "bounds_too_wide")),
            (
                "POST",
                "",
                json!({"line": "b", "bounds": {"rooms": ["b"]}}),
                (422, "bounds_too_wide"),
            ),
            ("POST", "/rotate", json!({}), (403, "bounds_exceeded")),
            ("PATCH", "/lines/main", json!({"bounds": bounds}), (403, "bounds_exceeded")),
            ("PATCH", "/lines/inner", json!({"bounds": {}}), (422, "bounds_too_wide")),
            ("POST", "", json!({"line": "c", "bounds": {"rooms": ["a-2"]}}), (201, "none")),
            ("POST", "/rotate", json!({"line": "inner"}), (200, "none")),
            ("PATCH", "/lines/inner", json!({"bounds": bounds}), (200, "none")),
            ("DELETE", "/lines/inner", Value::Null, (204, "none")),
        ] {
            let body_sent = Some(&body).filter(|body| !body.is_null());
            let answer = bounded.ask(method, &format!("{}{rest}", keys.path), body_sent).await?;
            assert_eq!(answer.problem(), problem, "{method} {rest} {body}");
        }
        Ok(())
    })
    .await
}
