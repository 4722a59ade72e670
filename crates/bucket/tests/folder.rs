//! A folder as a bucket: what is put comes back, and a folder that goes away is not an empty one.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;

use bongsu_bucket::{Bucket, BucketConfig, ErrorKind};

fn open(folder: &Path) -> Bucket {
    let config = format!("url: file://{}", folder.display());
    Bucket::open(&bongsu_config::parse::<BucketConfig>(&config, "test").unwrap()).unwrap()
}

#[test]
fn what_is_put_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let bucket = open(root.path());
    assert_eq!(bucket.list().unwrap(), []);
    // Every character that a tenant's name may have.
    let key = "tenants/a!-_.*'()Z9/2h_1_0_0.block";
    bucket.put(key, b"hello").unwrap();
    bucket.put(key, b"hello, world").unwrap();
    assert_eq!(bucket.get_range(key, 7..12).unwrap(), "world");
    assert_eq!(bucket.get(key, 100).unwrap().unwrap(), "hello, world");
    assert_eq!(bucket.get(key, 5).unwrap_err().kind, ErrorKind::Limit);
    let listed = bucket.list().unwrap();
    assert_eq!(listed.iter().map(|object| (object.key.as_str(), object.size_bytes)).collect::<Vec<_>>(), [(key, 12)]);

    // Larger than one part.
    let file = root.path().with_extension("file");
    let content: Vec<u8> = (0..(20_u32 << 20)).map(|place| (place * 7) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    assert_eq!(bucket.put_file("large", &file).unwrap(), content.len() as u64);
    assert_eq!(bucket.get_range("large", 9_000_000..9_000_100).unwrap(), content[9_000_000..9_000_100]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(bucket.put_file("none", &file).unwrap_err().kind, ErrorKind::Local);

    bucket.delete(key).unwrap();
    bucket.delete(key).unwrap();
    assert_eq!(bucket.get(key, 100).unwrap(), None);
    assert_eq!(bucket.get_range(key, 0..1).unwrap_err().kind, ErrorKind::Absent);
    let stats = bucket.stats();
    assert!(stats.down.is_none() && stats.failures == 0 && stats.requests > 10, "{stats:?}");
}

#[test]
fn a_folder_that_goes_away_is_not_an_empty_one() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("objects");
    std::fs::create_dir(&folder).unwrap();
    let bucket = open(&folder);
    bucket.put("a", b"1").unwrap();
    std::fs::rename(&folder, root.path().join("away")).unwrap();
    let error = bucket.list().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.to_string().ends_with("no good answer for 0s: the folder is not there"), "{error}");
    let error = bucket.get_range("a", 0..1).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "it is not asked again at once: {error}");
    assert!(bucket.stats().down.is_some());
    let missing = format!("url: file://{}", folder.display());
    assert!(Bucket::open(&bongsu_config::parse::<BucketConfig>(&missing, "test").unwrap()).is_err());
}
