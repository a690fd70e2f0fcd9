//! A proof that contains a private key is refused: whoever saw it could make the next one.

use std::time::Duration;

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stagedoor_tests::Stage;
use stagedoor_token::{Confirmation, Thumbprint, mint};
use tokio::time::timeout;

/// Members of a private or symmetric JWK (RFC 7518 §6, RFC 8037 §2).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

struct Holder(Ed25519KeyPair);

impl Holder {
    fn new() -> Result<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("a key")?;
        Ok(Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).ok().context("a key")?))
    }

    fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    fn proof(&self, token: &str, nonce: &Value, jwk: &Value) -> String {
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk});
        let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        let claims = json!({"nonce": nonce, "ath": ath});
        let signed =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}

#[tokio::test]
async fn a_proof_with_a_private_key_is_refused_by_its_code() -> Result<()> {
    let run = async {
        let stage = Stage::start().await?;
        let holder = Holder::new()?;
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, holder.x());
        let mut claims = stage.claims("lobby", "bob", "speaker")?;
        claims.cnf = Some(Confirmation { jkt: Thumbprint(Sha256::digest(canonical).into()) });
        let token = mint(&claims, &stage.key)?;
        for name in PRIVATE {
            let mut bob = stage.connect().await?;
            let asked = bob.ask(json!({"op": "login", "token": token})).await?;
            let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": holder.x()});
            jwk[name] = "AAAA".into();
            let proof = holder.proof(&token, &asked["error"]["nonce"], &jwk);
            let login = json!({"op": "login", "token": token, "proof": proof});
            assert_eq!(bob.code(login).await?, "proof_key_private", "{name}");
            assert_eq!(bob.closed().await?.code, 4203, "{name}");
        }
        let mut bob = stage.connect().await?;
        let asked = bob.ask(json!({"op": "login", "token": token})).await?;
        let jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "x": holder.x(), "kid": "mine", "use": "sig"});
        let proof = holder.proof(&token, &asked["error"]["nonce"], &jwk);
        bob.ok(json!({"op": "login", "token": token, "proof": proof})).await?;
        anyhow::Ok(())
    };
    timeout(Duration::from_secs(30), run).await?
}
