//! `bongsu tsdb` on the real binary: what it says of a data directory that is whole, damaged and repaired.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bongsu_model::{Labels, ManualClock, Sample, TenantId};
use bongsu_tsdb::{Options, Protocol, Store};
use bongsu_wire::remote_write::{WriteRequestBuilder, compress};
use expect_test::expect;

/// 2026-11-21 00:00:00 UTC.
const START_MS: i64 = 1_795_219_200_000;

/// A data directory with two blocks and a log, the same bytes every time.
struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START_MS));
        let (store, _) =
            Store::open(Options { clock: clock.clone(), ..Options::new(dir.path().join("data")) }).unwrap();
        put(&store, "anonymous", 60, START_MS);
        store.flush().unwrap();
        clock.advance_ms(600_000);
        put(&store, "team-a", 2, START_MS + 300_000);
        store.flush().unwrap();
        put(&store, "team-a", 1, START_MS + 500_000);
        drop(store);
        Self { dir }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn block(&self) -> PathBuf {
        let files = bongsu_tsdb::offline::block_files(&self.data()).unwrap();
        files.into_iter().find(|file| file.tenant == "anonymous").unwrap().path
    }

    /// Standard output and standard error of `bongsu tsdb`, with `DATA` for the directory and the exit code at the end.
    fn run(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_bongsu")).arg("tsdb").args(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap().replace(self.data().to_str().unwrap(), "DATA");
        format!("{text}exit {}\n", output.status.code().unwrap())
    }

    fn run_on(&self, command: &str, path: &Path, args: &[&str]) -> String {
        self.run(&[&[command, path.to_str().unwrap()], args].concat())
    }
}

fn put(store: &Store, tenant: &str, series_count: u32, from_ms: i64) {
    let mut request = WriteRequestBuilder::new();
    for series in 0..series_count {
        let labels = Labels::from_pairs([("__name__", "m"), ("job", "node"), ("n", &format!("{series:02}"))]);
        let sample = |n: i64| {
            // Every fourth one cannot be made small.
            let value =
                if series % 4 == 3 { ((n + i64::from(series)) as f64).sin() } else { (n * i64::from(series)) as f64 };
            Sample { timestamp_ms: from_ms + n * 1000, value }
        };
        request.push_series(labels.iter(), &(0..200).map(sample).collect::<Vec<_>>());
    }
    let mut body = Vec::new();
    compress(request.as_bytes(), &mut body).unwrap();
    store.write(&TenantId::parse(tenant).unwrap(), Protocol::RemoteWrite1, &body).unwrap().wait().unwrap();
}

#[test]
fn blocks_are_listed_with_what_they_hold() {
    let f = Fixture::new();
    expect![[r#"
        tenant     block          first sample         last sample          level  series  samples   bytes  bytes/sample
        anonymous  2h_249336_0_0  2026-11-21 00:00:00  2026-11-21 00:03:19      0      60   12,000  26,148          2.18
        team-a     2h_249336_1_1  2026-11-21 00:05:00  2026-11-21 00:08:19      0       2      400     381          0.95
        2 blocks                                                                            12,400  26,529          2.14
        exit 0
    "#]]
    .assert_eq(&f.run_on("list", &f.data(), &[]));
    let one = f.run_on("list", &f.block(), &[]);
    assert!(one.contains("1 blocks") && one.ends_with("exit 0\n"), "{one}");
    let missing = f.run_on("list", f.dir.path(), &[]);
    assert!(missing.contains("it has no directory \"tenants\"") && missing.ends_with("exit 1\n"), "{missing}");
}

#[test]
fn a_block_is_taken_apart() {
    let f = Fixture::new();
    expect![[r#"
        format version 1, level 0
        2026-11-21 00:00:00 to 2026-11-21 00:03:19 UTC
        60 series, 12,000 samples, 60 chunks
        26,148 bytes, 2.18 per sample

        part               bytes  share  unpacked
        header                 8   0.0%         8
        samples           25,341  96.9%    25,341
        pages                 24   0.1%        24
        columns                8   0.0%         8
        series               259   1.0%       259
        series directory      48   0.2%        48
        dictionary           120   0.5%       268
        postings              84   0.3%       126
        footer               256   1.0%       256

        columns                    number  samples   bytes  share  bytes/sample
        packed deltas, float bits      15    3,000  24,750  98.2%          8.25
        packed deltas, decimal         44    8,800     440   1.7%          0.05
        constant, decimal               1      200       2   0.0%          0.01
        times                           1               13   0.1%

        samples of a chunk, at most
             256  ########################################  60

        label       values  text bytes  postings bytes
        n               60         121             120
        __name__         1           9               3
        ... 1 more
        exit 0
    "#]]
    .assert_eq(&f.run_on("inspect", &f.block(), &["--labels", "2"]));
}

#[test]
fn samples_are_dumped_from_blocks_and_log() {
    let f = Fixture::new();
    let args =
        ["--tenant", "team-a", "--match", "m{n=\"00\"}", "--start", "2026-11-21T00:08:18Z", "--end", "1795219701"];
    expect![[r#"
        m{job="node", n="00"} 0 1795219698000
        m{job="node", n="00"} 0 1795219699000
        m{job="node", n="00"} 0 1795219700000
        m{job="node", n="00"} 0 1795219701000
        exit 0
    "#]]
    .assert_eq(&f.run_on("dump", &f.data(), &args));
    let of_block = f.run_on("dump", &f.block(), &["--match", "{n=\"03\"}", "--end", "1795219201"]);
    expect![[r#"
        m{job="node", n="03"} 0.1411200080598672 1795219200000
        m{job="node", n="03"} -0.7568024953079282 1795219201000
        exit 0
    "#]]
    .assert_eq(&of_block);
    assert_eq!(f.run_on("dump", &f.data(), &["--tenant", "nobody"]), "bongsu: there is no tenant nobody\nexit 1\n");
    assert!(f.run_on("dump", &f.data(), &["--match", "sum(m)"]).contains("expected a series selector"));
}

#[test]
fn damage_is_named_set_aside_and_what_is_left_is_rebuilt() {
    let f = Fixture::new();
    let whole = f.run_on("verify", &f.data(), &[]);
    assert!(whole.ends_with("are whole\nexit 0\n"), "{whole}");
    assert_eq!(f.run_on("repair", &f.data(), &[]), "0 damaged files\nexit 0\n");

    let mut bytes = fs::read(f.block()).unwrap();
    // Not in the first page, whose times the other ones use.
    bytes[20_000] ^= 1;
    fs::write(f.block(), &bytes).unwrap();
    let metadata = f.data().join("tenants/team-a/metadata");
    fs::write(&metadata, b"BGSMETA1????").unwrap();
    let log = fs::read_dir(f.data().join("log")).unwrap().map(|entry| entry.unwrap().path());
    let segment = log.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap();
    let mut torn = fs::read(&segment).unwrap();
    torn.truncate(torn.len() - 5);
    fs::write(&segment, &torn).unwrap();

    expect![[r#"
        block "DATA/tenants/anonymous/2h_249336_0_0.block" is damaged: section page, byte 16904: checksum mismatch
        DATA/tenants/team-a/metadata: checksum mismatch
        DATA/log/00000000000000088680.log: 1289 bytes from byte 32 on are not intact records: record is cut short
        bongsu: 3 of 4 files are damaged
        exit 1
    "#]]
    .assert_eq(&f.run_on("verify", &f.data(), &[]));
    let dry = f.run_on("repair", &f.data(), &["--dry-run"]);
    assert!(dry.ends_with("3 damaged files\nexit 0\n") && f.block().exists() && metadata.exists(), "{dry}");
    expect![[r#"
        block "DATA/tenants/anonymous/2h_249336_0_0.block" is damaged: section page, byte 16904: checksum mismatch
          lost: 20 series with 4000 samples: block "DATA/tenants/anonymous/2h_249336_0_0.block" is damaged: section page, byte 16904: checksum mismatch
          kept: 40 series with 8,000 samples
          the damaged file is now DATA/damaged/tenants/anonymous/2h_249336_0_0.block
        DATA/tenants/team-a/metadata: checksum mismatch
          lost: types, helps and units, until they are sent again
          the damaged file is now DATA/damaged/tenants/team-a/metadata
        DATA/log/00000000000000088680.log: 1289 bytes from byte 32 on are not intact records: record is cut short
          lost: what is not intact; the next start drops it and keeps the rest
        3 damaged files
        exit 0
    "#]].assert_eq(&f.run_on("repair", &f.data(), &[]));
    let after = f.run_on("verify", &f.data(), &[]);
    assert!(after.contains("1 of ") && !after.contains("block"), "only the log's torn end is left: {after}");
    let dumped = f.run_on("dump", &f.data(), &[]);
    assert!(dumped.ends_with("exit 0\n"), "{dumped}");
}

#[test]
fn a_directory_in_use_is_not_repaired() {
    let f = Fixture::new();
    let (store, _) = Store::open(Options::new(f.data())).unwrap();
    let refused = f.run_on("repair", &f.data(), &[]);
    assert!(refused.contains("the data directory is in use; stop the server first"), "{refused}");
    assert!(f.run_on("verify", &f.data(), &[]).ends_with("are whole\nexit 0\n"));
    drop(store);
}

#[test]
fn a_bench_tells_every_rate() {
    let f = Fixture::new();
    let place = f.dir.path().to_str().unwrap();
    let told = f.run(&["bench", "--series", "100", "--scrapes", "25", "--dir", place]);
    for what in ["writes, each fsynced", "flushes", "size after merges", "read everything", "start with a log"] {
        assert!(told.contains(what), "{told}");
    }
    assert!(told.contains("2,500 samples") && told.ends_with("exit 0\n"), "{told}");
    assert_eq!(fs::read_dir(f.dir.path()).unwrap().count(), 1, "the store is gone again");
}
