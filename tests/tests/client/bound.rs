//! Tokens bound to the client's key.

use std::sync::atomic::Ordering;

use anyhow::Result;
use serde_json::json;
use stagedoor_client::{
    Client, ConnectError, KeyError, ProofAlgorithm, ProofKey, RequestError, Token,
};
use stagedoor_server::Scope;
use stagedoor_tests::Stage;
use stagedoor_token::{Claims, Confirmation, mint};

use super::{IMPATIENT, back, source};

fn bind(claims: &mut Claims, key: &ProofKey) {
    claims.cnf = key.thumbprint().parse().ok().map(|jkt| Confirmation { jkt });
}

#[tokio::test]
async fn a_bound_token_works_with_its_key_and_after_reconnecting() -> Result<()> {
    for algorithm in [ProofAlgorithm::Es256, ProofAlgorithm::EdDsa] {
        let stage = Stage::start().await?;
        let key = ProofKey::generate(algorithm)?;
        let holder = key.clone();
        let (source, asked) = source(&stage, "speaker", move |_, claims| bind(claims, &holder))?;
        let client = Client::new(stage.url(), source).proof_key(key);
        let (bob, mut events) = client.connect().await?;
        let backend = stage.backend(&Scope::ALL).await?;
        let path = format!("/v1/apps/{}/revocations", stage.app);
        let revocation = json!({"target": {"jti": "bob-0"}});
        backend.get(201, "POST", &path, Some(&revocation)).await?;
        assert_eq!(back(&mut events).await?.seat.me.user, "bob");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert_eq!(bob.members(None).await?.count, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_bound_tokens_ticket_needs_a_proof_too() -> Result<()> {
    let stage = Stage::start().await?;
    let key = ProofKey::generate(ProofAlgorithm::EdDsa)?;
    let holder = key.clone();
    let (source, asked) = source(&stage, "speaker", move |_, claims| {
        claims.once = true;
        bind(claims, &holder);
    })?;
    let client = Client::new(stage.url(), source).proof_key(key).silence_max(IMPATIENT);
    let (_bob, mut events) = client.connect().await?;
    back(&mut events).await?;
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the ticket was good");
    Ok(())
}

#[tokio::test]
async fn overlapping_renewals_with_a_bound_token_are_proven() -> Result<()> {
    let stage = Stage::start().await?;
    let key = ProofKey::generate(ProofAlgorithm::Es256)?;
    let holder = key.clone();
    let (source, _) = source(&stage, "speaker", move |time, claims| {
        bind(claims, &holder);
        claims.exp += time;
    })?;
    let (bob, _events) = Client::new(stage.url(), source).proof_key(key).connect().await?;
    let exp = bob.granted().exp;
    assert_eq!(bob.renew().await?.exp, exp + 1);
    let renewals = futures_util::future::join_all((0..4).map(|_| bob.renew())).await;
    assert!(renewals.iter().all(Result::is_ok), "{renewals:?}");
    Ok(())
}

#[tokio::test]
async fn a_bound_token_without_its_key_is_useless() -> Result<()> {
    let stage = Stage::start().await?;
    let [key, other] = [(); 2].map(|()| ProofKey::generate(ProofAlgorithm::EdDsa));
    let (key, other) = (key?, other?);
    let mut claims = stage.claims("lobby", "bob", "speaker")?;
    bind(&mut claims, &key);
    let bound = Client::new(stage.url(), Token::fixed(mint(&claims, &stage.key)?));
    let keyless = bound.clone().connect().await;
    assert!(matches!(keyless, Err(ConnectError::Key(KeyError::Missing))), "{keyless:?}");
    let refused = bound.proof_key(other).connect().await;
    assert!(
        matches!(&refused, Err(ConnectError::Refused(refusal)) if refusal.code == "proof_invalid"),
        "{refused:?}"
    );
    let (source, _) = source(&stage, "speaker", move |time, claims| {
        if time > 0 {
            bind(claims, &key);
        }
    })?;
    let (bob, _events) = Client::new(stage.url(), source).connect().await?;
    let keyless = bob.renew().await;
    assert!(matches!(keyless, Err(RequestError::Key(KeyError::Missing))), "{keyless:?}");
    assert_eq!(bob.members(None).await?.count, 1, "the seat goes on");
    Ok(())
}
