//! `config check|print`.

use std::{collections::BTreeMap, io::Write};

use clap::Subcommand;
use toml::Value;

use super::failure::{Done, Failure};
use crate::config::{Config, ConfigError, load::Loaded, warnings::unknown_variables};

#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// Check file and environment; exits with 0 if they are valid, else with 2 and the reasons.
    Check,
    /// Print every setting with its default and its meaning; with `--effective`, with its present value.
    Print {
        /// Print the values that file and environment give.
        #[arg(long)]
        effective: bool,
    },
}

/// Runs a command.
pub(super) fn run(command: &Settings, config: Result<Loaded, ConfigError>) -> Done {
    let mut out = std::io::stdout();
    match command {
        Settings::Check => {
            let config = config?.on_this_machine()?;
            let variables = unknown_variables(std::env::vars_os().map(|(name, _)| name));
            for warning in variables.into_iter().chain(config.warnings()) {
                writeln!(std::io::stderr(), "warning: {warning}")?;
            }
            writeln!(out, "the configuration is valid")?;
        }
        Settings::Print { effective } => {
            let config = if *effective { config?.unlooked() } else { Config::default() };
            write!(out, "{}", render(&config)?)?;
        }
    }
    Ok(())
}

/// Every setting as TOML, below its documentation. A setting without a default is a comment with an example.
fn render(config: &Config) -> Result<String, Failure> {
    let documented = documented();
    let value = |config| Value::try_from(config).map_err(|error| Failure::Refused(error.into()));
    let mut out = String::new();
    let (full, set) = (value(&Config::full())?, value(config)?);
    section(&mut out, "", &full, Some(&set), &documented);
    Ok(out)
}

fn section(
    out: &mut String,
    path: &str,
    full: &Value,
    set: Option<&Value>,
    documented: &BTreeMap<String, String>,
) {
    let Some(table) = full.as_table() else { return };
    let mark = |is_set: bool| if is_set { "" } else { "# " };
    if table.values().any(|value| !value.is_table()) {
        *out += &format!("\n{}[{path}]\n", mark(set.is_some()));
    }
    let of = |name: &str| set.and_then(|set| set.get(name));
    for (name, example) in table.iter().filter(|(_, value)| !value.is_table()) {
        if let Some(words) = documented.get(name) {
            *out += &format!("# {words}\n");
        }
        let value = of(name);
        *out += &format!("{}{name} = {}\n", mark(value.is_some()), value.unwrap_or(example));
    }
    for (name, example) in table.iter().filter(|(_, value)| value.is_table()) {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        section(out, &below, example, of(name), documented);
    }
}

/// The documentation of each setting, from the sources that define them.
fn documented() -> BTreeMap<String, String> {
    let sources = [
        include_str!("../config.rs"),
        include_str!("../../../server/src/config.rs"),
        include_str!("../../../relay/src/relay.rs"),
        include_str!("../../../relay/src/net/tls.rs"),
        include_str!("../../../sdk/rust/wire/src/limits.rs"),
    ];
    let mut out = BTreeMap::new();
    for source in sources {
        let mut words: Vec<&str> = Vec::new();
        for line in source.lines().map(str::trim) {
            if let Some(more) = line.strip_prefix("/// ") {
                words.push(more);
            } else if line.starts_with('#') {
                continue;
            } else {
                let name =
                    line.strip_prefix("pub ").unwrap_or(line).split(':').next().unwrap_or_default();
                if line.contains(':') && !words.is_empty() {
                    out.entry(name.to_owned()).or_insert_with(|| words.join(" "));
                }
                words.clear();
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_printed_with_its_doc_and_parses_again() {
        let text = render(&Config::default()).expect("it renders");
        let back: Config = toml::from_str(&text).expect("it reads");
        assert_eq!(back, Config::default());
        let mut before = "";
        for line in text.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(before.starts_with("# "), "{line} has no documentation");
            }
            before = line;
        }
    }
}
