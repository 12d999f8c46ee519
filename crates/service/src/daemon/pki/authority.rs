//! The authority: the key that signs.

use super::{
    COMPUTE_UNIT, Certificate, DAY, Directory, Entry, Ledger, Role, Standing, check_name, host, now, refused, shown,
};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use std::io::Read;
use std::net::IpAddr;
use words::diag::Diagnostic;

/// How long a certificate holds, in days.
pub const DAYS: i64 = 365;

/// How long the authority holds, in days.
pub const CA_DAYS: i64 = 3652;

/// Certificates hold from an hour ago, since clocks differ.
const SKEW: i64 = 3600;

/// The authority on this host.
pub struct Authority {
    directory: Directory,
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    pem: String,
}

impl Authority {
    /// Opens the authority; an error when this host has none.
    pub fn open(directory: &Directory) -> Result<Self, Diagnostic> {
        let absent = || {
            host(format!("there is no {}: this host is no certificate authority", directory.file("ca.key").display()))
                .hint("run this on the master; `enlist cert init` makes the authority there")
        };
        let key = directory.read_key("ca.key")?.ok_or_else(absent)?;
        let pem = directory.read("ca.crt")?.ok_or_else(absent)?;
        let (der, certificate) = directory.certificate("ca.crt")?.ok_or_else(absent)?;
        let key = KeyPair::from_pem(&key).map_err(|e| host(format!("{}: {e}", directory.file("ca.key").display())))?;
        if key.subject_public_key_info() != certificate.public_key {
            return Err(refused(format!("{} is not of the key beside it", directory.file("ca.crt").display()))
                .hint("put both files back from the same backup"));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(failed)?;
        Ok(Self { directory: directory.clone(), issuer, certificate, pem })
    }

    /// Opens the authority, and makes it first when there is none; also says whether it did.
    pub fn open_or_make(directory: &Directory) -> Result<(Self, bool), Diagnostic> {
        directory.make()?;
        if directory.read_key("ca.key")?.is_some() {
            return Ok((Self::open(directory)?, false));
        }
        if let Some(file) = ["node.key", "node.crt", "compute.key", "compute.crt"]
            .into_iter()
            .find(|name| directory.file(name).exists())
        {
            let message = format!("this is a node of a cluster: {} is there", directory.file(file).display());
            return Err(refused(message)
                .note("an authority made here would replace ca.crt, and this node would trust its master no more")
                .hint("run it on the master; `enlist cert request NAME` is the node's command"));
        }
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("enlist certificate authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_time(&mut params, CA_DAYS)?;
        let made = params.self_signed(&key).map_err(failed)?;
        directory.write("ca.crt", &made.pem(), false)?;
        // The key last: as long as it is not there, the next run begins anew.
        directory.write("ca.key", &key.serialize_pem(), true)?;
        Ok((Self::open(directory)?, true))
    }

    /// Its certificate, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Makes a certificate for the key of a signing request (PEM), and writes it down. Of the request only the key
    /// counts: names, role and time are what the administrator says here.
    pub fn issue(&self, request: &str, role: Role, names: &[String], days: i64) -> Result<String, Diagnostic> {
        let _lock = self.directory.lock()?;
        let mut request = CertificateSigningRequestParams::from_pem(request).map_err(|error| {
            refused(format!("what was read is no good signing request: {error}"))
                .hint("make it with `enlist cert request NAME` on the host whose certificate this will be")
        })?;
        request.params = self.params(role, names, days)?;
        let made = request.signed_by(&self.issuer).map_err(failed)?;
        let mut ledger = Ledger::read(&self.directory)?;
        ledger.entries.push(Entry::of(&Certificate::parse(made.der()).map_err(host)?));
        ledger.write(&self.directory)?;
        Ok(made.pem())
    }

    fn params(&self, role: Role, names: &[String], days: i64) -> Result<CertificateParams, Diagnostic> {
        let mut params = CertificateParams::default();
        let first = names.first().ok_or_else(|| refused("a certificate needs a name"))?;
        params.distinguished_name = common_name(first);
        if role == Role::Compute {
            params.distinguished_name.push(DnType::OrganizationalUnitName, COMPUTE_UNIT);
        }
        params.subject_alt_names = names.iter().map(|name| alternative(name)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match role {
            Role::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Role::Node | Role::Compute => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        set_time(&mut params, days)?;
        if now() + days * DAY > self.certificate.until {
            return Err(refused(format!("the authority itself ends on {}", shown(self.certificate.until)))
                .hint("give --days for a shorter time, or move the directory away and set the cluster up anew"));
        }
        Ok(params)
    }

    /// Sees that the master has a server certificate for these names that does not end soon; says whether it made one.
    pub fn serve_as(&self, names: &[String]) -> Result<bool, Diagnostic> {
        if self.serves_as(names)? {
            return Ok(false);
        }
        let key = KeyPair::generate().map_err(failed)?;
        let request =
            CertificateParams::default().serialize_request(&key).and_then(|made| made.pem()).map_err(failed)?;
        let made = self.issue(&request, Role::Server, names, DAYS)?;
        self.directory.write("server.key", &key.serialize_pem(), true)?;
        self.directory.write("server.crt", &made, false)?;
        Ok(true)
    }

    fn serves_as(&self, names: &[String]) -> Result<bool, Diagnostic> {
        let Some((_, old)) = self.directory.certificate("server.crt")? else { return Ok(false) };
        let Some(key) = self.directory.read_key("server.key")? else { return Ok(false) };
        let is_of_key = KeyPair::from_pem(&key).is_ok_and(|key| key.subject_public_key_info() == old.public_key);
        let is_named = names.iter().all(|name| old.names.contains(name));
        Ok(is_of_key && is_named && old.standing(now()) == Standing::Good)
    }
}

fn failed(error: rcgen::Error) -> Diagnostic {
    host(format!("cannot make the certificate: {error}"))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn alternative(name: &str) -> Result<SanType, Diagnostic> {
    check_name(name)?;
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(Ia5String::try_from(name).map_err(failed)?),
    })
}

fn set_time(params: &mut CertificateParams, days: i64) -> Result<(), Diagnostic> {
    if !(1..=CA_DAYS).contains(&days) {
        return Err(refused(format!("{days} days: a certificate holds for 1 to {CA_DAYS}")));
    }
    let at =
        |second: i64| rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(second.max(0).unsigned_abs());
    params.not_before = at(now() - SKEW);
    params.not_after = at(now() + days * DAY);
    params.serial_number = Some(random_serial()?);
    Ok(())
}

/// 15 random bytes: above what RFC 5280 asks for, below its 20, and never negative.
fn random_serial() -> Result<SerialNumber, Diagnostic> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| host(format!("cannot read /dev/urandom: {error}")))?;
    bytes[0] = 1;
    Ok(SerialNumber::from(bytes.to_vec()))
}
