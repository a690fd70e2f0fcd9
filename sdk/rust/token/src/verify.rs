//! A token and keys become claims, or a refusal (`spec/token.md` §Order of the checks). After `mint`,
//! before `authorize`. Nothing of the claims is looked at before the signature is known to be good.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use subtle::ConstantTimeEq;

use crate::{
    claims::{Claims, Limits},
    key::{Key, KeySet, KeyState},
    refusal::Refusal,
};

/// A SHA-256 signature, in bytes, and as base64url without padding.
const SIGNATURE_BYTES: usize = 32;
pub(crate) const SIGNATURE_CHARS: usize = 43;

/// Verifies a token at `now_s` (Unix seconds) within the default [`Limits`].
///
/// ```
/// use stagedoor_token::{KeySet, Refusal, verify};
/// assert_eq!(verify("a.b", &KeySet::new(), 0), Err(Refusal::TokenMalformed));
/// ```
pub fn verify(token: &str, keys: &KeySet, now_s: u64) -> Result<Claims, Refusal> {
    verify_within(token, keys, now_s, &Limits::DEFAULT)
}

/// Verifies a token within limits of the caller's.
pub fn verify_within(token: &str, keys: &KeySet, now_s: u64, limits: &Limits) -> Result<Claims, Refusal> {
    if token.len() > limits.token_bytes_max {
        return Err(Refusal::TokenTooLarge);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::TokenMalformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Refusal::TokenMalformed)?;
    let signature = signature_of(signature)?;
    let key = match keys.by_header(header) {
        Some(key) => key,
        None => key_of(header, keys)?,
    };
    if key.state() == KeyState::Retired {
        return Err(Refusal::KeyRetired);
    }
    let mut mac = key.hmac.clone();
    mac.update(signed.as_bytes());
    let ours: [u8; SIGNATURE_BYTES] = mac.finalize().into_bytes().into();
    if !bool::from(ours.ct_eq(&signature)) {
        return Err(Refusal::SignatureInvalid);
    }
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Refusal::TokenMalformed)?;
    let claims = Claims::read(&json)?;
    if claims.app != key.app() {
        return Err(Refusal::AppMismatch);
    }
    claims.check(limits)?;
    claims.check_now(now_s, limits)?;
    Ok(claims)
}

fn signature_of(part: &str) -> Result<[u8; SIGNATURE_BYTES], Refusal> {
    if part.len() != SIGNATURE_CHARS {
        return Err(Refusal::TokenMalformed);
    }
    // The decoder wants room for whole quanta.
    let mut bytes = [0; SIGNATURE_BYTES + 1];
    match URL_SAFE_NO_PAD.decode_slice(part, &mut bytes) {
        Ok(SIGNATURE_BYTES) => {
            let mut signature = [0; SIGNATURE_BYTES];
            signature.copy_from_slice(&bytes[..SIGNATURE_BYTES]);
            Ok(signature)
        }
        _ => Err(Refusal::TokenMalformed),
    }
}

/// The key of a header that is not written the way our own are.
fn key_of<'k>(part: &str, keys: &'k KeySet) -> Result<&'k Key, Refusal> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::TokenMalformed)?;
    let Header { alg, typ, kid, crit, other } =
        serde_json::from_slice(&json).map_err(|_| Refusal::HeaderInvalid)?;
    if crit {
        return Err(Refusal::CritUnsupported);
    }
    if other || typ.is_some_and(|typ| typ != "JWT") {
        return Err(Refusal::HeaderInvalid);
    }
    if alg.ok_or(Refusal::HeaderInvalid)? != "HS256" {
        return Err(Refusal::AlgUnsupported);
    }
    keys.get(&kid.ok_or(Refusal::HeaderInvalid)?).ok_or(Refusal::KeyUnknown)
}

#[derive(Default)]
struct Header<'a> {
    alg: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    crit: bool,
    other: bool,
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header<'de>, A::Error> {
                let mut header = Header::default();
                let once = |field: &mut Option<Cow<'de, str>>, map: &mut A| {
                    if field.replace(map.next_value()?).is_some() {
                        return Err(serde::de::Error::custom("twice"));
                    }
                    Ok(())
                };
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match name.as_ref() {
                        "alg" => once(&mut header.alg, &mut map)?,
                        "typ" => once(&mut header.typ, &mut map)?,
                        "kid" => once(&mut header.kid, &mut map)?,
                        name => {
                            map.next_value::<IgnoredAny>()?;
                            header.crit |= name == "crit";
                            header.other |= name != "crit";
                        }
                    }
                }
                Ok(header)
            }
        }
        d.deserialize_map(HeaderVisitor)
    }
}
