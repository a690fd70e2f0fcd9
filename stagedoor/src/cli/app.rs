//! `app create|change|token04|list|show|delete|audit|keys|api-keys|team`.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use hyper::Method;
use serde_json::{Value, json};
use stagedoor_server::Scope;

use super::{
    audit::{self, Which},
    failure::Done,
    http::{Api, Paging, segment},
    keys,
    print::print,
    sure::Sure,
    team,
    time::Span,
    token04,
};

#[derive(Debug, Args)]
pub(super) struct App {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: AppCommand,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// Create an app with its first key (root credential).
    Create {
        /// A name for people.
        name: String,
        /// The AppID; random by default.
        #[arg(long)]
        id: Option<u32>,
        /// What happens when a user who is in a room logs in to it again: `reject`, `replace`, or the number of seats
        /// the user may have.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// Change an app; options left out keep their values.
    Change {
        /// The AppID.
        app: u32,
        /// A name for people.
        #[arg(long)]
        name: Option<String>,
        /// The default lifetime of tokens.
        #[arg(long, value_name = "DURATION")]
        ttl_default: Option<Span>,
        /// The longest lifetime of tokens.
        #[arg(long, value_name = "DURATION")]
        ttl_max: Option<Span>,
        /// As for `create`.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// Set which tokens of ZEGOCLOUD's form the app takes.
    Token04(token04::Setting),
    /// List apps.
    List(Paging),
    /// Show an app: its name, the lifetimes of its tokens, what a second login does.
    Show {
        /// The AppID.
        app: u32,
    },
    /// Delete an app and its keys (root credential).
    Delete {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        sure: Sure,
    },
    /// List the app's audit trail, newest first.
    Audit {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        paging: Paging,
    },
    /// Manage an app's keys.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Manage an app's API keys.
    #[command(subcommand)]
    ApiKeys(ApiKeys),
    /// Manage an app's team: operators with a level in it.
    #[command(subcommand)]
    Team(team::Team),
}

#[derive(Debug, Subcommand)]
enum ApiKeys {
    /// List API keys.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Create an API key.
    Create {
        /// The AppID.
        app: u32,
        /// A name for people.
        #[arg(long)]
        name: String,
        /// A scope; repeat for more.
        #[arg(long = "scope", required = true, value_parser = scopes())]
        scopes: Vec<String>,
        /// How far they reach, as JSON in the form of spec/bounds.md: {"rooms":["team-a-*"],"rank_max":50}; by default
        /// as far as the app.
        #[arg(long, value_name = "JSON", value_parser = bounds)]
        bounds: Option<Value>,
        /// Its lifetime; 0: it does not expire. By default the server's `credential_ttl_s_default`.
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<Span>,
    },
    /// Give an API key a new secret; the old one stops working, at once or after an overlap.
    Rotate {
        /// The AppID.
        app: u32,
        /// The API key's id.
        id: String,
        /// How long the old secret lives on; at most 7 days.
        #[arg(long, value_name = "DURATION")]
        overlap: Option<Span>,
        #[command(flatten)]
        sure: Sure,
    },
    /// Delete an API key.
    Delete {
        /// The AppID.
        app: u32,
        /// The API key's id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// A second-login policy in the API's form; the API checks it.
fn second_login(text: &str) -> Result<Value, std::convert::Infallible> {
    Ok(match text.parse::<u32>() {
        Ok(seats) => json!({"allow": seats}),
        Err(_) => json!(text),
    })
}

/// Bounds in the API's form; the API checks them.
fn bounds(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// The scopes that an API key can have.
fn scopes() -> PossibleValuesParser {
    Scope::ALL.map(Scope::as_str).into()
}

fn seconds(span: Option<Span>) -> Option<u64> {
    span.map(|span| span.s)
}

/// Runs a command.
pub(super) fn run(app: App, json: bool) -> Done {
    let (method, path, body) = match app.command {
        AppCommand::Create { name, id, second_login } => {
            let body = json!({"name": name, "id": id, "second_login": second_login});
            (Method::POST, "/v1/apps".into(), Some(body))
        }
        AppCommand::Change { app, name, ttl_default, ttl_max, second_login } => {
            let mut body = json!({
                "name": name, "ttl_s_default": seconds(ttl_default), "ttl_s_max": seconds(ttl_max),
                "second_login": second_login,
            });
            // Options left out are not sent, because `null` would be refused.
            body.as_object_mut()
                .into_iter()
                .for_each(|body| body.retain(|_, value| !value.is_null()));
            (Method::PATCH, format!("/v1/apps/{app}"), Some(body))
        }
        AppCommand::Token04(setting) => {
            (Method::PATCH, format!("/v1/apps/{}", setting.app), Some(setting.body()))
        }
        AppCommand::List(paging) => (Method::GET, format!("/v1/apps{}", paging.query()), None),
        AppCommand::Show { app } => (Method::GET, format!("/v1/apps/{app}"), None),
        AppCommand::Delete { app, sure } => {
            sure.confirm(&format!(
                "this deletes app {app} with its keys, API keys, roles and revocations"
            ))?;
            (Method::DELETE, format!("/v1/apps/{app}"), None)
        }
        AppCommand::Audit { app, which, paging } => {
            let path = audit::path(&format!("/v1/apps/{app}/audit"), &which, &paging);
            (Method::GET, path, None)
        }
        AppCommand::Keys(command) => return keys::run(&app.api, command, json),
        AppCommand::Team(command) => return team::run(&app.api, command, json),
        AppCommand::ApiKeys(ApiKeys::List { app, paging }) => {
            (Method::GET, format!("/v1/apps/{app}/api-keys{}", paging.query()), None)
        }
        AppCommand::ApiKeys(ApiKeys::Create { app, name, scopes, bounds, expires_in }) => {
            let body = json!({
                "name": name, "scopes": scopes, "bounds": bounds, "ttl_s": seconds(expires_in),
            });
            (Method::POST, format!("/v1/apps/{app}/api-keys"), Some(body))
        }
        AppCommand::ApiKeys(ApiKeys::Rotate { app, id, overlap, sure }) => {
            let overlap = seconds(overlap);
            if overlap.is_none_or(|s| s == 0) {
                sure.confirm(&format!("this makes the present secret of API key {id} useless"))?;
            }
            let body = overlap.map(|s| json!({"overlap_s": s}));
            (Method::POST, format!("/v1/apps/{app}/api-keys/{}/rotate", segment(&id)), body)
        }
        AppCommand::ApiKeys(ApiKeys::Delete { app, id, sure }) => {
            sure.confirm(&format!("this deletes API key {id}, which then stops working"))?;
            (Method::DELETE, format!("/v1/apps/{app}/api-keys/{}", segment(&id)), None)
        }
    };
    let answer = app.api.ask(&method, &path, body.as_ref())?;
    print(&answer, json)
}
