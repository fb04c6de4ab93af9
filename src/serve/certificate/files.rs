//! Keeps the certificate in step with two files.
//!
//! A Secret volume is exchanged by swapping a symlink that the files' own directory entries point through,
//! so a watch on the files sees nothing. Hence the bytes are compared, every few seconds.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::MissedTickBehavior;

use super::CurrentCertificate;
use super::pair::{Fault, Pair, Part};
use crate::locks;
use crate::serve::metrics::{ReloadResult, ServeMetrics};

/// Bytes of either file. A chain has a few KiB.
const MAX_FILE: u64 = 1 << 20;

/// A certificate in two PEM files, and the last good state of them.
#[derive(Debug)]
pub struct FileCertificate {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<CurrentCertificate>,
    seen: Mutex<Seen>,
    metrics: Arc<ServeMetrics>,
}

/// What was read last, and the problem that was last told.
struct Seen {
    bytes: Bytes,
    told: Option<Fault>,
}

impl std::fmt::Debug for Seen {
    // By hand, because the bytes hold the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("told", &self.told).finish_non_exhaustive()
    }
}

#[derive(PartialEq, Eq)]
struct Bytes {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// The files cannot be used, at the start.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the {what} in {}: {reason}; {remedy}", .path.display())]
pub struct StartError {
    /// The file at fault.
    pub path: PathBuf,
    what: &'static str,
    reason: String,
    remedy: &'static str,
}

impl FileCertificate {
    /// Reads the pair for the first time. One that is not valid at this time is taken: the server then is
    /// not ready, and a new pair makes it so.
    ///
    /// # Errors
    /// When the pair cannot be read, or its parts do not belong together.
    pub fn load(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        metrics: Arc<ServeMetrics>,
    ) -> Result<Arc<Self>, StartError> {
        let (certificate, key) = (certificate.into(), key.into());
        let loaded =
            read(&certificate, &key).and_then(|bytes| Ok((Pair::from_pem(&bytes.certificate, &bytes.key)?, bytes)));
        let (pair, bytes) = loaded.map_err(|fault| {
            let (what, path) = match fault.part {
                Part::Certificate => ("certificate", certificate.clone()),
                Part::Key => ("private key", key.clone()),
            };
            StartError { path, what, reason: fault.reason, remedy: fault.remedy }
        })?;
        let validity = pair.validity;
        if !validity.contains(SystemTime::now()) {
            tracing::warn!(file = %certificate.display(), not_before = validity.not_before,
                not_after = validity.not_after, "the certificate is not valid at this time");
        }
        let seen = Mutex::new(Seen { bytes, told: None });
        let current = CurrentCertificate::none_yet(&metrics);
        current.show(pair);
        Ok(Arc::new(Self { certificate, key, current, seen, metrics }))
    }

    /// The certificate that handshakes show.
    #[must_use]
    pub fn current(&self) -> Arc<CurrentCertificate> {
        Arc::clone(&self.current)
    }

    /// Looks at the files every `every` (10 s is plenty), for as long as it is polled.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let mut tick = tokio::time::interval(every.max(Duration::from_millis(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let this = Arc::clone(&self);
            // Files can be slow; a thread for that keeps the connections going.
            if let Err(error) = tokio::task::spawn_blocking(move || this.look()).await {
                tracing::error!(%error, "looking at the certificate files failed");
            }
        }
    }

    /// Looks at the files once: takes a new pair if it is good, and keeps the present one if it is not.
    pub fn look(&self) {
        let mut seen = locks::lock(&self.seen);
        match self.changed(&seen.bytes) {
            Ok(None) => seen.told = None,
            Ok(Some((bytes, pair))) => {
                self.count(ReloadResult::swapped);
                tracing::info!(file = %self.certificate.display(), not_after = pair.validity.not_after,
                    "a new certificate is in use");
                self.current.show(pair);
                *seen = Seen { bytes, told: None };
            }
            Err(fault) => {
                self.count(ReloadResult::kept);
                if seen.told.as_ref() != Some(&fault) {
                    tracing::warn!(file = %self.path(fault.part).display(), reason = fault.reason,
                        remedy = fault.remedy, "the new certificate cannot be used; the present one stays in use");
                    seen.told = Some(fault);
                }
            }
        }
    }

    /// The new pair, if the files differ from what is in use.
    fn changed(&self, known: &Bytes) -> Result<Option<(Bytes, Pair)>, Fault> {
        let bytes = read(&self.certificate, &self.key)?;
        if bytes == *known {
            return Ok(None);
        }
        let pair = Pair::from_pem(&bytes.certificate, &bytes.key)?;
        let now = SystemTime::now();
        if !pair.validity.contains(now) && self.current.validity().is_some_and(|present| present.contains(now)) {
            let reason = "it is not valid at this time, and the present one is".to_owned();
            return Err(Fault { part: Part::Certificate, reason, remedy: "write one that is, or set the clock" });
        }
        Ok(Some((bytes, pair)))
    }

    fn path(&self, part: Part) -> &Path {
        match part {
            Part::Certificate => &self.certificate,
            Part::Key => &self.key,
        }
    }

    fn count(&self, result: ReloadResult) {
        self.metrics.certificate_reloads.of(result).inc();
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Bytes, Fault> {
    let file = |path: &Path, part| read_file(path).map_err(|error| unreadable(part, &error));
    Ok(Bytes { certificate: file(certificate, Part::Certificate)?, key: file(key, Part::Key)? })
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(part: Part, error: &io::Error) -> Fault {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "check the path, and that the Secret is mounted there",
        io::ErrorKind::PermissionDenied => "let the process's user read it, by fsGroup or defaultMode",
        _ => "make it a readable file",
    };
    Fault { part, reason: format!("it cannot be read ({error})"), remedy }
}
