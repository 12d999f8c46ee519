//! TLS to a server: whose word is taken for who it is.

use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Where systems keep the authorities that they trust.
const SYSTEM: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// Trusts the authorities in `ca`, or those of this machine. An error says what is wrong with them.
pub(super) fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let known = || SYSTEM.iter().map(Path::new).find(|path| path.exists());
    let path = ca.or_else(known).ok_or("this machine has no list of authorities: name one as `ca`")?;
    let mut roots = RootCertStore::empty();
    let unreadable = |error| format!("cannot read the authorities in {}: {error}", path.display());
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        // One bad certificate among those of a system takes no other with it.
        let added =
            certificate.map_err(|error| error.to_string()).and_then(|it| roots.add(it).map_err(|e| e.to_string()));
        if let (Err(error), Some(_)) = (added, ca) {
            return Err(unreadable(error));
        }
    }
    if roots.is_empty() {
        return Err(format!("there is no authority in {}", path.display()));
    }
    let config =
        ClientConfig::builder_with_provider(ring::default_provider().into()).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
