//! Sessions of browsers, and links that begin them. Only hashes of their secrets are stored.

use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Store, StoreError,
    apps::unsigned,
    operators::{OperatorRow, operator_columns, operator_row},
    signed,
    write::Tx,
};

/// A session's row.
#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    pub(crate) id: String,
    pub(crate) operator: String,
    /// How it began: `link` or `oidc`.
    pub(crate) way: String,
    /// From which network it was last used.
    pub(crate) network: Option<String>,
    pub(crate) created_ms: u64,
    pub(crate) used_ms: u64,
}

impl SessionRow {
    /// What records of acts on it say.
    pub(crate) fn detail(&self) -> String {
        format!("session={} operator={} way={}", self.id, self.operator, self.way)
    }
}

/// A link's row.
#[derive(Clone, Debug)]
pub(crate) struct LinkRow {
    pub(crate) id: String,
    pub(crate) operator: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) created_ms: u64,
    pub(crate) expires_ms: u64,
}

/// Columns of a session `s`, whose names are not those of an operator's.
macro_rules! session_columns {
    () => {
        "s.id AS s_id, s.operator AS s_operator, s.way, s.network, s.created_ms AS s_created_ms, s.used_ms"
    };
}

fn session_row(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: row.try_get("s_id")?,
        operator: row.try_get("s_operator")?,
        way: row.try_get("way")?,
        network: row.try_get("network")?,
        created_ms: unsigned(row, "s_created_ms")?,
        used_ms: unsigned(row, "used_ms")?,
    })
}

impl Store {
    /// A session by the hash of its cookie, and its operator, read at one moment.
    pub(crate) async fn session(
        &self,
        hash: &[u8],
    ) -> Result<Option<(SessionRow, OperatorRow)>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            session_columns!(),
            ", ",
            operator_columns!(),
            " FROM sessions s JOIN operators o ON o.id = s.operator WHERE s.hash = ?"
        ));
        let row = self.optional(query.bind(hash)).await?;
        row.map(|row| Ok((session_row(&row)?, operator_row(&row)?))).transpose()
    }

    /// Sessions of an operator, the one used last first. A setting bounds how many there are.
    pub(crate) async fn sessions(&self, operator: &str) -> Result<Vec<SessionRow>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.operator = ? ORDER BY s.used_ms DESC, s.id"
        ));
        self.all(query.bind(operator)).await?.iter().map(session_row).collect()
    }

    /// Whether sessions or links are left that ended before then.
    pub(crate) async fn has_ended_sessions(
        &self,
        began_ms: u64,
        used_ms: u64,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM sessions WHERE created_ms <= ? OR used_ms <= ?)
             OR EXISTS (SELECT 1 FROM links WHERE expires_ms <= ?)",
        );
        let query = query
            .bind(signed(began_ms, "sessions")?)
            .bind(signed(used_ms, "sessions")?)
            .bind(signed(now_ms, "links")?);
        Ok(self.optional(query).await?.is_some())
    }
}

impl Tx {
    /// Whether a session has not been ended.
    pub(crate) async fn has_session(&mut self, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT 1 FROM sessions WHERE id = ?").bind(id);
        Ok(self.optional(query).await?.is_some())
    }

    /// A session by its id.
    pub(crate) async fn session(&mut self, id: &str) -> Result<Option<SessionRow>, StoreError> {
        let query = concat!("SELECT ", session_columns!(), " FROM sessions s WHERE s.id = ?");
        let row = self.optional(sqlx::query(query).bind(id)).await?;
        row.as_ref().map(session_row).transpose()
    }

    /// Adds a session.
    pub(crate) async fn add_session(
        &mut self,
        session: &SessionRow,
        hash: &[u8],
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO sessions (id, operator, hash, way, network, created_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&session.id)
            .bind(&session.operator)
            .bind(hash)
            .bind(&session.way)
            .bind(&session.network)
            .bind(signed(session.created_ms, "sessions")?)
            .bind(signed(session.used_ms, "sessions")?);
        self.execute(query).await.map(drop)
    }

    /// Notes when, and from which network, a session was used.
    pub(crate) async fn note_session(
        &mut self,
        id: &str,
        now_ms: u64,
        network: Option<&str>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE sessions SET used_ms = ?, network = ? WHERE id = ?");
        let query = query.bind(signed(now_ms, "sessions")?).bind(network).bind(id);
        self.execute(query).await.map(drop)
    }

    /// Deletes a session. `false` if it does not exist.
    pub(crate) async fn delete_session(&mut self, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM sessions WHERE id = ?").bind(id);
        Ok(self.execute(query).await? > 0)
    }

    /// Of an operator's sessions, deletes those beyond the `keep` that were used last.
    pub(crate) async fn trim_sessions(
        &mut self,
        operator: &str,
        keep: u32,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "DELETE FROM sessions WHERE id IN
             (SELECT id FROM sessions WHERE operator = ? ORDER BY used_ms DESC, id LIMIT -1 OFFSET ?)",
        );
        self.execute(query.bind(operator).bind(i64::from(keep))).await
    }

    /// Deletes sessions and links that ended before then.
    pub(crate) async fn forget_sessions(
        &mut self,
        began_ms: u64,
        used_ms: u64,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM sessions WHERE created_ms <= ? OR used_ms <= ?");
        let query = query.bind(signed(began_ms, "sessions")?).bind(signed(used_ms, "sessions")?);
        self.execute(query).await?;
        let query = sqlx::query("DELETE FROM links WHERE expires_ms <= ?");
        self.execute(query.bind(signed(now_ms, "links")?)).await.map(drop)
    }

    /// Adds a link.
    pub(crate) async fn add_link(&mut self, link: &LinkRow) -> Result<(), StoreError> {
        let query = sqlx::query(
            "INSERT INTO links (id, operator, hash, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?)",
        );
        let query = query
            .bind(&link.id)
            .bind(&link.operator)
            .bind(&link.hash)
            .bind(signed(link.created_ms, "links")?)
            .bind(signed(link.expires_ms, "links")?);
        self.execute(query).await.map(drop)
    }

    /// A link.
    pub(crate) async fn link(&mut self, id: &str) -> Result<Option<LinkRow>, StoreError> {
        let row = self.optional(sqlx::query("SELECT * FROM links WHERE id = ?").bind(id)).await?;
        row.map(|row| {
            Ok(LinkRow {
                id: row.try_get("id")?,
                operator: row.try_get("operator")?,
                hash: row.try_get("hash")?,
                created_ms: unsigned(&row, "created_ms")?,
                expires_ms: unsigned(&row, "expires_ms")?,
            })
        })
        .transpose()
    }

    /// Deletes a link: it was used, or is not to be.
    pub(crate) async fn delete_link(&mut self, id: &str) -> Result<(), StoreError> {
        self.execute(sqlx::query("DELETE FROM links WHERE id = ?").bind(id)).await.map(drop)
    }

    /// How many links of an operator have not ended.
    pub(crate) async fn count_links(
        &mut self,
        operator: &str,
        now_ms: u64,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "SELECT COUNT(*) AS count FROM links WHERE operator = ? AND expires_ms > ?",
        );
        self.counted(query.bind(operator).bind(signed(now_ms, "links")?)).await
    }
}
