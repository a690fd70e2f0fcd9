//! What a relay alone needs of the database: no column with a secret is read.

use std::collections::HashMap;

use serde_json::value::RawValue;
use sqlx::{Executor, Row, SqliteConnection, sqlite::SqliteRow};
use stagedoor_bus::{
    Revocation,
    directory_file::{FileApp, FileKey, FileRevocation},
};
use stagedoor_token::AppId;

use super::{
    StoreError,
    apps::{app_id, app_row},
    keys::state_of,
    revocations::revocation_row,
};

/// Every app, with its roles, its public keys and its revocations.
pub(crate) async fn apps(connection: &mut SqliteConnection) -> Result<Vec<FileApp>, StoreError> {
    let mut keys = HashMap::<AppId, Vec<FileKey>>::new();
    let public = "SELECT app, kid, state, bounds, public FROM keys WHERE public IS NOT NULL
                  ORDER BY app, made_ms, kid";
    for row in connection.fetch_all(public).await? {
        keys.entry(app_id(&row, "app")?).or_default().push(key(&row)?);
    }
    let mut roles = HashMap::<AppId, Box<RawValue>>::new();
    // SQLite takes the other columns from the row of the maximum.
    let newest = "SELECT app, roles, MAX(version) FROM role_sets GROUP BY app";
    for row in connection.fetch_all(newest).await? {
        let json = RawValue::from_string(row.try_get("roles")?);
        roles.insert(app_id(&row, "app")?, json.map_err(|_| StoreError::Row("role_sets"))?);
    }
    let mut revocations = HashMap::<AppId, Vec<FileRevocation>>::new();
    let revoked = "SELECT * FROM revocations ORDER BY app, generation";
    for row in connection.fetch_all(revoked).await? {
        let Revocation { app, target, generation, at_s, ban, ends_s, .. } =
            revocation_row(&row)?.entry;
        let entry = FileRevocation { target, generation, at_s, ban, ends_s };
        revocations.entry(app).or_default().push(entry);
    }
    let rows = connection.fetch_all("SELECT * FROM apps ORDER BY id").await?;
    let app = |row: &SqliteRow| {
        let row = app_row(row)?;
        Ok(FileApp {
            app: row.id,
            since_ms: row.created_ms,
            second_login: row.second_login,
            roles: roles.remove(&row.id),
            generation: row.generation,
            keys: keys.remove(&row.id).unwrap_or_default(),
            revocations: revocations.remove(&row.id).unwrap_or_default(),
        })
    };
    rows.iter().map(app).collect()
}

fn key(row: &SqliteRow) -> Result<FileKey, StoreError> {
    let malformed = || StoreError::Row("keys");
    let jwk: stagedoor_token::Jwk =
        row.try_get::<&str, _>("public")?.parse().map_err(|_| malformed())?;
    Ok(FileKey {
        state: state_of(row.try_get("state")?)?,
        bounds: serde_json::from_str(row.try_get("bounds")?).map_err(|_| malformed())?,
        jwk: jwk.with_kid(row.try_get("kid")?),
    })
}
