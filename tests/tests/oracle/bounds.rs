//! Holds random tokens and random bounds against the model of `reach`, without a server: what the door, the mint and the
//! API decide by.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use stagedoor_bus::{Bound, Bounds};
use stagedoor_token::{AppId, AtExp, Claims, Confirmation, Roles};

use super::{
    dice::Dice,
    number,
    reach::{Reach, Wish},
};

const OPERATIONS: u64 = 100_000;
const ROOMS: [&str; 6] = ["a", "ab", "abc", "b", "ba", "hall"];
const PATTERNS: [&str; 7] = ["a", "a*", "ab*", "abc", "b*", "hall", "*"];
const NAMES: [&str; 3] = ["audience", "speaker", "host"];
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn some(dice: &mut Dice, all: &[&str], most: usize) -> Vec<String> {
    let count = 1 + dice.below(most);
    (0..count).map(|_| dice.text(all)).collect()
}

fn reach(dice: &mut Dice) -> Reach {
    let nets = [([127, 0, 0, 1], 32), ([127, 0, 0, 0], 8), ([10, 1, 0, 0], 16), ([0; 4], 0)];
    Reach {
        rooms: dice.percent(50).then(|| some(dice, &PATTERNS, 2)),
        roles: dice.percent(30).then(|| some(dice, &NAMES, 2)),
        rank_max: dice.percent(30).then(|| *dice.of(&[0, 10, 50, 99])),
        ttl_s_max: dice.percent(30).then(|| *dice.of(&[60, 600, 3_600])),
        once: dice.percent(20),
        bound: dice.percent(20),
        label: dice.percent(20).then(|| dice.text(&["x", "y"])),
        addresses: dice.percent(30).then(|| vec![*dice.of(&nets), *dice.of(&nets)]),
    }
}

fn rank(roles: &Roles, name: &str) -> Result<u64> {
    Ok(roles.get(name).context("a role")?.grants().rank.into())
}

fn wish(dice: &mut Dice, roles: &Roles) -> Result<Wish> {
    let role = dice.text(&NAMES);
    let then = dice.percent(30).then(|| dice.text(&NAMES));
    Ok(Wish {
        room: dice.text(&ROOMS),
        rank: rank(roles, &role)?,
        role,
        life_s: *dice.of(&[59, 60, 61, 600, 3_600, 3_601]),
        once: dice.percent(40),
        bound: dice.percent(40),
        then: then.map(|role| rank(roles, &role).map(|rank| (role, rank))).transpose()?,
    })
}

fn claims(wish: &Wish) -> Result<Claims> {
    let claims = Claims::builder(AppId(1), wish.role.parse()?).room(&wish.room).user("u").jti("t");
    let mut claims = claims.lifetime(1_000_000, wish.life_s).build();
    claims.once = wish.once;
    claims.cnf = wish.bound.then(|| JKT.parse().map(|jkt| Confirmation { jkt })).transpose()?;
    if let Some((role, _)) = &wish.then {
        claims.at_exp = AtExp::Demote(role.parse()?);
    }
    Ok(claims)
}

#[test]
fn bounds_follow_the_model_over_random_tokens() -> Result<()> {
    let operations = number("STAGEDOOR_ORACLE_OPERATIONS").unwrap_or(OPERATIONS);
    let seed = number("STAGEDOOR_ORACLE_SEED").unwrap_or(0x626f_756e);
    let (mut dice, roles) = (Dice(seed), Roles::built_in());
    let mut seen = BTreeMap::<String, u64>::new();
    let mut outer = (Reach::default(), Bounds::default());
    for nth in 0..operations {
        let at = format!("STAGEDOOR_ORACLE_SEED={seed}, operation {nth}");
        let model = reach(&mut dice);
        let bounds: Bounds = serde_json::from_value(model.json()).context(at.clone())?;
        let wish = wish(&mut dice, &roles)?;
        let found = bounds.check_claims(&claims(&wish)?, &roles).err().map(Bound::as_str);
        let expected = model.exceeded_by(&wish);
        ensure!(found == expected, "{at}: {model:?} {wish:?}: {found:?}, not {expected:?}");
        let us = bounds.has_address([127, 0, 0, 1].into());
        ensure!(us == model.has_us(), "{at}: {model:?}: from here {us}");
        let wider = bounds.within(&outer.1).err().map(Bound::as_str);
        let expected = model.wider_than(&outer.0);
        ensure!(wider == expected, "{at}: {model:?} in {:?}: {wider:?}, not {expected:?}", outer.0);
        for (what, answer) in [("token", found), ("bounds", wider)] {
            *seen.entry(format!("{what} {}", answer.unwrap_or("ok"))).or_default() += 1;
        }
        if dice.percent(50) {
            outer = (model, bounds);
        }
    }
    let tokens = ["ok", "rooms", "roles", "rank_max", "ttl_s_max", "once", "bound"];
    let tokens = tokens.map(|answer| format!("token {answer}"));
    let wider = ["ok", "rooms", "label", "addresses"].map(|answer| format!("bounds {answer}"));
    for answer in tokens.iter().chain(&wider) {
        let count = seen.get(answer).copied().unwrap_or_default();
        ensure!(count >= operations / 500, "too rare: {answer} of {seen:?}");
    }
    Ok(())
}
