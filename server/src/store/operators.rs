//! Operators and their levels.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::unsigned,
    signed,
    write::{Statement, Tx},
};
use crate::{
    level::Level,
    rights::{OperatorKind, Rights},
    scope::Scopes,
};

/// An operator's row, with its levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OperatorRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: OperatorKind,
    /// In every app.
    pub(crate) level: Option<Level>,
    pub(crate) is_disabled: bool,
    /// Who it is at the identity provider: issuer and subject.
    pub(crate) identity: Option<(String, String)>,
    pub(crate) created_ms: u64,
    pub(crate) last_login_ms: Option<u64>,
    /// Its levels in single apps.
    pub(crate) apps: Vec<(AppId, Level)>,
}

impl OperatorRow {
    /// What it may do.
    pub(crate) fn rights(&self) -> Rights {
        if self.is_disabled {
            return Rights::of(Scopes::default(), []);
        }
        let everywhere = self.level.map(Level::scopes).unwrap_or_default();
        Rights::of(everywhere, self.apps.iter().map(|(app, level)| (*app, level.scopes())))
    }

    /// Whether it is a person who may do everything now.
    pub(crate) fn is_owner(&self) -> bool {
        self.kind == OperatorKind::Person && self.level == Some(Level::Owner) && !self.is_disabled
    }
}

/// An operator's level in one app.
#[derive(Clone, Debug)]
pub(crate) struct MemberRow {
    pub(crate) operator: String,
    pub(crate) name: String,
    pub(crate) kind: OperatorKind,
    pub(crate) level: Level,
}

const BROKEN: StoreError = StoreError::Row("operators");

/// A level as stored. One that is unknown must not become another.
fn level_named(text: &str) -> Result<Level, StoreError> {
    Level::named(text).ok_or(BROKEN)
}

fn kind_named(text: &str) -> Result<OperatorKind, StoreError> {
    [OperatorKind::Person, OperatorKind::Service]
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or(BROKEN)
}

/// Columns of an operator `o`, for [`operator_row`].
macro_rules! operator_columns {
    () => {
        "o.id, o.name, o.kind, o.level, o.is_disabled, o.issuer, o.subject, o.created_ms, o.last_login_ms,
         (SELECT json_group_array(json_array(app, level)) FROM team WHERE operator = o.id) AS apps"
    };
}
pub(super) use operator_columns;

/// Reads the columns of an operator.
pub(super) fn operator_row(row: &SqliteRow) -> Result<OperatorRow, StoreError> {
    let level: Option<&str> = row.try_get("level")?;
    let apps: Vec<(u32, Level)> = serde_json::from_str(row.try_get("apps")?).map_err(|_| BROKEN)?;
    let identity = Option::zip(row.try_get("issuer")?, row.try_get("subject")?);
    let last_login_ms: Option<i64> = row.try_get("last_login_ms")?;
    Ok(OperatorRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        kind: kind_named(row.try_get("kind")?)?,
        level: level.map(level_named).transpose()?,
        is_disabled: row.try_get("is_disabled")?,
        identity,
        created_ms: unsigned(row, "created_ms")?,
        last_login_ms: last_login_ms.map(u64::try_from).transpose().map_err(|_| BROKEN)?,
        apps: apps.into_iter().map(|(app, level)| (AppId(app), level)).collect(),
    })
}

/// By its id, else by its name.
fn select_operator(named: &str) -> Statement<'_> {
    sqlx::query(concat!(
        "SELECT ",
        operator_columns!(),
        " FROM operators o WHERE o.id = ?1 OR o.name = ?1 ORDER BY o.id = ?1 DESC LIMIT 1"
    ))
    .bind(named)
}

impl Store {
    /// An operator, by its id or its name.
    pub(crate) async fn operator(&self, named: &str) -> Result<Option<OperatorRow>, StoreError> {
        self.optional(select_operator(named)).await?.as_ref().map(operator_row).transpose()
    }

    /// Whether there is a person who may do everything now.
    pub(crate) async fn has_owner(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT 1 FROM operators WHERE level = 'owner' AND kind = 'person' AND NOT is_disabled LIMIT 1",
        );
        Ok(self.optional(query).await?.is_some())
    }

    /// Operators after this id.
    pub(crate) async fn operators(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<OperatorRow>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            operator_columns!(),
            " FROM operators o WHERE o.id > ? ORDER BY o.id LIMIT ?"
        ));
        let rows = self.all(query.bind(after).bind(i64::from(limit))).await?;
        rows.iter().map(operator_row).collect()
    }

    /// The team of an app, after this operator's id.
    pub(crate) async fn team(
        &self,
        app: AppId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let query = sqlx::query(
            "SELECT t.operator, o.name, o.kind, t.level FROM team t JOIN operators o ON o.id = t.operator
             WHERE t.app = ? AND t.operator > ? ORDER BY t.operator LIMIT ?",
        );
        let query = query.bind(i64::from(app.0)).bind(after).bind(i64::from(limit));
        let member = |row: &SqliteRow| {
            Ok(MemberRow {
                operator: row.try_get("operator")?,
                name: row.try_get("name")?,
                kind: kind_named(row.try_get("kind")?)?,
                level: level_named(row.try_get("level")?)?,
            })
        };
        self.all(query).await?.iter().map(member).collect()
    }
}

impl Tx {
    /// An operator, by its id or its name.
    pub(crate) async fn operator(
        &mut self,
        named: &str,
    ) -> Result<Option<OperatorRow>, StoreError> {
        self.optional(select_operator(named)).await?.as_ref().map(operator_row).transpose()
    }

    /// How many operators there are.
    pub(crate) async fn count_operators(&mut self) -> Result<u64, StoreError> {
        self.counted(sqlx::query("SELECT COUNT(*) AS count FROM operators")).await
    }

    /// How many people may do everything now.
    pub(crate) async fn count_owners(&mut self) -> Result<u64, StoreError> {
        self.counted(sqlx::query(
            "SELECT COUNT(*) AS count FROM operators WHERE level = 'owner' AND kind = 'person' AND NOT is_disabled",
        ))
        .await
    }

    pub(super) async fn counted(&mut self, query: Statement<'_>) -> Result<u64, StoreError> {
        let row = self.optional(query).await?;
        row.map_or(Ok(0), |row| unsigned(&row, "count"))
    }

    /// Adds an operator, without its levels in single apps. `false` if its name or its identity is taken.
    pub(crate) async fn add_operator(&mut self, row: &OperatorRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO operators (id, name, kind, level, is_disabled, issuer, subject, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        );
        let query = query
            .bind(&row.id)
            .bind(&row.name)
            .bind(row.kind.as_str())
            .bind(row.level.map(Level::as_str))
            .bind(row.is_disabled)
            .bind(row.identity.as_ref().map(|(issuer, _)| issuer))
            .bind(row.identity.as_ref().map(|(_, subject)| subject))
            .bind(signed(row.created_ms, "operators")?);
        Ok(self.execute(query).await? > 0)
    }

    /// Changes an operator, but not its levels in single apps. `false` if its name or its identity is taken.
    pub(crate) async fn change_operator(&mut self, row: &OperatorRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "UPDATE OR IGNORE operators SET name = ?, level = ?, is_disabled = ?, issuer = ?, subject = ? WHERE id = ?",
        );
        let query = query
            .bind(&row.name)
            .bind(row.level.map(Level::as_str))
            .bind(row.is_disabled)
            .bind(row.identity.as_ref().map(|(issuer, _)| issuer))
            .bind(row.identity.as_ref().map(|(_, subject)| subject))
            .bind(&row.id);
        Ok(self.execute(query).await? > 0)
    }

    /// Deletes an operator, and with it its levels, tokens, links and sessions.
    pub(crate) async fn delete_operator(&mut self, id: &str) -> Result<(), StoreError> {
        self.execute(sqlx::query("DELETE FROM operators WHERE id = ?").bind(id)).await.map(drop)
    }

    /// Ends everything by which an operator could act: its tokens, links and sessions.
    pub(crate) async fn end_operator(&mut self, id: &str) -> Result<(), StoreError> {
        for query in [
            "DELETE FROM personal_tokens WHERE operator = ?",
            "DELETE FROM links WHERE operator = ?",
            "DELETE FROM sessions WHERE operator = ?",
        ] {
            self.execute(sqlx::query(query).bind(id)).await?;
        }
        Ok(())
    }

    /// Notes that an operator logged in.
    pub(crate) async fn note_login(&mut self, id: &str, now_ms: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE operators SET last_login_ms = ? WHERE id = ?");
        self.execute(query.bind(signed(now_ms, "operators")?).bind(id)).await.map(drop)
    }

    /// Gives an operator a level in an app, or another.
    pub(crate) async fn put_level(
        &mut self,
        operator: &str,
        app: AppId,
        level: Level,
    ) -> Result<(), StoreError> {
        let query =
            sqlx::query("INSERT OR REPLACE INTO team (operator, app, level) VALUES (?, ?, ?)");
        let query = query.bind(operator).bind(i64::from(app.0)).bind(level.as_str());
        self.execute(query).await.map(drop)
    }

    /// Takes an operator's level in an app.
    pub(crate) async fn take_level(
        &mut self,
        operator: &str,
        app: AppId,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM team WHERE operator = ? AND app = ?");
        self.execute(query.bind(operator).bind(i64::from(app.0))).await.map(drop)
    }
}
