//! Identifies a database file before it is opened, and records whether it is open.

use std::path::Path;

use sqlx::{
    ConnectOptions, Connection, Executor, Row, SqliteConnection, sqlite::SqliteConnectOptions,
};

use super::error::StoreError;
use crate::deployment::{Found, Ours};

/// `SDOR`, in the header of each database.
pub(crate) const LIVE: i64 = 0x5344_4f52;
/// `SDBK`, in the header of each backup.
pub(crate) const BACKUP: i64 = 0x5344_424b;
/// SQLite's code for a file that is not a database.
const NOT_A_DATABASE: &str = "26";

/// A connection to an existing file, with no setting that would write to it.
pub(crate) async fn connected(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(false);
    let options = options.disable_statement_logging();
    options.connect().await
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    connection.fetch_one(sql).await?.try_get(0)
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?");
    let row = query.bind(name.to_owned()).fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}

/// The facts about one of our databases.
pub(super) async fn ours(connection: &mut SqliteConnection) -> Result<Ours, sqlx::Error> {
    let mut ours = Ours {
        deployment: None,
        is_open: false,
        has_root: number(connection, "SELECT COUNT(*) FROM root").await? > 0,
        records: 0,
    };
    let counted = "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'audit'";
    ours.records = u64::try_from(number(connection, counted).await?).unwrap_or(0);
    if has_table(connection, "deployment").await? {
        let row = connection.fetch_one("SELECT name, is_open FROM deployment").await?;
        ours.deployment = Some(row.try_get("name")?);
        ours.is_open = row.try_get::<i64, _>("is_open")? != 0;
    }
    Ok(ours)
}

async fn asked(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let id = number(connection, "PRAGMA application_id").await?;
    if number(connection, "SELECT COUNT(*) FROM sqlite_master").await? == 0 {
        return Ok(Found::Empty);
    }
    match id {
        BACKUP => return Ok(Found::Backup),
        0 | LIVE => {}
        _ => return Ok(Found::Foreign("the database belongs to another program".into())),
    }
    for table in ["_sqlx_migrations", "apps", "audit", "root"] {
        if !has_table(connection, table).await? {
            return Ok(Found::Foreign("the database belongs to another program".into()));
        }
    }
    Ok(Found::Ours(ours(connection).await?))
}

/// Identifies a file.
pub(crate) async fn found(file: &Path) -> Result<Found, StoreError> {
    if !file.try_exists()? {
        return Ok(Found::Nothing);
    }
    let mut connection = connected(file).await?;
    let found = asked(&mut connection).await;
    // Nothing was written, so an error when closing does not matter.
    let _ = connection.close().await;
    match found {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_A_DATABASE) => {
            Ok(Found::Foreign("the file is not a database".into()))
        }
        found => Ok(found?),
    }
}

/// Notes that the database is open, in the file itself so that a copy has the note too.
pub(crate) async fn open(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    if number(connection, "PRAGMA application_id").await? != LIVE {
        connection.execute(sqlx::AssertSqlSafe(format!("PRAGMA application_id = {LIVE}"))).await?;
    }
    connection.execute("UPDATE deployment SET is_open = 1").await?;
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    Ok(())
}

/// Notes that it was closed properly.
pub(crate) async fn closed(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.execute("UPDATE deployment SET is_open = 0").await?;
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
    Ok(())
}
