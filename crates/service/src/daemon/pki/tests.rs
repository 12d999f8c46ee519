//! Handshakes of every kind of certificate with a real listener's configuration, in memory.

use super::*;
use rcgen::{CertificateParams, KeyPair};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A master and a node, each with its directory.
struct Site {
    _root: tempfile::TempDir,
    master: Directory,
    node: Directory,
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

impl Site {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let [master, node] = ["master", "node"].map(|name| Directory::new(&root.path().join(name)));
        let (authority, _) = Authority::open_or_make(&master).unwrap();
        assert!(authority.serve_as(&names(&["master", "10.0.0.10"])).unwrap());
        let site = Self { _root: root, master, node };
        site.enroll("login3");
        site
    }

    fn enroll(&self, name: &str) -> Certificate {
        let request = request(&self.node, Role::Node, name, true).unwrap().expect("a new key needs a certificate");
        self.install(&request, Role::Node, &[name], DAYS).unwrap()
    }

    fn install(&self, request: &str, role: Role, names_of: &[&str], days: i64) -> Result<Certificate, Diagnostic> {
        let authority = Authority::open(&self.master).unwrap();
        let made = authority.issue(request, role, &names(names_of), days)?;
        install(&self.node, &(made + authority.pem()))
    }

    fn client(&self) -> tokio_rustls::rustls::ClientConfig {
        tls::client(self.node.identity(Role::Node).unwrap()).unwrap()
    }

    /// What either side says of the other: the node, then the master.
    fn meet(&self, client: tokio_rustls::rustls::ClientConfig, called: &str) -> (String, String) {
        let revocations = Arc::new(Revocations::of(self.master.clone()));
        let server = tls::server(self.master.identity(Role::Server).unwrap(), revocations).unwrap();
        meet(client, server, called)
    }
}

fn meet(
    client: tokio_rustls::rustls::ClientConfig,
    server: tokio_rustls::rustls::ServerConfig,
    called: &str,
) -> (String, String) {
    let said = |result: std::io::Result<String>, other: &str| match result {
        Ok(text) => text,
        Err(error) => tls::explain(&error, other, "the certificate").unwrap_or_else(|| error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let name = ServerName::try_from(called.to_owned()).unwrap();
    let (near, far) = tokio::io::duplex(65536);
    let node = async {
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, near).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    };
    let master = async {
        let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far).await?;
        let leaf = &stream.get_ref().1.peer_certificates().unwrap()[0];
        let name = Certificate::parse(leaf).unwrap().name().to_owned();
        stream.write_all(b"welcome").await?;
        stream.shutdown().await?;
        Ok(name)
    };
    let (node, master) = runtime.block_on(async { tokio::join!(node, master) });
    (said(node, "the master"), said(master, "the node"))
}

/// A certificate of the site's own authority with anything changed.
fn odd(site: &Site, change: impl Fn(&mut CertificateParams)) -> tokio_rustls::rustls::ClientConfig {
    let ca = KeyPair::from_pem(&site.master.read_key("ca.key").unwrap().unwrap()).unwrap();
    let (der, _) = site.master.certificate("ca.crt").unwrap().unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(&der, ca).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names(&["login3"])).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let made = params.signed_by(&key, &issuer).unwrap();
    tls::client(identity(made.der().clone(), &key, der)).unwrap()
}

fn identity(
    own: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
    key: &KeyPair,
    trusted: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
) -> Identity {
    let certificate = Certificate::parse(&own).unwrap();
    Identity { key: key.serialize_der().try_into().unwrap(), chain: vec![own], trusted, certificate }
}

#[test]
fn a_node_and_its_master_meet() {
    let site = Site::new();
    for called in ["master", "10.0.0.10"] {
        assert_eq!(site.meet(site.client(), called), ("welcome".into(), "login3".into()));
    }
}

#[test]
fn a_node_refuses_an_impostor() {
    let site = Site::new();
    let (node, master) = site.meet(site.client(), "login1");
    assert!(node.contains("is not accepted: it is for master, 10.0.0.10, not for login1"), "{node}");
    assert!(master.contains("refused the certificate"), "{master}");
    // A node that plays master: its certificate is of the right authority, but not a server's.
    let revocations = Arc::new(Revocations::of(site.master.clone()));
    let server = tls::server(site.node.identity(Role::Node).unwrap(), revocations.clone()).unwrap();
    let said = meet(site.client(), server, "login3").0;
    assert!(said.contains("another role"), "{said}");
    let other = Site::new();
    let server = tls::server(other.master.identity(Role::Server).unwrap(), revocations).unwrap();
    assert!(meet(site.client(), server, "master").0.contains("another authority signed it"));
}

#[test]
fn the_master_lets_in_nobody_else() {
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let site = Site::new();
    let year = |year| rcgen::date_time_ymd(year, 1, 1);
    let refused = |client, node: &str, master: &str| {
        let (said, logged) = site.meet(client, "master");
        assert!(said.contains(node), "{said}");
        assert!(logged.contains(master), "{logged}");
    };
    refused(odd(&site, |it| it.not_after = year(2020)), "has expired", "it has expired");
    refused(odd(&site, |it| it.not_before = year(2999)), "does not hold yet", "does not hold yet");
    refused(odd(&site, |it| it.extended_key_usages = vec![ServerAuth]), "not a node's", "another role");
    refused(odd(&site, |it| it.extended_key_usages = vec![ServerAuth, ClientAuth]), "not a node's", "another role");
    refused(odd(&site, |it| it.extended_key_usages.clear()), "not a node's", "another role");
    refused(odd(&site, |it| it.subject_alt_names.clear()), "not a node's", "another role");
    let none = || {
        let mut roots = tokio_rustls::rustls::RootCertStore::empty();
        roots.add(site.master.certificate("ca.crt").unwrap().unwrap().0).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    };
    refused(none(), "not a node's", "showed no certificate");
}

#[test]
fn the_master_refuses_other_signers() {
    let site = Site::new();
    let (trusted, _) = site.master.certificate("ca.crt").unwrap().unwrap();
    let other = Site::new();
    let foreign = other.node.identity(Role::Node).unwrap();
    let (node, master) = site.meet(tls::client(Identity { trusted: trusted.clone(), ..foreign }).unwrap(), "master");
    assert!(node.contains("another authority signed it") && master.contains("another authority"), "{node} {master}");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names(&["login3"])).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let own = params.self_signed(&key).unwrap();
    let (node, _) = site.meet(tls::client(identity(own.der().clone(), &key, trusted)).unwrap(), "master");
    assert!(node.contains("another authority signed it"), "{node}");
}

#[test]
fn a_revoked_node_stays_outside_until_it_has_a_new_certificate() {
    let site = Site::new();
    let mut ledger = Ledger::read(&site.master).unwrap();
    assert_eq!(ledger.entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["master", "login3"]);
    assert_eq!(ledger.revoke("login3", 1_800_000_000).len(), 1);
    assert_eq!(ledger.revoke("login3", 1_800_000_001), [], "once is enough");
    ledger.write(&site.master).unwrap();
    assert_eq!(Ledger::read(&site.master).unwrap(), ledger);
    let (node, master) = site.meet(site.client(), "master");
    assert!(node.contains("it is revoked; if this node may") && master.contains("it is revoked"), "{node} {master}");
    assert_eq!(request(&site.node, Role::Node, "login3", false).unwrap(), None, "a node does not come back by itself");
    site.enroll("login3");
    assert_eq!(site.meet(site.client(), "master").0, "welcome");
}

#[test]
fn a_list_that_cannot_be_read_lets_nobody_in() {
    let site = Site::new();
    std::fs::write(site.master.file("issued"), "12 node login3\n").unwrap();
    assert!(Ledger::read(&site.master).unwrap_err().to_string().contains("issued:1: not a line of this list"));
    assert!(site.meet(site.client(), "master").1.contains("UnknownRevocationStatus"));
    std::fs::remove_file(site.master.file("issued")).unwrap();
    assert!(!site.meet(site.client(), "master").0.contains("welcome"));
}

#[test]
fn a_request_is_made_only_when_it_is_needed() {
    let site = Site::new();
    assert_eq!(request(&site.node, Role::Node, "login3", false).unwrap(), None);
    let renamed = request(&site.node, Role::Node, "login4", false).unwrap().unwrap();
    assert_eq!(site.install(&renamed, Role::Node, &["login4"], DAYS).unwrap().name(), "login4");
    let soon = request(&site.node, Role::Node, "login4", true).unwrap().unwrap();
    site.install(&soon, Role::Node, &["login4"], WARN_DAYS - 1).unwrap();
    assert!(request(&site.node, Role::Node, "login4", false).unwrap().is_some(), "it ends soon");
    let warning = site.node.identity(Role::Node).unwrap().certificate.warning("it", now()).unwrap();
    assert!(warning.contains("in 2"), "{warning}");
}

#[test]
fn what_is_issued_is_what_the_administrator_says() {
    let site = Site::new();
    let asked = request(&site.node, Role::Node, "login9", true).unwrap().unwrap();
    assert_eq!(site.install(&asked, Role::Node, &["login3"], 10).unwrap().names, ["login3"]);
    let wrong = site.install(&asked, Role::Server, &["master"], 10).unwrap_err().to_string();
    assert!(wrong.contains("not for a node"), "{wrong}");
    for (name, days, why) in [("a b", 1, "no name"), ("-x", 1, "no name"), ("x", 0, "1 to")] {
        let error = site.install(&asked, Role::Node, &[name], days).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let authority = Authority::open(&site.master).unwrap();
    for bad in ["", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"] {
        let error = authority.issue(bad, Role::Node, &names(&["x"]), 1).unwrap_err().to_string();
        assert!(error.contains("no good signing request"), "{error}");
    }
    let other = Site::new();
    let foreign = request(&other.node, Role::Node, "login3", true).unwrap().unwrap();
    assert!(site.install(&foreign, Role::Node, &["login3"], 1).unwrap_err().to_string().contains("this node's key"));
}

#[test]
fn a_second_init_changes_nothing() {
    let site = Site::new();
    let before = std::fs::read(site.master.file("server.crt")).unwrap();
    let (authority, is_new) = Authority::open_or_make(&site.master).unwrap();
    assert!(!is_new && !authority.serve_as(&names(&["master"])).unwrap());
    assert_eq!(std::fs::read(site.master.file("server.crt")).unwrap(), before);
    assert!(authority.serve_as(&names(&["master", "other"])).unwrap(), "a name more needs another certificate");
    let key = KeyPair::generate().unwrap().serialize_pem();
    site.master.write("server.key", &key, true).unwrap();
    assert!(authority.serve_as(&names(&["master", "other"])).unwrap(), "a key of another certificate");
}

#[test]
fn keys_that_others_could_read_are_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(std::fs::metadata(site.master.file("ca.key")).unwrap().permissions().mode() & 0o777, 0o600);
    mode(&site.node.file("node.key"), 0o640);
    let error = site.node.identity(Role::Node).err().unwrap().to_string();
    assert!(error.contains("others could read") && error.contains("0640") && error.contains("chmod"), "{error}");
    mode(&site.node.file("node.key"), 0o600);
    mode(site.node.file("x").parent().unwrap(), 0o777);
    assert!(site.node.identity(Role::Node).err().unwrap().to_string().contains("exchange files in"));
}

#[test]
fn renewed_files_are_used_without_a_restart() {
    let site = Site::new();
    let reloaded = tls::Reloaded::new(&site.node, Role::Node, |identity| Ok(identity.certificate.serial)).unwrap();
    let first = reloaded.get();
    let second = site.enroll("login3").serial;
    assert_ne!(*first, second);
    assert_eq!(*reloaded.get(), second);
    std::fs::write(site.node.file("node.crt"), "garbage").unwrap();
    assert_eq!(*reloaded.get(), second, "the last good one stays");
}
