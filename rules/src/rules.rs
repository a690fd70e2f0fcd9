//! A list of rules, of which the first that matches wins.

use serde_json::Value;
use stagedoor_token::Field;

use crate::{
    claims::{Claims, Path},
    fault::{RuleFault, list},
    rule::{Gives, Rule, Verdict},
    template::Unfit,
};

/// Rules in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules(Vec<Rule>);

/// What the rules say of claims and a room.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// A rule matches.
    Matches {
        /// Which, from 0.
        rule: usize,
        /// What it gives.
        gives: &'a Gives,
        /// The user's name.
        name: Option<String>,
    },
    /// A rule would match, but this claim may not be put into its texts.
    Unfit {
        /// Which rule, from 0.
        rule: usize,
        /// The claim.
        path: Path,
        /// What is wrong with it.
        why: Unfit,
    },
    /// Some rules are for these claims, but none of them for this room.
    Room,
    /// No rule is for these claims, or for the role that was asked for.
    None,
}

impl Rules {
    /// Reads a list of 1 to `max` rules, called `rules`.
    ///
    /// # Errors
    ///
    /// The first field that cannot be.
    pub fn read(value: &Value, max: usize) -> Result<Self, RuleFault> {
        let field = Field::of("rules");
        let rules = list(value, field, max, "rules")?.iter().enumerate();
        rules
            .map(|(at, rule)| Rule::read(rule, field.element(at)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The rules in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// What every rule says, each by itself.
    pub fn judge<'a>(
        &'a self,
        claims: Claims<'a>,
        room: &'a str,
        role: Option<&'a str>,
    ) -> impl Iterator<Item = Verdict<'a>> {
        self.0.iter().map(move |rule| rule.judge(claims, room, role))
    }

    /// What the first rule that matches gives, or why none does.
    pub fn decide<'a>(
        &'a self,
        claims: Claims<'a>,
        room: &'a str,
        role: Option<&'a str>,
    ) -> Outcome<'a> {
        let (mut has_room, mut is_for) = (false, false);
        for (rule, verdict) in self.judge(claims, room, role).enumerate() {
            match verdict {
                Verdict::Matches { gives, name } => return Outcome::Matches { rule, gives, name },
                Verdict::Unfit(path, why) => return Outcome::Unfit { rule, path, why },
                Verdict::When(_) => {}
                Verdict::Rooms => is_for = true,
                Verdict::Role => has_room = true,
            }
        }
        if is_for && !has_room { Outcome::Room } else { Outcome::None }
    }
}

#[cfg(test)]
mod tests;
