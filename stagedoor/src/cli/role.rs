//! `role list|show|set|delete|import|export|versions|restore`.

use std::{io::Read, io::Write, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use hyper::Method;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    failure::{Done, Failure},
    http::{Api, Paging, segment},
    print::print,
};

#[derive(Debug, Args)]
pub(super) struct Role {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: RoleCommand,
}

#[derive(Debug, Subcommand)]
enum RoleCommand {
    /// List an app's roles.
    List {
        /// The AppID.
        app: u32,
    },
    /// Show a role: its template, with all fields.
    Show {
        /// The AppID.
        app: u32,
        /// The role.
        role: String,
    },
    /// Create a role, or replace the one with its name.
    Set {
        /// The AppID.
        app: u32,
        /// The file with the template, `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        base: Base,
    },
    /// Delete a role: its tokens are refused from then on.
    Delete {
        /// The AppID.
        app: u32,
        /// The role.
        role: String,
        #[command(flatten)]
        base: Base,
    },
    /// Replace all roles with those in a file.
    Import {
        /// The AppID.
        app: u32,
        /// The file with an array of templates, `-` for standard input.
        file: PathBuf,
        #[command(flatten)]
        base: Base,
    },
    /// Print all roles in the form that `import` reads.
    Export {
        /// The AppID.
        app: u32,
        /// An earlier version; 0 is the built-in roles.
        #[arg(long, value_name = "VERSION")]
        of: Option<u64>,
    },
    /// List the saved versions of the roles, newest first.
    Versions {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Make the roles of an earlier version the newest.
    Restore {
        /// The AppID.
        app: u32,
        /// The version; 0 is the built-in roles.
        #[arg(value_name = "VERSION")]
        old: u64,
        #[command(flatten)]
        base: Base,
    },
}

/// Options of a change.
#[derive(Debug, Args)]
struct Base {
    /// Only if this is the newest version.
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
    /// Give live seats the new grants; prints how many it changed.
    #[arg(long)]
    reapply: bool,
}

impl Base {
    fn change<'a>(
        &self,
        roles: Option<&'a RawValue>,
        template: Option<&'a RawValue>,
    ) -> Change<'a> {
        Change { roles, template, version: self.if_version, reapply: self.reapply }
    }

    fn query(&self) -> String {
        let version = self.if_version.map(|version| format!("&version={version}"));
        format!("?reapply={}{}", self.reapply, version.unwrap_or_default())
    }
}

/// The body of a change. The file's text is sent unparsed, so that the API sees a field that occurs twice.
#[derive(Serialize)]
struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<&'a RawValue>,
    version: Option<u64>,
    reapply: bool,
}

fn read(file: &PathBuf) -> Result<Box<RawValue>, Failure> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| file.display().to_string())
            .map_err(Failure::Usage)?;
    }
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not JSON", file.display()))
        .map_err(Failure::Usage)
}

/// A row for people: the most important fields of a template.
fn row(template: &Value) -> Value {
    json!({
        "role": template["role"],
        "rank": template["rank"],
        "publish": template["publish"]["streams"],
        "subscribe": template["subscribe"]["streams"],
        "from": template["subscribe"]["from"],
        "moderate": template["moderate"],
    })
}

/// Runs a command.
pub(super) fn run(role: &Role, json: bool) -> Done {
    let path = |app: u32| format!("/v1/apps/{app}/roles");
    let ask = |method: Method, path: String| role.api.ask(&method, &path, None);
    let put = |path: String, change: Change<'_>| {
        role.api.ask_text(&Method::PUT, &path, Some(serde_json::to_string(&change)?))
    };
    let answer = match &role.command {
        RoleCommand::List { app } => {
            let set = ask(Method::GET, path(*app))?;
            if !json {
                let rows: Vec<Value> =
                    set["roles"].as_array().into_iter().flatten().map(row).collect();
                print(&json!({"items": rows}), json)?;
                return Ok(writeln!(std::io::stdout(), "version {}", set["version"])?);
            }
            set
        }
        RoleCommand::Show { app, role } => {
            ask(Method::GET, format!("{}/{}", path(*app), segment(role)))?
        }
        RoleCommand::Set { app, file, base } => {
            let template = read(file)?;
            let fields: Value = serde_json::from_str(template.get())?;
            let name = fields["role"].as_str().unwrap_or("-");
            put(format!("{}/{}", path(*app), segment(name)), base.change(None, Some(&template)))?
        }
        RoleCommand::Delete { app, role, base } => {
            let below = format!("{}/{}{}", path(*app), segment(role), base.query());
            ask(Method::DELETE, below)?
        }
        RoleCommand::Import { app, file, base } => {
            let roles = read(file)?;
            put(path(*app), base.change(Some(&roles), None))?
        }
        RoleCommand::Export { app, of } => {
            let version = of.map(|version| format!("/versions/{version}")).unwrap_or_default();
            let set = ask(Method::GET, path(*app) + &version)?;
            let text = serde_json::to_string_pretty(&set["roles"])?;
            return Ok(writeln!(std::io::stdout(), "{text}")?);
        }
        RoleCommand::Versions { app, paging } => {
            ask(Method::GET, format!("{}/versions{}", path(*app), paging.query()))?
        }
        RoleCommand::Restore { app, old, base } => {
            let below = format!("{}/versions/{old}/restore{}", path(*app), base.query());
            ask(Method::POST, below)?
        }
    };
    match &role.command {
        RoleCommand::Set { .. }
        | RoleCommand::Delete { .. }
        | RoleCommand::Import { .. }
        | RoleCommand::Restore { .. }
            if !json =>
        {
            print(&brief(&answer), json)
        }
        _ => print(&answer, json),
    }
}

/// A change for people: the version, the role names, and how many live seats it changed if it was re-applied.
fn brief(set: &Value) -> Value {
    let names: Vec<&Value> =
        set["roles"].as_array().into_iter().flatten().map(|template| &template["role"]).collect();
    let mut brief = json!({"version": set["version"], "roles": names});
    if let Some(seats) = set.get("seats").filter(|seats| !seats.is_null()) {
        brief["seats"] = seats.clone();
    }
    brief
}
