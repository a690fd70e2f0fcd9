//! The built pages as bytes: plain, and compressed while this was compiled. Knows no HTTP.
//!
//! Each site is a folder that `cargo xtask web` built and that is checked in, so a machine with Rust alone carries it.
//! A site's files are named below its digest, so that another content has another path.

/// Where the files of all sites lie; a digest and a name follow.
pub const PREFIX: &str = "/web";

/// A site: one page for every path, and the files that it loads.
#[derive(Debug)]
pub struct Site {
    /// The digest of all files, 16 digits.
    pub digest: &'static str,
    /// `index.html`, which names its files by [`PREFIX`] and the digest.
    pub index: File,
    /// The files.
    pub files: &'static [File],
}

/// A file.
#[derive(Debug)]
pub struct File {
    /// Its path in the folder.
    pub name: &'static str,
    /// Its media type.
    pub kind: &'static str,
    /// The digest of its bytes, 16 digits.
    pub digest: &'static str,
    /// As it is.
    pub plain: &'static [u8],
    /// By gzip, if that is shorter.
    pub gzip: Option<&'static [u8]>,
    /// By brotli, if that is shorter.
    pub brotli: Option<&'static [u8]>,
}

impl Site {
    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }
}

include!(concat!(env!("OUT_DIR"), "/sites.rs"));
