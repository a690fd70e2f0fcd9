//! What came of it, compared with what had to.

use std::fmt;

use serde::Serialize;

use crate::{
    clip::Clip,
    people::{Tried, Watched},
};

/// The report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    clip: String,
    rows: Vec<Row>,
}

/// One comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was looked at.
    pub what: String,
    /// What had to be.
    pub expected: String,
    /// What was.
    pub got: String,
}

impl Report {
    pub(crate) fn new(clip: &Clip) -> Self {
        let keyframes = clip.pictures.iter().filter(|picture| picture.keyframe).count();
        let clip = format!(
            "{} pictures, {keyframes} keyframes, {} KiB, {:.1} s",
            clip.pictures.len(),
            clip.bytes() / 1_024,
            clip.length().as_secs_f64()
        );
        Self { clip, rows: Vec::new() }
    }

    fn row(&mut self, what: impl Into<String>, expected: &dyn ToString, got: &dyn ToString) {
        self.rows.push(Row {
            what: what.into(),
            expected: expected.to_string(),
            got: got.to_string(),
        });
    }

    /// Every comparison.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Whether all is as it had to be.
    pub fn is_good(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.expected == row.got)
    }

    pub(crate) fn intruders(&mut self, tried: &[Tried]) {
        for tried in tried {
            self.row(tried.what, &tried.expected, &tried.got);
        }
    }

    pub(crate) fn left_behind(&mut self, left: &[(String, u64)]) {
        for (name, count) in left {
            self.row(format!("left behind: {name}"), &0, count);
        }
    }
}

/// Whether each picture that a member has is the clip's, and none is missing that it was not told of.
fn is_whole(clip: &Clip, watched: &Watched) -> bool {
    let same = watched.pictures.iter().all(|(seq, keyframe, bytes)| {
        let source = usize::try_from(*seq).ok().and_then(|seq| clip.pictures.get(seq));
        source.is_some_and(|source| source.keyframe == *keyframe && source.bytes == *bytes)
    });
    let first = watched.pictures.first().map_or(0, |(seq, ..)| *seq);
    let rising = watched.pictures.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let pictures = watched.pictures.len() as u64;
    // A first jump may come before the first picture; it is counted from the beginning.
    let counted = pictures + watched.lost;
    let due = watched.end - first;
    same && rising
        && watched.end == clip.pictures.len() as u64
        && (counted == due || (counted == watched.end))
}

/// Compares what everybody received.
pub(crate) fn compare(report: &mut Report, clip: &Clip, watched: &[Watched], early: usize) {
    let count = |fits: &dyn Fn(&Watched) -> bool| watched.iter().filter(|one| fits(one)).count();
    let is_late = |one: &Watched| {
        one.user
            .rsplit('-')
            .next()
            .and_then(|at| at.parse::<usize>().ok())
            .is_some_and(|at| at >= early)
    };
    let (all, late) = (watched.len(), count(&is_late));
    report.row(
        "every audience member is refused to publish",
        &all,
        &count(&|one| one.publish_code == "publish_denied"),
    );
    report.row(
        "early and in time: every picture, byte for byte",
        &(all - late - 1),
        &count(&|one| {
            !is_late(one)
                && !one.slow
                && one.lost == 0
                && is_whole(clip, one)
                && one.pictures.len() == clip.pictures.len()
        }),
    );
    report.row(
        "late: from a keyframe on, byte for byte",
        &late,
        &count(&|one| {
            is_late(one)
                && one.pictures.first().is_some_and(|(seq, key, _)| *key && *seq > 0)
                && is_whole(clip, one)
        }),
    );
    let slow = watched.iter().find(|one| one.slow);
    report.row(
        "slow: was told that it lost pictures",
        &true,
        &slow.is_some_and(|one| one.lost > 0),
    );
    report.row(
        "slow: received and lost add up, byte for byte",
        &true,
        &slow.is_some_and(|one| is_whole(clip, one)),
    );
    report.row(
        "slow: after each loss comes a keyframe",
        &true,
        &slow.is_some_and(|one| one.keyframe_after_loss),
    );
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "clip: {}\n", self.clip)?;
        writeln!(f, "{:<50} {:>16} {:>16}", "what", "expected", "got")?;
        for row in &self.rows {
            let mark = if row.expected == row.got { "ok" } else { "WRONG" };
            writeln!(f, "{:<50} {:>16} {:>16}  {mark}", row.what, row.expected, row.got)?;
        }
        Ok(())
    }
}
