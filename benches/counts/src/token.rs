//! The door: verifies or refuses a token, computes its grants, decides an action.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use stagedoor_token::{
    Action, AppId, Claims, Decision, Fault, Key, KeySet, KeyState, Kind, Refusal, Roles, Verb,
    authorize, mint, seat, verify,
};

use crate::count::{Path, repeat_alone};

/// The token's paths.
pub(crate) const PATHS: &[Path] = &[
    ("verify", || verifies(None)),
    ("verify_narrowed", || verifies(Some(NARROWING))),
    ("verify_refused", refuses),
    ("seat", || seats(None)),
    ("seat_narrowed", || seats(Some(NARROWING))),
    ("authorize_10_actions", authorizes),
];

/// The hash dominates the cost of verifying, and would hide the cost of reading the claims.
pub(crate) const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("verify_but_the_hash", "verify", "verify_refused"),
    ("verify_narrowed_but_the_hash", "verify_narrowed", "verify_refused"),
];

const NARROWING: &str = r#"{"publish":{"streams":["cam-8f14e45f"],"kinds":["audio"]}}"#;
const NOW_S: u64 = 1_700_000_000;

/// Claims of a typical token.
fn claims(narrowing: Option<&str>) -> Result<Claims> {
    let role = "speaker".parse()?;
    let (room, user, id) = ("webinar-2026-q4-keynote", "u-8f14e45fceea167a", "t-4f9c1b7d2e6a9c3d");
    let mut claims = Claims::builder(AppId(1_204_117), role)
        .room(room)
        .user(user)
        .jti(id)
        .lifetime(NOW_S, 3_600)
        .build();
    claims.name = Some("Anna Example".into());
    claims.grants = narrowing.map(serde_json::from_str).transpose()?;
    Ok(claims)
}

fn key() -> Result<Key> {
    Ok(Key::hs256(AppId(1_204_117), "k_2026_11", &[0x5d; 32], KeyState::Current)?)
}

fn verifies(narrowing: Option<&str>) -> Result<()> {
    let (claims, key) = (claims(narrowing)?, key()?);
    let (token, keys) = (mint(&claims, &key)?, KeySet::from_iter([key]));
    ensure!(verify(&token, &keys, NOW_S) == Ok(claims), "our own token does not verify");
    repeat_alone(|| verify(black_box(&token), &keys, NOW_S));
    Ok(())
}

fn refuses() -> Result<()> {
    let key = key()?;
    let token = mint(&claims(None)?, &key)?;
    let (signed, _) = token.rsplit_once('.').context("a token has points")?;
    // `A` is canonical in every position of a signature except the last.
    let (forged, keys) = (format!("{signed}.{}", "A".repeat(43)), KeySet::from_iter([key]));
    let refused = verify(&forged, &keys, NOW_S);
    ensure!(
        refused.map_err(Fault::refusal) == Err(Refusal::SignatureInvalid),
        "a forged token verifies"
    );
    repeat_alone(|| verify(black_box(&forged), &keys, NOW_S));
    Ok(())
}

fn seats(narrowing: Option<&str>) -> Result<()> {
    let (claims, roles) = (claims(narrowing)?, Roles::built_in());
    ensure!(seat(&claims, &roles).is_ok(), "the grants are not within the role");
    repeat_alone(|| seat(black_box(&claims), &roles));
    Ok(())
}

/// A speaker's actions, one allowed and one refused.
fn authorizes() -> Result<()> {
    let roles = Roles::built_in();
    let grants = seat(&claims(Some(NARROWING))?, &roles)?;
    let host = roles.get("host").context("a built-in role")?.grants();
    let camera = "cam-8f14e45f";
    let actions = [
        (Action::Publish { stream: camera, kind: Kind::Audio, live: 0 }, true),
        (Action::Publish { stream: camera, kind: Kind::Video, live: 0 }, false),
        (Action::Publish { stream: "cam-other", kind: Kind::Audio, live: 0 }, false),
        (Action::Subscribe { stream: "cam-other", publisher_role: "host" }, true),
        (Action::SendRoom, true),
        (Action::SendRole("audience"), true),
        (Action::SendUser { role: "audience" }, false),
        (Action::Set { key: "slide" }, false),
        (Action::Moderate { verb: Verb::Kick, target_rank: Some(10) }, false),
        (Action::See { member: host }, true),
    ];
    for (action, allowed) in &actions {
        let decision = authorize(&grants, action);
        ensure!((decision == Decision::Allowed) == *allowed, "{action:?}: {decision:?}");
    }
    repeat_alone(|| {
        for (action, _) in &actions {
            black_box(authorize(black_box(&grants), black_box(action)));
        }
    });
    Ok(())
}
