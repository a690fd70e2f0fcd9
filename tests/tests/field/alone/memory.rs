//! Looks for bytes in everything that a process has: memory, environment, command line, open files.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use anyhow::{Context, Result};

/// How much of a process's memory is read at once.
const PIECE_BYTES: usize = 4_194_304;

/// The places of a process in which each of these texts is found; by index, without duplicates.
pub(super) fn found(pid: u32, secrets: &[Vec<u8>]) -> Result<Vec<(usize, String)>> {
    let longest = secrets.iter().map(Vec::len).max().unwrap_or(0);
    let mut all = Vec::new();
    let mut look = |place: &str, bytes: &[u8]| {
        for (nth, secret) in secrets.iter().enumerate() {
            let at = (nth, place.to_owned());
            if !all.contains(&at) && is_in(bytes, secret) {
                all.push(at);
            }
        }
    };
    let of = |name: &str| format!("/proc/{pid}/{name}");
    for name in ["environ", "cmdline"] {
        look(name, &fs::read(of(name))?);
    }
    for opened in fs::read_dir(of("fd"))? {
        let path = opened?.path();
        // Sockets and pipes are no files, and one may be closed meanwhile.
        if fs::metadata(&path).is_ok_and(|found| found.is_file())
            && let Ok(bytes) = fs::read(&path)
        {
            look("files", &bytes);
        }
    }
    let memory = File::open(of("mem"))?;
    let mut piece = vec![0; PIECE_BYTES];
    for line in fs::read_to_string(of("maps"))?.lines() {
        let (range, rest) = line.split_once(' ').context("a range")?;
        // The kernel's own pages cannot be read.
        if !rest.starts_with('r') || rest.ends_with("[vvar]") || rest.contains("[vvar_") {
            continue;
        }
        let (from, to) = range.split_once('-').context("a range")?;
        let (mut at, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        while at < to {
            let wanted = PIECE_BYTES.min((to - at) as usize);
            // Memory that was given back meanwhile is gone.
            let Ok(read @ 1..) = memory.read_at(&mut piece[..wanted], at) else { break };
            look("memory", &piece[..read]);
            // Pieces overlap, so that nothing lies between two.
            at += if read == wanted && at + (read as u64) < to {
                (read - longest.min(read - 1)) as u64
            } else {
                read as u64
            };
        }
    }
    Ok(all)
}

fn is_in(bytes: &[u8], secret: &[u8]) -> bool {
    let Some(first) = secret.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(secret) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
