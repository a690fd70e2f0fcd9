use proptest::prelude::*;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use serde_json::json;

use super::*;
use crate::oidc::keys::IssuerKeys;

const NOW_S: u64 = 1_800_000_000;
const ISSUER: &str = "https://id.example";

/// A key of an issuer that signs.
pub(crate) enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn es256() -> Self {
        let random = &SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random);
        let made = made.expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), random);
        Self::Es256(key.expect("a key"))
    }

    pub(crate) fn ed25519() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self::EdDsa(Ed25519KeyPair::from_pkcs8(made.as_ref()).expect("a key"))
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
                json!({"kty":"EC","crv":"P-256","kid":kid,"x":x,"y":y})
            }
            Self::EdDsa(key) => {
                let x = b64(key.public_key().as_ref());
                json!({"kty":"OKP","crv":"Ed25519","kid":kid,"x":x})
            }
        }
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let b64 = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = match self {
            Self::Es256(key) => {
                let signature = key.sign(&SystemRandom::new(), signed.as_bytes());
                signature.expect("a signature").as_ref().to_vec()
            }
            Self::EdDsa(key) => key.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn changed(mut value: Value, change: &Value) -> Value {
    let (of, by) = (value.as_object_mut().expect("an object"), change.as_object());
    of.extend(by.expect("an object").clone());
    of.retain(|_, value| !value.is_null());
    value
}

struct Case {
    signer: Signer,
    nonce: Option<&'static str>,
    age_s_max: Option<u64>,
}

impl Case {
    fn new() -> Self {
        Self { signer: Signer::es256(), nonce: None, age_s_max: Some(600) }
    }

    fn text(&self, header: &Value, claims: &Value) -> String {
        let header = changed(json!({"alg": self.signer.alg(), "typ": "JWT", "kid": "k"}), header);
        let claims = changed(
            json!({"iss": ISSUER, "aud": "us", "sub": "anna", "iat": NOW_S - 10, "exp": NOW_S + 60}),
            claims,
        );
        self.signer.sign(&header, &claims)
    }

    fn verified(&self, text: &str) -> Result<IdToken, IdTokenFault> {
        let keys = IssuerKeys::of_jwks(&json!({"keys": [self.signer.jwk("k")]})).expect("keys");
        let clients = ["us".to_owned(), "we".to_owned()];
        let expected = Expected {
            issuer: ISSUER,
            client_ids: &clients,
            algs: &[Alg::ES256, Alg::EdDSA],
            nonce: self.nonce,
            age_s_max: self.age_s_max,
        };
        let token = Unproven::parse(text)?;
        let alg = token.alg(expected.algs)?;
        let key = keys.find(token.kid(), alg).ok_or(IdTokenFault::Signature)?;
        token.verify(key, &expected, NOW_S)
    }

    fn fault(&self, header: &Value, claims: &Value) -> Option<IdTokenFault> {
        self.verified(&self.text(header, claims)).err()
    }
}

#[test]
fn a_good_token_is_verified() {
    for signer in [Signer::es256(), Signer::ed25519()] {
        let case = Case { signer, ..Case::new() };
        let text = case.text(&json!({}), &json!({"groups": ["a"]}));
        let token = case.verified(&text).expect("verified");
        assert_eq!((token.sub.as_str(), &token.claims["groups"]), ("anna", &json!(["a"])));
        assert_eq!(token.hash, secret::hash(text.as_bytes()));
    }
}

#[test]
fn another_type_of_token_is_no_id_token() {
    let case = Case::new();
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "logout+jwt", "secevent+jwt", "dpop+jwt"]
    {
        let fault = case.fault(&json!({ "typ": typ }), &json!({}));
        assert_eq!(fault, Some(IdTokenFault::Type), "{typ}");
    }
    for typ in [json!("JWT"), json!("jwt"), json!("application/jwt"), json!(null)] {
        assert_eq!(case.fault(&json!({ "typ": typ }), &json!({})), None, "{typ}");
    }
    let events = json!({"events": {LOGOUT: {}}});
    assert_eq!(case.fault(&json!({}), &events), Some(IdTokenFault::Type));
}

#[test]
fn an_algorithm_that_is_not_listed_is_refused() {
    let case = Case::new();
    for alg in ["none", "None", "HS256", "RS256", "ES384", "es256", ""] {
        assert_eq!(
            case.fault(&json!({ "alg": alg }), &json!({})),
            Some(IdTokenFault::Alg),
            "{alg}"
        );
    }
    // Listed, but not the one of the key.
    assert_eq!(case.fault(&json!({"alg": "EdDSA"}), &json!({})), Some(IdTokenFault::Signature));
}

#[test]
fn malformed_tokens_are_refused() {
    let case = Case::new();
    let m = Some(IdTokenFault::Malformed);
    let good = case.text(&json!({}), &json!({}));
    for bad in [
        "",
        ".",
        "..",
        "a.b.c",
        "opaque-access-token",
        &format!("{good}.x"),
        &format!(" {good}"),
        &good.replacen('.', "=.", 1),
        &case.text(&json!({}), &json!({"pad": "a".repeat(8_192)})),
    ] {
        assert!(case.verified(bad).is_err(), "{bad}");
        assert_eq!(case.verified(bad).err(), m, "{bad}");
    }
    for header in [
        json!({"crit": ["exp"]}),
        json!({"alg": null}),
        json!({"alg": 1}),
        json!({"typ": 1}),
        json!({"kid": 1}),
        json!({"kid": "k".repeat(257)}),
    ] {
        assert_eq!(case.fault(&header, &json!({})), m, "{header}");
    }
    for claims in [
        json!({"iss": null}),
        json!({"iss": 1}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 7}),
        json!({"sub": "a".repeat(256)}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"iat": null}),
        json!({"nbf": []}),
        json!({"iat": -1}),
        json!({"aud": null}),
        json!({"aud": 7}),
        json!({"exp": 1e300}),
    ] {
        assert_eq!(case.fault(&json!({}), &claims), m, "{claims}");
    }
}

#[test]
fn a_token_for_another_client_is_refused() {
    let case = Case::new();
    for (claims, is_good) in [
        (json!({"aud": "we"}), true),
        (json!({"aud": ["us"]}), true),
        (json!({"aud": ["us", "other"], "azp": "us"}), true),
        (json!({"aud": ["us", "other"], "azp": "we"}), true),
        (json!({"aud": "us", "azp": "us"}), true),
        (json!({"aud": "other"}), false),
        (json!({"aud": "US"}), false),
        (json!({"aud": []}), false),
        (json!({"aud": ["other"]}), false),
        (json!({"aud": ["us", "other"]}), false),
        (json!({"aud": ["us", "other"], "azp": "other"}), false),
        (json!({"aud": "us", "azp": "other"}), false),
        (json!({"aud": "us", "azp": ["us"]}), false),
    ] {
        let fault = case.fault(&json!({}), &claims);
        assert_eq!(fault, (!is_good).then_some(IdTokenFault::Audience), "{claims}");
    }
}

#[test]
fn times_and_age_are_held_to() {
    let case = Case::new();
    let (expired, old) = (Some(IdTokenFault::Expired), Some(IdTokenFault::TooOld));
    for (claims, fault) in [
        (json!({"exp": NOW_S + 1}), None),
        (json!({"exp": NOW_S}), expired),
        (json!({"exp": NOW_S as f64 + 0.9}), expired),
        (json!({"iat": NOW_S + 60, "exp": NOW_S + 99}), None),
        (json!({"iat": NOW_S + 61, "exp": NOW_S + 99}), expired),
        (json!({"nbf": NOW_S + 61}), expired),
        (json!({"nbf": NOW_S + 60}), None),
        (json!({"iat": NOW_S - 600}), None),
        (json!({"iat": NOW_S - 601}), old),
        // The first fault counts.
        (
            json!({"iat": NOW_S - 601, "exp": NOW_S - 1, "aud": "other"}),
            Some(IdTokenFault::Audience),
        ),
        (json!({"iat": NOW_S - 601, "exp": NOW_S - 1}), expired),
    ] {
        assert_eq!(case.fault(&json!({}), &claims), fault, "{claims}");
    }
}

#[test]
fn a_nonce_is_compared_where_one_is_sent() {
    let case = Case { nonce: Some("n"), ..Case::new() };
    for (claims, is_good) in
        [(json!({"nonce": "n"}), true), (json!({"nonce": "m"}), false), (json!({}), false)]
    {
        let fault = case.fault(&json!({}), &claims);
        assert_eq!(fault, (!is_good).then_some(IdTokenFault::Nonce), "{claims}");
    }
    assert_eq!(Case::new().fault(&json!({}), &json!({"nonce": "n"})), None);
}

#[test]
fn a_token_of_another_issuer_with_the_same_kid_is_refused() {
    let (ours, theirs) = (Case::new(), Case::new());
    let text = theirs.text(&json!({}), &json!({}));
    assert_eq!(ours.verified(&text).err(), Some(IdTokenFault::Signature));
    // The right key, but the claims name somebody else.
    let other = ours.text(&json!({}), &json!({"iss": "https://ID.example"}));
    assert_eq!(ours.verified(&other).err(), Some(IdTokenFault::Signature));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_change_of_a_token_verifies(at in 0_usize..400, to in "[A-Za-z0-9_.=-]") {
        thread_local!(static CASE: (Case, String) = {
            let case = Case::new();
            let text = case.text(&json!({}), &json!({}));
            (case, text)
        });
        CASE.with(|(case, text)| {
            let at = at % text.len();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(case.verified(&changed).is_ok(), changed == *text);
            Ok(())
        })?;
    }

    #[test]
    fn any_text_is_refused(text in ".{0,200}") {
        prop_assert!(Unproven::parse(&text).is_err());
    }
}
