//! Decides whether the trail may grow. While it is shut, acts that must be recorded are refused and the relay's events
//! are only counted; seats are not affected.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// Open as long as there is no reason to shut it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    is_disk_low: AtomicBool,
    is_overfull: AtomicBool,
}

impl Gate {
    /// Whether the trail may grow.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_disk_low.load(Ordering::Relaxed) && !self.is_overfull.load(Ordering::Relaxed)
    }

    /// Sets whether the disk has less than `disk_free_bytes_min` free.
    pub(crate) fn disk_is_low(&self, is_low: bool) {
        let was_low = self.is_disk_low.swap(is_low, Ordering::Relaxed);
        match (was_low, is_low) {
            (false, true) => tracing::error!(
                "the disk has less than `disk_free_bytes_min` free: acts that must be recorded are refused"
            ),
            (true, false) => tracing::warn!("the disk has enough free space again"),
            _ => {}
        }
    }

    /// Sets whether the trail is far over its bound because nothing can be deleted.
    pub(super) fn trail_is_overfull(&self, is_overfull: bool) {
        let was_overfull = self.is_overfull.swap(is_overfull, Ordering::Relaxed);
        match (was_overfull, is_overfull) {
            (false, true) => tracing::error!(
                "the audit trail is over `audit_bytes_max` and nothing can be deleted from it: \
                 acts that must be recorded are refused"
            ),
            (true, false) => tracing::warn!("the audit trail is within its bound again"),
            _ => {}
        }
    }
}

/// Free bytes for this process on a folder's disk; `None` if the system does not say.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_reason_shuts_it() {
        let gate = Gate::default();
        assert!(gate.is_open());
        for (is_low, is_overfull) in [(true, false), (true, true), (false, true), (false, false)] {
            gate.disk_is_low(is_low);
            gate.trail_is_overfull(is_overfull);
            assert_eq!(gate.is_open(), !is_low && !is_overfull);
        }
    }

    #[test]
    fn the_free_bytes_of_a_folder_are_known() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(free_bytes(folder.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free_bytes(&folder.path().join("none")), None);
    }
}
