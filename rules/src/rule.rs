//! One rule, and whether it matches.

use serde_json::Value;
use stagedoor_token::{
    Field, Limits, Narrowing, Pattern, RoleName,
    form::{Flaw, narrowing_flaw},
};

use crate::{
    claims::{Claims, Path},
    fault::{RuleFault, list, object},
    template::{Filled, Template, Unfit},
    when::When,
};

/// The most rooms of one rule.
const ROOMS_MAX: usize = 16;

/// What a rule gives to everybody for whom it matches.
#[derive(Clone, Debug, PartialEq)]
pub struct Gives {
    /// The role.
    pub role: RoleName,
    /// What narrows the role.
    pub grants: Option<Narrowing>,
    /// The token's life, in seconds; by default the app's.
    pub ttl_s: Option<u64>,
    /// The longest stay in a seat, in seconds.
    pub max_stay: Option<u32>,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    when: When,
    rooms: Vec<Template>,
    gives: Gives,
    name: Option<Template>,
}

/// What a rule says of claims and a room.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict<'a> {
    /// It matches; the user's name, if it gives one.
    Matches {
        /// What it gives.
        gives: &'a Gives,
        /// The user's name.
        name: Option<String>,
    },
    /// The condition on this claim does not hold.
    When(&'a Path),
    /// Its rooms do not have this one.
    Rooms,
    /// It gives another role than the one that was asked for.
    Role,
    /// It would match, but this claim may not be put into its texts. That refuses, so that nobody gets past a rule by
    /// a claim that does not fit.
    Unfit(Path, Unfit),
}

/// Whether a character can be in a pattern of rooms.
fn is_of_pattern(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    ///
    /// The first field that cannot be.
    pub fn read(value: &Value, field: Field) -> Result<Self, RuleFault> {
        const NAMES: [&str; 7] = ["when", "rooms", "role", "grants", "ttl_s", "name", "max_stay"];
        let members = object(value, field, &NAMES)?;
        let needed = |name: &str| {
            let missing = || RuleFault::new(field.member(name), "is missing");
            members.get(name).ok_or_else(missing)
        };
        let whole = |name: &str, max: u64| {
            let what = format!("a whole number from 1 to {max}");
            let fault = || RuleFault::must(field.member(name), &what);
            let read =
                |value: &Value| value.as_u64().filter(|n| (1..=max).contains(n)).ok_or_else(fault);
            members.get(name).map(read).transpose()
        };
        let when = When::read(needed("when")?, field.member("when"))?;
        let here = field.member("rooms");
        let rooms = list(needed("rooms")?, here, ROOMS_MAX, "patterns of rooms")?.iter();
        let rooms = rooms.enumerate().map(|(at, room)| room_template(room, here.element(at)));
        let rooms = rooms.collect::<Result<_, _>>()?;
        let role = needed("role")?.as_str().and_then(|role| role.parse().ok());
        let role = role.ok_or_else(|| RuleFault::must(field.member("role"), "a role's name"))?;
        let narrowing = |value: &Value| {
            let here = field.member("grants");
            serde_json::from_value(value.clone()).map_err(|_| {
                let flaw = narrowing_flaw(&value.to_string(), here);
                let at = flaw.map_or(here, Flaw::field);
                RuleFault::new(at, "is not of the form of `grants`")
            })
        };
        let grants = members.get("grants").map(narrowing).transpose()?;
        let name = |value: &Value| {
            let name = value.as_str().and_then(Template::of);
            let fits = name.filter(|name| name.sample("").len() <= Limits::DEFAULT.name_bytes_max);
            fits.ok_or_else(|| {
                RuleFault::must(field.member("name"), "a text with claims in braces")
            })
        };
        let name = members.get("name").map(name).transpose()?;
        let max_stay = whole("max_stay", u32::MAX.into())?.and_then(|s| u32::try_from(s).ok());
        let ttl_s = whole("ttl_s", Limits::DEFAULT.ttl_s_max)?;
        Ok(Self { when, rooms, gives: Gives { role, grants, ttl_s, max_stay }, name })
    }

    /// What it gives.
    pub fn gives(&self) -> &Gives {
        &self.gives
    }

    /// A room that it could open, for a check of the rest.
    pub fn sample_room(&self) -> String {
        let sample = self.rooms.first().map(|room| room.sample("x")).unwrap_or_default();
        sample.replace('*', "x")
    }

    /// What it says of these claims and a room, and of the role, if one was asked for.
    pub fn judge(&self, claims: Claims<'_>, room: &str, role: Option<&str>) -> Verdict<'_> {
        if let Some(path) = self.when.failing(claims) {
            return Verdict::When(path);
        }
        let mut unfit = None;
        let mut has = |rooms: &Template| match rooms.fill(
            claims,
            Limits::DEFAULT.room_bytes_max,
            is_of_pattern,
        ) {
            Filled::Text(text) => {
                text.parse::<Pattern>().is_ok_and(|pattern| pattern.matches(room))
            }
            Filled::Absent(_) => false,
            Filled::Unfit(path, why) => {
                unfit.get_or_insert((path, why));
                false
            }
        };
        if !self.rooms.iter().any(&mut has) {
            return unfit.map_or(Verdict::Rooms, |(path, why)| Verdict::Unfit(path, why));
        }
        if role.is_some_and(|role| *role != *self.gives.role) {
            return Verdict::Role;
        }
        let fill = |name: &Template| name.fill(claims, Limits::DEFAULT.name_bytes_max, |_| true);
        let name = match self.name.as_ref().map(fill) {
            None | Some(Filled::Absent(_)) => None,
            Some(Filled::Text(name)) => Some(name),
            Some(Filled::Unfit(path, why)) => return Verdict::Unfit(path, why),
        };
        Verdict::Matches { gives: &self.gives, name }
    }
}

/// A pattern of rooms with claims in it, which can become the name of a room.
fn room_template(value: &Value, field: Field) -> Result<Template, RuleFault> {
    let what = "a room's name, or a prefix of one followed by `*`, of [0-9A-Za-z_.:-] and claims in braces";
    let template = value.as_str().and_then(Template::of).filter(|template| {
        let sample = template.sample("x");
        sample.parse::<Pattern>().is_ok() && sample.len() <= Limits::DEFAULT.room_bytes_max
    });
    template.ok_or_else(|| RuleFault::must(field, what))
}
