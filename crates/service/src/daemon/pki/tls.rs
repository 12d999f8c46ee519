//! TLS 1.3 with certificates on both sides: what each side demands of the other, and what it says when that fails.

use super::{Certificate, Directory, Identity, Revocations, Role, host};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    ServerConfig, SignatureScheme,
};
use words::diag::Diagnostic;

/// What is spoken inside; a server of another protocol refuses it.
const PROTOCOL: &[u8] = b"http/1.1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Whether an authority signed a node's certificate, be it past its time or not.
pub fn is_signed_by(own: &CertificateDer, authority: &CertificateDer<'static>) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    let mut roots = RootCertStore::empty();
    if roots.add(authority.clone()).is_err() {
        return false;
    }
    let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build() else {
        return false;
    };
    let verdict = verifier.verify_client_cert(own, &[], UnixTime::now());
    !matches!(verdict, Err(rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature)))
}

fn unusable(error: impl std::fmt::Display) -> Diagnostic {
    host(format!("cannot use the certificates: {error}")).hint(
        "key and certificate must be of each other: `enlist cert init` on the master, playbooks/cluster.yml for nodes",
    )
}

fn roots(identity: &Identity) -> Result<Arc<RootCertStore>, Diagnostic> {
    let mut roots = RootCertStore::empty();
    roots.add(identity.trusted.clone()).map_err(unusable)?;
    Ok(Arc::new(roots))
}

/// The master's side: only nodes of its own authority come in, none that is revoked. No session is resumed, as a
/// resumed one would not be verified again.
pub fn server(identity: Identity, revocations: Arc<Revocations>) -> Result<ServerConfig, Diagnostic> {
    let inner = WebPkiClientVerifier::builder_with_provider(roots(&identity)?, provider()).build().map_err(unusable)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(Arc::new(NodesOnly { inner, revocations }))
        .with_single_cert(identity.chain, identity.key)
        .map_err(unusable)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// A node's side: the master must have a `server` certificate of the authority, for the name that it is called by.
pub fn client(identity: Identity) -> Result<ClientConfig, Diagnostic> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_root_certificates(roots(&identity)?)
        .with_client_auth_cert(identity.chain, identity.key)
        .map_err(unusable)?;
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Chain, time and usage are webpki's to verify; that it is a node's, and not revoked, is ours.
#[derive(Debug)]
struct NodesOnly {
    inner: Arc<dyn ClientCertVerifier>,
    revocations: Arc<Revocations>,
}

impl ClientCertVerifier for NodesOnly {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        let certificate = Certificate::parse(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if !matches!(certificate.role, Some(Role::Node | Role::Compute)) || certificate.names.len() != 1 {
            return Err(CertificateError::InvalidPurpose.into());
        }
        match self.revocations.is_revoked(&certificate.serial) {
            Ok(false) => Ok(verified),
            Ok(true) => Err(CertificateError::Revoked.into()),
            Err(error) => {
                tracing::error!("{error}");
                Err(CertificateError::UnknownRevocationStatus.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

type Stamps = Vec<Option<SystemTime>>;

/// A configuration made of files, and made again when they have changed: a renewed certificate needs no restart.
pub struct Reloaded<T> {
    files: Vec<PathBuf>,
    make: Box<dyn Fn() -> Result<T, Diagnostic> + Send + Sync>,
    current: Mutex<(Stamps, Arc<T>)>,
}

impl<T> Reloaded<T> {
    /// Of the key and certificates of a role. Fails as `make` does.
    pub fn new(
        directory: &Directory,
        role: Role,
        make: impl Fn(Identity) -> Result<T, Diagnostic> + Send + Sync + 'static,
    ) -> Result<Self, Diagnostic> {
        let files = [role.key_file(), role.certificate_file(), "ca.crt".into()];
        let files: Vec<_> = files.iter().map(|name| directory.file(name)).collect();
        let stamps = stamps(&files);
        let directory = directory.clone();
        let make = Box::new(move || directory.identity(role).and_then(&make));
        let current = Mutex::new((stamps, Arc::new(make()?)));
        Ok(Self { files, make, current })
    }

    /// As the files are now; as they were before, when they cannot be used now.
    pub fn get(&self) -> Arc<T> {
        let mut current = self.current.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let stamps = stamps(&self.files);
        if current.0 != stamps {
            match (self.make)() {
                Ok(made) => current.1 = Arc::new(made),
                Err(error) => tracing::error!("the changed certificates are not used: {error}"),
            }
            current.0 = stamps;
        }
        current.1.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Stamps {
    files.iter().map(|file| std::fs::metadata(file).and_then(|meta| meta.modified()).ok()).collect()
}

/// What an error of TLS means and what to do, for people; `None` for errors of other kinds. `other` is who is at the
/// other end ("the master"), `own` whose certificate we showed ("this node's certificate").
pub fn explain(error: &io::Error, other: &str, own: &str) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        rustls::Error::AlertReceived(alert) => match rejected(*alert) {
            Some(why) => format!("{other} refused {own}: {why}"),
            None => format!("{other} ended the connection: {alert:?}"),
        },
        rustls::Error::InvalidCertificate(why) => {
            format!("the certificate of {other} is not accepted: {}", invalid(why))
        }
        rustls::Error::NoCertificatesPresented => format!("{other} showed no certificate"),
        error => format!("{other} does not speak TLS as it should: {error}"),
    })
}

fn rejected(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateExpired => {
            "it has expired or does not hold yet; look at both clocks, then run playbooks/cluster.yml, it renews certificates"
        }
        AlertDescription::CertificateRevoked => {
            "it is revoked; if this node may be let in again, run playbooks/cluster.yml -e renew=yes --limit MASTER,NODE"
        }
        AlertDescription::UnknownCA | AlertDescription::DecryptError | AlertDescription::BadCertificate => {
            "another authority signed it; run playbooks/cluster.yml -e renew=yes --limit MASTER,NODE"
        }
        AlertDescription::UnsupportedCertificate | AlertDescription::CertificateRequired => {
            "it is not a node's certificate; run playbooks/cluster.yml -e renew=yes --limit MASTER,NODE"
        }
        AlertDescription::CertificateUnknown | AlertDescription::AccessDenied => {
            "it cannot say whether it is revoked; its log says why"
        }
        _ => return None,
    })
}

fn invalid(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired; renew it".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it does not hold yet; look at both clocks".into()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "another authority signed it; run playbooks/cluster.yml -e renew=yes --limit MASTER,NODE".into()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is for another role".into()
        }
        CertificateError::Revoked => "it is revoked".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            format!("it is for {}, not for {}", names.join(", "), expected.to_str())
        }
        other => format!("{other:?}"),
    }
}

/// `master` of `DnsName("master")`, which is how rustls tells a name.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}
