//! Whether requests should be sent here, and if not, what is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::certificate::CurrentCertificate;
use super::drain::{Drain, Phase};

/// The conditions of readiness. Clones share them.
#[derive(Clone, Debug)]
pub struct Readiness {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bound: AtomicBool,
    caches: AtomicBool,
    certificate: Arc<CurrentCertificate>,
    drain: Drain,
}

impl Readiness {
    /// Not ready until [`Readiness::bound`] and [`Readiness::caches`] were said to be so.
    #[must_use]
    pub fn new(certificate: Arc<CurrentCertificate>, drain: Drain) -> Self {
        let inner = Inner { bound: AtomicBool::new(false), caches: AtomicBool::new(false), certificate, drain };
        Self { inner: Arc::new(inner) }
    }

    /// Whether the webhook's port is bound.
    pub fn bound(&self, yes: bool) {
        self.inner.bound.store(yes, Ordering::Relaxed);
    }

    /// Whether the caches of cluster objects are filled.
    pub fn caches(&self, yes: bool) {
        self.inner.caches.store(yes, Ordering::Relaxed);
    }

    /// What is missing, each with its name first; empty when ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let inner = &self.inner;
        [
            (inner.bound.load(Ordering::Relaxed), "bound: the webhook's port is not bound yet"),
            (
                inner.certificate.validity().is_some_and(|validity| validity.contains(SystemTime::now())),
                "certificate: there is no serving certificate that is valid at this time",
            ),
            (inner.caches.load(Ordering::Relaxed), "caches: the cluster's objects are not read yet"),
            (inner.drain.phase() == Phase::Serving, "draining: the server is ending"),
        ]
        .into_iter()
        .filter_map(|(met, text)| (!met).then_some(text))
        .collect()
    }
}
