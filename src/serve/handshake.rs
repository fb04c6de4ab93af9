//! Why a TLS handshake failed, told where an operator can act on it.
//!
//! A wrong `caBundle` in a webhook configuration shows on our side in this place alone: the API server
//! sends an alert and goes. So that one is a warning with a hint, and the rest is for debugging.

use std::io;
use std::time::Duration;

use rustls::AlertDescription;
use rustls::Error as Tls;

use super::metrics::{HandshakeFailure, ServeMetrics};
use super::throttled_log::ThrottledLog;

/// Counts and tells failures.
#[derive(Debug)]
pub(super) struct Failures {
    refused: ThrottledLog,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self { refused: ThrottledLog::new(Duration::from_secs(10)) }
    }

    /// A handshake failed; `None` is a timeout.
    pub(super) fn note(&self, metrics: &ServeMetrics, error: Option<&io::Error>) {
        let reason = error.map_or(HandshakeFailure::timeout, reason);
        metrics.handshake_failures.of(reason).inc();
        let error = error.map(tracing::field::display);
        match reason {
            HandshakeFailure::bad_certificate => {
                if let Some(held_back) = self.refused.allow() {
                    tracing::warn!(
                        error,
                        held_back,
                        "a client refused our certificate; if it is the API server, compare the webhook \
                         configuration's caBundle with the certificate's CA, and the Service's name \
                         (name.namespace.svc) with the certificate's names"
                    );
                }
            }
            _ => tracing::debug!(error, ?reason, "a TLS handshake failed"),
        }
    }
}

fn reason(error: &io::Error) -> HandshakeFailure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match tls {
        Some(Tls::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        )) => HandshakeFailure::bad_certificate,
        Some(Tls::InvalidMessage(_)) => HandshakeFailure::not_tls,
        Some(_) => HandshakeFailure::other,
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => HandshakeFailure::closed,
            _ => HandshakeFailure::other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{HandshakeFailure, io, reason};
    use rustls::{AlertDescription, Error as Tls, InvalidMessage};

    #[test]
    fn reasons() {
        let tls = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, expected) in [
            (tls(Tls::AlertReceived(AlertDescription::UnknownCA)), HandshakeFailure::bad_certificate),
            (tls(Tls::AlertReceived(AlertDescription::BadCertificate)), HandshakeFailure::bad_certificate),
            (tls(Tls::AlertReceived(AlertDescription::ProtocolVersion)), HandshakeFailure::other),
            (tls(Tls::InvalidMessage(InvalidMessage::InvalidContentType)), HandshakeFailure::not_tls),
            (io::ErrorKind::UnexpectedEof.into(), HandshakeFailure::closed),
            (io::ErrorKind::Other.into(), HandshakeFailure::other),
        ] {
            assert_eq!(reason(&error), expected, "{error}");
        }
    }
}
