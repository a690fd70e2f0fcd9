//! Which JWKs are keys: public ones of Ed25519 and P-256 (RFC 7517, RFC 7518 §6.2, RFC 8037), on their curve, not weak.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used, clippy::panic)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use stagedoor_token::{Algorithm, Jwk, JwkError, jwk::JWK_BYTES_MAX};

/// RFC 8037, appendix A.2.
const ED25519: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 7515, appendix A.3.1.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

fn with(jwk: &str, members: &str) -> String {
    format!("{},{members}}}", &jwk[..jwk.len() - 1])
}

fn error(json: &str) -> Option<JwkError> {
    json.parse::<Jwk>().err()
}

#[test]
fn the_keys_of_the_rfcs_are_read() {
    for (json, alg, thumbprint) in [
        (ED25519, Algorithm::EdDSA, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (P256, Algorithm::ES256, "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"),
    ] {
        let jwk: Jwk = json.parse().expect(json);
        assert_eq!((jwk.algorithm(), jwk.kid()), (alg, None));
        assert_eq!(jwk.thumbprint().to_string(), thumbprint);
        let written = jwk.to_string();
        assert_eq!(written, with(json, &format!(r#""alg":"{alg}","use":"sig""#)));
        assert_eq!(written.parse().as_ref(), Ok(&jwk));
        assert_eq!(serde_json::from_str::<Jwk>(&written).ok().as_ref(), Some(&jwk));
    }
}

#[test]
fn members_that_say_how_it_verifies_are_read() {
    for members in [
        r#""kid":"k","use":"sig","key_ops":["verify"],"ext":true,"x5t":"a""#,
        r#""alg":"Ed25519""#,
        r#""alg":"EdDSA""#,
    ] {
        assert_eq!(error(&with(ED25519, members)), None, "{members}");
    }
    let named: Jwk = with(P256, r#""kid":"k","alg":"ES256""#).parse().expect("a JWK");
    assert_eq!(named.kid(), Some("k"));
}

#[test]
fn members_that_contradict_it_are_refused() {
    for members in [
        r#""alg":"ES256""#,
        r#""alg":"HS256""#,
        r#""alg":"none""#,
        r#""use":"enc""#,
        r#""key_ops":["sign"]"#,
        r#""key_ops":["sign","verify"]"#,
        r#""key_ops":[]"#,
    ] {
        assert_eq!(error(&with(ED25519, members)), Some(JwkError::Purpose), "{members}");
    }
    assert_eq!(error(&with(P256, r#""alg":"EdDSA""#)), Some(JwkError::Purpose));
    assert_eq!(error(&with(ED25519, r#""y":"AA""#)), Some(JwkError::Coordinate));
}

#[test]
fn a_private_member_is_told_whatever_else_is_wrong() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in ["null", r#""AA""#, "7"] {
            let member = format!(r#""{member}":{value}"#);
            assert_eq!(error(&with(ED25519, &member)), Some(JwkError::Private), "{member}");
            let rsa = format!(r#"{{"kty":"RSA",{member}}}"#);
            assert_eq!(error(&rsa), Some(JwkError::Private), "{rsa}");
        }
    }
}

#[test]
fn other_kinds_of_keys_are_refused() {
    for json in [
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"oct"}"#,
        &ED25519.replace("Ed25519", "X25519"),
        &ED25519.replace("Ed25519", "Ed448"),
        &ED25519.replace("Ed25519", "ed25519"),
        &ED25519.replace("OKP", "EC"),
        &P256.replace("P-256", "P-384"),
        &P256.replace("EC", "OKP"),
    ] {
        assert_eq!(error(json), Some(JwkError::Kind), "{json}");
    }
}

#[test]
fn what_is_not_one_object_is_malformed() {
    for json in [
        "",
        "null",
        "[]",
        r#"["OKP","Ed25519","AA"]"#,
        "{}",
        r#"{"kty":7}"#,
        &format!("{ED25519}{ED25519}"),
        &with(ED25519, r#""x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#),
        &with(ED25519, r#""kid":null"#),
        &with(ED25519, r#""key_ops":"verify""#),
        &with(ED25519, &format!(r#""x5c":"{}""#, "A".repeat(JWK_BYTES_MAX))),
    ] {
        assert_eq!(error(json), Some(JwkError::Malformed), "{json}");
    }
}

#[test]
fn a_coordinate_is_32_bytes_in_one_spelling() {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    for bad in ["", &x[1..], &format!("{x}="), &format!("{x}A"), &format!("{}p", &x[..42])] {
        assert_eq!(error(&ED25519.replace(x, bad)), Some(JwkError::Coordinate), "{bad}");
    }
    let no_y = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#;
    assert_eq!(error(no_y), Some(JwkError::Coordinate));
    assert_eq!(error(r#"{"kty":"OKP","crv":"Ed25519"}"#), Some(JwkError::Coordinate));
    for point in [&[4; 64][..], &[2; 33], &[0], &[]] {
        assert_eq!(Jwk::p256_point(point).err(), Some(JwkError::Coordinate));
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let jwk: Jwk = P256.parse().expect("a JWK");
    let [x, y] = [
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ]
    .map(|text| URL_SAFE_NO_PAD.decode(text).expect("base64url"));
    assert_eq!(Jwk::p256_point(&[&[4], &x[..], &y[..]].concat()).as_ref(), Ok(&jwk));
    let [x, y] = [x, y].map(|bytes| <[u8; 32]>::try_from(bytes).expect("32 bytes"));
    // The prime of the field, of which no coordinate is a multiple.
    let mut prime = [0xff; 32];
    prime[4..8].copy_from_slice(&[0, 0, 0, 1]);
    prime[8..20].fill(0);
    let mut beside = y;
    beside[31] ^= 1;
    for (x, y) in [(x, beside), (y, x), ([0; 32], [0; 32]), ([0xff; 32], y), (x, prime), (prime, y)]
    {
        assert_eq!(Jwk::p256(x, y).err(), Some(JwkError::OffCurve));
    }
    // y = 2 is on no point of edwards25519.
    let mut two = [0; 32];
    two[0] = 2;
    assert_eq!(Jwk::ed25519(two).err(), Some(JwkError::OffCurve));
}

#[test]
fn weak_points_and_second_spellings_are_refused() {
    // The eight points of small order (RFC 7748 §6.1 for their u, here compressed).
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for hex in small {
        assert_eq!(Jwk::ed25519(bytes(hex)).err(), Some(JwkError::Weak), "{hex}");
    }
    // The same points and others with y at or above the prime, and -0 as x.
    let twice = [
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for hex in twice {
        assert_eq!(Jwk::ed25519(bytes(hex)).err(), Some(JwkError::OffCurve), "{hex}");
    }
}

fn bytes(hex: &str) -> [u8; 32] {
    let byte = |n: usize| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex");
    std::array::from_fn(byte)
}
