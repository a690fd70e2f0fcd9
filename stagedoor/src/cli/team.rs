//! `app team put|list|show|remove`.

use clap::Subcommand;
use hyper::Method;
use serde_json::json;

use super::{
    failure::Done,
    http::{Api, Paging, segment},
    operator::levels,
    print::print,
    sure::Sure,
};

#[derive(Debug, Subcommand)]
pub(super) enum Team {
    /// Give an operator a level in the app, in the place of the one it has.
    Put {
        /// The AppID.
        app: u32,
        /// The operator's name or id.
        operator: String,
        /// The level.
        #[arg(long, value_parser = levels(false))]
        level: String,
    },
    /// List the operators with a level in the app.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show an operator's level in the app.
    Show {
        /// The AppID.
        app: u32,
        /// The operator's name or id.
        operator: String,
    },
    /// Take an operator's level in the app.
    Remove {
        /// The AppID.
        app: u32,
        /// The operator's name or id.
        operator: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs a command.
pub(super) fn run(api: &Api, team: Team, json: bool) -> Done {
    let of = |app: u32, operator: &str| format!("/v1/apps/{app}/team/{}", segment(operator));
    let (method, path, body) = match team {
        Team::Put { app, operator, level } => {
            (Method::PUT, of(app, &operator), Some(json!({"level": level})))
        }
        Team::List { app, paging } => {
            (Method::GET, format!("/v1/apps/{app}/team{}", paging.query()), None)
        }
        Team::Show { app, operator } => (Method::GET, of(app, &operator), None),
        Team::Remove { app, operator, sure } => {
            sure.confirm(&format!("this takes {operator}'s level in app {app}"))?;
            (Method::DELETE, of(app, &operator), None)
        }
    };
    print(&api.ask(&method, &path, body.as_ref())?, json)
}
