//! The database: SQLite, in a file that only its owner can read. It stores rows and decides nothing. Acknowledged
//! changes last: a committed transaction survives a crash of the process or the machine (WAL, `synchronous=FULL`).

pub(crate) mod access_tokens;
pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod author;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod deployment;
mod error;
pub(crate) mod export;
mod health;
pub(crate) mod issuers;
pub(crate) mod key_uses;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod operators;
pub(crate) mod personal;
pub(crate) mod replies;
pub(crate) mod reseal;
pub(crate) mod revocations;
pub(crate) mod roles;
pub(crate) mod sealed;
pub(crate) mod sessions;
pub(crate) mod write;

use std::{borrow::Cow, fs::OpenOptions, os::unix::fs::OpenOptionsExt, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, SqliteConnection, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use crate::{
    config::AuditPeer,
    deployment::{Found, Marker, decide},
    envelope::MasterKey,
    folder::{DATABASE, DEV, DataFolder},
};
pub(crate) use error::StoreError;
use error::{bound, signed};
use sealed::Sealer;
use write::{Statement, Tx, Writer};

/// Page cache of the writer, in KiB. Small, because most writes are at the end and the system caches the file.
const WRITER_CACHE_KIB: u32 = 256;
/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: u32 = 64;
/// Connections for reading.
const READERS_MAX: u32 = 8;
/// How long a reader stays open: each has its own thread and pages, and after a busy time one is enough. Not an idle
/// timeout, because the pool counts its own check of an idle connection as use.
const READER_LIFE_MAX: Duration = Duration::from_secs(5);

/// The store: many readers, one writer.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
    writer: Writer,
    pub(crate) sealer: Arc<Sealer>,
    /// Holds the folder for this process while anybody uses the store.
    folder: Arc<DataFolder>,
}

impl Store {
    /// Opens the database, creating it if necessary, and migrates its schema. `wait` is how long a write waits: for
    /// others of this process, and again for other processes. A database that is not the folder's own is refused.
    /// So is one whose secrets the master key does not open, before anything is written to it. A new one is sealed
    /// from its beginning if there is a master key.
    pub(crate) async fn open(
        folder: DataFolder,
        wait: Duration,
        master: Option<&MasterKey>,
    ) -> Result<Self, StoreError> {
        let file = folder.path().join(DATABASE);
        let marker = Marker::read(folder.path())?;
        let has_dev_file = folder.path().join(DEV).is_file();
        let found = deployment::found(&file).await?;
        decide(marker.as_ref(), has_dev_file, &found)?;
        let mut keys = sealed::unlock(&sealed::found(&file).await?, master)?;
        let is_new = !matches!(&found, Found::Ours(ours) if ours.has_root);
        if marker.is_none() {
            // From here on, a database without a root credential means that a start was interrupted.
            Marker::default().write(folder.path())?;
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("cache_size", format!("-{WRITER_CACHE_KIB}"))
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(wait)
            .foreign_keys(true)
            // Callers log the errors of their statements themselves.
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        migrate(&mut connection).await?;
        if let Some(master) = master.filter(|_| is_new && keys.is_empty()) {
            keys.extend(sealed::begin(&mut connection, master).await?);
        }
        match deployment::open(&mut connection).await {
            Ok(()) => {}
            // The marker exists already, and a full disk is no reason not to start.
            Err(error) if marker.is_some() => {
                tracing::warn!(%error, "could not note that the database is open");
            }
            Err(error) => return Err(error.into()),
        }
        let pool = readers(&options, wait, READER_LIFE_MAX).await?;
        let sealer = Arc::new(Sealer::new(keys));
        let writer = Writer::new(options, connection, wait, sealer.clone());
        Ok(Self { pool, writer, sealer, folder: Arc::new(folder) })
    }

    /// What audit records keep of addresses; everything, unless this is called. Only the first call counts.
    pub(crate) fn keep_of_peers(&self, keep: AuditPeer) {
        self.writer.keep_of_peers(keep);
    }

    /// Whether the database can be read.
    pub(crate) async fn answers(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Closes the database after a checkpoint of its log.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.mark().await {
            tracing::warn!(%error, "could not update the folder's marker file");
        }
        self.pool.close().await;
        self.writer.close().await;
    }

    /// Begins a write transaction when its turn comes. While writes fail, most are refused at once.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        self.writer.begin().await
    }

    /// Whether writes succeed. While they fail, one about the size of the largest act is attempted now and then.
    pub(crate) async fn writable(&self) -> Result<(), StoreError> {
        if self.writer.is_good() {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let probe = "INSERT OR REPLACE INTO probe (id, padding) VALUES (1, zeroblob(65536))";
        tx.execute(sqlx::query(probe)).await?;
        drop(tx.commit().await?);
        Ok(())
    }

    /// Empties the writer's page cache, unless it is writing.
    pub(crate) async fn empty_cache(&self) {
        self.writer.empty_cache().await;
    }

    /// Saves the database's facts in the marker, once its root credential exists.
    pub(crate) async fn mark(&self) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let ours = deployment::ours(&mut connection).await?;
        drop(connection);
        if ours.has_root {
            let marker = Marker { deployment: ours.deployment, records: ours.records };
            marker.write(self.folder.path())?;
        }
        Ok(())
    }

    /// Reads the first row.
    async fn optional(&self, statement: Statement<'_>) -> Result<Option<SqliteRow>, StoreError> {
        Ok(statement.fetch_optional(&self.pool).await?)
    }

    /// Reads every row.
    async fn all(&self, statement: Statement<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        Ok(statement.fetch_all(&self.pool).await?)
    }
}

/// Connections that only read: all writes go through the writer's transactions.
async fn readers(
    options: &SqliteConnectOptions,
    wait: Duration,
    life_max: Duration,
) -> Result<SqlitePool, sqlx::Error> {
    let options = options
        .clone()
        .pragma("query_only", "ON")
        .pragma("cache_size", format!("-{READER_CACHE_KIB}"));
    let pool = SqlitePoolOptions::new().max_connections(READERS_MAX).acquire_timeout(wait);
    let pool = pool.max_lifetime(life_max).idle_timeout(None).min_connections(1);
    pool.connect_with(options).await
}

/// Migrates a database's schema.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let migrator = Migrator::with_migrations(migrations());
    migrator.run_direct(None, connection, false).await?;
    audit::chain::begin(connection).await
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
        migration(6, "acts", include_str!("../migrations/0006_acts.sql")),
        migration(8, "clock", include_str!("../migrations/0008_clock.sql")),
        migration(9, "audit_whole", include_str!("../migrations/0009_audit_whole.sql")),
        migration(10, "deployment", include_str!("../migrations/0010_deployment.sql")),
        migration(11, "role_versions", include_str!("../migrations/0011_role_versions.sql")),
        migration(12, "bounds", include_str!("../migrations/0012_bounds.sql")),
        migration(13, "credentials", include_str!("../migrations/0013_credentials.sql")),
        migration(14, "lines", include_str!("../migrations/0014_lines.sql")),
        migration(15, "sealed", include_str!("../migrations/0015_sealed.sql")),
        migration(16, "chain", include_str!("../migrations/0016_chain.sql")),
        migration(17, "access_tokens", include_str!("../migrations/0017_access_tokens.sql")),
        migration(18, "issuers", include_str!("../migrations/0018_issuers.sql")),
        migration(19, "team", include_str!("../migrations/0019_team.sql")),
        migration(20, "token04", include_str!("../migrations/0020_token04.sql")),
        migration(21, "attempts", include_str!("../migrations/0021_attempts.sql")),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use sqlx::Row;

    use super::*;

    impl Store {
        /// Refuses to delete audit records, or allows it again.
        pub(crate) async fn refuse_deletes(&self, refuse: bool) {
            self.refuse("DELETE", refuse).await;
        }

        /// Refuses to add audit records, or allows it again.
        pub(crate) async fn refuse_inserts(&self, refuse: bool) {
            self.refuse("INSERT", refuse).await;
        }

        /// Changes the database as somebody with access to its file can.
        pub(crate) async fn tamper(&self, sql: &str) {
            let mut tx = self.begin().await.expect("begun");
            for sql in sql.split(';').filter(|sql| !sql.trim().is_empty()) {
                let sql = sqlx::AssertSqlSafe(sql.to_owned());
                tx.execute(sqlx::query(sql)).await.expect("done");
            }
            drop(tx.commit().await.expect("committed"));
        }

        async fn refuse(&self, what: &str, refuse: bool) {
            let sql = if refuse {
                format!(
                    "CREATE TRIGGER no_{what} BEFORE {what} ON audit
                     BEGIN SELECT RAISE(ABORT, 'refused'); END"
                )
            } else {
                format!("DROP TRIGGER no_{what}")
            };
            let mut tx = self.begin().await.expect("begun");
            tx.execute(sqlx::query(sqlx::AssertSqlSafe(sql))).await.expect("a trigger");
            drop(tx.commit().await.expect("committed"));
        }
    }

    /// An empty store, and its folder.
    pub(crate) async fn opened() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::open(folder.path()).expect("a folder of its own");
        let store = Store::open(data, Duration::from_secs(5), None).await.expect("a store");
        (store, folder)
    }

    #[tokio::test]
    async fn keys_from_before_lines_belong_to_main() {
        let folder = tempfile::tempdir().expect("a folder");
        let file =
            SqliteConnectOptions::new().filename(folder.path().join("a")).create_if_missing(true);
        let mut connection = file.connect().await.expect("a database");
        let before = migrations().into_iter().filter(|migration| migration.version <= 11);
        let migrator = Migrator::with_migrations(before.collect());
        migrator.run_direct(None, &mut connection, false).await.expect("an old database");
        let old = "INSERT INTO apps (id, name, ttl_s_default, ttl_s_max, created_ms) VALUES (1, 'a', 60, 600, 5);
             INSERT INTO keys (kid, app, secret, state, created_ms) VALUES
             ('k1', 1, x'01', 'retired', 5), ('k2', 1, x'02', 'retiring', 6), ('k3', 1, x'03', 'current', 7),
             ('k4', 1, x'04', 'next', 8);";
        sqlx::raw_sql(old).execute(&mut connection).await.expect("old rows");
        let before_ms = crate::record::unix_ms();
        migrate(&mut connection).await.expect("migrated");
        let rows = sqlx::query("SELECT * FROM keys ORDER BY kid").fetch_all(&mut connection);
        let rows = rows.await.expect("rows");
        for (nth, row) in (1_u8..).zip(&rows) {
            let text = |column: &str| row.get::<String, _>(column);
            let of_main = ["main", "HS256", "{}"].map(str::to_owned);
            assert_eq!([text("line"), text("alg"), text("bounds")], of_main);
            assert_eq!(
                (text("kid"), row.get::<Vec<u8>, _>("secret")),
                (format!("k{nth}"), vec![nth])
            );
            assert_eq!(row.get::<i64, _>("made_ms"), i64::from(4 + nth));
            let retires_ms: Option<i64> = row.get("retires_ms");
            let after_s = retires_ms.map(|at_ms| (at_ms - before_ms as i64).div_euclid(1_000));
            let is_right = after_s.is_none_or(|s| (608..=620).contains(&s));
            assert!(is_right && after_s.is_some() == (nth == 2), "{nth}: {after_s:?}");
        }
        assert_eq!(rows.len(), 4);
        let line = |line: &str| {
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "INSERT INTO keys (kid, app, secret, state, made_ms, line) VALUES ('{line}', 1, x'', 'current', 1, '{line}')"
            )))
        };
        line("team").execute(&mut connection).await.expect("a current key of another line");
        line("main").execute(&mut connection).await.expect_err("main has one");
    }

    #[tokio::test]
    async fn after_a_busy_time_one_reader_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let options =
            SqliteConnectOptions::new().filename(folder.path().join("a")).create_if_missing(true);
        let (wait, life_max) = (Duration::from_secs(5), Duration::from_millis(50));
        let pool = readers(&options, wait, life_max).await.expect("a pool");
        let mut busy = Vec::new();
        for _ in 0..READERS_MAX {
            busy.push(pool.acquire().await.expect("a reader"));
        }
        assert_eq!(pool.size(), READERS_MAX);
        drop(busy);
        let one = async {
            while pool.size() > 1 {
                // Using each in turn does not keep them open.
                drop(pool.acquire().await.expect("a reader"));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), one).await.expect("the others are closed");
    }
}
