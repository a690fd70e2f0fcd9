//! Looks for bytes in everything that a process has: memory, environment, command line, and the files that it opened or
//! that lie in its folder.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

use anyhow::{Context, Result, ensure};

/// How much of a process's memory is read at once.
const PIECE_BYTES: usize = 4_194_304;
/// Bytes that are looked up together.
const BLOCK_BYTES: usize = 2;

/// Texts that are looked for together: their first bytes, as many as the shortest has, are compared first. A block of
/// bytes that none of them has is passed by as a whole, because all memory of a process is searched.
pub(super) struct Search<'a> {
    texts: &'a [Vec<u8>],
    shortest: usize,
    longest: usize,
    /// How far the search moves on, by block: for one of those first bytes, its distance from their end.
    moves: Vec<usize>,
}

fn number(block: &[u8]) -> usize {
    usize::from(block[0]) << 8 | usize::from(block[1])
}

/// The places of a process, each with a text that was found there, by its index.
type Places = BTreeSet<(usize, &'static str)>;

impl<'a> Search<'a> {
    pub(super) fn of(texts: &'a [Vec<u8>]) -> Result<Self> {
        let lengths = texts.iter().map(Vec::len);
        let shortest = lengths.clone().min().context("nothing to look for")?;
        ensure!(shortest >= BLOCK_BYTES, "too short to look for");
        let mut moves = vec![shortest - BLOCK_BYTES + 1; 1 << 16];
        for text in texts {
            for (at, block) in text[..shortest].windows(BLOCK_BYTES).enumerate() {
                let least = &mut moves[number(block)];
                *least = (shortest - BLOCK_BYTES - at).min(*least);
            }
        }
        Ok(Self { texts, shortest, longest: lengths.max().unwrap_or(shortest), moves })
    }

    fn look(&self, bytes: &[u8], found: &mut impl FnMut(usize)) {
        let mut end = self.shortest;
        while end <= bytes.len() {
            let left = self.moves[number(&bytes[end - BLOCK_BYTES..end])];
            if left == 0 {
                let rest = &bytes[end - self.shortest..];
                let here = self.texts.iter().enumerate();
                here.filter(|(_, text)| rest.starts_with(text)).for_each(|(nth, _)| found(nth));
            }
            end += left.max(1);
        }
    }

    /// Looks through a process and its folder.
    pub(super) fn process(&self, pid: u32, folder: &Path) -> Result<Places> {
        let mut all = Places::new();
        let mut look = |place: &'static str, bytes: &[u8]| {
            self.look(bytes, &mut |nth| _ = all.insert((nth, place)));
        };
        let of = |name: &str| format!("/proc/{pid}/{name}");
        for (name, place) in [("environ", "environment"), ("cmdline", "command line")] {
            look(place, &fs::read(of(name))?);
        }
        for file in fs::read_dir(of("fd"))?.chain(fs::read_dir(folder)?) {
            let path = file?.path();
            // Sockets and pipes are no files, and one may be closed meanwhile.
            if fs::metadata(&path).is_ok_and(|found| found.is_file())
                && let Ok(bytes) = fs::read(&path)
            {
                look("files", &bytes);
            }
        }
        self.memory(pid, &mut look)?;
        Ok(all)
    }

    fn memory(&self, pid: u32, look: &mut impl FnMut(&'static str, &[u8])) -> Result<()> {
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut bytes = 0;
        for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
            let (range, rest) = line.split_once(' ').context("a range")?;
            // The kernel's own pages cannot be read.
            if !rest.starts_with('r') || rest.contains("[vvar") {
                continue;
            }
            let (from, to) = range.split_once('-').context("a range")?;
            let (mut at, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
            while at < to {
                let wanted = PIECE_BYTES.min((to - at) as usize);
                // Memory that was given back meanwhile is gone.
                let Ok(read @ 1..) = memory.read_at(&mut piece[..wanted], at) else { break };
                look("memory", &piece[..read]);
                bytes += read;
                // Pieces overlap, so that nothing lies between two.
                let is_last = read < wanted || at + read as u64 == to;
                at += if is_last { read } else { read - self.longest } as u64;
            }
        }
        ensure!(bytes > 1_000_000, "only {bytes} bytes of memory were read");
        Ok(())
    }
}

#[test]
fn the_search_finds_each_text_wherever_it_lies() -> Result<()> {
    let texts: Vec<Vec<u8>> = vec![b"abcdefgh".into(), b"bcdebcdebc".into(), b"cdefghijk".into()];
    let search = Search::of(&texts)?;
    for before in 0..40 {
        for after in [0, 1, 30] {
            for (nth, text) in texts.iter().enumerate() {
                let bytes = [&vec![b'b'; before], &text[..], &vec![b'c'; after]].concat();
                let mut found = Vec::new();
                search.look(&bytes, &mut |nth| found.push(nth));
                assert_eq!(found, [nth], "{before} bytes before, {after} after");
                search.look(&bytes[..bytes.len() - after - 1], &mut |nth| found.push(nth));
                assert_eq!(found, [nth], "half of it is nothing");
            }
        }
    }
    Ok(())
}
