//! The files that pages load.

/// Where they lie; their digest and their name follow.
pub(super) const PREFIX: &str = "/assets";

/// A file.
pub(super) struct File {
    /// Its path below the digest.
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) bytes: &'static [u8],
    /// Whether the bytes are compressed.
    pub(super) is_gzip: bool,
}

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! file {
    ($name:literal, $kind:expr) => {
        file!($name, $kind, concat!("../../../pages/", $name), false)
    };
    ($name:literal, $kind:expr, gzip) => {
        file!($name, $kind, concat!("../../../pages/", $name, ".gz"), true)
    };
    ($name:literal, $kind:expr, $path:expr, $is_gzip:expr) => {
        File { name: $name, kind: $kind, bytes: include_bytes!($path), is_gzip: $is_gzip }
    };
}

/// Every file.
pub(super) const FILES: [File; 11] = [
    file!("style.css", CSS),
    file!("icon.svg", SVG),
    file!("overview.svg", SVG, "../../../../docs/overview.svg", false),
    file!("login.js", SCRIPT),
    file!("reference.css", CSS),
    file!("reference.js", SCRIPT),
    file!("swagger-ui/swagger-ui-bundle.js", SCRIPT, gzip),
    file!("swagger-ui/swagger-ui.css", CSS, gzip),
    file!("swagger-ui/LICENSE", TEXT),
    file!("swagger-ui/NOTICE", TEXT),
    file!("swagger-ui/BUNDLED.txt", TEXT),
];
