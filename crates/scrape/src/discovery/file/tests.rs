use super::*;

fn addresses(discovery: &FileDiscovery) -> Vec<String> {
    discovery.groups().flat_map(|group| group.targets.clone()).collect()
}

/// Writes a file with a time of change of its own, so that no test waits for the clock of the file system.
fn write(path: &Path, content: &str, second: u64) {
    fs::write(path, content).unwrap();
    let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn files_are_read_again_when_they_change_and_keep_their_targets_when_they_break() {
    let folder = tempfile::tempdir().unwrap();
    let (json, yaml) = (folder.path().join("a.json"), folder.path().join("b.slow.yml"));
    write(&json, r#"[{"targets": ["a:1"], "labels": {"env": "prod"}}]"#, 1);
    write(&yaml, "- targets: [b:1, 'b:2']\n", 1);
    let config = FileSdConfig { files: vec!["*.json".into(), "*.slow.yml".into()], refresh_interval: None };
    let mut discovery = FileDiscovery::new(config.resolve(folder.path()).unwrap());

    discovery.refresh(0);
    assert_eq!(addresses(&discovery), ["a:1", "b:1", "b:2"]);
    let group = discovery.groups().next().unwrap();
    assert_eq!(group.labels["env"], "prod");
    assert_eq!(group.labels["__meta_filepath"], json.display().to_string());

    write(&yaml, "- targets: [b:3]\n", 2);
    discovery.refresh(1000);
    assert_eq!(addresses(&discovery), ["a:1", "b:3"]);

    write(&yaml, "- targets: [b:4\n", 3);
    discovery.refresh(2000);
    assert_eq!(addresses(&discovery), ["a:1", "b:3"]);

    fs::remove_file(&json).unwrap();
    discovery.refresh(3000);
    assert_eq!(addresses(&discovery), ["b:3"]);
}

#[test]
fn patterns() {
    for (path, valid) in
        [("a/*.yml", true), ("a.json", true), ("a/b*.YAML", true), ("*/a.yml", false), ("a.txt", false)]
    {
        assert_eq!(is_valid_pattern(Path::new(path)), valid, "{path}");
    }
}
