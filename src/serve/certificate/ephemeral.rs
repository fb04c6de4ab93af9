//! A CA and a certificate of its own making, for as long as the process lives. Neither key is ever written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::CurrentCertificate;
use super::pair::Pair;

/// Both are valid for so long. No pod lives a year, and what is forgotten does end.
const VALID_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Both are valid from so long ago, for clients whose clocks are behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// A certificate that was made in memory.
#[derive(Debug)]
pub struct Ephemeral {
    /// The certificate that handshakes show.
    pub current: Arc<CurrentCertificate>,
    /// The CA's certificate as PEM, for the webhook configuration's `caBundle`.
    pub ca_pem: String,
}

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EphemeralError {
    /// No name was given, or one is no DNS name and no IP address.
    #[error("cannot make a certificate for the names {names:?}: {reason}; give DNS names or IP addresses")]
    Names {
        /// The names given.
        names: Vec<String>,
        /// What is wrong with them.
        reason: String,
    },
    /// The keys or signatures could not be made.
    #[error("cannot make a certificate: {0}")]
    Signing(#[from] rcgen::Error),
    /// The certificate that was made is not usable.
    #[error("cannot use the certificate just made: {0}")]
    Unusable(String),
}

/// Makes a CA (P-256) and a certificate signed by it for `names`: DNS names and IP addresses.
///
/// # Errors
/// When a name is neither, or there is none.
pub fn ephemeral(names: &[String]) -> Result<Ephemeral, EphemeralError> {
    let unusable_names = |reason: String| EphemeralError::Names { names: names.to_vec(), reason };
    if names.is_empty() {
        return Err(unusable_names("there is none".to_owned()));
    }
    let leaf = CertificateParams::new(names).map_err(|error| unusable_names(error.to_string()))?;

    let (ca, issuer) = authority()?;
    let leaf_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut leaf = dated(leaf, "Draingate webhook");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&leaf_key, &issuer)?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let pair = Pair::from_der(vec![leaf.der().clone()], key).map_err(|fault| EphemeralError::Unusable(fault.reason))?;
    Ok(Ephemeral { current: CurrentCertificate::new(pair), ca_pem: ca.pem() })
}

fn authority() -> Result<(Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = dated(CertificateParams::default(), "Draingate ephemeral CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

/// Sets the common name and the dates, which would be placeholders and the year 4096.
fn dated(mut params: CertificateParams, common_name: &str) -> CertificateParams {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(BACKDATED);
    let now = date_time_ymd(1970, 1, 1) + since_1970;
    params.not_before = now - BACKDATED;
    params.not_after = now + VALID_FOR;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{SystemTime, ephemeral};
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn it_is_valid_now_and_for_a_year() {
        let validity = ephemeral(&["webhook.ns.svc".to_owned(), "127.0.0.1".to_owned()]).unwrap().current.validity();
        let now = SystemTime::now();
        let at = [now - Duration::from_secs(200), now, now + 364 * DAY, now + 366 * DAY, now - DAY];
        assert_eq!(at.map(|time| validity.contains(time)), [true, true, true, false, false]);
    }

    #[test]
    fn names_are_needed() {
        for names in [vec![], vec!["ö".to_owned()]] {
            assert!(ephemeral(&names).unwrap_err().to_string().contains("give DNS names or IP addresses"));
        }
    }
}
