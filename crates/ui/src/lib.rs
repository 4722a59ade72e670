//! The web page of Bongsu as bytes in the binary. Not an HTTP server: it knows paths, content types and encodings, and
//! the `api` crate turns those into responses.
//!
//! ```text
//! web/ ── npm run build ──► web/dist ── rust-embed, at compile time ──► asset(), index()
//! ```
//!
//! Without `web/dist` the binary carries one page that says how to build it; `BONGSU_REQUIRE_UI=1` makes that an error.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$BONGSU_UI_FOLDER"]
struct Dist;

/// One file of the page, ready to be sent.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The body, in `encoding`.
    pub bytes: Cow<'static, [u8]>,
    /// The value for `Content-Type`.
    pub content_type: &'static str,
    /// The value for `ETag`, quotes included. Differs between encodings of one file.
    pub etag: String,
    /// The value for `Content-Encoding`; absent for plain bytes.
    pub encoding: Option<&'static str>,
    /// The name holds a hash of the content, so that browsers may keep it for ever; anything else wants `no-cache`.
    pub immutable: bool,
}

/// What the web build appends to the name of a file's compressed form.
const GZIP_ENDING: &str = ".gz";

/// The file at `path` (without a leading slash), compressed where `gzip` says that the client takes it and the build
/// made such a form. The start page is no file: it comes from [`index`].
pub fn asset(path: &str, gzip: bool) -> Option<Asset> {
    // Compressed forms are no files of their own: nobody asks for `index.js.gz`.
    if path == "index.html" || path.ends_with(GZIP_ENDING) {
        return None;
    }
    find(path, gzip)
}

/// The start page, for every path that is no file and belongs to no other route.
pub fn index(gzip: bool) -> Asset {
    find("index.html", gzip).unwrap_or_else(|| index_under("/"))
}

/// The start page of a server that the outside world sees under a path, such as `/monitoring/`: all addresses of the
/// page then start with `prefix`.
pub fn index_under(prefix: &str) -> Asset {
    let file = Dist::get("index.html");
    let html = file.as_ref().map_or(Cow::Borrowed(""), |file| String::from_utf8_lossy(&file.data));
    let bytes = html.replacen(r#"<base href="/""#, &format!(r#"<base href="{}""#, base_href(prefix)), 1).into_bytes();
    Asset {
        etag: format!("\"{:016x}\"", fnv1a(&bytes)),
        bytes: Cow::Owned(bytes),
        content_type: content_type("index.html"),
        encoding: None,
        immutable: false,
    }
}

/// False when the binary was built without `web/dist` and [`index`] only says so.
pub fn is_built() -> bool {
    Dist::iter().any(|path| path.starts_with("assets/"))
}

fn find(path: &str, gzip: bool) -> Option<Asset> {
    let zipped = if gzip { Dist::get(&format!("{path}{GZIP_ENDING}")) } else { None };
    match zipped {
        Some(file) => Some(describe(path, file, Some("gzip"))),
        None => Dist::get(path).map(|file| describe(path, file, None)),
    }
}

fn describe(path: &str, file: EmbeddedFile, encoding: Option<&'static str>) -> Asset {
    let hash = file.metadata.sha256_hash();
    let short = hash.iter().take(8).fold(0u64, |tag, byte| tag << 8 | u64::from(*byte));
    Asset {
        etag: format!("\"{short:016x}\""),
        bytes: file.data,
        content_type: content_type(path),
        encoding,
        // Vite puts a hash into the name of everything under assets/, and of nothing else.
        immutable: path.starts_with("assets/"),
    }
}

/// `prefix` as an attribute: starts and ends with a slash, and cannot leave its quotes.
fn base_href(prefix: &str) -> String {
    let inner = prefix.trim_matches('/');
    let slashed = if inner.is_empty() { "/".to_owned() } else { format!("/{inner}/") };
    slashed.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "md" | "txt" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// FNV-1a, 64 bits: tells versions of one page apart, nothing more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(prefix: &str) -> String {
        String::from_utf8(index_under(prefix).bytes.into_owned()).unwrap()
    }

    #[test]
    fn the_page_is_there_built_or_not() {
        let asset = index(false);
        assert_eq!((asset.content_type, asset.encoding, asset.immutable), ("text/html; charset=utf-8", None, false));
        assert_eq!(asset.bytes, index_under("/").bytes);
        assert!(page("/").contains(if is_built() { "<div id=\"app\">" } else { "UI not built" }));
    }

    #[test]
    fn the_page_follows_its_prefix() {
        for (prefix, expected) in
            [("", "/"), ("/", "/"), ("/mon", "/mon/"), ("a/b/", "/a/b/"), ("/x\"><script>", "/x&quot;>&lt;script>/")]
        {
            assert!(page(prefix).contains(&format!("<base href=\"{expected}\"")), "{prefix}");
        }
        assert_ne!(index_under("/").etag, index_under("/mon").etag);
        assert_eq!(index_under("/mon").etag, index_under("mon/").etag);
    }

    #[test]
    fn what_is_no_file_is_none() {
        for path in
            ["", "index.html", "hosts", "../Cargo.toml", "/etc/passwd", "assets/../index.html", "assets/x.js.gz"]
        {
            assert!(asset(path, true).is_none(), "{path}");
        }
    }

    #[test]
    fn built_files_come_in_the_form_the_client_takes() {
        let scripts: Vec<_> = Dist::iter().filter(|path| path.ends_with(".js")).collect();
        for path in &scripts {
            let plain = asset(path, false).unwrap();
            assert_eq!(
                (plain.content_type, plain.encoding, plain.immutable),
                ("text/javascript; charset=utf-8", None, true)
            );
            let zipped = asset(path, true).unwrap();
            assert_eq!(zipped.encoding, Some("gzip"));
            assert!(zipped.bytes.len() < plain.bytes.len());
            assert_ne!(zipped.etag, plain.etag);
        }
        assert_eq!(scripts.is_empty(), !is_built());
    }
}
