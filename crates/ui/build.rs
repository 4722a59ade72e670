//! Chooses what is embedded: the built page in `web/dist`, or one page that says how to build it.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<base href=\"/\">
<title>Bongsu</title>
<body style=\"font: 16px/1.6 system-ui; margin: 4rem auto; max-width: 36rem\">
<h1>UI not built</h1>
<p>This binary was built without its page. Run <code>make web</code> and build it again. The API under <code>/api/v1</code> works as it is.</p>
";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=BONGSU_REQUIRE_UI");
    let dist = variable("CARGO_MANIFEST_DIR")?.join("../../web/dist");
    let folder = if dist.join("index.html").is_file() {
        watch(&dist)?;
        dist.canonicalize()?
    } else {
        // A path that does not exist counts as changed: the next build looks again.
        println!("cargo:rerun-if-changed={}", dist.join("index.html").display());
        placeholder()?
    };
    println!("cargo:rustc-env=BONGSU_UI_FOLDER={}", folder.display());
    Ok(())
}

/// Writes the one page that stands in for the missing build; an error where a build is required.
fn placeholder() -> io::Result<PathBuf> {
    if env::var("BONGSU_REQUIRE_UI").is_ok_and(|value| value == "1") {
        return Err(io::Error::other("web/dist/index.html is missing and BONGSU_REQUIRE_UI=1: run make web first"));
    }
    println!("cargo:warning=web/dist is missing, so the binary gets a page that says so: run make web");
    let folder = variable("OUT_DIR")?.join("placeholder");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("index.html"), PLACEHOLDER)?;
    Ok(folder)
}

/// Names every file of the build, so that a new one is embedded and an unchanged one costs nothing.
fn watch(folder: &Path) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            watch(&entry.path())?;
        } else {
            println!("cargo:rerun-if-changed={}", entry.path().display());
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<PathBuf> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(format!("cargo does not set {name}")))
}
