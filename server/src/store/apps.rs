//! Apps.

use serde::de::DeserializeOwned;
use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::AppLife;
use stagedoor_token::{AppId, SecondLogin};

use super::{
    Store, StoreError, signed,
    write::{Statement, Tx},
};
use crate::token04_setting::Token04Setting;

/// An app's row.
#[derive(Clone, Debug)]
pub(crate) struct AppRow {
    pub(crate) id: AppId,
    pub(crate) name: String,
    pub(crate) ttl_s_default: u64,
    pub(crate) ttl_s_max: u64,
    pub(crate) created_ms: u64,
    /// Rises with each change.
    pub(crate) version: u64,
    /// The newest generation that a revocation began.
    pub(crate) generation: u64,
    /// What happens at second logins, if the role does not say.
    pub(crate) second_login: Option<SecondLogin>,
    /// Until when tokens live that were minted before `ttl_s_max` was lowered, Unix milliseconds.
    pub(crate) tokens_until_ms: u64,
    /// Which Token04 it takes; `None`: none.
    pub(crate) token04: Option<Token04Setting>,
}

impl AppRow {
    /// The app as audit records name it.
    pub(crate) fn life(&self) -> AppLife {
        AppLife { id: self.id, since_ms: self.created_ms }
    }

    /// An app for tests.
    #[cfg(test)]
    pub(crate) fn sample(id: u32) -> Self {
        Self {
            id: AppId(id),
            name: "a".into(),
            ttl_s_default: 1,
            ttl_s_max: 1,
            created_ms: 0,
            version: 1,
            generation: 0,
            second_login: None,
            tokens_until_ms: 0,
            token04: None,
        }
    }

    fn second_login_json(&self) -> Option<String> {
        self.second_login.and_then(|policy| serde_json::to_string(&policy).ok())
    }

    fn token04_json(&self) -> Option<String> {
        self.token04.as_ref().and_then(|setting| serde_json::to_string(setting).ok())
    }
}

pub(super) fn unsigned(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| StoreError::Row("numbers"))
}

pub(super) fn app_id(row: &SqliteRow, column: &str) -> Result<AppId, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map(AppId).map_err(|_| StoreError::Row("apps"))
}

pub(super) fn app_row(row: &SqliteRow) -> Result<AppRow, StoreError> {
    Ok(AppRow {
        id: app_id(row, "id")?,
        name: row.try_get("name")?,
        ttl_s_default: unsigned(row, "ttl_s_default")?,
        ttl_s_max: unsigned(row, "ttl_s_max")?,
        created_ms: unsigned(row, "created_ms")?,
        version: unsigned(row, "version")?,
        generation: unsigned(row, "generation")?,
        second_login: read(row.try_get("second_login")?)?,
        token04: read(row.try_get("token04")?)?,
        tokens_until_ms: unsigned(row, "tokens_until_ms")?,
    })
}

fn read<T: DeserializeOwned>(json: Option<&str>) -> Result<Option<T>, StoreError> {
    json.map(serde_json::from_str).transpose().map_err(|_| StoreError::Row("apps"))
}

fn select_app(id: AppId) -> Statement<'static> {
    sqlx::query("SELECT * FROM apps WHERE id = ?").bind(i64::from(id.0))
}

impl Store {
    /// One app.
    pub(crate) async fn app(&self, id: AppId) -> Result<Option<AppRow>, StoreError> {
        self.optional(select_app(id)).await?.as_ref().map(app_row).transpose()
    }

    /// Apps after an AppID.
    pub(crate) async fn apps(&self, after: u32, limit: u32) -> Result<Vec<AppRow>, StoreError> {
        let query = sqlx::query("SELECT * FROM apps WHERE id > ? ORDER BY id LIMIT ?");
        let rows = self.all(query.bind(i64::from(after)).bind(i64::from(limit))).await?;
        rows.iter().map(app_row).collect()
    }

    /// Those of these apps that come after an AppID.
    pub(crate) async fn apps_of(
        &self,
        apps: &[AppId],
        after: u32,
        limit: u32,
    ) -> Result<Vec<AppRow>, StoreError> {
        let ids = serde_json::to_string(apps).map_err(|_| StoreError::Row("apps"))?;
        let query = sqlx::query(
            "SELECT * FROM apps WHERE id IN (SELECT value FROM json_each(?)) AND id > ? ORDER BY id LIMIT ?",
        );
        let query = query.bind(ids).bind(i64::from(after)).bind(i64::from(limit));
        self.all(query).await?.iter().map(app_row).collect()
    }
}

impl Tx {
    /// One app.
    pub(crate) async fn app(&mut self, id: AppId) -> Result<Option<AppRow>, StoreError> {
        self.optional(select_app(id)).await?.as_ref().map(app_row).transpose()
    }

    /// Adds an app. `false` if the AppID is taken.
    pub(crate) async fn add_app(&mut self, app: &AppRow) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "INSERT INTO apps (id, name, ttl_s_default, ttl_s_max, created_ms, version, second_login)
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        );
        let query = query
            .bind(i64::from(app.id.0))
            .bind(&app.name)
            .bind(signed(app.ttl_s_default, "apps")?)
            .bind(signed(app.ttl_s_max, "apps")?)
            .bind(signed(app.created_ms, "apps")?)
            .bind(signed(app.version, "apps")?)
            .bind(app.second_login_json());
        Ok(self.execute(query).await? > 0)
    }

    /// Changes an app's settings.
    pub(crate) async fn change_app(&mut self, app: &AppRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE apps SET name = ?, ttl_s_default = ?, ttl_s_max = ?, tokens_until_ms = ?, second_login = ?,
             token04 = ?, version = ? WHERE id = ?",
        );
        let query = query
            .bind(&app.name)
            .bind(signed(app.ttl_s_default, "apps")?)
            .bind(signed(app.ttl_s_max, "apps")?)
            .bind(signed(app.tokens_until_ms, "apps")?)
            .bind(app.second_login_json())
            .bind(app.token04_json())
            .bind(signed(app.version, "apps")?)
            .bind(i64::from(app.id.0));
        self.execute(query).await.map(drop)
    }

    /// Deletes an app, its keys and its API keys. `false` if it does not exist.
    pub(crate) async fn delete_app(&mut self, id: AppId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM apps WHERE id = ?").bind(i64::from(id.0));
        Ok(self.execute(query).await? > 0)
    }
}
