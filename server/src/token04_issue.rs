//! Decides whether a Token04 is minted, by the same rules as any other token. Pure: app, key, revocations and time are
//! arguments.

use stagedoor_bus::{Bearer, Token04, Token04Key, token04::mint_for};
use stagedoor_token::{Claims, Field, Narrowing, PATTERNS_MAX, Patterns};

use crate::issue::{Issued, Lives, NotIssued, Rules, Stay, Wanted, claims_for, judge};

/// The app's present state, for a Token04.
#[derive(Clone, Copy)]
pub(crate) struct Terms04<'a> {
    pub(crate) lives: Lives,
    pub(crate) key: &'a Token04Key,
    pub(crate) form: &'a Token04,
    pub(crate) rules: Rules<'a>,
}

fn cannot(what: &'static str, field: &'static str) -> NotIssued {
    NotIssued::Token04 { code: "token04_cannot", detail: what.into(), field: Field::of(field) }
}

/// What the format cannot say is refused, not left out.
fn check_form(wanted: &Wanted, form: &Token04) -> Result<(), NotIssued> {
    let Stay { once, at_exp, max_stay, until, cnf } = &wanted.stay;
    let more = [
        ("name", wanted.name.is_some()),
        ("meta", wanted.meta.is_some()),
        ("once", *once),
        ("at_exp", *at_exp != Default::default()),
        ("max_stay", max_stay.is_some()),
        ("until", !until.is_empty()),
        ("cnf", cnf.is_some()),
    ];
    if let Some((field, _)) = more.into_iter().find(|(_, is_given)| *is_given) {
        return Err(cannot("a Token04 cannot say this; leave it out, or mint another form", field));
    }
    let roles = [&*form.publish, &*form.join];
    if !roles.contains(&&*wanted.role) {
        return Err(cannot("a Token04 gives one of the app's roles `publish` and `join`", "role"));
    }
    Ok(())
}

/// The only narrowing that the format has: names of streams, for a token that may publish.
fn streams_of(wanted: &Wanted, may_publish: bool) -> Result<Option<Vec<String>>, NotIssued> {
    let Some(narrowing) = &wanted.grants else { return Ok(None) };
    let streams = narrowing.publish.streams.clone();
    let mut only = Narrowing::default();
    only.publish.streams.clone_from(&streams);
    let names: Vec<String> = streams
        .iter()
        .flat_map(Patterns::iter)
        .filter(|pattern| pattern.is_exact())
        .map(|pattern| pattern.as_str().to_owned())
        .collect();
    let count = streams.as_ref().map_or(0, |streams| streams.iter().count());
    let fits = *narrowing == only && may_publish && (1..=PATTERNS_MAX).contains(&count);
    if fits && names.len() == count {
        return Ok(Some(names));
    }
    let what = "a Token04 narrows only `publish.streams` of a token that may publish, to 1 to 64 whole names";
    Err(cannot(what, "grants"))
}

/// Mints a Token04, or says which rule of the door it would fail.
pub(crate) fn issue_token04(
    wanted: Wanted,
    Terms04 { lives, key, form, rules }: Terms04<'_>,
    now_s: u64,
) -> Result<Issued, NotIssued> {
    check_form(&wanted, form)?;
    let may_publish = *wanted.role == *form.publish;
    let streams = streams_of(&wanted, may_publish)?;
    // It has no generation: a revocation of this very second would hit a token from after it.
    let claims = claims_for(wanted, lives, key.app, None, now_s, "-")?;
    let hit = rules.revocations.find(&Bearer::of(&claims, &key.kid), now_s);
    let later_s = u64::from(hit.is_some_and(|hit| !hit.ban));
    let (iat, exp) = (claims.iat + later_s, claims.exp + later_s);
    let claims = Claims { iat, nbf: iat, exp, ..claims };
    let grants = judge(&claims, &key.kid, rules, now_s)?;
    let minted = mint_for(key, form, &claims, may_publish, streams);
    let (token, claims) = minted.map_err(|error| {
        let field = match error.code() {
            "user_invalid" => Field::of("user"),
            "room_invalid" => Field::of("room"),
            _ => Field::WHOLE,
        };
        NotIssued::Token04 { code: error.code(), detail: error.to_string().into(), field }
    })?;
    Ok(Issued { token, claims, grants })
}
