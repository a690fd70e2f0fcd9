//! Revocations that somebody waits for: all that wait are one transaction, in few statements.

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

/// Statements by how many rows they insert, largest first: each is a trip to the database's thread, and of few
/// sizes it stays prepared.
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

/// What is to be written.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Revocations of one app, which are numbered in their order.
    Revoke(AppLife, Vec<RevocationRow>),
    /// Revocations of an app, by their numbers.
    Lift(AppLife, Vec<u64>),
}

/// What was written of an entry.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// The revocations with their numbers; `None` where the app is not there any more, or was made again.
    Revoked(Option<Vec<RevocationRow>>),
    /// Those that were there, each with what still stands of its target.
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
        // Before anything is lifted: what is left of its target is told to the doors.
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
                    // Of an app that was made again the numbers are others'.
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

    /// Begins as many generations of each app as there are revocations of it; the first of them.
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

/// Gives revocations of one app their numbers; none of them where the app is not there.
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

/// Its number, and when it was made.
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
