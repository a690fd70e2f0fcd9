//! Computes how many connections the process can have, from the number of files it may open.

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stagedoor_wire::limits::Limits;

/// Files that are not connections: the database's, listening sockets, certificates, the runtime's own.
const OTHER_FILES: u64 = 64;
/// Fewer connections than this would be useless.
const CONNECTIONS_MIN: u64 = 8;

/// Raises the system's limit as far as allowed towards what the configuration needs, and lowers `connections_max` and
/// `connections_told_max` to what remains: a connection without a file descriptor could not even be refused. Fails if
/// almost nothing remains.
pub(crate) fn fit(limits: &mut Limits, operations_connections_max: usize) -> anyhow::Result<()> {
    let others = OTHER_FILES + operations_connections_max as u64;
    let wanted = (limits.connections_max.saturating_add(limits.connections_told_max) as u64)
        .saturating_add(others);
    let files = raised(getrlimit(Resource::Nofile), wanted);
    let left = files.saturating_sub(others);
    ensure!(
        left >= CONNECTIONS_MIN,
        "the process may open only {files} files (ulimit -n) and needs {}; raise the limit",
        others + CONNECTIONS_MIN
    );
    let asked = limits.connections_max;
    (limits.connections_max, limits.connections_told_max) =
        share(left, limits.connections_max, limits.connections_told_max);
    if limits.connections_max < asked {
        tracing::warn!(
            asked,
            connections_max = limits.connections_max,
            files,
            "connections_max is lowered to what the process may open (ulimit -n)"
        );
    }
    Ok(())
}

/// The number of files that may be open, after raising the limit as far as wanted and allowed.
fn raised(limit: Rlimit, wanted: u64) -> u64 {
    let now = limit.current.unwrap_or(u64::MAX);
    let most = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    if now >= most {
        return now;
    }
    let higher = Rlimit { current: Some(most), ..limit };
    if setrlimit(Resource::Nofile, higher).is_ok() { most } else { now }
}

/// Divides this many files into connections, and connections that are only told that there are too many.
fn share(left: u64, connections_max: usize, told_max: usize) -> (usize, usize) {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    if connections_max.saturating_add(told_max) <= left {
        return (connections_max, told_max);
    }
    let told = told_max.min(left / 8);
    (connections_max.min(left - told), told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_refused_ones_fit_into_the_limit() {
        assert_eq!(share(200_000, 100_000, 1_024), (100_000, 1_024));
        assert_eq!(share(72, 100_000, 1_024), (63, 9));
        assert_eq!(share(1_100, 1_000, 1_024), (963, 137));
        assert_eq!(share(1_010, 1_000, 10), (1_000, 10));
        for left in [8, 9, 100, 4_096] {
            let (connections, told) = share(left, 100_000, 1_024);
            assert_eq!((connections + told) as u64, left);
        }
    }
}
