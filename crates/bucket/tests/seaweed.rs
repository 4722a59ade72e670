//! The same with a real S3 service: parts of large files, odd keys, and what is said when it refuses.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails; its output explains it")]

use bongsu_bucket::{Bucket, BucketConfig, ErrorKind};
use bongsu_testkit::seaweed::{ACCESS_KEY, SECRET_KEY, Seaweed};

fn open(seaweed: &Seaweed, bucket: &str, secret: &str) -> Bucket {
    let text = format!(
        "url: s3://{bucket}/a/prefix\nendpoint: {}\naccess_key_id: {ACCESS_KEY}\nsecret_access_key: {secret}\ntimeout: 10s",
        seaweed.endpoint()
    );
    Bucket::open(&bongsu_config::parse::<BucketConfig>(&text, "test").unwrap()).unwrap()
}

#[test]
fn objects_in_seaweedfs() {
    let root = tempfile::tempdir().unwrap();
    let Some(mut seaweed) = Seaweed::start(&root.path().join("weed")).unwrap() else {
        println!("SKIPPED: SeaweedFS is not installed; scripts/setup.sh test says how");
        return;
    };
    seaweed.create_bucket("metrics").unwrap();
    let bucket = open(&seaweed, "metrics", SECRET_KEY);
    assert_eq!(bucket.list().unwrap(), []);
    let key = "tenants/a!-_.*'()Z9/2h_1_0_0.block";
    bucket.put(key, b"hello, world").unwrap();
    assert_eq!(bucket.get_range(key, 7..12).unwrap(), "world");
    assert_eq!(bucket.get("none", 10).unwrap(), None);

    let file = root.path().join("file");
    let content: Vec<u8> = (0..(21_u32 << 20)).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    assert_eq!(bucket.put_file("large", &file).unwrap(), content.len() as u64);
    assert_eq!(bucket.get_range("large", 8_000_000..9_000_000).unwrap(), content[8_000_000..9_000_000]);
    assert_eq!(bucket.get("large", 1 << 30).unwrap().unwrap(), content);

    let listed = bucket.list().unwrap();
    let listed: Vec<_> = listed.iter().map(|object| (object.key.as_str(), object.size_bytes)).collect();
    assert_eq!(listed, [("large", content.len() as u64), (key, 12)]);
    bucket.delete(key).unwrap();
    bucket.delete(key).unwrap();
    assert_eq!(bucket.list().unwrap().len(), 1);
    assert!(bucket.stats().down.is_none());

    let denied = open(&seaweed, "metrics", "wrong").put("x", b"1").unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied, "{denied}");
    let missing = open(&seaweed, "elsewhere", SECRET_KEY).list().unwrap_err().to_string();
    assert!(missing.contains("bucket s3://elsewhere/a/prefix") && missing.contains("NoSuchBucket"), "{missing}");

    seaweed.kill();
    let error = bucket.get_range("large", 0..10).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(
        error.to_string().contains("bucket s3://metrics/a/prefix: cannot read large: no good answer for 0s"),
        "{error}"
    );
}
