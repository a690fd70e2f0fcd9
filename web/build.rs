//! Compresses the built pages and writes them down as statics. Reads only what is checked in; downloads nothing.

// A build script says what is wrong by ending.
#![allow(clippy::panic, clippy::print_stdout)]

use std::{
    env, fs,
    io::{Result, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

/// The sites: the name of the static, and the folder.
const SITES: [(&str, &str); 1] = [("CLASSROOM", "../examples/classroom/web/dist")];
const PREFIX: &str = "/web";

fn main() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut code = String::new();
    for (name, folder) in SITES {
        println!("cargo::rerun-if-changed={folder}");
        let mut files = Vec::new();
        read(Path::new(folder), Path::new(""), &mut files)?;
        files.sort();
        let mut all = Sha256::new();
        files.iter().for_each(|(name, bytes)| {
            all.update(name);
            all.update(bytes);
        });
        let digest = hex(&all.finalize());
        let (mut index, mut others) = (None, String::new());
        for (number, (file, bytes)) in files.into_iter().enumerate() {
            let at = out.join(format!("{name}-{number}"));
            if file == "index.html" {
                let page = String::from_utf8_lossy(&bytes);
                let page = page.replace("\"./", &format!("\"{PREFIX}/{digest}/"));
                index = Some(written(&at, &file, page.as_bytes())?);
            } else {
                others += &format!("{}, ", written(&at, &file, &bytes)?);
            }
        }
        let index =
            index.unwrap_or_else(|| panic!("{folder} has no index.html: run cargo xtask web"));
        code += &format!(
            "/// `{folder}`.\npub static {name}: Site = Site {{ digest: {digest:?}, index: {index}, files: &[{others}] }};\n"
        );
    }
    fs::write(out.join("sites.rs"), code)
}

/// The files of a folder and of those in it, by their names.
fn read(folder: &Path, below: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let name = below.join(entry?.file_name());
        let path = folder.join(&name);
        if path.is_dir() {
            read(folder, &name, files)?;
        } else {
            files.push((name.display().to_string(), fs::read(path)?));
        }
    }
    Ok(())
}

/// Writes a file in its three forms, and says so in Rust.
fn written(at: &Path, name: &str, bytes: &[u8]) -> Result<String> {
    let form = |ending: &str, packed: Option<Vec<u8>>| -> Result<String> {
        let Some(packed) = packed.filter(|packed| packed.len() < bytes.len()) else {
            return Ok("None".into());
        };
        let path = at.with_extension(ending);
        fs::write(&path, packed)?;
        Ok(format!("Some(include_bytes!({path:?}))"))
    };
    fs::write(at, bytes)?;
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => panic!("{name}: say in web/build.rs of which media type it is"),
    };
    let (gzip, brotli) = (form("gz", Some(gzip(bytes)?))?, form("br", Some(brotli(bytes)?))?);
    let digest = hex(&Sha256::digest(bytes));
    Ok(format!(
        "File {{ name: {name:?}, kind: {kind:?}, digest: {digest:?}, plain: include_bytes!({at:?}), gzip: {gzip}, brotli: {brotli} }}"
    ))
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    packed.finish()
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    brotli::BrotliCompress(
        &mut &bytes[..],
        &mut packed,
        &brotli::enc::BrotliEncoderParams::default(),
    )?;
    Ok(packed)
}

/// The first 16 digits of a digest.
fn hex(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
