//! Verifies ID tokens (OpenID Connect Core §3.1.3.7), in the order in which `spec/sso.md` lists the checks. Pure: key,
//! expectations and time are arguments.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use stagedoor_rules::json;

use super::{
    keys::{Alg, KID_BYTES_MAX},
    provider::verifies,
};
use crate::secret;

/// Length of an ID token, in bytes.
pub(crate) const ID_TOKEN_BYTES_MAX: usize = 8_192;
/// How far `iat` and `nbf` may lie in the future, in seconds. The end has no leeway.
pub(crate) const ID_TOKEN_LEEWAY_S: u64 = 60;
/// Length of a subject, in bytes (OpenID Connect Core §2).
const SUB_BYTES_MAX: usize = 255;
/// The member of `events` that makes a JWT a logout token (OpenID Connect Back-Channel Logout §2.4).
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Why an ID token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdTokenFault {
    /// It is no JWT of at most 8 KiB with the claims of an ID token.
    Malformed,
    /// It is another kind of JWT: an access token, a logout token.
    Type,
    /// Its algorithm is not one of those expected.
    Alg,
    /// The issuer has no such key, or did not sign this.
    Signature,
    /// It is for another client.
    Audience,
    /// Its time is over, or has not begun.
    Expired,
    /// It was issued too long ago.
    TooOld,
    /// Its nonce is not the one expected.
    Nonce,
}

impl IdTokenFault {
    /// The stable code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "id_token_malformed",
            Self::Type => "id_token_type",
            Self::Alg => "id_token_alg",
            Self::Signature => "id_token_signature",
            Self::Audience => "id_token_audience",
            Self::Expired => "id_token_expired",
            Self::TooOld => "id_token_too_old",
            Self::Nonce => "id_token_nonce",
        }
    }

    /// Whether it is found before the signature is proven, so that its sender has proven nothing.
    pub(crate) fn is_before_proof(self) -> bool {
        matches!(self, Self::Malformed | Self::Type | Self::Alg | Self::Signature)
    }
}

/// What an ID token must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_ids: &'a [String],
    pub(crate) algs: &'a [Alg],
    /// The nonce that it must have; `None`: any or none.
    pub(crate) nonce: Option<&'a str>,
    /// How long ago it may have been issued, in seconds; `None`: any time.
    pub(crate) age_s_max: Option<u64>,
}

/// An ID token of which nothing is proven.
#[derive(Debug)]
pub(crate) struct Unproven<'a> {
    signed: &'a str,
    signature: &'a str,
    hash: [u8; 32],
    alg: Option<Alg>,
    kid: Option<String>,
    iss: String,
    claims: Map<String, Value>,
}

/// A verified ID token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IdToken {
    pub(crate) sub: String,
    pub(crate) claims: Map<String, Value>,
    /// SHA-256 of its text.
    pub(crate) hash: [u8; 32],
}

fn part(text: &str) -> Option<Map<String, Value>> {
    json::object(&URL_SAFE_NO_PAD.decode(text).ok()?)
}

/// A time in seconds; a fraction is cut off.
fn seconds(value: &Value) -> Option<u64> {
    const MOST: f64 = 253_402_300_800.0;
    value.as_u64().or_else(|| {
        let seconds = value.as_f64().filter(|seconds| (0.0..MOST).contains(seconds))?;
        // In the range of `u64`, because it is in the range above.
        Some(seconds as u64)
    })
}

impl<'a> Unproven<'a> {
    /// Checks form, size and type.
    pub(crate) fn parse(text: &'a str) -> Result<Self, IdTokenFault> {
        let malformed = IdTokenFault::Malformed;
        if text.len() > ID_TOKEN_BYTES_MAX {
            return Err(malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let header = part(header).ok_or(malformed)?;
        let claims = part(claims).ok_or(malformed)?;
        let text_of = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(malformed),
        };
        let typ = text_of("typ")?.map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        // RFC 8725 §3.11: a JWT of another type is no ID token, whichever type that is.
        let is_logout = claims.get("events").is_some_and(|events| events.get(LOGOUT).is_some());
        if typ.is_some_and(|typ| typ != "jwt") || is_logout {
            return Err(IdTokenFault::Type);
        }
        // No extension of headers is understood here.
        if header.contains_key("crit") {
            return Err(malformed);
        }
        let alg = text_of("alg")?.ok_or(malformed)?;
        let kid = text_of("kid")?;
        if kid.is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(malformed);
        }
        let iss = claims.get("iss").and_then(Value::as_str).ok_or(malformed)?.to_owned();
        let (alg, kid) = (Alg::of(alg), kid.map(ToOwned::to_owned));
        let hash = secret::hash(text.as_bytes());
        Ok(Self { signed, signature, hash, alg, kid, iss, claims })
    }

    /// The issuer that it names.
    pub(crate) fn iss(&self) -> &str {
        &self.iss
    }

    /// The key that it names.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Its claims, of which nothing is proven.
    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Its algorithm, if it is one of these.
    pub(crate) fn alg(&self, algs: &[Alg]) -> Result<Alg, IdTokenFault> {
        self.alg.filter(|alg| algs.contains(alg)).ok_or(IdTokenFault::Alg)
    }

    /// SHA-256 of its text.
    pub(crate) fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Checks everything else, by the key that it names.
    pub(crate) fn verify(
        self,
        key: &DecodingKey,
        expected: &Expected<'_>,
        now_s: u64,
    ) -> Result<IdToken, IdTokenFault> {
        let alg = self.alg(expected.algs)?;
        if !verifies(self.signed, self.signature, key, alg.algorithm()).unwrap_or_default() {
            return Err(IdTokenFault::Signature);
        }
        // The key was fetched from the issuer that the token names. It must be the expected one.
        if self.iss != expected.issuer {
            return Err(IdTokenFault::Signature);
        }
        check_claims(&self.claims, expected, now_s)?;
        let sub = self.claims.get("sub").and_then(Value::as_str);
        let sub = sub.filter(|sub| (1..=SUB_BYTES_MAX).contains(&sub.len()));
        let sub = sub.ok_or(IdTokenFault::Malformed)?.to_owned();
        Ok(IdToken { sub, hash: self.hash, claims: self.claims })
    }
}

/// Checks audience, times and nonce of claims.
pub(crate) fn check_claims(
    claims: &Map<String, Value>,
    expected: &Expected<'_>,
    now_s: u64,
) -> Result<(), IdTokenFault> {
    let fault = check_audience(claims, expected.client_ids).err();
    let fault = fault.or_else(|| check_times(claims, expected.age_s_max, now_s).err());
    fault.or_else(|| check_nonce(claims, expected.nonce).err()).map_or(Ok(()), Err)
}

/// Checks that the token is for one of these clients.
pub(crate) fn check_audience(
    claims: &Map<String, Value>,
    client_ids: &[String],
) -> Result<(), IdTokenFault> {
    let is_ours = |value: &Value| {
        value.as_str().is_some_and(|id| client_ids.iter().any(|client| client == id))
    };
    let others = match claims.get("aud") {
        Some(aud @ Value::String(_)) if is_ours(aud) => false,
        Some(Value::Array(auds)) if auds.iter().any(is_ours) => auds.len() > 1,
        Some(Value::String(_) | Value::Array(_)) => return Err(IdTokenFault::Audience),
        _ => return Err(IdTokenFault::Malformed),
    };
    match claims.get("azp") {
        Some(azp) if is_ours(azp) => Ok(()),
        None if !others => Ok(()),
        _ => Err(IdTokenFault::Audience),
    }
}

/// Checks `exp`, `iat`, `nbf` and the age.
pub(crate) fn check_times(
    claims: &Map<String, Value>,
    age_s_max: Option<u64>,
    now_s: u64,
) -> Result<(), IdTokenFault> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => seconds(value).map(Some).ok_or(IdTokenFault::Malformed),
    };
    let exp = time("exp")?.ok_or(IdTokenFault::Malformed)?;
    let iat = time("iat")?.ok_or(IdTokenFault::Malformed)?;
    let begins = time("nbf")?.unwrap_or_default().max(iat);
    if exp <= now_s || begins > now_s.saturating_add(ID_TOKEN_LEEWAY_S) {
        return Err(IdTokenFault::Expired);
    }
    if age_s_max.is_some_and(|most| now_s.saturating_sub(iat) > most) {
        return Err(IdTokenFault::TooOld);
    }
    Ok(())
}

/// Checks the nonce, if one is expected.
pub(crate) fn check_nonce(
    claims: &Map<String, Value>,
    expected: Option<&str>,
) -> Result<(), IdTokenFault> {
    let Some(nonce) = expected else { return Ok(()) };
    let has = claims.get("nonce").and_then(Value::as_str);
    let is_same = has.is_some_and(|has| {
        secret::same(&secret::hash(has.as_bytes()), &secret::hash(nonce.as_bytes()))
    });
    if is_same { Ok(()) } else { Err(IdTokenFault::Nonce) }
}

#[cfg(test)]
pub(crate) mod tests;
