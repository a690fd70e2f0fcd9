//! Which signatures at the edges of Ed25519 verify (`spec/token.md` §Signature): the cases of "Taming the many EdDSAs"
//! (Chalkias, Garillot, Nikolaenko, 2020), made over a token's own text.

// Helpers of tests fail as tests do.
#![allow(clippy::expect_used)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use curve25519_dalek::{
    constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION},
    edwards::EdwardsPoint,
    scalar::Scalar,
    traits::IsIdentity,
};
use sha2::{Digest, Sha512};
use stagedoor_token::{
    AppId, Claims, Jwk, JwkError, KeySet, KeyState, Refusal, VerifyingKey, verify,
};

const NOW_S: u64 = 1_790_000_000;
/// The order of the group, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// What is signed: the header and the claims of a good token, whose `jti` is this number.
fn signed(number: u32) -> String {
    let claims = Claims::builder(AppId(7), "host".parse().expect("a role"))
        .room("lobby")
        .user("anna")
        .jti(number.to_string())
        .lifetime(NOW_S, 60)
        .build();
    let claims = serde_json::to_vec(&claims).expect("JSON");
    let header = r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#;
    [header.as_bytes(), &claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// A scalar that every run has.
fn scalar(name: &str) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::digest(name).into())
}

fn hash(r: &[u8; 32], a: &EdwardsPoint, signed: &str) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(a.compress().as_bytes());
    Scalar::from_bytes_mod_order_wide(&hash.chain_update(signed).finalize().into())
}

/// Whether a token with this signature opens by the key of this point.
fn verifies(a: &EdwardsPoint, signed: &str, r: &[u8; 32], s: &[u8; 32]) -> bool {
    let jwk = Jwk::ed25519(a.compress().to_bytes()).expect("a key");
    let key = VerifyingKey::from_jwk(AppId(7), "k", KeyState::Current, &jwk).expect("a key");
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([*r, *s].concat()));
    match verify(&token, &KeySet::from_iter([key]), NOW_S) {
        Ok(_) => true,
        Err(fault) => {
            assert_eq!(fault.refusal(), Refusal::SignatureInvalid);
            false
        }
    }
}

/// S with the order added, unreduced.
fn with_order(s: &Scalar) -> [u8; 32] {
    let mut carry = 0;
    let s = s.to_bytes();
    std::array::from_fn(|at| {
        let sum = u16::from(s[at]) + u16::from(L[at]) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    })
}

#[test]
fn an_s_at_or_above_the_order_is_refused() {
    let (a, nonce) = (scalar("key"), scalar("nonce"));
    let (point, r) = (a * B, (nonce * B).compress().to_bytes());
    let signed = signed(0);
    let s = nonce + hash(&r, &point, &signed) * a;
    assert!(verifies(&point, &signed, &r, s.as_bytes()));
    assert!(!verifies(&point, &signed, &r, &with_order(&s)));
}

#[test]
fn points_of_small_order_are_no_keys() {
    for point in EIGHT_TORSION {
        assert_eq!(Jwk::ed25519(point.compress().to_bytes()), Err(JwkError::Weak));
    }
}

#[test]
fn the_equation_is_checked_without_the_cofactor() {
    let (a, nonce) = (scalar("key"), scalar("nonce"));
    let mut refused = 0;
    for (number, torsion) in (0..).zip(EIGHT_TORSION) {
        // In R: only the one without a part of small order verifies.
        let (point, signed) = (a * B, signed(number));
        let r = (nonce * B + torsion).compress().to_bytes();
        let s = nonce + hash(&r, &point, &signed) * a;
        assert_eq!(verifies(&point, &signed, &r, s.as_bytes()), torsion.is_identity());
        // In A: as it is where the hash takes that part away.
        let (point, r) = (a * B + torsion, (nonce * B).compress().to_bytes());
        let h = hash(&r, &point, &signed);
        let holds = (h * torsion).is_identity();
        assert_eq!(verifies(&point, &signed, &r, (nonce + h * a).as_bytes()), holds);
        refused += u32::from(!holds);
    }
    assert!(refused > 0);
}

#[test]
fn an_r_of_small_order_is_taken_in_its_one_spelling() {
    // A nonce of 0, which only the private key can sign with, and which gives it away: a = S / h.
    let (a, signed) = (scalar("key"), signed(0));
    let point = a * B;
    let mut identity = [0; 32];
    identity[0] = 1;
    let h = hash(&identity, &point, &signed);
    assert!(verifies(&point, &signed, &identity, (h * a).as_bytes()));
    // The same point with y of the prime and one, and with a sign of its x of zero.
    let mut prime_and_one = [0xff; 32];
    (prime_and_one[0], prime_and_one[31]) = (0xee, 0x7f);
    let mut minus_zero = identity;
    minus_zero[31] = 0x80;
    for r in [prime_and_one, minus_zero] {
        let h = hash(&r, &point, &signed);
        assert!(!verifies(&point, &signed, &r, (h * a).as_bytes()));
    }
}

#[test]
fn an_s_of_zero_proves_nothing() {
    let (point, zero) = (scalar("key") * B, [0; 32]);
    let r = (-point).compress().to_bytes();
    assert!(!verifies(&point, &signed(0), &r, &zero));
    assert!(!verifies(&point, &signed(0), &zero, &zero));
}
