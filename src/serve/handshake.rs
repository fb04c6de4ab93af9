//! Why a TLS handshake failed, told where an operator can act on it.
//!
//! A wrong `caBundle` in a webhook configuration shows on our side in this place alone: the API server
//! sends an alert and goes. So that one is a warning with a hint, and the rest is for debugging.

use std::io;
use std::time::Duration;

use rustls::AlertDescription;
use rustls::Error as Tls;

use super::throttled_log::ThrottledLog;
use crate::metrics::{Handshake, HandshakeLabel, Metrics};

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
    pub(super) fn note(&self, metrics: &Metrics, error: Option<&io::Error>) {
        let reason = error.map_or(Handshake::timeout, reason);
        metrics.handshake_failures.get_or_create(&HandshakeLabel { reason }).inc();
        let error = error.map(tracing::field::display);
        match reason {
            Handshake::bad_certificate => {
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

fn reason(error: &io::Error) -> Handshake {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    match tls {
        Some(Tls::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        )) => Handshake::bad_certificate,
        Some(Tls::InvalidMessage(_)) => Handshake::not_tls,
        Some(_) => Handshake::other,
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Handshake::closed,
            _ => Handshake::other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Handshake, io, reason};
    use rustls::{AlertDescription, Error as Tls, InvalidMessage};

    #[test]
    fn reasons() {
        let tls = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, expected) in [
            (tls(Tls::AlertReceived(AlertDescription::UnknownCA)), Handshake::bad_certificate),
            (tls(Tls::AlertReceived(AlertDescription::BadCertificate)), Handshake::bad_certificate),
            (tls(Tls::AlertReceived(AlertDescription::ProtocolVersion)), Handshake::other),
            (tls(Tls::InvalidMessage(InvalidMessage::InvalidContentType)), Handshake::not_tls),
            (io::ErrorKind::UnexpectedEof.into(), Handshake::closed),
            (io::ErrorKind::Other.into(), Handshake::other),
        ] {
            assert_eq!(reason(&error), expected, "{error}");
        }
    }
}
