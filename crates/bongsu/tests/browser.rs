//! Headless Chromium opens Hosts and Explore against the real binary with the real agent and sees live data.
//!
//! Skipped, and said so, where Chromium, Node or the page's packages are missing.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bongsu_testkit::centre::Centre;
use bongsu_testkit::process::installed;
use bongsu_testkit::wait::wait_for;

fn web_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web")
}

/// What the browser tests need and is not there.
fn missing() -> Option<String> {
    for (program, package) in [("chromium", "chromium"), ("node", "nodejs")] {
        if installed(program).is_none() {
            return Some(format!("{program} is not installed (apt-get install {package})"));
        }
    }
    for part in ["node_modules/playwright-core", "dist/index.html"] {
        if !web_dir().join(part).exists() {
            return Some(format!("web/{part} is not there (make web)"));
        }
    }
    None
}

#[test]
fn hosts_and_explore_show_live_data() {
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_bongsu"));
    let centre = Centre::start(binary, &dir.path().join("data"), &["--with-agent"]);
    // Rates on the page need two scrapes of this host, and a little history to point at.
    wait_for("four scrapes of this host", Duration::from_secs(90), || {
        let result = centre.query("count_over_time(node_load1[5m]) >= 4", now_seconds());
        result.as_array().is_some_and(|series| !series.is_empty()).then_some(())
    });
    let shots = web_dir().join("../target/browser-shots");
    std::fs::create_dir_all(&shots).unwrap();
    let output = Command::new("node")
        .arg("e2e/run.mjs")
        .current_dir(web_dir())
        .env("BASE_URL", &centre.url)
        .env("SHOTS", &shots)
        .output()
        .expect("node starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{text}");
    assert!(output.status.success(), "the browser tests failed; pictures are in {}", shots.display());
}

fn now_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64()
}
