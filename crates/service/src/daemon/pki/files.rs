//! The directory of keys and certificates, and what is demanded of the files in it.
//!
//! | file | where | what |
//! |---|---|---|
//! | `ca.key`, `issued` | master | the authority's key; every certificate it made, and which are revoked |
//! | `ca.crt` | everywhere | the authority's certificate: whom to trust |
//! | `server.key`, `server.crt` | master | the service's |
//! | `node.key`, `node.crt` | login nodes | the node's |
//! | `compute.key`, `compute.crt` | compute nodes | the node's, for running jobs |

use super::{Certificate, Role, host, refused};
use host::system::Attributes;
use host::system::local::atomic;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use words::diag::Diagnostic;

/// The largest file that is read here, in bytes.
const LARGEST: u64 = 16 << 20;

/// The directory, such as `/etc/enlist/pki`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(PathBuf);

/// A key with its certificate, and whom to trust.
pub struct Identity {
    /// The private key.
    pub key: PrivateKeyDer<'static>,
    /// The certificate.
    pub chain: Vec<CertificateDer<'static>>,
    /// The authority's certificate.
    pub trusted: CertificateDer<'static>,
    /// What the certificate says.
    pub certificate: Certificate,
}

impl Directory {
    /// This directory; it need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes it, for its owner alone to write in.
    pub fn make(&self) -> Result<(), Diagnostic> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&self.0);
        made.map_err(|error| host(format!("cannot make {}: {error}", self.0.display())))
    }

    /// Waits until no other process changes what is in it; the lock ends with the value.
    pub fn lock(&self) -> Result<impl Drop, Diagnostic> {
        let cannot = |error: std::io::Error| host(format!("cannot lock {}: {error}", self.0.display()));
        let directory = std::fs::File::open(&self.0).map_err(cannot)?;
        nix::fcntl::Flock::lock(directory, nix::fcntl::FlockArg::LockExclusive).map_err(|(_, e)| cannot(e.into()))
    }

    /// Writes a file whole, or leaves the old one; `secret` ones for their owner only.
    pub fn write(&self, name: &str, content: &str, secret: bool) -> Result<(), Diagnostic> {
        let mode = if secret { 0o600 } else { 0o644 };
        let attributes = Attributes { mode: Some(mode), ..Attributes::default() };
        atomic::write(&self.file(name), content.as_bytes(), attributes, mode).map_err(|e| host(e.to_string()))
    }

    /// A file's text; `None` when it is not there.
    pub fn read(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        let path = self.file(name);
        let cannot = |error: std::io::Error| host(format!("cannot read {}: {error}", path.display()));
        let file = match std::fs::File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(cannot)?,
        };
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).map_err(cannot)?;
        Ok(Some(text))
    }

    /// A private key's text, after a look at who else could read or exchange it; `None` when it is not there.
    pub fn read_key(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let (path, own) = (self.file(name), nix::unistd::geteuid().as_raw());
        for (path, forbidden, what) in [(&path, 0o077, "read"), (&self.0, 0o022, "exchange files in")] {
            let meta = std::fs::metadata(path).map_err(|e| host(format!("cannot look at {}: {e}", path.display())))?;
            let shown = path.display();
            if meta.uid() != own && meta.uid() != 0 {
                return Err(refused(format!("{shown} belongs to user {}, who could {what} it", meta.uid()))
                    .hint(format!("`chown root {shown}`, and if somebody else had it, make a new key")));
            }
            if meta.mode() & forbidden != 0 {
                let mode = meta.mode() & 0o7777;
                return Err(refused(format!("others could {what} {shown}: its mode is {mode:04o}")).hint(format!(
                    "`chmod go= {shown}` for a key, `go-w` for a directory; if others had it, make a new key"
                )));
            }
        }
        Ok(Some(text))
    }

    /// A certificate; `None` when it is not there.
    pub fn certificate(&self, name: &str) -> Result<Option<(CertificateDer<'static>, Certificate)>, Diagnostic> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let bad = |why: String| host(format!("{}: {why}", self.file(name).display()));
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| bad(error.to_string()))?;
        let certificate = Certificate::parse(&der).map_err(bad)?;
        Ok(Some((der, certificate)))
    }

    /// Refuses a node's certificate that the authority of `ca.crt` did not sign: the master would, too.
    pub fn check_authority(&self) -> Result<(), Diagnostic> {
        self.check_signed(Role::Node)?;
        self.check_signed(Role::Compute)
    }

    fn check_signed(&self, role: Role) -> Result<(), Diagnostic> {
        let file = role.certificate_file();
        let (Some((own, certificate)), Some((authority, _))) = (self.certificate(&file)?, self.certificate("ca.crt")?)
        else {
            return Ok(());
        };
        if super::tls::is_signed_by(&own, &authority) {
            return Ok(());
        }
        let (own, ca) = (self.file(&file), self.file("ca.crt"));
        let message = format!("{} was not signed by the authority of {}", own.display(), ca.display());
        let name = certificate.name();
        Err(refused(message)
            .note("`enlist cert init`, which belongs on the master alone, replaces ca.crt")
            .hint(format!("run playbooks/cluster.yml -e renew=yes --limit MASTER,{name}, which puts both right")))
    }

    /// What this host shows of itself in a role: `server.key` and `server.crt`, and so on.
    pub fn identity(&self, role: Role) -> Result<Identity, Diagnostic> {
        let remedy = match role {
            Role::Server => "run `enlist cert init` on the master",
            Role::Node | Role::Compute => {
                "run playbooks/cluster.yml, which gives this host a certificate; docs/cluster.md has the steps"
            }
        };
        let (key, crt) = (role.key_file(), role.certificate_file());
        let absent = |name: &str| host(format!("there is no {}", self.file(name).display())).hint(remedy);
        let text = self.read_key(&key)?.ok_or_else(|| absent(&key))?;
        let (der, certificate) = self.certificate(&crt)?.ok_or_else(|| absent(&crt))?;
        let (trusted, _) = self.certificate("ca.crt")?.ok_or_else(|| absent("ca.crt"))?;
        if certificate.role != Some(role) {
            let message = format!("{} is not a certificate for a {}", self.file(&crt).display(), role.name());
            return Err(refused(message).hint(remedy));
        }
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|error| host(format!("{}: {error}", self.file(&key).display())))?;
        Ok(Identity { key, chain: vec![der], trusted, certificate })
    }
}
