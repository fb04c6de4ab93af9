//! A certificate chain and the key that belongs to it.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Validity;

/// A pair that was checked.
pub(super) struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

impl fmt::Debug for Pair {
    // By hand, so that no key can ever be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("validity", &self.validity).finish_non_exhaustive()
    }
}

/// Which of the two is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Certificate,
    Key,
}

/// What is wrong with a pair. The text never holds any of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) part: Part,
    pub(super) reason: String,
    pub(super) remedy: &'static str,
}

impl Pair {
    /// Reads both from PEM and checks that they belong together.
    pub(super) fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Fault> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| no_pem(Part::Certificate, &error))?;
        if chain.is_empty() {
            return Err(no_pem(Part::Certificate, &pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| no_pem(Part::Key, &error))?;
        Self::from_der(chain, key)
    }

    /// Checks that both belong together.
    pub(super) fn from_der(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Fault> {
        let validity =
            chain.first().map(validity).unwrap_or_else(|| Err("there is none".to_owned())).map_err(|reason| Fault {
                part: Part::Certificate,
                reason,
                remedy: "write the server's own certificate first in it",
            })?;
        let key = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(|error| {
            let remedy = match error {
                rustls::Error::InconsistentKeys(_) => "write the key that the certificate was issued for",
                _ => "write an RSA, ECDSA P-256 or P-384, or Ed25519 key",
            };
            // rustls names the kind of error only.
            Fault { part: Part::Key, reason: key_reason(&error), remedy }
        })?;
        Ok(Self { key: Arc::new(key), validity })
    }
}

fn key_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate".to_owned(),
        other => other.to_string(),
    }
}

fn no_pem(part: Part, error: &pem::Error) -> Fault {
    let (reason, remedy) = match (part, error) {
        (Part::Certificate, pem::Error::NoItemsFound) => {
            ("there is no certificate in it".to_owned(), "write the chain as PEM, the server's own certificate first")
        }
        (Part::Key, pem::Error::NoItemsFound) => {
            ("there is no private key in it".to_owned(), "write the key as unencrypted PEM")
        }
        // Only the kind: the text of a PEM error may quote what was read.
        (Part::Certificate, _) => ("it is not whole PEM".to_owned(), "write the chain as PEM"),
        (Part::Key, _) => ("it is not whole PEM".to_owned(), "write the key as unencrypted PEM"),
    };
    Fault { part, reason, remedy }
}

fn validity(certificate: &CertificateDer<'_>) -> Result<Validity, String> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|error| format!("it is not an X.509 certificate: {error}"))?;
    let validity = certificate.validity();
    Ok(Validity { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() })
}
