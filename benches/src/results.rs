//! Saved measurements as JSON, one file per scenario; medians and ratios.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// The result of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The scenario's name.
    pub name: String,
    /// How many rounds.
    pub rounds: usize,
    /// Seconds of each measurement.
    pub seconds: f64,
    /// Where, when, and with which versions.
    pub machine: Machine,
    /// The command that repeats the measurement.
    pub command: String,
    /// By server, in the order of their turns.
    pub rows: Vec<Row>,
}

/// The result of a server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// The server.
    pub server: String,
    /// Values by measure, one per round that counts.
    pub values: BTreeMap<String, Vec<f64>>,
    /// Rounds that do not count, and why; or why there are none.
    pub faults: Vec<String>,
}

impl Row {
    /// The median of a measure.
    pub fn median(&self, measure: &str) -> Option<f64> {
        median(self.values.get(measure)?)
    }

    /// The minimum and maximum of a measure.
    pub fn spread(&self, measure: &str) -> Option<(f64, f64)> {
        let values = self.values.get(measure).filter(|values| !values.is_empty())?;
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        Some((least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
    }
}

impl Measured {
    /// A server's row.
    pub fn row(&self, server: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.server == server)
    }

    /// The ratio of two servers' medians of a measure.
    pub fn ratio(&self, measure: &str, server: &str, to: &str) -> Option<f64> {
        let below = self.row(to)?.median(measure).filter(|below| *below > 0.0)?;
        Some(self.row(server)?.median(measure)? / below)
    }

    /// Saves it in a folder.
    pub fn keep(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let file = file(folder, &self.name);
        Ok(std::fs::write(&file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// The saved result of a scenario; `None` if there is none.
    pub fn kept(folder: &Path, name: &str) -> Result<Option<Self>> {
        let file = file(folder, name);
        if !file.exists() {
            return Ok(None);
        }
        let kept = serde_json::from_reader(File::open(&file)?);
        kept.map(Some)
            .with_context(|| format!("{name}.json was written by another version; remove it"))
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

/// The median; the mean of the two middle values if their number is even.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle)?;
    if values.len() % 2 == 1 { Some(*upper) } else { Some((values[middle - 1] + upper) / 2.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(server: &str, values: &[f64]) -> Row {
        let values = [("cpu_us".to_owned(), values.to_vec())].into();
        Row { server: server.into(), values, faults: Vec::new() }
    }

    #[test]
    fn a_median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(&[3.0, 1.0, 20.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 20.0, 2.0]), Some(3.0));
        assert_eq!(median(&[]), None);
        assert_eq!(row("a", &[3.0, 1.0, 20.0]).spread("cpu_us"), Some((1.0, 20.0)));
    }

    #[test]
    fn ratios_use_medians_and_saved_results_are_read_back() {
        let measured = Measured {
            name: "one".into(),
            rounds: 3,
            seconds: 1.0,
            machine: Machine::default(),
            command: "cargo xtask bench one".into(),
            rows: vec![row("a", &[3.0, 1.0, 20.0]), row("b", &[2.0]), row("c", &[])],
        };
        let folder = tempfile::tempdir().expect("a folder");
        measured.keep(folder.path()).expect("written");
        let kept = Measured::kept(folder.path(), "one").expect("read").expect("there");
        assert_eq!(kept.ratio("cpu_us", "a", "b"), Some(1.5));
        assert_eq!(kept.ratio("cpu_us", "a", "c"), None);
        assert!(Measured::kept(folder.path(), "two").expect("read").is_none());
    }
}
