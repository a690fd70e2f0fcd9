//! Issuers of ID tokens, of each app.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::ActorKind;
use stagedoor_token::AppId;

use super::{
    Store, StoreError,
    apps::{app_id, unsigned},
    author::{Author, author},
    signed,
    write::{Statement, Tx},
};

/// An issuer's row.
#[derive(Clone, Debug)]
pub(crate) struct IssuerRow {
    pub(crate) app: AppId,
    pub(crate) id: String,
    /// What its tokens name as `iss`.
    pub(crate) issuer: String,
    /// A JSON object.
    pub(crate) settings: String,
    pub(crate) changed_ms: u64,
    pub(crate) actor: Author,
}

fn issuer_row(row: &SqliteRow) -> Result<IssuerRow, StoreError> {
    Ok(IssuerRow {
        app: app_id(row, "app")?,
        id: row.try_get("id")?,
        issuer: row.try_get("issuer")?,
        settings: row.try_get("settings")?,
        changed_ms: unsigned(row, "changed_ms")?,
        actor: author(row)?,
    })
}

fn of_app(app: AppId) -> Statement<'static> {
    sqlx::query("SELECT * FROM issuers WHERE app = ? ORDER BY id").bind(i64::from(app.0))
}

impl Store {
    /// All issuers of an app, by their ids.
    pub(crate) async fn issuers(&self, app: AppId) -> Result<Vec<IssuerRow>, StoreError> {
        self.all(of_app(app)).await?.iter().map(issuer_row).collect()
    }
}

impl Tx {
    /// All issuers of an app, by their ids.
    pub(crate) async fn issuers(&mut self, app: AppId) -> Result<Vec<IssuerRow>, StoreError> {
        self.all(of_app(app)).await?.iter().map(issuer_row).collect()
    }

    /// Adds an issuer, or replaces the one of its id.
    pub(crate) async fn put_issuer(&mut self, row: &IssuerRow) -> Result<(), StoreError> {
        let put = sqlx::query(
            "INSERT OR REPLACE INTO issuers (app, id, issuer, settings, changed_ms, actor, actor_kind)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        );
        let put =
            put.bind(i64::from(row.app.0)).bind(&row.id).bind(&row.issuer).bind(&row.settings);
        let put = put.bind(signed(row.changed_ms, "issuers")?).bind(&row.actor.id);
        self.execute(put.bind(row.actor.kind.map(ActorKind::as_str))).await.map(drop)
    }

    /// Removes an issuer; `false` if there was none.
    pub(crate) async fn remove_issuer(&mut self, app: AppId, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM issuers WHERE app = ? AND id = ?");
        Ok(self.execute(query.bind(i64::from(app.0)).bind(id)).await? > 0)
    }
}
