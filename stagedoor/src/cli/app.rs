//! `app create|change|list|show|delete|audit|keys|api-keys`.

use std::io::Write;

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use hyper::Method;
use serde_json::{Value, json};
use stagedoor_server::Scope;

use super::{
    audit::{self, Which},
    failure::Done,
    http::{Api, Paging, segment},
    print::print,
    sure::Sure,
    time::Span,
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
    /// Make an app with its first key (root credential).
    Create {
        /// For people.
        name: String,
        /// The AppID; random unless given.
        #[arg(long)]
        id: Option<u32>,
        /// What happens when a user who has a seat in a room logs in again: `reject`, `replace`, or how many
        /// seats it may have.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// Change an app; what is not given stays.
    Change {
        /// The AppID.
        app: u32,
        /// For people.
        #[arg(long)]
        name: Option<String>,
        /// Tokens live so long unless asked otherwise.
        #[arg(long, value_name = "DURATION")]
        ttl_default: Option<Span>,
        /// Tokens live at most so long.
        #[arg(long, value_name = "DURATION")]
        ttl_max: Option<Span>,
        /// As of `create`.
        #[arg(long, value_name = "POLICY", value_parser = second_login)]
        second_login: Option<Value>,
    },
    /// List apps.
    List(Paging),
    /// One app: its name, how long its tokens live, what a second login does.
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
    /// An app's keys.
    #[command(subcommand)]
    Keys(Keys),
    /// An app's API keys.
    #[command(subcommand)]
    ApiKeys(ApiKeys),
}

#[derive(Debug, Subcommand)]
enum Keys {
    /// List keys.
    List {
        /// The AppID.
        app: u32,
    },
    /// Make the next key.
    Create {
        /// The AppID.
        app: u32,
    },
    /// The next key becomes current, the current one retires.
    Rotate {
        /// The AppID.
        app: u32,
    },
    /// A key's tokens open nothing any more. Says how many live seats they hold, which go on until they end.
    Retire {
        /// The AppID.
        app: u32,
        /// The key id.
        kid: String,
        /// Close those seats as well.
        #[arg(long)]
        close: bool,
        #[command(flatten)]
        sure: Sure,
    },
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
    /// Make an API key.
    Create {
        /// The AppID.
        app: u32,
        /// For people.
        #[arg(long)]
        name: String,
        /// What it may do; may be given more than once.
        #[arg(long = "scope", required = true, value_parser = scopes())]
        scopes: Vec<String>,
        /// For how long; without an end unless given.
        #[arg(long, value_name = "DURATION")]
        expires_in: Option<Span>,
    },
    /// Give an API key another secret.
    Rotate {
        /// The AppID.
        app: u32,
        /// Its id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Delete an API key.
    Delete {
        /// The AppID.
        app: u32,
        /// Its id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// A policy as the API reads it; whether it is one, the API says.
fn second_login(text: &str) -> Result<Value, std::convert::Infallible> {
    Ok(match text.parse::<u32>() {
        Ok(seats) => json!({"allow": seats}),
        Err(_) => json!(text),
    })
}

/// The scopes that an API key can have.
fn scopes() -> PossibleValuesParser {
    Scope::ALL.map(Scope::as_str).into()
}

fn seconds(span: Option<Span>) -> Option<u64> {
    span.map(|span| span.s)
}

/// Retires a key, and closes the seats of its tokens by a revocation, once nobody gets in by them any more.
fn retire(api: &Api, app: u32, kid: &str, close: bool, json: bool) -> Done {
    let path = format!("/v1/apps/{app}");
    let retire = format!("{path}/keys/{}/retire", segment(kid));
    let mut answer = api.ask(&Method::POST, &retire, None)?;
    if close {
        let revocation = json!({"target": {"key": kid}, "reason": "the key is retired"});
        let revoked = api.ask(&Method::POST, &format!("{path}/revocations"), Some(&revocation))?;
        answer["closed"] = revoked["seats"].clone();
    }
    print(&answer, json)?;
    let seats = answer["seats"].as_u64().unwrap_or(0);
    if seats > 0 && !close && !json {
        let hint = "live seats go on until their tokens end; with --close they are closed";
        writeln!(std::io::stderr(), "{seats} {hint}")?;
    }
    Ok(())
}

/// Runs one.
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
            // What is not named stays; `null` would be refused.
            body.as_object_mut()
                .into_iter()
                .for_each(|body| body.retain(|_, value| !value.is_null()));
            (Method::PATCH, format!("/v1/apps/{app}"), Some(body))
        }
        AppCommand::List(paging) => (Method::GET, format!("/v1/apps{}", paging.query()), None),
        AppCommand::Show { app } => (Method::GET, format!("/v1/apps/{app}"), None),
        AppCommand::Delete { app, sure } => {
            sure.confirm(&format!(
                "app {app} goes, with its keys, API keys, roles and revocations"
            ))?;
            (Method::DELETE, format!("/v1/apps/{app}"), None)
        }
        AppCommand::Audit { app, which, paging } => {
            let path = audit::path(&format!("/v1/apps/{app}/audit"), &which, &paging);
            (Method::GET, path, None)
        }
        AppCommand::Keys(Keys::List { app }) => (Method::GET, format!("/v1/apps/{app}/keys"), None),
        AppCommand::Keys(Keys::Create { app }) => {
            (Method::POST, format!("/v1/apps/{app}/keys"), None)
        }
        AppCommand::Keys(Keys::Rotate { app }) => {
            (Method::POST, format!("/v1/apps/{app}/keys/rotate"), None)
        }
        AppCommand::Keys(Keys::Retire { app: of, kid, close, sure }) => {
            let and = if close { ", and their live seats are closed" } else { "" };
            sure.confirm(&format!("tokens that key {kid} signed open nothing any more{and}"))?;
            return retire(&app.api, of, &kid, close, json);
        }
        AppCommand::ApiKeys(ApiKeys::List { app, paging }) => {
            (Method::GET, format!("/v1/apps/{app}/api-keys{}", paging.query()), None)
        }
        AppCommand::ApiKeys(ApiKeys::Create { app, name, scopes, expires_in }) => {
            let body = json!({"name": name, "scopes": scopes, "expires_in_s": seconds(expires_in)});
            (Method::POST, format!("/v1/apps/{app}/api-keys"), Some(body))
        }
        AppCommand::ApiKeys(ApiKeys::Rotate { app, id, sure }) => {
            sure.confirm(&format!("the secret that API key {id} has now opens nothing any more"))?;
            (Method::POST, format!("/v1/apps/{app}/api-keys/{}/rotate", segment(&id)), None)
        }
        AppCommand::ApiKeys(ApiKeys::Delete { app, id, sure }) => {
            sure.confirm(&format!("API key {id} goes, and opens nothing any more"))?;
            (Method::DELETE, format!("/v1/apps/{app}/api-keys/{}", segment(&id)), None)
        }
    };
    let answer = app.api.ask(&method, &path, body.as_ref())?;
    print(&answer, json)
}
