//! An issuer's public keys, as its JWKS gives them. Pure.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Keys of one issuer; further ones are left out.
const KEYS_MAX: usize = 64;
/// Length of a key's id, in bytes.
pub(crate) const KID_BYTES_MAX: usize = 256;

/// An algorithm of ID tokens. There is no `none` and no HMAC here, so none can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Alg {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// Its name in a header.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// By its name in a header, byte by byte.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }

    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::PS256 => Algorithm::PS256,
            Self::ES256 => Algorithm::ES256,
            Self::EdDSA => Algorithm::EdDSA,
        }
    }
}

/// One key, and the algorithms that it may verify.
#[derive(Clone, Debug)]
struct IssuerKey {
    kid: Option<String>,
    algs: Vec<Alg>,
    key: DecodingKey,
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct IssuerKeys(Vec<IssuerKey>);

impl IssuerKeys {
    /// Reads a JWKS. Keys that cannot verify ID tokens, or that are of an unknown form, are left out; `None` if it is
    /// no JWKS.
    pub(crate) fn of_jwks(jwks: &Value) -> Option<Self> {
        let keys = jwks.get("keys")?.as_array()?;
        Some(Self(keys.iter().filter_map(read).take(KEYS_MAX).collect()))
    }

    /// The one key for this id and algorithm. Without an id, the only key for the algorithm; where several fit, none.
    pub(crate) fn find(&self, kid: Option<&str>, alg: Alg) -> Option<&DecodingKey> {
        let fits = |key: &&IssuerKey| {
            key.algs.contains(&alg) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        };
        let mut fitting = self.0.iter().filter(fits);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(&first.key)
    }
}

fn read(jwk: &Value) -> Option<IssuerKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if jwk.get("use").is_some() && text("use") != Some("sig") {
        return None;
    }
    if let Some(uses) = jwk.get("key_ops") {
        uses.as_array()?.iter().find(|of| of.as_str() == Some("verify"))?;
    }
    let size_of = |name: &str| -> Option<usize> {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.decode(text(name)?).ok().map(|bytes| bytes.len())
    };
    let (algs, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => (
            &[Alg::RS256, Alg::PS256][..],
            DecodingKey::from_rsa_components(text("n")?, text("e")?),
        ),
        ("EC", Some("P-256")) if [size_of("x")?, size_of("y")?] == [32, 32] => {
            (&[Alg::ES256][..], DecodingKey::from_ec_components(text("x")?, text("y")?))
        }
        ("OKP", Some("Ed25519")) if size_of("x")? == 32 => {
            (&[Alg::EdDSA][..], DecodingKey::from_ed_components(text("x")?))
        }
        _ => return None,
    };
    let algs = match jwk.get("alg") {
        None => algs.to_vec(),
        // RFC 9864 calls it by the name of the curve.
        Some(alg) if alg.as_str() == Some("Ed25519") => algs.to_vec(),
        Some(alg) => vec![algs.iter().copied().find(|of| alg.as_str() == Some(of.as_str()))?],
    };
    let kid = match jwk.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().filter(|kid| kid.len() <= KID_BYTES_MAX)?.to_owned()),
    };
    Some(IssuerKey { kid, algs, key: key.ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed(kid: &str) -> Value {
        json!({"kty":"OKP","crv":"Ed25519","kid":kid,"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    }

    fn keys(keys: &[Value]) -> IssuerKeys {
        IssuerKeys::of_jwks(&json!({ "keys": keys })).expect("a JWKS")
    }

    fn with(mut jwk: Value, name: &str, value: Value) -> Value {
        jwk[name] = value;
        jwk
    }

    #[test]
    fn a_key_is_found_by_its_id_and_its_algorithm() {
        let two = keys(&[ed("a"), ed("b")]);
        assert!(two.find(Some("a"), Alg::EdDSA).is_some());
        assert!(two.find(Some("c"), Alg::EdDSA).is_none());
        assert!(two.find(Some("a"), Alg::ES256).is_none());
        assert!(two.find(None, Alg::EdDSA).is_none(), "two fit");
        assert!(keys(&[ed("a")]).find(None, Alg::EdDSA).is_some(), "one fits");
        assert!(keys(&[ed("a"), ed("a")]).find(Some("a"), Alg::EdDSA).is_none(), "two fit");
    }

    #[test]
    fn keys_that_cannot_verify_id_tokens_are_left_out() {
        let rsa = json!({"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"});
        for bad in [
            with(ed("a"), "use", json!("enc")),
            with(ed("a"), "use", json!(["sig"])),
            with(ed("a"), "key_ops", json!(["sign"])),
            with(ed("a"), "alg", json!("ES256")),
            with(ed("a"), "alg", json!("HS256")),
            with(ed("a"), "alg", json!("none")),
            with(ed("a"), "kid", json!(7)),
            with(ed("a"), "kid", json!("k".repeat(257))),
            with(ed("a"), "x", json!("AQAB")),
            with(ed("a"), "crv", json!("X25519")),
            with(rsa.clone(), "alg", json!("RS512")),
            with(rsa.clone(), "n", json!("A B")),
            json!({"kty":"oct","k":"AQAB","kid":"h"}),
            json!({"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}),
            json!({"kty":"EC","crv":"secp256k1","x":"AQAB","y":"AQAB"}),
            json!(7),
        ] {
            assert_eq!(keys(&[bad.clone(), ed("z")]).0.len(), 1, "{bad}");
        }
        let narrowed = keys(&[with(rsa, "alg", json!("PS256"))]);
        assert!(narrowed.find(Some("r"), Alg::PS256).is_some());
        assert!(narrowed.find(Some("r"), Alg::RS256).is_none());
    }

    #[test]
    fn at_most_64_keys_are_kept() {
        let many: Vec<Value> = (0..70).map(|n| ed(&n.to_string())).collect();
        assert_eq!(keys(&many).0.len(), KEYS_MAX);
        for none in [json!([]), json!({}), json!({"keys": {}})] {
            assert!(IssuerKeys::of_jwks(&none).is_none(), "{none}");
        }
    }
}
