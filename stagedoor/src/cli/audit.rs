//! `audit`: the whole trail, for the operator; and the filters that `app audit` shares.

use clap::Args;
use hyper::Method;

use super::{
    failure::Done,
    http::{Api, Paging, segment},
    print::print,
    time::{Past, now_s},
};

#[derive(Debug, Args)]
pub(super) struct Audit {
    #[command(flatten)]
    api: Api,
    /// Only records of this AppID, including earlier apps that had it; `none`: records that belong to no app.
    #[arg(long)]
    app: Option<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    paging: Paging,
}

/// Filters for records.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only records of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Only records with this code.
    #[arg(long)]
    code: Option<String>,
    /// Only records about this room.
    #[arg(long)]
    room: Option<String>,
    /// Only records about this user.
    #[arg(long)]
    user: Option<String>,
    /// Only records about the token with this id.
    #[arg(long)]
    jti: Option<String>,
    /// Only records of this actor's acts.
    #[arg(long)]
    actor: Option<String>,
    /// Only records of acts by this kind of actor: `root`, `api_key`, `user`, `relay` or `system`.
    #[arg(long)]
    actor_kind: Option<String>,
    /// Only records from this time on: 5m for five minutes ago, or 2027-01-31T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Past>,
    /// Only records from before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<Past>,
}

impl Which {
    /// As the end of a query string: each part begins with `&`.
    pub(super) fn query(&self) -> String {
        let now_s = now_s();
        let time = |past: Option<Past>| past.map(|past| past.unix_ms(now_s).to_string());
        let texts = [
            ("kind", self.kind.clone()),
            ("code", self.code.clone()),
            ("room", self.room.clone()),
            ("user", self.user.clone()),
            ("jti", self.jti.clone()),
            ("actor", self.actor.clone()),
            ("actor_kind", self.actor_kind.clone()),
            ("from_ms", time(self.from)),
            ("to_ms", time(self.to)),
        ];
        parts(texts)
    }
}

/// The parts of the query string that are given.
fn parts<const N: usize>(texts: [(&str, Option<String>); N]) -> String {
    let given = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
    given.map(|(name, text)| format!("&{name}={}", segment(&text))).collect()
}

/// A path with its query string.
pub(super) fn path(path: &str, which: &Which, paging: &Paging) -> String {
    with_query(path, &(which.query() + &paging.query().replace('?', "&")))
}

fn with_query(path: &str, parts: &str) -> String {
    match parts.strip_prefix('&') {
        Some(parts) => format!("{path}?{parts}"),
        None => path.to_owned(),
    }
}

/// Runs the command.
pub(super) fn run(audit: &Audit, json: bool) -> Done {
    let app = parts([("app", audit.app.clone())]);
    let query = app + &audit.which.query() + &audit.paging.query().replace('?', "&");
    let answer = audit.api.ask(&Method::GET, &with_query("/v1/audit", &query), None)?;
    print(&answer, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_contains_only_the_given_filters() {
        let room = Some("a b&c".to_owned());
        assert_eq!(parts([("room", room), ("user", None)]), "&room=a%20b%26c");
        assert_eq!(with_query("/v1/audit", "&a=1&b=2"), "/v1/audit?a=1&b=2");
        assert_eq!(with_query("/v1/audit", ""), "/v1/audit");
    }
}
