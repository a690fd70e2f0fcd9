//! Bodies of requests and answers about operators.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::ApiError, level::Level, rights::OperatorKind, routes::given,
    store::operators::OperatorRow,
};

/// A new operator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOperator {
    /// A name, which no other operator has.
    pub(super) name: String,
    /// A person, by default, or a service account.
    #[serde(default = "person")]
    pub(super) kind: OperatorKind,
    /// Its level in every app; left out, or `none`: it has none.
    #[schema(value_type = Option<forms::LevelOrNone>)]
    pub(super) level: Option<String>,
}

/// A change of an operator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperatorChange {
    /// Its name.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(super) name: Option<String>,
    /// Its level in every app, or `none`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<forms::LevelOrNone>, nullable = false)]
    pub(super) level: Option<String>,
    /// Whether it is disabled. Its sessions, links and personal tokens end, and do not come back with it.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    pub(super) disabled: Option<bool>,
}

/// An operator.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OperatorView {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    name: String,
    /// A person, or a service account.
    kind: OperatorKind,
    /// Its level in every app; `null`: none.
    #[schema(nullable)]
    level: Option<Level>,
    /// Its levels in single apps, which count beside that.
    apps: Vec<AppLevel>,
    /// Whether it is disabled: then it does nothing.
    disabled: bool,
    /// When it was made, Unix milliseconds.
    created_ms: u64,
    /// When it last logged in, Unix milliseconds; `null`: never.
    last_login_ms: Option<u64>,
}

/// A level in an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppLevel {
    /// The AppID.
    app: u32,
    /// The level.
    level: Level,
}

/// Forms for the document.
mod forms {
    #![expect(dead_code, reason = "what is documented is read elsewhere")]

    /// A level, or none.
    #[derive(utoipa::ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub(crate) enum LevelOrNone {
        /// No level in every app.
        None,
        /// As in single apps.
        Viewer,
        /// As in single apps.
        Support,
        /// As in single apps.
        Developer,
        /// As in single apps.
        Admin,
        /// Everything in the deployment.
        Owner,
    }
}

fn person() -> OperatorKind {
    OperatorKind::Person
}

/// The level with a name.
pub(in crate::routes) fn read_level(name: &str) -> Result<Level, ApiError> {
    Level::named(name).ok_or_else(|| {
        let names = Level::ALL.map(Level::as_str).join("`, `");
        let detail = format!("`level` must be one of `{names}`");
        ApiError::Invalid { code: "level_unknown", detail: detail.into() }.at("level")
    })
}

/// A level, or `none`.
pub(super) fn read_level_or_none(name: &str) -> Result<Option<Level>, ApiError> {
    if name == "none" { Ok(None) } else { read_level(name).map(Some) }
}

impl From<OperatorRow> for OperatorView {
    fn from(row: OperatorRow) -> Self {
        let OperatorRow {
            id, name, kind, level, is_disabled, created_ms, last_login_ms, apps, ..
        } = row;
        let apps = apps.into_iter().map(|(app, level)| AppLevel { app: app.0, level });
        Self {
            id,
            name,
            kind,
            level,
            apps: apps.collect(),
            disabled: is_disabled,
            created_ms,
            last_login_ms,
        }
    }
}
