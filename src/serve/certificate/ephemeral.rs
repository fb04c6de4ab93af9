//! A CA and a certificate of its own making, for as long as the process lives. Neither key is ever written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::CurrentCertificate;
use super::authority::{Authority, AuthorityError, KeyAlgorithm};
use crate::serve::metrics::ServeMetrics;

/// Both are valid for so long. No pod lives a year, and what is forgotten does end.
const VALID_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A certificate that was made in memory.
#[derive(Debug)]
pub struct Ephemeral {
    /// The certificate that handshakes show.
    pub current: Arc<CurrentCertificate>,
    /// The CA's certificate as PEM, for the webhook configuration's `caBundle`.
    pub ca_pem: String,
}

/// Makes a CA (P-256) and a certificate signed by it for `names`: DNS names and IP addresses.
///
/// # Errors
/// When a name is neither, or there is none.
pub fn ephemeral(names: &[String], metrics: &ServeMetrics) -> Result<Ephemeral, AuthorityError> {
    let (now, keys) = (SystemTime::now(), KeyAlgorithm::default());
    let authority = Authority::generate("Draingate ephemeral CA", keys, now, VALID_FOR)?;
    let leaf = authority.issue(names.first().map_or("", String::as_str), names, keys, now, VALID_FOR)?;
    let current = CurrentCertificate::none_yet(metrics);
    leaf.show(&current);
    Ok(Ephemeral { current, ca_pem: authority.certificate_pem })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Ephemeral, ServeMetrics};
    use crate::metrics::Registry;
    use std::time::{Duration, SystemTime};

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn ephemeral(names: &[String]) -> Result<Ephemeral, super::AuthorityError> {
        super::ephemeral(names, &ServeMetrics::register(&mut Registry::default()))
    }

    #[test]
    fn it_is_valid_now_and_for_a_year() {
        let made = ephemeral(&["webhook.ns.svc".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let validity = made.current.validity().unwrap();
        let now = SystemTime::now();
        let at = [now - DAY / 2, now, now + 364 * DAY, now + 366 * DAY, now - 2 * DAY];
        assert_eq!(at.map(|time| validity.contains(time)), [true, true, true, false, false]);
    }

    #[test]
    fn names_are_needed() {
        for names in [vec![], vec!["ö".to_owned()]] {
            assert!(ephemeral(&names).unwrap_err().to_string().contains("give DNS names or IP addresses"));
        }
    }
}
