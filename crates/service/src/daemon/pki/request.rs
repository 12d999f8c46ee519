//! A node's side: its key, its request, its certificate.

use super::{Certificate, Directory, Role, Standing, check_name, host, now, refused};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use words::diag::Diagnostic;

/// A signing request (PEM) for this node's key of a role, when the node needs a certificate: it has none, or one for another
/// name or key, or one that ends soon; or `anew`, which also makes a new key. Makes the key when there is none.
pub fn request(directory: &Directory, role: Role, name: &str, anew: bool) -> Result<Option<String>, Diagnostic> {
    check_name(name)?;
    check_role(role)?;
    directory.make()?;
    let _lock = directory.lock()?;
    let key = match directory.read_key(&role.key_file())? {
        Some(text) if !anew => KeyPair::from_pem(&text).map_err(unreadable(directory, role))?,
        _ => new_key(directory, role)?,
    };
    if let Some((_, old)) = directory.certificate(&role.certificate_file())?
        && directory.read("ca.crt")?.is_some()
        && old.name() == name
        && old.role == Some(role)
        && old.public_key == key.subject_public_key_info()
        && old.standing(now()) == Standing::Good
        && directory.check_authority().is_ok()
    {
        return Ok(None);
    }
    let made = CertificateParams::new(vec![name.to_owned()]).and_then(|params| params.serialize_request(&key)?.pem());
    made.map(Some).map_err(|error| host(format!("cannot make the signing request: {error}")))
}

/// A server's certificate is made where the authority is.
fn check_role(role: Role) -> Result<(), Diagnostic> {
    if role == Role::Server {
        return Err(
            refused("a master's certificate is not asked for").hint("`enlist cert init` on the master makes it")
        );
    }
    Ok(())
}

fn new_key(directory: &Directory, role: Role) -> Result<KeyPair, Diagnostic> {
    let key = KeyPair::generate().map_err(|error| host(format!("cannot make a key: {error}")))?;
    directory.write(&role.key_file(), &key.serialize_pem(), true)?;
    Ok(key)
}

fn unreadable(directory: &Directory, role: Role) -> impl Fn(rcgen::Error) -> Diagnostic {
    let path = directory.file(&role.key_file());
    move |error| {
        host(format!("{}: {error}", path.display())).hint("`enlist cert request NAME --anew` makes another key")
    }
}

/// Puts in place what `enlist cert issue` printed: this node's certificate, by its role, and the authority's. Refuses a certificate
/// that is not of this node's key, or not for a node.
pub fn install(directory: &Directory, pem: &str) -> Result<Certificate, Diagnostic> {
    let what = "two certificates are wanted: this node's and the authority's, as `enlist cert issue` prints them";
    let ders: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| refused(format!("{what}; reading them: {error}")))?;
    let [own, authority] = &ders[..] else { return Err(refused(format!("{what}; there are {}", ders.len()))) };
    let certificate = Certificate::parse(own).map_err(refused)?;
    let role = certificate.role.filter(|role| *role != Role::Server).unwrap_or(Role::Node);
    let key = directory.read_key(&role.key_file())?.ok_or_else(|| {
        refused(format!("there is no {}", directory.file(&role.key_file()).display()))
            .hint("`enlist cert request NAME` makes the key; its certificate comes after it")
    })?;
    let key = KeyPair::from_pem(&key).map_err(unreadable(directory, role))?;
    if certificate.public_key != key.subject_public_key_info() || certificate.role != Some(role) {
        return Err(refused("this certificate is not for this node's key, or not for a node")
            .hint("ask again: `enlist cert request NAME --anew`, then `enlist cert issue NAME` on the master"));
    }
    let _lock = directory.lock()?;
    directory.write("ca.crt", &as_pem(authority), false)?;
    directory.write(&role.certificate_file(), &as_pem(own), false)?;
    Ok(certificate)
}

fn as_pem(der: &CertificateDer) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
