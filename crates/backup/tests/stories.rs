//! Stories of backups: what is taken comes back, once, checked.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bongsu_backup::{Error, Folder, Section, Taken, Target, manifests, prune, restore, take};

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let f = Self { dir: tempfile::tempdir().unwrap() };
        f.write("tenants/a/1.block", "first");
        f.write("tenants/b/2.block", "second");
        f
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.dir.path().join("data").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn target(&self) -> Folder {
        Folder::new(&self.dir.path().join("backups"))
    }

    fn take(&self, name: &str) -> Taken {
        let section = |name, folder: &str| Section { name, dir: self.dir.path().join("data").join(folder) };
        let sections = [section("samples", "tenants"), section("rules", "rules")];
        let mut seen = (0, 0);
        let taken = take(&self.target(), name, &sections, &mut |done, total| seen = (done, total)).unwrap();
        assert_eq!(seen, (taken.bytes, taken.bytes), "progress ends at the end");
        taken
    }

    fn restore(&self, name: Option<&str>, to: &str) -> Result<BTreeMap<String, String>, Error> {
        let dir = self.dir.path().join(to);
        let place_of = |section: &str| match section {
            "samples" => Some(PathBuf::from("tenants")),
            "rules" => Some(PathBuf::from("rules")),
            _ => None,
        };
        restore(&self.target(), name, &dir, &place_of, &mut |_, _| ())?;
        let mut found = BTreeMap::new();
        collect(&dir, &dir, &mut found);
        Ok(found)
    }

    fn objects(&self) -> Vec<String> {
        self.target().list("objects/").unwrap()
    }
}

fn collect(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
}

fn files(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

#[test]
fn only_what_is_new_is_copied_and_every_backup_can_be_restored() {
    let f = Fixture::new();
    let first = f.take("1");
    assert_eq!((first.files, first.copied_files, first.copied_bytes), (2, 2, 11));
    assert_eq!(f.take("2").copied_files, 0);
    f.write("tenants/a/1.block", "changed");
    f.write("tenants/a/3.block", "second");
    f.write("rules/x", "rule");
    let third = f.take("3");
    assert_eq!((third.files, third.copied_files, third.copied_bytes), (4, 2, 11), "one content is there already");

    let before = files(&[("tenants/a/1.block", "first"), ("tenants/b/2.block", "second")]);
    assert_eq!(f.restore(Some("2"), "old").unwrap(), before);
    let now = files(&[
        ("rules/x", "rule"),
        ("tenants/a/1.block", "changed"),
        ("tenants/a/3.block", "second"),
        ("tenants/b/2.block", "second"),
    ]);
    assert_eq!(f.restore(None, "new").unwrap(), now);
    assert!(matches!(f.restore(None, "new").unwrap_err(), Error::NotEmpty(_)));
    assert_eq!(f.restore(Some("4"), "none").unwrap_err().to_string(), "there is no backup 4");
}

#[test]
fn old_backups_go_with_what_only_they_had() {
    let f = Fixture::new();
    f.take("1");
    f.write("tenants/a/1.block", "changed");
    f.take("2");
    f.take("3");
    assert_eq!(f.objects().len(), 3);
    assert_eq!(prune(&f.target(), 5).unwrap(), 0);
    assert_eq!(prune(&f.target(), 2).unwrap(), 1);
    assert_eq!((manifests(&f.target()).unwrap(), f.objects().len()), (vec!["2".to_owned(), "3".to_owned()], 2));
    assert_eq!(f.restore(None, "new").unwrap()["tenants/a/1.block"], "changed");
}

#[test]
fn damage_is_found_when_it_comes_back() {
    let f = Fixture::new();
    f.take("1");
    let key = f.objects()[0].clone();
    let path = f.dir.path().join("backups").join(&key);
    let mut bytes = fs::read(&path).unwrap();
    bytes[0] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = f.restore(None, "new").unwrap_err().to_string();
    assert!(error.starts_with(&format!("{key} is damaged: it is not what ")), "{error}");
    fs::remove_file(&path).unwrap();
    assert!(f.restore(None, "other").unwrap_err().to_string().starts_with(&format!("cannot open {key}")));
    // What is missing is copied again, although the last manifest knows it.
    assert_eq!(f.take("2").copied_files, 1);
    f.restore(None, "again").unwrap();
}

#[test]
fn a_target_without_a_backup_says_so() {
    let f = Fixture::new();
    assert_eq!(f.restore(None, "new").unwrap_err().to_string(), "there is no backup");
    assert!(!f.dir.path().join("new").exists());
}
