//! Another process's CPU time and memory, as Linux reports them in `/proc`.

use std::{fs, io, path::PathBuf};

/// Ticks per second in `/proc/<pid>/stat`: `USER_HZ`, 100 on Linux.
const TICKS_PER_S: f64 = 100.0;

/// A process to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(pub u32);

impl Process {
    fn path(self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0))
    }

    /// CPU time of all its threads, in user and kernel mode, in seconds: with nanosecond precision, so that short runs
    /// are meaningful; for threads that have ended, in hundredths of a second.
    pub fn cpu_s(self) -> io::Result<f64> {
        let mut nanoseconds = 0_u64;
        for thread in fs::read_dir(self.path("task"))? {
            // A thread may end while it is being read.
            let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let on_cpu = text.split(' ').next().and_then(|text| text.parse::<u64>().ok());
            nanoseconds += on_cpu.unwrap_or(0);
        }
        Ok((nanoseconds as f64 / 1e9).max(self.coarse_cpu_s()?))
    }

    /// The same including threads that ended, less precisely.
    fn coarse_cpu_s(self) -> io::Result<f64> {
        let stat = fs::read_to_string(self.path("stat"))?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2);
        Ok(ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S)
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(self) -> io::Result<u64> {
        let status = fs::read_to_string(self.path("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
        let kilobytes = line.trim().trim_end_matches("kB").trim().parse::<u64>();
        kilobytes.map(|kb| kb * 1_024).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_and_memory_are_measured() {
        let own = Process(std::process::id());
        let before = own.cpu_s().expect("Linux");
        let mut sum = 0_u64;
        while own.cpu_s().expect("Linux") < before + 0.01 {
            sum = (0..100_000_u64).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(own.resident_bytes().expect("Linux") > 1 << 16);
        assert!(Process(u32::MAX).cpu_s().is_err());
    }
}
