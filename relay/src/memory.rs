//! Whether the process has too little memory left for new members. Uses the kernel's figure, which includes everything
//! and costs existing members nothing. If the kernel does not report it, nothing is refused for it.

use std::{
    fs::File,
    io::Read,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// How long a reading is used.
const LOOK_INTERVAL_MS: u64 = 20;
/// The default limit: the relay's share of the memory of the system or its container.
const SHARE_PERCENT: u64 = 75;

/// The process's memory, and its limit.
#[derive(Debug)]
pub(crate) struct Memory {
    /// In bytes.
    max: u64,
    used: AtomicU64,
    looked_ms: AtomicU64,
    /// Whether the last reading exceeded the limit.
    was_full: AtomicBool,
}

impl Memory {
    /// With this limit in bytes; 0: a share of the memory that exists.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let share = |bytes: u64| bytes / 100 * SHARE_PERCENT;
        let max = match bytes_max {
            0 => machine_bytes().map_or(u64::MAX, share),
            bytes => bytes,
        };
        let used = AtomicU64::new(process_bytes().unwrap_or(0));
        Self { max, used, looked_ms: AtomicU64::new(0), was_full: AtomicBool::new(false) }
    }

    /// The limit in bytes.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The bytes in use at `now_ms`.
    pub(crate) fn used(&self, now_ms: u64) -> u64 {
        let looked_ms = self.looked_ms.load(Ordering::Relaxed);
        let due = now_ms >= looked_ms.saturating_add(LOOK_INTERVAL_MS);
        // When many ask at once, one of them reads.
        let looks = due
            && self
                .looked_ms
                .compare_exchange(looked_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if looks && let Some(used) = process_bytes() {
            self.used.store(used, Ordering::Relaxed);
        }
        self.used.load(Ordering::Relaxed)
    }

    /// Whether the limit is exceeded at `now_ms`, so that nobody new is admitted.
    pub(crate) fn is_full(&self, now_ms: u64) -> bool {
        let used = self.used(now_ms);
        let full = used > self.max;
        if self.was_full.load(Ordering::Relaxed) != full
            && self.was_full.swap(full, Ordering::Relaxed) != full
        {
            let bytes_max = self.max;
            if full {
                tracing::warn!(used, bytes_max, "memory limit exceeded; new members are refused");
            } else {
                tracing::info!(
                    used,
                    bytes_max,
                    "memory is below its limit again; new members are accepted"
                );
            }
        }
        full
    }
}

/// The start of a file, read into a fixed buffer, so that measuring the memory does not fragment it.
fn with_text<T>(path: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut text = [0; 4_096];
    let mut file = File::open(path).ok()?;
    let mut end = 0;
    while end < text.len() {
        match file.read(&mut text[end..]).ok()? {
            0 => break,
            n => end += n,
        }
    }
    read(&String::from_utf8_lossy(&text[..end]))
}

/// A field of a `/proc` file with lines like `name: n kB`.
fn field_bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// The resident memory of this process.
fn process_bytes() -> Option<u64> {
    with_text("/proc/self/status", |text| field_bytes(text, "VmRSS"))
}

/// The memory of the machine, or of the container.
fn machine_bytes() -> Option<u64> {
    let machine = with_text("/proc/meminfo", |text| field_bytes(text, "MemTotal"))?;
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let container = container.into_iter().filter_map(limit_bytes).min();
    Some(container.map_or(machine, |container| container.min(machine)))
}

/// The limit in a cgroup file; `None` for `max` or a missing file.
fn limit_bytes(path: &str) -> Option<u64> {
    with_text(path, |text| text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_by_its_whole_name() {
        let text = "VmHWM:\t  900 kB\nVmRSSx: 1 kB\nVmRSS:\t  256 kB\n";
        assert_eq!(field_bytes(text, "VmRSS"), Some(262_144));
        assert_eq!(field_bytes(text, "VmSwap"), None);
        assert_eq!(field_bytes("VmRSS: kB", "VmRSS"), None);
    }

    #[test]
    fn a_limit_is_a_number_and_max_is_none() {
        let file = std::env::temp_dir().join(format!("stagedoor-memory-{}", std::process::id()));
        let path = file.to_str().expect("a path");
        for (text, limit) in [("1048576\n", Some(1_048_576)), ("max\n", None), ("", None)] {
            std::fs::write(path, text).expect("a file");
            assert_eq!(limit_bytes(path), limit, "{text:?}");
        }
        std::fs::remove_file(path).expect("it is there");
        assert_eq!(limit_bytes(path), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn members_are_refused_only_above_a_limit() {
        let memory = Memory::new(0);
        assert!(memory.used(0) > 0 && memory.max() < u64::MAX);
        assert!(!memory.is_full(0));
        assert!(Memory::new(1).is_full(0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reading_is_used_for_a_while() {
        let memory = Memory::new(0);
        memory.used(1_000);
        memory.used.store(7, Ordering::Relaxed);
        assert_eq!(memory.used(1_000 + LOOK_INTERVAL_MS - 1), 7);
        assert!(memory.used(1_000 + LOOK_INTERVAL_MS) > 7);
    }
}
