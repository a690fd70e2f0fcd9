//! Combines file, environment and flags, later sources overriding earlier ones, and remembers where each setting is
//! written.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{
    bounds,
    fault::{ConfigError, Fault, Origins, joined},
};

/// The prefix of environment variables that set a value: `STAGEDOOR_LISTEN__ADDRESS`.
pub(super) const PREFIX: &str = "STAGEDOOR_";
/// Separates the levels of a name in the environment.
pub(super) const LEVEL: &str = "__";

/// The flags of `serve` and `dev`, by the settings that they set.
const FLAGS: [(&str, &str); 4] = [
    ("listen.address", "--listen"),
    ("listen.operations", "--operations"),
    ("listen.workers", "--workers"),
    ("server.data_dir", "--data"),
];

/// What was read, and where.
#[derive(Debug, Default)]
pub(super) struct Sources {
    table: Table,
    pub(super) origins: Origins,
    faults: Vec<Fault>,
}

fn set(table: &mut Table, path: &[String], value: Value) {
    if let [last] = path {
        table.insert(last.clone(), value);
    } else if let [first, rest @ ..] = path {
        let below = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(below) = below {
            set(below, rest, value);
        }
    }
}

/// A number or a boolean if the text is one, otherwise the text.
fn value_of(text: &str) -> Value {
    text.parse::<i64>()
        .map(Value::Integer)
        .or_else(|_| text.parse::<bool>().map(Value::Boolean))
        .unwrap_or_else(|_| match text.strip_prefix('[') {
            Some(_) => toml::from_str::<Table>(&format!("v = {text}"))
                .ok()
                .and_then(|mut table| table.remove("v"))
                .unwrap_or_else(|| Value::String(text.into())),
            None => Value::String(text.into()),
        })
}

/// A file that is being read.
struct Reading<'a> {
    file: PathBuf,
    text: &'a str,
    sources: &'a mut Sources,
}

impl Reading<'_> {
    fn at(&self, span: Option<Range<usize>>) -> String {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        format!("{}:{}", self.file.display(), before.matches('\n').count() + 1)
    }

    fn table(&mut self, section: &str, table: DeTable<'_>) -> Table {
        let mut out = Table::new();
        for (key, value) in table {
            let name = joined(section, key.get_ref());
            let at = self.at(Some(key.span()));
            self.sources.origins.put(&name, at);
            if let Some(value) = self.value(&name, value) {
                out.insert(key.into_inner().into_owned(), value);
            }
        }
        out
    }

    /// Adds a value; `None` after a fault.
    fn value(&mut self, name: &str, value: Spanned<DeValue<'_>>) -> Option<Value> {
        let span = value.span();
        let misfit = |reading: &mut Self| {
            let why = bounds::remedy(name)
                .unwrap_or_else(|| "this number is too large or too precise; write another".into());
            let fault = Fault { at: reading.at(Some(span)), name: name.into(), why };
            reading.sources.faults.push(fault);
        };
        Some(match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Boolean(is) => Value::Boolean(is),
            DeValue::Datetime(time) => Value::Datetime(time),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => return (misfit(self), None).1,
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return (misfit(self), None).1,
            },
            DeValue::Array(items) => {
                let items = items.into_iter().map(|item| self.value(name, item));
                Value::Array(items.collect::<Option<_>>()?)
            }
            DeValue::Table(table) => Value::Table(self.table(name, table)),
        })
    }
}

impl Sources {
    /// Reads a file, unless it is not TOML at all.
    pub(super) fn file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let unreadable =
            |why: std::io::Error| ConfigError::File { file: file.into(), why: why.to_string() };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let mut reading = Reading { file: file.into(), text: &text, sources: self };
        let table = DeTable::parse(&text).map_err(|error| {
            let why = error.message().trim().replace('\n', ", ");
            let fault = Fault { at: reading.at(error.span()), name: String::new(), why };
            ConfigError::Faults(vec![fault])
        })?;
        let table = reading.table("", table.into_inner());
        self.table = table;
        Ok(())
    }

    /// Other programs' variables may be anything, even invalid UTF-8.
    pub(super) fn environment(
        &mut self,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            let name = name.as_ref().to_str().and_then(|name| name.strip_prefix(PREFIX));
            let Some(name) = name.filter(|name| name.contains(LEVEL)) else { continue };
            let variable = format!("{PREFIX}{name}");
            let not_text = || ConfigError::Variable { name: variable.clone() };
            let value = value.as_ref().to_str().ok_or_else(not_text)?;
            let path: Vec<String> = name.split(LEVEL).map(str::to_ascii_lowercase).collect();
            self.origins.put(&path.join("."), variable);
            set(&mut self.table, &path, value_of(value));
        }
        Ok(())
    }

    /// Adds flags, by the names of their settings.
    pub(super) fn flags(&mut self, flags: &BTreeMap<String, String>) {
        for (name, value) in flags {
            let flag = FLAGS.iter().find(|(setting, _)| setting == name);
            self.origins.put(name, flag.map_or_else(|| name.clone(), |(_, flag)| (*flag).into()));
            let path: Vec<String> = name.split('.').map(ToOwned::to_owned).collect();
            let value = if name == "server.data_dir" {
                Value::String(value.clone())
            } else {
                value_of(value)
            };
            set(&mut self.table, &path, value);
        }
    }

    /// The configuration, if each value has its type.
    pub(super) fn read<T: DeserializeOwned>(&mut self) -> Result<T, ConfigError> {
        let table = Value::Table(std::mem::take(&mut self.table));
        let read = serde_path_to_error::deserialize::<_, T>(table);
        let mut faults = std::mem::take(&mut self.faults);
        match read {
            Ok(config) if faults.is_empty() => return Ok(config),
            Ok(_) => {}
            Err(error) => {
                let fault = self.origins.misfit(&error.path().to_string(), error.inner().message());
                faults.push(fault);
            }
        }
        Err(ConfigError::Faults(faults))
    }
}
