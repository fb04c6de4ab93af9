//! The certificate in use, which may be exchanged while connections are open.
//!
//! [`FileCertificate`] keeps it in step with two files; [`ephemeral`](fn@ephemeral) makes one in memory; an
//! [`Authority`] issues those of a cluster, which the cluster's side keeps.
//! A handshake takes whatever is current, so an exchange touches no open connection.

mod authority;
mod ephemeral;
mod files;
mod pair;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use prometheus_client::metrics::gauge::Gauge;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub use authority::{Authority, AuthorityError, KeyAlgorithm, Leaf};
pub use ephemeral::{Ephemeral, ephemeral};
pub use files::{FileCertificate, StartError};
use pair::Pair;

use crate::serve::metrics::ServeMetrics;

/// The time for which a certificate is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

impl Validity {
    /// Whether the certificate is valid at `time`.
    #[must_use]
    pub fn contains(&self, time: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&unix_seconds(time))
    }
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The certificate that new handshakes show.
#[derive(Debug)]
pub struct CurrentCertificate {
    pair: ArcSwapOption<Pair>,
    not_after: Gauge,
}

impl CurrentCertificate {
    /// None yet: handshakes fail until there is one.
    #[must_use]
    pub fn none_yet(metrics: &ServeMetrics) -> Arc<Self> {
        Arc::new(Self { pair: ArcSwapOption::empty(), not_after: metrics.certificate_not_after.clone() })
    }

    /// From now on, handshakes show this one.
    fn show(&self, pair: Pair) {
        self.not_after.set(pair.validity.not_after);
        self.pair.store(Some(Arc::new(pair)));
    }

    /// The validity of the certificate in use now.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.pair.load().as_ref().map(|pair| pair.validity)
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.load().as_ref().map(|pair| Arc::clone(&pair.key))
    }
}

/// TLS 1.2 and 1.3 by ring, with HTTP/2 and HTTP/1.1, without client certificates.
///
/// # Errors
/// When the provider does not know these versions, which ring does.
pub fn tls_config(certificate: Arc<CurrentCertificate>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&versions)?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::Validity;
    use std::time::{Duration, SystemTime};

    #[test]
    fn validity_includes_both_ends() {
        let validity = Validity { not_before: 10, not_after: 20 };
        let at = |seconds| validity.contains(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!([at(9), at(10), at(20), at(21)], [false, true, true, false]);
    }
}
