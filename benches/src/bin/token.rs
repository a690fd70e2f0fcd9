//! How fast tokens are minted, verified and refused, relative to the bare HMAC-SHA256 of the same bytes with its key
//! schedule kept, and to `jsonwebtoken` with the same claims. Rounds are interleaved, and each ratio is taken within
//! its round, so that drift of the machine does not distort it. Tokens of public keys are measured relative to the bare
//! signature check of `ring`. `--check` exits with 1 if a budget is missed.

use std::{
    hint::black_box,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow, ensure};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Parser;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result as JwtResult},
};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use stagedoor_token::{
    AppId, Claims, Fault, Jwk, Key, KeySet, KeyState, Refusal, VerifyingKey, mint, verify,
};

type HmacSha256 = Hmac<Sha256>;

/// Benchmarks of the token crate.
#[derive(Parser)]
struct Args {
    /// Exit with 1 if a ratio misses its budget.
    #[arg(long)]
    check: bool,
    /// Rounds to take the median of; at most 1,000.
    #[arg(long, default_value_t = 61, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    rounds: u16,
}

const SECRET: [u8; 32] = [0x5d; 32];
const KID: &str = "k_2026_11";
/// How long one operation runs in one round.
const SLICE: Duration = Duration::from_millis(6);

/// A measurement.
struct Op<'a> {
    name: &'static str,
    /// The maximum cost, as a multiple of the floor.
    budget: Option<f64>,
    run: Box<dyn FnMut() + 'a>,
    /// Calls in one slice.
    calls: u32,
    /// Nanoseconds per call, by round.
    rounds_ns: Vec<f64>,
}

impl<'a> Op<'a> {
    fn new(name: &'static str, budget: Option<f64>, mut run: impl FnMut() + 'a) -> Self {
        let (mut calls, begin) = (0, Instant::now());
        while begin.elapsed() < SLICE {
            run();
            calls += 1;
        }
        Self { name, budget, run: Box::new(run), calls, rounds_ns: Vec::new() }
    }

    fn round(&mut self) {
        let begin = Instant::now();
        for _ in 0..self.calls {
            (self.run)();
        }
        self.rounds_ns.push(begin.elapsed().as_nanos() as f64 / f64::from(self.calls));
    }

    /// The median over the rounds of the ratio to another measurement in the same round.
    fn ratio_to(&self, other: &Self) -> f64 {
        median(self.rounds_ns.iter().zip(&other.rounds_ns).map(|(ours, theirs)| ours / theirs))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Claims of a typical token.
fn claims(now_s: u64) -> Result<Claims> {
    let mut claims = Claims::builder(AppId(1_204_117), "speaker".parse()?)
        .room("webinar-2026-q4-keynote")
        .user("u-8f14e45fceea167a")
        .jti("t-4f9c1b7d2e6a9c3d")
        .lifetime(now_s, 3_600)
        .build();
    claims.name = Some("Anna Example".into());
    Ok(claims)
}

/// The claims of a token, as a backend would write them for `jsonwebtoken`.
#[derive(Serialize, Deserialize)]
struct Plain {
    app: u32,
    room: String,
    sub: String,
    role: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<String>,
}

impl Plain {
    fn of(claims: &Claims) -> Self {
        Self {
            app: claims.app.0,
            room: claims.room.clone(),
            sub: claims.user.clone(),
            role: claims.role.to_string(),
            iat: claims.iat,
            nbf: claims.nbf,
            exp: claims.exp,
            jti: claims.jti.clone(),
            name: claims.name.clone(),
            meta: claims.meta.clone(),
        }
    }
}

/// HMAC-SHA256 for `jsonwebtoken`, as its own providers do it (with the key schedule at each call), on the same `sha2`
/// as ours.
struct Hs256(HmacSha256);

impl signature::Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, bytes: &[u8]) -> Result<Vec<u8>, signature::Error> {
        let mut mac = self.0.clone();
        mac.update(bytes);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl signature::Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, bytes: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let mut mac = self.0.clone();
        mac.update(bytes);
        mac.verify_slice(signature).map_err(signature::Error::from_source)
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

fn hs256(secret: &[u8]) -> JwtResult<Box<Hs256>> {
    let hmac = HmacSha256::new_from_slice(secret).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(Hs256(hmac)))
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, key| Ok(hs256(key.as_bytes())?),
    verifier_factory: |_, key| Ok(hs256(key.try_get_as_bytes()?)?),
    key_utils: KeyUtils::new_unimplemented(),
};

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    ensure!(PROVIDER.install_default().is_ok(), "jsonwebtoken has another provider already");

    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims = claims(now_s)?;
    let key = Key::hs256(claims.app, KID, &SECRET, KeyState::Current)?;
    let keys = KeySet::from_iter([key.clone()]);
    let token = mint(&claims, &key)?;
    let (signed, _) = token.rsplit_once('.').context("a token has points")?;
    // `A` is canonical in every position of a signature except the last.
    let forged = format!("{signed}.{}", "A".repeat(43));

    let mut narrowed = claims.clone();
    narrowed.grants = Some(serde_json::from_str(
        r#"{"publish":{"streams":["cam-8f14e45f"],"kinds":["audio"]}}"#,
    )?);
    let narrowed = mint(&narrowed, &key)?;

    let hmac = HmacSha256::new_from_slice(&SECRET)?;
    let plain = Plain::of(&claims);
    let header = Header { kid: Some(KID.into()), ..Header::new(Algorithm::HS256) };
    let encoding = EncodingKey::from_secret(&SECRET);
    let decoding = DecodingKey::from_secret(&SECRET);
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_nbf = true;
    validation.set_required_spec_claims(&["exp", "nbf", "sub"]);

    // Sanity checks.
    ensure!(verify(&token, &keys, now_s).as_ref() == Ok(&claims), "our own token does not verify");
    ensure!(verify(&narrowed, &keys, now_s).is_ok(), "our own narrowed token does not verify");
    ensure!(
        verify(&forged, &keys, now_s).map_err(Fault::refusal) == Err(Refusal::SignatureInvalid),
        "a forged token verifies"
    );
    jsonwebtoken::decode::<Plain>(&token, &decoding, &validation)
        .context("jsonwebtoken refuses our token")?;
    let theirs = jsonwebtoken::encode(&header, &plain, &encoding)?;
    ensure!(theirs.len().abs_diff(token.len()) <= 2, "jsonwebtoken writes another token");

    let mut ops = vec![
        Op::new("floor: HMAC-SHA256, key schedule kept", None, || {
            let mut mac = hmac.clone();
            mac.update(black_box(signed).as_bytes());
            black_box(mac.finalize().into_bytes());
        }),
        Op::new("verify", Some(3.5), || {
            black_box(verify(black_box(&token), &keys, now_s)).ok();
        }),
        Op::new("mint", Some(2.5), || {
            black_box(mint(black_box(&claims), &key)).ok();
        }),
        Op::new("refuse a bad signature", Some(1.5), || {
            black_box(verify(black_box(&forged), &keys, now_s)).ok();
        }),
        Op::new("verify, narrowed by grants", None, || {
            black_box(verify(black_box(&narrowed), &keys, now_s)).ok();
        }),
        Op::new("jsonwebtoken: decode", None, || {
            black_box(jsonwebtoken::decode::<Plain>(black_box(&token), &decoding, &validation))
                .ok();
        }),
        Op::new("jsonwebtoken: encode", None, || {
            black_box(jsonwebtoken::encode(&header, black_box(&plain), &encoding)).ok();
        }),
    ];
    for _ in 0..args.rounds {
        for op in &mut ops {
            op.round();
        }
    }
    let out = &mut io::stdout().lock();
    let met = report(out, &ops, token.len(), args.rounds)?;
    let met = public_keys(out, &claims, now_s, args.rounds)? && met;
    Ok(if args.check && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A key of ES256 and a token by it, as both are made elsewhere.
fn es256(claims: &Claims) -> Result<(Vec<u8>, String)> {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let failed = |_| anyhow!("ring makes no key");
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random);
    let pair = pair.map_err(|error| anyhow!("{error}"))?;
    let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{KID}"}}"#);
    let parts = [header.into_bytes(), serde_json::to_vec(claims)?];
    let signed = parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = pair.sign(&random, signed.as_bytes()).map_err(failed)?;
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    Ok((pair.public_key().as_ref().to_vec(), token))
}

/// Measures tokens of public keys and prints their table. Returns whether every budget is met.
fn public_keys(out: &mut impl Write, claims: &Claims, now_s: u64, rounds: u16) -> Result<bool> {
    let key = Key::ed25519(claims.app, KID, &SECRET, KeyState::Current)?;
    let public = Ed25519KeyPair::from_seed_unchecked(&SECRET);
    let (eddsa, public) = (key.verifying(), public.map_err(|error| anyhow!("{error}"))?);
    let eddsa_token = mint(claims, &key)?;
    let (point, es256_token) = es256(claims)?;
    let jwk = Jwk::p256_point(&point)?;
    let es256 = VerifyingKey::from_jwk(claims.app, KID, KeyState::Current, &jwk)?;
    let pairs: [(_, _, &str, &dyn VerificationAlgorithm, &[u8], VerifyingKey); 2] = [
        (
            "floor: ring, Ed25519",
            "verify EdDSA",
            &eddsa_token,
            &ED25519,
            public.public_key().as_ref(),
            eddsa,
        ),
        (
            "floor: ring, P-256",
            "verify ES256",
            &es256_token,
            &ECDSA_P256_SHA256_FIXED,
            &point,
            es256,
        ),
    ];
    let mut met = true;
    for (floor_name, name, token, algorithm, public, verifying) in pairs {
        let (signed, signature) = token.rsplit_once('.').context("a token has points")?;
        let signature = URL_SAFE_NO_PAD.decode(signature)?;
        let keys = KeySet::from_iter([verifying]);
        ensure!(verify(token, &keys, now_s).as_ref() == Ok(claims), "{name}: does not verify");
        let bare = UnparsedPublicKey::new(algorithm, public);
        ensure!(
            bare.verify(signed.as_bytes(), &signature).is_ok(),
            "{floor_name}: does not verify"
        );
        let mut ops = vec![
            Op::new(floor_name, None, || {
                black_box(bare.verify(black_box(signed).as_bytes(), &signature)).ok();
            }),
            Op::new(name, Some(1.15), || {
                black_box(verify(black_box(token), &keys, now_s)).ok();
            }),
        ];
        if name == "verify EdDSA" {
            ops.push(Op::new("mint EdDSA", None, || {
                black_box(mint(black_box(claims), &key)).ok();
            }));
        }
        for _ in 0..rounds {
            ops.iter_mut().for_each(Op::round);
        }
        writeln!(out)?;
        let floor = ops.first().context("there is a floor")?;
        met &= table(out, &ops, floor)?;
    }
    Ok(met)
}

/// Prints a line for each operation. Returns whether every budget is met.
fn table(out: &mut impl Write, ops: &[Op<'_>], floor: &Op<'_>) -> Result<bool> {
    let mut met = true;
    for op in ops {
        let (ns, ratio) = (median(op.rounds_ns.iter().copied()), op.ratio_to(floor));
        write!(out, "{:<40} {ns:>9.0} {:>9.2} {ratio:>8.2}", op.name, 1e3 / ns)?;
        match op.budget {
            Some(budget) => writeln!(out, " {budget:>8.2} {}", verdict(ratio <= budget, &mut met))?,
            None => writeln!(out)?,
        }
    }
    Ok(met)
}

/// Prints the table. Returns whether every budget is met.
fn report(out: &mut impl Write, ops: &[Op<'_>], token_bytes: usize, rounds: u16) -> Result<bool> {
    let [floor, verify, _, _, _, decode, _] = ops else {
        anyhow::bail!("these are not the known operations")
    };
    writeln!(
        out,
        "a token of {token_bytes} bytes; medians of {rounds} interleaved rounds, one core\n"
    )?;
    writeln!(out, "{:<40} {:>9} {:>9} {:>8} {:>8}", "operation", "ns", "M/s", "x floor", "budget")?;
    let mut met = table(out, ops, floor)?;
    let faster = decode.ratio_to(verify);
    writeln!(
        out,
        "\nverify is {faster:.2} times as fast as jsonwebtoken (at least 2.00) {}",
        verdict(faster >= 2.0, &mut met)
    )?;
    Ok(met)
}

fn verdict(good: bool, met: &mut bool) -> &'static str {
    *met &= good;
    if good { "ok" } else { "MISSED" }
}
