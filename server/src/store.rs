//! The database: SQLite, in a file that only its owner reads. After `error`, before `secret`. Holds rows;
//! decides nothing. What a caller was told is done, is done: a committed transaction outlives the process
//! and the machine (WAL, `synchronous=FULL`).

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod replies;
pub(crate) mod revocations;
pub(crate) mod roles;

use std::{borrow::Cow, fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// The database's file in the data folder.
pub(crate) const FILE: &str = "stagedoor.sqlite";
/// Pages that a connection keeps, in KiB: what is written is mostly at the end, and the system keeps the file.
const CACHE_KIB: u32 = 512;
const CONNECTIONS_MAX: u32 = 8;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The database.
    #[error("the database: {0}")]
    Sql(#[from] sqlx::Error),
    /// Its schema.
    #[error("the database's schema: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Its file.
    #[error("the database's file: {0}")]
    File(#[from] std::io::Error),
    /// A row that this version did not write.
    #[error("a row of {0} does not read")]
    Row(&'static str),
}

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(data_dir)?;
        let file = data_dir.join(FILE);
        OpenOptions::new().create(true).append(true).mode(0o600).open(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("cache_size", format!("-{CACHE_KIB}"))
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let pool =
            SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX).connect_with(options).await?;
        Migrator::with_migrations(migrations()).run(&pool).await?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    pub(crate) async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Lets go of the database, its log written back.
    pub(crate) async fn close(&self) {
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&self.pool).await
        {
            tracing::warn!(%error, "the database's log was not written back");
        }
        self.pool.close().await;
    }
}

fn migrations() -> Vec<Migration> {
    let migration = |version, name, sql| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    };
    vec![
        migration(1, "first", include_str!("../migrations/0001_first.sql")),
        migration(2, "roles", include_str!("../migrations/0002_roles.sql")),
        migration(3, "revocations", include_str!("../migrations/0003_revocations.sql")),
        migration(4, "second_login", include_str!("../migrations/0004_second_login.sql")),
        migration(5, "audit_by_id", include_str!("../migrations/0005_audit_by_id.sql")),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An empty store, and its folder.
    pub(crate) async fn opened() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).await.expect("a store");
        (store, folder)
    }
}
