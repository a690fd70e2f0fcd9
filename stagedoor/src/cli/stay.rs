//! The options of `token mint` for the stay in the seat, and their claims.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use stagedoor_token::{AtExp, Claims, Confirmation, Thumbprint, Until};

use super::{
    failure::{Failure, usage},
    time::{Span, When},
};

#[derive(Debug, Args)]
pub(super) struct Stay {
    /// The token can be used for only one login.
    #[arg(long)]
    once: bool,
    /// What happens to a live seat when it expires: `close`, `demote:<role>` or `grace:<duration>`.
    #[arg(long, value_name = "END", default_value = "close")]
    at_exp: End,
    /// The longest stay in a seat.
    #[arg(long, value_name = "DURATION")]
    max_stay: Option<Span>,
    /// When a privilege ends: `publish`, `subscribe`, `send`, `set` or `moderate`, then `=` and 1h from now or
    /// 2027-01-31T18:00:00Z; repeat for more.
    #[arg(long, value_name = "PRIVILEGE=TIME")]
    until: Vec<Privilege>,
    /// The thumbprint (RFC 7638) of the key that a login must prove possession of.
    #[arg(long, value_name = "THUMBPRINT")]
    jkt: Option<Thumbprint>,
}

#[derive(Clone, Debug)]
struct End(AtExp);

impl FromStr for End {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(Self(match text.split_once(':') {
            None if text == "close" => AtExp::Close,
            Some(("demote", role)) => AtExp::Demote(role.parse()?),
            Some(("grace", span)) => AtExp::Grace { s: whole(span.parse()?)? },
            _ => bail!("it must be `close`, `demote:<role>` or `grace:<duration>`"),
        }))
    }
}

/// A duration that fits its claim.
fn whole(span: Span) -> Result<u32> {
    u32::try_from(span.s).ok().with_context(|| format!("{span} is too long"))
}

#[derive(Clone, Debug)]
struct Privilege {
    name: String,
    end: When,
}

impl FromStr for Privilege {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, end) = text
            .split_once('=')
            .context("write a privilege, `=`, and when it ends, such as publish=1h")?;
        Ok(Self { name: name.into(), end: end.parse()? })
    }
}

impl Stay {
    /// The claims, with the stay's options added.
    pub(super) fn of(self, claims: Claims, now_s: u64) -> Result<Claims, Failure> {
        let max_stay = self.max_stay.map(whole).transpose().map_err(Failure::Usage)?;
        let mut until = Until::default();
        for Privilege { name, end: when } in &self.until {
            let end = match name.as_str() {
                "publish" => &mut until.publish,
                "subscribe" => &mut until.subscribe,
                "send" => &mut until.send,
                "set" => &mut until.set,
                "moderate" => &mut until.moderate,
                _ => {
                    return Err(usage(&format!(
                        "--until: `{name}` is not a privilege; use publish, subscribe, send, set or moderate"
                    )));
                }
            };
            if end.replace(when.unix_s(now_s)).is_some() {
                return Err(usage(&format!("--until: `{name}` is given twice")));
            }
        }
        Ok(Claims {
            once: self.once,
            at_exp: self.at_exp.0,
            max_stay,
            until,
            cnf: self.jkt.map(|jkt| Confirmation { jkt }),
            ..claims
        })
    }
}
