//! A certificate authority: makes itself, is read back from PEM, issues serving certificates.

use std::fmt;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, date_time_ymd,
};
use rsa::pkcs8::EncodePrivateKey;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::public_key::PublicKey;

use super::pair::Pair;
use super::{CurrentCertificate, Validity};

/// Certificates are valid from so long ago, for clocks that are behind.
const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// What keys are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyAlgorithm {
    /// ECDSA on the curve P-256
    #[default]
    EcdsaP256,
    /// ECDSA on the curve P-384
    EcdsaP384,
    /// RSA of 2048 bits
    #[value(name = "rsa-2048")]
    Rsa2048,
    /// RSA of 3072 bits
    #[value(name = "rsa-3072")]
    Rsa3072,
    /// RSA of 4096 bits
    #[value(name = "rsa-4096")]
    Rsa4096,
}

impl KeyAlgorithm {
    fn generate(self) -> Result<KeyPair, AuthorityError> {
        let bits = match self {
            KeyAlgorithm::EcdsaP256 => return Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?),
            KeyAlgorithm::EcdsaP384 => return Ok(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?),
            KeyAlgorithm::Rsa2048 => 2048,
            KeyAlgorithm::Rsa3072 => 3072,
            KeyAlgorithm::Rsa4096 => 4096,
        };
        // ring signs with RSA keys, but makes none.
        let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
        let unusable = |reason: String| AuthorityError::Unusable(reason);
        let key = rsa::PrivateKey::new(&mut random, bits).map_err(|error| unusable(error.to_string()))?;
        let der = key.to_pkcs8_der().map_err(|error| unusable(error.to_string()))?;
        let der = PrivatePkcs8KeyDer::from(der.as_bytes().to_vec());
        Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_RSA_SHA256)?)
    }

    /// Of a certificate; `None` for what is none of ours.
    fn of(certificate: &str) -> Option<KeyAlgorithm> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).ok()?;
        let certificate = pem.parse_x509().ok()?;
        match certificate.public_key().parsed().ok()? {
            PublicKey::EC(point) if point.key_size() == 256 => Some(KeyAlgorithm::EcdsaP256),
            PublicKey::EC(point) if point.key_size() == 384 => Some(KeyAlgorithm::EcdsaP384),
            PublicKey::RSA(key) if key.key_size() == 2048 => Some(KeyAlgorithm::Rsa2048),
            PublicKey::RSA(key) if key.key_size() == 3072 => Some(KeyAlgorithm::Rsa3072),
            PublicKey::RSA(key) if key.key_size() == 4096 => Some(KeyAlgorithm::Rsa4096),
            _ => None,
        }
    }
}

/// A CA with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub certificate_pem: String,
    /// From when until when it is valid.
    pub validity: Validity,
}

impl fmt::Debug for Authority {
    // By hand, so that no key can ever be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// A serving certificate that an [`Authority`] issued, with its key.
#[derive(Debug)]
pub struct Leaf(Pair);

impl Leaf {
    /// From when until when it is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.0.validity
    }

    /// Lets new handshakes show it.
    pub fn show(self, current: &CurrentCertificate) {
        current.show(self.0);
    }
}

/// A certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// One of the names is no DNS name and no IP address, or there is none.
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
    /// What was read or made is no usable pair. The text never holds any of the key.
    #[error("not a usable certificate and key: {0}")]
    Unusable(String),
}

impl Authority {
    /// Makes one that is valid from a day before `now` until `valid_for` after it.
    ///
    /// # Errors
    /// When no key or signature can be made.
    pub fn generate(
        common_name: &str,
        keys: KeyAlgorithm,
        now: SystemTime,
        valid_for: Duration,
    ) -> Result<Authority, AuthorityError> {
        Authority::make(common_name, keys, i64::MAX, now, valid_for)
    }

    /// Makes the next one, valid from no later than this one is.
    ///
    /// # Errors
    /// When no key or signature can be made.
    pub fn next(
        &self,
        common_name: &str,
        keys: KeyAlgorithm,
        now: SystemTime,
        valid_for: Duration,
    ) -> Result<Authority, AuthorityError> {
        Authority::make(common_name, keys, self.validity.not_before, now, valid_for)
    }

    fn make(
        common_name: &str,
        keys: KeyAlgorithm,
        from: i64,
        now: SystemTime,
        valid_for: Duration,
    ) -> Result<Authority, AuthorityError> {
        let key = keys.generate()?;
        let mut params = dated(CertificateParams::default(), common_name, from, now, valid_for);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Authority::from_pem(&certificate.pem(), &key.serialize_pem())
    }

    /// Reads one back.
    ///
    /// # Errors
    /// When either is not whole, or they do not belong together.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Authority, AuthorityError> {
        let pair = Pair::from_pem(certificate.as_bytes(), key.as_bytes())
            .map_err(|fault| AuthorityError::Unusable(fault.reason))?;
        let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(key)?)?;
        Ok(Authority { issuer, certificate_pem: certificate.to_owned(), validity: pair.validity })
    }

    /// What its key is; `None` for what is none of ours.
    #[must_use]
    pub fn keys(&self) -> Option<KeyAlgorithm> {
        KeyAlgorithm::of(&self.certificate_pem)
    }

    /// Its key, as PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a serving certificate for `names`: DNS names and IP addresses, under the common name `common_name`. Its key
    /// is nowhere but in it. It is valid from no later than the CA is.
    ///
    /// # Errors
    /// When a name is neither, or there is none.
    pub fn issue(
        &self,
        common_name: &str,
        names: &[String],
        keys: KeyAlgorithm,
        now: SystemTime,
        valid_for: Duration,
    ) -> Result<Leaf, AuthorityError> {
        let unusable = |reason: String| AuthorityError::Names { names: names.to_vec(), reason };
        if names.is_empty() {
            return Err(unusable("there is none".to_owned()));
        }
        let params = CertificateParams::new(names).map_err(|error| unusable(error.to_string()))?;
        let mut params = dated(params, common_name, self.validity.not_before, now, valid_for);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = keys.generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let pair = Pair::from_der(vec![leaf.der().clone()], key);
        pair.map(Leaf).map_err(|fault| AuthorityError::Unusable(fault.reason))
    }
}

/// Sets the common name and the dates, which would be placeholders and the year 4096. From `from` at the latest: a clock
/// that is ahead must not make what nobody takes until that time has come.
fn dated(
    mut params: CertificateParams,
    common_name: &str,
    from: i64,
    now: SystemTime,
    valid_for: Duration,
) -> CertificateParams {
    let epoch = date_time_ymd(1970, 1, 1);
    let now = epoch + now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(BACKDATED);
    let backdated = now - BACKDATED;
    let from = u64::try_from(from).unwrap_or(0);
    params.not_before = match u64::try_from(backdated.unix_timestamp()) {
        Ok(backdated) if from < backdated => epoch + Duration::from_secs(from),
        _ => backdated,
    };
    params.not_after = now + valid_for;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}
