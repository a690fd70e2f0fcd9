//! Personal tokens of operators. Only hashes of their secrets are stored.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::Bounds;

use super::{
    Store, StoreError,
    apps::unsigned,
    credentials::{bounds_of, bounds_text, networks, optional},
    operators::{OperatorRow, operator_columns, operator_row},
    signed,
    write::{Statement, Tx},
};
use crate::{credential_uses::Uses, scope::Scopes};

/// A personal token's row.
#[derive(Clone, Debug)]
pub(crate) struct PersonalRow {
    pub(crate) id: String,
    pub(crate) operator: String,
    pub(crate) name: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) scopes: Scopes,
    pub(crate) bounds: Bounds,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: u64,
    pub(crate) uses: Uses,
    /// When it was reported as leaked. It opens nothing since.
    pub(crate) leaked_ms: Option<u64>,
}

/// Columns of a token `t`, whose names are not those of an operator's.
macro_rules! token_columns {
    () => {
        "t.id AS t_id, t.operator AS t_operator, t.name AS t_name, t.hash, t.scopes, t.bounds, t.created_ms AS t_created_ms,
         t.expires_ms, t.last_used_ms, t.networks, t.leaked_ms"
    };
}

fn personal_row(row: &SqliteRow) -> Result<PersonalRow, StoreError> {
    let scopes: &str = row.try_get("scopes")?;
    Ok(PersonalRow {
        id: row.try_get("t_id")?,
        operator: row.try_get("t_operator")?,
        name: row.try_get("t_name")?,
        hash: row.try_get("hash")?,
        scopes: Scopes::of_text(scopes),
        bounds: bounds_of(row)?,
        created_ms: unsigned(row, "t_created_ms")?,
        expires_ms: unsigned(row, "expires_ms")?,
        uses: Uses {
            last_ms: optional(row, "last_used_ms")?,
            old_last_ms: None,
            networks: networks(row)?,
        },
        leaked_ms: optional(row, "leaked_ms")?,
    })
}

fn select_token(id: &str) -> Statement<'_> {
    let query = concat!("SELECT ", token_columns!(), " FROM personal_tokens t WHERE t.id = ?");
    sqlx::query(query).bind(id)
}

impl Store {
    /// A personal token and its operator, read at one moment.
    pub(crate) async fn personal_token(
        &self,
        id: &str,
    ) -> Result<Option<(PersonalRow, OperatorRow)>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            token_columns!(),
            ", ",
            operator_columns!(),
            " FROM personal_tokens t JOIN operators o ON o.id = t.operator WHERE t.id = ?"
        ));
        let row = self.optional(query.bind(id)).await?;
        row.map(|row| Ok((personal_row(&row)?, operator_row(&row)?))).transpose()
    }

    /// Personal tokens of an operator, by id. A setting bounds how many there are.
    pub(crate) async fn personal_tokens(
        &self,
        operator: &str,
    ) -> Result<Vec<PersonalRow>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            token_columns!(),
            " FROM personal_tokens t WHERE t.operator = ? ORDER BY t.id"
        ));
        self.all(query.bind(operator)).await?.iter().map(personal_row).collect()
    }
}

impl Tx {
    /// A personal token.
    pub(crate) async fn personal_token(
        &mut self,
        id: &str,
    ) -> Result<Option<PersonalRow>, StoreError> {
        self.optional(select_token(id)).await?.as_ref().map(personal_row).transpose()
    }

    /// How many personal tokens of an operator have not ended.
    pub(crate) async fn count_personal_tokens(
        &mut self,
        operator: &str,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query("SELECT COUNT(*) AS count FROM personal_tokens WHERE operator = ?");
        self.counted(query.bind(operator)).await
    }

    /// Forgets the tokens of an operator that ended before then.
    pub(crate) async fn forget_personal_tokens(
        &mut self,
        operator: &str,
        before_ms: u64,
    ) -> Result<(), StoreError> {
        let query =
            sqlx::query("DELETE FROM personal_tokens WHERE operator = ? AND expires_ms <= ?");
        let query = query.bind(operator).bind(signed(before_ms, "personal_tokens")?);
        self.execute(query).await.map(drop)
    }

    /// Adds a personal token.
    pub(crate) async fn add_personal_token(
        &mut self,
        token: &PersonalRow,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO personal_tokens (id, operator, name, hash, scopes, bounds, created_ms, expires_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&token.id)
            .bind(&token.operator)
            .bind(&token.name)
            .bind(&token.hash)
            .bind(token.scopes.text())
            .bind(bounds_text(&token.bounds)?)
            .bind(signed(token.created_ms, "personal_tokens")?)
            .bind(signed(token.expires_ms, "personal_tokens")?);
        self.execute(query).await.map(drop)
    }

    /// Deletes a personal token.
    pub(crate) async fn delete_personal_token(&mut self, id: &str) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM personal_tokens WHERE id = ?").bind(id);
        self.execute(query).await.map(drop)
    }

    /// Marks a personal token as leaked.
    pub(crate) async fn personal_token_leaked(
        &mut self,
        id: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE personal_tokens SET leaked_ms = ? WHERE id = ?");
        let query = query.bind(signed(now_ms, "personal_tokens")?).bind(id);
        self.execute(query).await.map(drop)
    }
}
