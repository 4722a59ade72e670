use super::*;

/// A section as forward and scrape have it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    basic_auth: Option<BasicAuth>,
    authorization: Option<Authorization>,
    bearer_token: Option<Secret>,
    bearer_token_file: Option<PathBuf>,
    tls_config: TlsConfig,
}

fn read(yaml: &str) -> (Credentials, TlsConfig) {
    let section: Section = crate::parse(yaml, "a.yml").unwrap();
    let credentials = Credentials {
        basic_auth: section.basic_auth,
        authorization: section.authorization,
        bearer_token: section.bearer_token,
        bearer_token_file: section.bearer_token_file,
    };
    (credentials, section.tls_config)
}

#[test]
fn every_way_becomes_a_header() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "abc\n").unwrap();
    std::fs::write(dir.path().join("user"), " kim\n").unwrap();
    for (yaml, header) in [
        ("", None),
        ("basic_auth: {username: kim, password: hunter2}", Some("Basic a2ltOmh1bnRlcjI=")),
        ("basic_auth: {username_file: user, password_file: token}", Some("Basic a2ltOmFiYw==")),
        ("authorization: {credentials: x}", Some("Bearer x")),
        ("authorization: {type: Token, credentials_file: token}", Some("Token abc")),
        ("bearer_token: x", Some("Bearer x")),
        ("bearer_token_file: token", Some("Bearer abc")),
    ] {
        let (credentials, _) = read(yaml);
        assert_eq!(credentials.check(), Ok(()), "{yaml}");
        assert_eq!(credentials.header(dir.path()).unwrap().as_deref(), header, "{yaml}");
        assert!(!format!("{credentials:?}").contains("hunter2"), "secrets do not show");
    }
}

#[test]
fn a_changed_file_is_used_at_the_next_request() {
    let dir = tempfile::tempdir().unwrap();
    let (credentials, _) = read("bearer_token_file: token");
    let error = credentials.header(dir.path()).unwrap_err();
    assert!(error.to_string().contains("token: No such file"), "{error}");
    for token in ["one", "two"] {
        std::fs::write(dir.path().join("token"), token).unwrap();
        assert_eq!(credentials.header(dir.path()).unwrap(), Some(format!("Bearer {token}")));
    }
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    for (yaml, reason) in [
        ("{bearer_token: a, bearer_token_file: b}", "bearer_token & bearer_token_file"),
        ("{basic_auth: {}, bearer_token: b}", "basic_auth, authorization, bearer_token & bearer_token_file"),
        ("{basic_auth: {}, authorization: {}}", "basic_auth, authorization, bearer_token & bearer_token_file"),
        ("basic_auth: {username: a, username_file: b}", "basic_auth username & username_file"),
        ("basic_auth: {password: a, password_file: b}", "basic_auth password & password_file"),
        ("authorization: {credentials: a, credentials_file: b}", "authorization credentials & credentials_file"),
        ("authorization: {type: ' BASIC '}", "cannot be set to \"basic\""),
        ("tls_config: {ca: a, ca_file: b}", "ca and ca_file"),
        ("tls_config: {cert: a, cert_file: b}", "cert and cert_file"),
        ("tls_config: {key: a, key_file: b}", "key and key_file"),
        ("tls_config: {cert_file: a}", "when a client certificate is configured"),
        ("tls_config: {key_file: a}", "when a client key is configured"),
        ("tls_config: {min_version: TLS13, max_version: TLS12}", "greater than or equal to tls_config.min_version"),
    ] {
        let (credentials, tls) = read(yaml);
        let error = credentials.check().and(tls.check()).unwrap_err().to_string();
        assert!(error.contains(reason), "{yaml}: {error}");
    }
}
