//! The proof that a client holds the key to which its token is bound: a JWT in the form of RFC 9449 §4.2, over a nonce
//! of this connection (`spec/wire.md` §Stolen tokens). Pure.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use stagedoor_token::Thumbprint;
use thiserror::Error;

/// The longest proof, in bytes.
const PROOF_BYTES_MAX: usize = 2_048;
/// Members of a JWK that only a private or a symmetric key has (RFC 7518 §6, RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a proof is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// It is missing, or for another nonce.
    #[error("the token is bound to a key; send a `proof` over this `nonce`")]
    Required,
    /// It is malformed, for another key or another token, or its signature is wrong.
    #[error("the proof is invalid")]
    Invalid,
    /// It contains a private key, which everybody who saw it can now use.
    #[error(
        "the proof's `jwk` has private members; replace the key and send its public part alone"
    )]
    KeyPrivate,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Box<RawValue>,
}

/// The public keys of RFC 7518 §6.2 and RFC 8037 that may sign a proof.
#[derive(Deserialize)]
#[serde(tag = "kty")]
enum Jwk {
    #[serde(rename = "EC")]
    Ec { crv: String, x: String, y: String },
    #[serde(rename = "OKP")]
    Okp { crv: String, x: String },
}

/// The claims of a proof that count here; others (`htm`, `htu`, `jti`, `iat`) may be present.
#[derive(Deserialize)]
struct Claims {
    nonce: String,
    ath: String,
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

impl Jwk {
    /// RFC 7638: the hash of the key's required members, ordered by name.
    fn thumbprint(&self) -> Thumbprint {
        let canonical = match self {
            Self::Ec { crv, x, y } => {
                serde_json::json!({"crv": crv, "kty": "EC", "x": x, "y": y})
            }
            Self::Okp { crv, x } => serde_json::json!({"crv": crv, "kty": "OKP", "x": x}),
        };
        Thumbprint(Sha256::digest(canonical.to_string().as_bytes()).into())
    }

    fn verify(&self, alg: &str, signed: &[u8], signature: &[u8]) -> Option<()> {
        match self {
            Self::Ec { crv, x, y } if crv == "P-256" && alg == "ES256" => {
                let point = [vec![4], decode(x)?, decode(y)?].concat();
                let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(signed, signature).ok()
            }
            Self::Okp { crv, x } if crv == "Ed25519" && alg == "EdDSA" => {
                UnparsedPublicKey::new(&ED25519, decode(x)?).verify(signed, signature).ok()
            }
            _ => None,
        }
    }
}

/// Checks a proof: by the key with this thumbprint, for this token or ticket, over this nonce. `None`: no nonce was
/// issued yet.
pub(crate) fn check(
    proof: Option<&str>,
    thumbprint: Thumbprint,
    presented: &str,
    nonce: Option<&str>,
) -> Result<(), ProofError> {
    let (Some(proof), Some(nonce)) = (proof, nonce) else { return Err(ProofError::Required) };
    let claims = verified(proof, thumbprint)?;
    if claims.ath != sha256(presented) {
        return Err(ProofError::Invalid);
    }
    if claims.nonce == nonce { Ok(()) } else { Err(ProofError::Required) }
}

/// The claims of a proof signed by the key with this thumbprint.
fn verified(proof: &str, thumbprint: Thumbprint) -> Result<Claims, ProofError> {
    if proof.len() > PROOF_BYTES_MAX {
        return Err(ProofError::Invalid);
    }
    let (signed, signature) = proof.rsplit_once('.').ok_or(ProofError::Invalid)?;
    let (head, payload) = signed.split_once('.').ok_or(ProofError::Invalid)?;
    let head = decode(head).ok_or(ProofError::Invalid)?;
    let Header { typ, alg, jwk } = parse(&head).ok_or(ProofError::Invalid)?;
    let members: HashMap<String, IgnoredAny> =
        parse(jwk.get().as_bytes()).ok_or(ProofError::Invalid)?;
    if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err(ProofError::KeyPrivate);
    }
    let jwk: Jwk = parse(jwk.get().as_bytes()).ok_or(ProofError::Invalid)?;
    if typ != "dpop+jwt" || jwk.thumbprint() != thumbprint {
        return Err(ProofError::Invalid);
    }
    let verified = || {
        jwk.verify(&alg, signed.as_bytes(), &decode(signature)?)?;
        parse(&decode(payload)?)
    };
    verified().ok_or(ProofError::Invalid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
    };
    use serde_json::{Value, json};

    use super::*;

    type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

    /// Makes proofs with its own key.
    struct Holder {
        jwk: Value,
        alg: &'static str,
        sign: Sign,
    }

    fn p256() -> Holder {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).expect("a key");
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = point[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let sign = move |signed: &[u8]| {
            pair.sign(&SystemRandom::new(), signed).expect("a signature").as_ref().to_vec()
        };
        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        Holder { jwk, alg: "ES256", sign: Box::new(sign) }
    }

    fn ed25519() -> Holder {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let sign = move |signed: &[u8]| pair.sign(signed).as_ref().to_vec();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        Holder { jwk, alg: "EdDSA", sign: Box::new(sign) }
    }

    impl Holder {
        fn thumbprint(&self) -> Thumbprint {
            serde_json::from_value::<Jwk>(self.jwk.clone()).expect("a key").thumbprint()
        }

        fn proof(&self, typ: &str, claims: &Value) -> String {
            let header = json!({"typ": typ, "alg": self.alg, "jwk": self.jwk});
            let signed = [header, claims.clone()]
                .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()))
                .join(".");
            let signature = URL_SAFE_NO_PAD.encode((self.sign)(signed.as_bytes()));
            format!("{signed}.{signature}")
        }

        fn good(&self) -> String {
            let claims = json!({"nonce": "n", "ath": sha256("token"), "htm": "GET", "iat": 1});
            self.proof("dpop+jwt", &claims)
        }
    }

    #[test]
    fn a_proof_of_the_key_over_the_nonce_for_the_token_is_good() {
        for holder in [p256(), ed25519()] {
            let (proof, thumbprint) = (holder.good(), holder.thumbprint());
            let check = |presented, nonce| check(Some(&proof), thumbprint, presented, nonce);
            assert_eq!(check("token", Some("n")), Ok(()));
            assert_eq!(check("another", Some("n")), Err(ProofError::Invalid));
            assert_eq!(check("token", Some("another")), Err(ProofError::Required));
            assert_eq!(check("token", None), Err(ProofError::Required));
        }
    }

    #[test]
    fn a_proof_of_another_key_or_form_is_rejected() {
        let holder = p256();
        let thumbprint = holder.thumbprint();
        let refused = |proof: &str| {
            assert_eq!(
                check(Some(proof), thumbprint, "token", Some("n")),
                Err(ProofError::Invalid),
                "{proof}"
            );
        };
        refused(&p256().good());
        refused(&ed25519().good());
        refused(&holder.proof("jwt", &json!({"nonce": "n", "ath": sha256("token")})));
        refused(&holder.proof("dpop+jwt", &json!({"nonce": "n"})));
        let good = holder.good();
        refused(&format!("{good}A"));
        refused(&good[..good.len() - 4]);
        refused("");
        refused("a.b.c");
        let (signed, signature) = good.rsplit_once('.').expect("three parts");
        let (head, _) = signed.split_once('.').expect("three parts");
        let other = URL_SAFE_NO_PAD.encode(r#"{"nonce":"n","ath":""}"#);
        refused(&format!("{head}.{other}.{signature}"));
    }

    #[test]
    fn a_jwk_with_a_private_member_is_reported_as_such() {
        for holder in [p256(), ed25519()] {
            let thumbprint = holder.thumbprint();
            for name in PRIVATE_MEMBERS {
                let mut holder = Holder { jwk: holder.jwk.clone(), ..ed25519() };
                holder.jwk[name] = Value::Null;
                let checked = check(Some(&holder.good()), thumbprint, "token", Some("n"));
                assert_eq!(checked, Err(ProofError::KeyPrivate), "{name}");
            }
        }
        let rsa = Holder { jwk: json!({"kty": "RSA", "n": "", "e": "", "d": ""}), ..ed25519() };
        let checked = check(Some(&rsa.good()), ed25519().thumbprint(), "token", Some("n"));
        assert_eq!(checked, Err(ProofError::KeyPrivate), "of a kind that is not taken either");
    }

    proptest! {
        #[test]
        fn malformed_or_altered_proof_is_rejected(
            text in prop_oneof![
                "[A-Za-z0-9_.-]{0,80}",
                any::<String>(),
                ("[ -~]{0,60}", "[ -~]{0,60}").prop_map(|(head, claims)| {
                    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
                    format!("{}.{}.AAAA", part(head), part(claims))
                }),
            ],
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let holder = ed25519();
            let thumbprint = holder.thumbprint();
            let refused = |proof: &str| check(Some(proof), thumbprint, "token", Some("n")).is_err();
            prop_assert!(refused(&text));
            let good = holder.good();
            let mut bytes = good.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(changed) = String::from_utf8(bytes) && changed != good {
                prop_assert!(refused(&changed), "{}", changed);
            }
        }
    }

    #[test]
    fn the_thumbprint_matches_the_rfc() {
        // RFC 8037 appendix A.3.
        let jwk: Jwk = serde_json::from_value(json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        }))
        .expect("a key");
        assert_eq!(jwk.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
