//! One-time tokens, tickets, proofs of a key, and tokens in cookies.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stagedoor_tests::{Member, Stage};
use stagedoor_token::{Claims, Confirmation, Thumbprint, mint};
use stagedoor_wire::SUBPROTOCOL;
use tokio::net::TcpStream;

fn token(stage: &Stage, change: impl FnOnce(&mut Claims)) -> Result<String> {
    let mut claims = stage.claims("lobby", "bob", "speaker")?;
    change(&mut claims);
    Ok(mint(&claims, &stage.key)?)
}

async fn refused(stage: &Stage, login: Value) -> Result<(String, u16)> {
    let mut member = stage.connect().await?;
    Ok((member.code(login).await?, member.closed().await?.code))
}

#[tokio::test]
async fn a_one_time_token_logs_in_once_and_then_its_ticket() -> Result<()> {
    let stage = Stage::start().await?;
    let once = token(&stage, |claims| claims.once = true)?;
    let mut bob = stage.connect().await?;
    let first = bob.log_in(&once).await?["ticket"].as_str().context("a ticket")?.to_owned();
    let again = json!({"op": "login", "token": once});
    assert_eq!(refused(&stage, again.clone()).await?, ("token_revoked".into(), 4205));

    let mut reloaded = stage.connect().await?;
    let answer = reloaded.ok(json!({"op": "login", "ticket": first})).await?;
    assert_eq!((&answer["user"], &answer["role"]), (&json!("bob"), &json!("speaker")));
    assert_eq!(bob.closed().await?.reason, "replaced");
    let second = answer["ticket"].as_str().context("another ticket")?.to_owned();
    let old = json!({"op": "login", "ticket": first});
    assert_eq!(refused(&stage, old).await?, ("ticket_unknown".into(), 4203));
    stage.running.relay.put_clock_forward(Duration::from_secs(601));
    let late = json!({"op": "login", "ticket": second});
    assert_eq!(refused(&stage, late).await?, ("token_expired".into(), 4201));
    Ok(())
}

#[tokio::test]
async fn one_of_many_simultaneous_one_time_logins_succeeds() -> Result<()> {
    let stage = Stage::start().await?;
    let once = token(&stage, |claims| claims.once = true)?;
    let mut members = Vec::new();
    for _ in 0..16 {
        members.push(stage.connect().await?);
    }
    let logins = members.iter_mut().map(|member| member.ask(json!({"op": "login", "token": once})));
    let answers = futures_util::future::try_join_all(logins).await?;
    assert_eq!(answers.iter().filter(|answer| answer["ok"].is_object()).count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_full_room_does_not_use_up_a_one_time_token() -> Result<()> {
    let stage = Stage::with(|limits| limits.room_members_max = 1).await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let once = token(&stage, |claims| claims.once = true)?;
    let login = json!({"op": "login", "token": once});
    assert_eq!(refused(&stage, login.clone()).await?, ("room_full".into(), 4102));
    anna.ok(json!({"op": "leave"})).await?;
    anna.closed().await?;
    stage.until_metric("stagedoor_relay_rooms_open", 0).await?;
    stage.connect().await?.ok(login).await?;
    Ok(())
}

#[tokio::test]
async fn a_ticket_is_gone_with_a_kick() -> Result<()> {
    let stage = Stage::start().await?;
    let mut anna = stage.join("lobby", "anna", "host").await?;
    let once = token(&stage, |claims| claims.once = true)?;
    let mut bob = stage.connect().await?;
    let ticket = bob.log_in(&once).await?["ticket"].clone();
    anna.ok(json!({"op": "moderate", "verb": "kick", "user": "bob"})).await?;
    assert_eq!(bob.closed().await?.reason, "kicked");
    let login = json!({"op": "login", "ticket": ticket});
    assert_eq!(refused(&stage, login).await?.0, "ticket_unknown");
    Ok(())
}

/// A client's key.
struct Holder(Ed25519KeyPair);

impl Holder {
    fn new() -> Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let pkcs8 = pkcs8.map_err(|_| anyhow::anyhow!("no randomness"))?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref());
        Ok(Self(pair.map_err(|_| anyhow::anyhow!("no key"))?))
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    fn bind(&self, claims: &mut Claims) {
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.x());
        claims.cnf = Some(Confirmation { jkt: Thumbprint(Sha256::digest(canonical).into()) });
    }

    fn proof(&self, token: &str, nonce: &Value) -> String {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": self.x()});
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk});
        let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        let claims = json!({"nonce": nonce, "ath": ath});
        let signed =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

#[tokio::test]
async fn a_bound_token_works_only_with_its_key() -> Result<()> {
    let stage = Stage::start().await?;
    let (holder, thief) = (Holder::new()?, Holder::new()?);
    let bound = token(&stage, |claims| holder.bind(claims))?;
    let mut bob = stage.connect().await?;
    let asked = bob.ask(json!({"op": "login", "token": bound})).await?;
    assert_eq!(asked["error"]["code"], "proof_required");
    let nonce = &asked["error"]["nonce"];
    let proof = holder.proof(&bound, nonce);
    let answer = bob.ok(json!({"op": "login", "token": bound, "proof": proof})).await?;
    assert_eq!(answer["user"], "bob");

    let mut eve = stage.connect().await?;
    let replayed = json!({"op": "login", "token": bound, "proof": proof});
    let asked = eve.ask(replayed).await?;
    assert_eq!(asked["error"]["code"], "proof_required", "the nonce is another connection's");
    let forged = thief.proof(&bound, &asked["error"]["nonce"]);
    let login = json!({"op": "login", "token": bound, "proof": forged});
    assert_eq!(eve.code(login).await?, "proof_invalid");
    assert_eq!(eve.closed().await?.code, 4203);

    let next = token(&stage, |claims| {
        claims.jti = "next".into();
        holder.bind(claims);
    })?;
    let asked = bob.ask(json!({"op": "renew", "token": next})).await?;
    let nonce = &asked["error"]["nonce"];
    let forged = json!({"op": "renew", "token": next, "proof": thief.proof(&next, nonce)});
    assert_eq!(bob.code(forged).await?, "proof_invalid");
    let late = json!({"op": "renew", "token": next, "proof": holder.proof(&next, nonce)});
    let asked = bob.ask(late).await?;
    assert_eq!(asked["error"]["code"], "proof_required", "the nonce was tried");
    let proof = holder.proof(&next, &asked["error"]["nonce"]);
    bob.ok(json!({"op": "renew", "token": next, "proof": proof})).await?;
    Ok(())
}

async fn with_fields(
    stage: &Stage,
    fields: &[(&'static str, &str)],
) -> Result<Result<Member, u16>> {
    let tcp = TcpStream::connect(stage.running.http).await?;
    let fields = [&[("sec-websocket-protocol", SUBPROTOCOL)], fields].concat();
    let connected = Member::connect_over(tcp, &fields).await?;
    Ok(connected.map_err(|response| response.status().as_u16()))
}

#[tokio::test]
async fn a_cookies_token_is_accepted_only_from_listed_pages() -> Result<()> {
    let ours = "https://ours.example".parse()?;
    let stage = Stage::configured(|config| {
        config.relay.origins = vec![ours];
        config.relay.cookie = Some("seat".into());
    })
    .await?;
    let cookie = format!("theme=dark; seat={}", token(&stage, |_| {})?);
    let ours = ("origin", "https://ours.example");
    let member = with_fields(&stage, &[("cookie", &cookie), ours]).await?;
    let mut member = member.map_err(|status| anyhow::anyhow!("refused with {status}"))?;
    let seated = member
        .find(|heard| matches!(heard, stagedoor_tests::Heard::Control(value) if value["re"] == 0));
    let stagedoor_tests::Heard::Control(seated) = seated.await? else { anyhow::bail!("control") };
    assert_eq!(seated["ok"]["user"], "bob");

    assert_eq!(with_fields(&stage, &[("cookie", &cookie)]).await?.err(), Some(403));
    let theirs = ("origin", "https://theirs.example");
    assert_eq!(with_fields(&stage, &[("cookie", &cookie), theirs]).await?.err(), Some(403));

    let expired = token(&stage, |claims| {
        claims.iat -= 1_000;
        claims.nbf = claims.iat;
        claims.exp = claims.iat + 10;
    })?;
    let cookie = format!("seat={expired}");
    let member = with_fields(&stage, &[("cookie", &cookie), ours]).await?;
    let mut member = member.map_err(|status| anyhow::anyhow!("refused with {status}"))?;
    assert_eq!(member.closed().await?.code, 4201, "a browser can read a close, and no status");
    Ok(())
}
