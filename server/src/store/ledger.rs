//! Writes awaited revocations, all in one transaction of few statements.

use std::{collections::BTreeMap, sync::LazyLock};

use sqlx::{Arguments, error::BoxDynError, sqlite::SqliteArguments};
use stagedoor_bus::{ActorKind, AppLife, Revocation};

use super::{
    StoreError,
    apps::unsigned,
    bound,
    revocations::{RevocationRow, far, text_of},
    signed,
    write::Tx,
};

const COLUMNS: usize = 10;

/// Statements by how many rows they insert, largest first. Each is a trip to the database's thread; with few sizes they
/// stay prepared.
static INSERTS: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
    let row = format!("({})", ["?"; COLUMNS].join(","));
    let columns = "app, generation, target, at_s, ban, ends_s, over_s, reason, actor, actor_kind";
    [64, 8, 1].map(|rows| {
        (
            rows,
            format!("INSERT INTO revocations ({columns}) VALUES {}", vec![&*row; rows].join(",")),
        )
    })
});

/// An entry to write.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// New revocations of one app, to be numbered in this order.
    Revoke(AppLife, Vec<RevocationRow>),
    /// Revocations of an app to lift, by number.
    Lift(AppLife, Vec<u64>),
}

/// The result for an entry.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// The revocations with their numbers; `None` if the app was deleted or replaced meanwhile.
    Revoked(Option<Vec<RevocationRow>>),
    /// The lifted revocations, each with what remains of its target.
    Lifted(Vec<(RevocationRow, Vec<Revocation>)>),
}

impl Tx {
    /// Writes all entries.
    pub(crate) async fn write_entries(
        &mut self,
        mut entries: Vec<Entry>,
    ) -> Result<Vec<Written>, StoreError> {
        let mut numbers = self.first_numbers(&mut entries).await?;
        let rows = entries.iter_mut().filter_map(revoked);
        let rows = rows.flat_map(|(app, rows)| number(rows, numbers.get_mut(&app)));
        let rows: Vec<RevocationRow> = rows.cloned().collect();
        // Before lifting, because the doors are given what remains of each target.
        self.insert_revocations(&rows).await?;
        let mut all_written = Vec::with_capacity(entries.len());
        for entry in entries {
            all_written.push(match entry {
                Entry::Revoke(_, rows) => {
                    let there = rows.first().is_some_and(|row| row.entry.generation > 0);
                    Written::Revoked(there.then_some(rows))
                }
                Entry::Lift(app, generations) => {
                    let mut lifted = Vec::new();
                    // The numbers belong to the app that had this AppID before.
                    let there = self.app(app.id).await?.is_some_and(|row| row.life() == app);
                    for generation in generations.into_iter().filter(|_| there) {
                        lifted.extend(self.lift_revocation(app.id, generation).await?);
                    }
                    Written::Lifted(lifted)
                }
            });
        }
        Ok(all_written)
    }

    /// Begins as many generations of each app as it has new revocations; returns the first.
    async fn first_numbers(
        &mut self,
        entries: &mut [Entry],
    ) -> Result<BTreeMap<AppLife, u64>, StoreError> {
        let mut counts = BTreeMap::<AppLife, u64>::new();
        for (app, rows) in entries.iter_mut().filter_map(revoked) {
            *counts.entry(app).or_default() += rows.len() as u64;
        }
        let mut first = BTreeMap::new();
        for (app, count) in counts {
            let raise = sqlx::query(
                "UPDATE apps SET generation = generation + ? WHERE id = ? AND created_ms = ?
                 RETURNING generation",
            );
            let raise = raise.bind(signed(count, "revocations")?);
            let raise = raise.bind(i64::from(app.id.0)).bind(bound(app.since_ms));
            if let Some(raised) = self.optional(raise).await? {
                first.insert(app, unsigned(&raised, "generation")? - count + 1);
            }
        }
        Ok(first)
    }

    /// Inserts numbered revocations.
    pub(super) async fn insert_revocations(
        &mut self,
        rows: &[RevocationRow],
    ) -> Result<(), StoreError> {
        let mut left = rows;
        while let Some((count, sql)) = INSERTS.iter().find(|(count, _)| *count <= left.len()) {
            let (now, later) = left.split_at(*count);
            left = later;
            let mut values = SqliteArguments::default();
            values.reserve(count * COLUMNS, 0);
            for row in now {
                let (target, numbers) = (text_of(&row.entry.target)?, numbers_of(row)?);
                bind(row, target, numbers, &mut values).map_err(sqlx::Error::Encode)?;
            }
            self.execute(sqlx::query_with(sql.as_str(), values)).await?;
        }
        Ok(())
    }
}

/// Numbers an app's revocations; `None` if the app does not exist.
fn number<'a>(rows: &'a mut [RevocationRow], next: Option<&mut u64>) -> &'a [RevocationRow] {
    let Some(next) = next else { return &[] };
    for row in &mut *rows {
        row.entry.generation = *next;
        *next += 1;
    }
    rows
}

fn revoked(entry: &mut Entry) -> Option<(AppLife, &mut Vec<RevocationRow>)> {
    match entry {
        Entry::Revoke(app, rows) => Some((*app, rows)),
        Entry::Lift(..) => None,
    }
}

/// An app's id and when it was created.
fn numbers_of(row: &RevocationRow) -> Result<(i64, i64), StoreError> {
    let number = |number| signed(number, "revocations");
    Ok((number(row.entry.generation)?, number(row.entry.at_s)?))
}

fn bind(
    row: &RevocationRow,
    target: String,
    (generation, at_s): (i64, i64),
    values: &mut SqliteArguments,
) -> Result<(), BoxDynError> {
    let RevocationRow { entry, over_s, actor } = row;
    values.add(i64::from(entry.app.0))?;
    values.add(generation)?;
    values.add(target)?;
    values.add(at_s)?;
    values.add(i64::from(entry.ban))?;
    values.add(far(entry.ends_s))?;
    values.add(far(*over_s))?;
    values.add(entry.reason.clone())?;
    values.add(actor.id.clone())?;
    values.add(actor.kind.map(ActorKind::as_str))?;
    Ok(())
}
