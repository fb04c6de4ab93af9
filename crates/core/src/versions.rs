//! Whether this cluster knows the native `sleep` of a preStop hook.
//!
//! A kubelet that does not know it fails the hook, and the container gets SIGTERM at once: the opposite of
//! a wait. So the oldest of the API server and the nodes decides.

use std::fmt;

use crate::world::SleepSupport;

/// The first version with the native sleep on by default.
const NATIVE_SLEEP: Version = Version { major: 1, minor: 30 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads `v1.30.5-gke.100`, `1.36+`, `v1.29.0+k3s1`.
    fn parse(text: &str) -> Option<Version> {
        let (major, rest) = text.trim().trim_start_matches('v').split_once('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (minor, rest) = rest.split_at_checked(digits)?;
        let ends_well = rest.is_empty() || rest.starts_with(['.', '-', '+']);
        ends_well.then_some(Version { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// How waits can be written where the API server and the kubelets have these versions. A kubelet of a version that is none
/// is no kubelet: kwok's call themselves `fake` or `kwok-v0.6.1`.
///
/// `hook_fallback_exec` is the operator's consent to `exec: ["sleep", "N"]` on an older cluster.
pub fn sleep_support<K: AsRef<str>>(
    server: &str,
    kubelets: impl IntoIterator<Item = K>,
    hook_fallback_exec: bool,
) -> SleepSupport {
    let Some(of_server) = Version::parse(server) else {
        return without_sleep(format!("the version {server:?} of the API server cannot be read"), hook_fallback_exec);
    };
    let mut oldest = (of_server, format!("the API server has version {server}"));
    for text in kubelets {
        let text = text.as_ref();
        if let Some(version) = Version::parse(text).filter(|version| *version < oldest.0) {
            oldest = (version, format!("a node has version {text}"));
        }
    }
    let (version, found) = oldest;
    if version < NATIVE_SLEEP {
        return without_sleep(format!("{found}, and native sleep hooks need {NATIVE_SLEEP}"), hook_fallback_exec);
    }
    SleepSupport::Native
}

/// Support on a cluster where the native sleep cannot be counted on.
pub fn without_sleep(because: String, hook_fallback_exec: bool) -> SleepSupport {
    if hook_fallback_exec { SleepSupport::Exec { because } } else { SleepSupport::Unsupported { because } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn support(server: &str, kubelets: &[&str]) -> SleepSupport {
        sleep_support(server, kubelets, false)
    }

    fn reason(support: SleepSupport) -> String {
        match support {
            SleepSupport::Unsupported { because } => because,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_oldest_decides() {
        assert_eq!(support("v1.36.3", &[]), SleepSupport::Native);
        assert_eq!(support("1.36+", &["v1.30.5-gke.100", "v1.31.0-eks-a737599"]), SleepSupport::Native);
        assert_eq!(
            reason(support("v1.36.3", &["v1.34.1", "v1.29.0+k3s1", "v1.29.9"])),
            "a node has version v1.29.0+k3s1, and native sleep hooks need 1.30"
        );
        assert_eq!(
            reason(support("v1.9.11", &["v1.34.1"])),
            "the API server has version v1.9.11, and native sleep hooks need 1.30"
        );
        assert_eq!(support("v2.0.0", &["v1.100.0"]), SleepSupport::Native);
    }

    #[test]
    fn a_version_that_is_none_is_no_kubelets_and_of_an_api_server_too_old() {
        let nothing = ["", "garbage", "v1", "1.", "v1.x", "v1.30rc", "v.30", "v-1.30", "99999999999.1", "1.٣٠"];
        for garbage in nothing.into_iter().chain(["fake", "kwok", "kwok-v0.6.1"]) {
            assert_eq!(support("v1.36.3", &["v1.36.3", garbage]), SleepSupport::Native, "{garbage:?}");
            assert!(reason(support("v1.36.3", &[garbage, "v1.29.0"])).contains("v1.29.0"), "{garbage:?}");
            assert!(reason(support(garbage, &[])).contains("of the API server cannot be read"), "{garbage:?}");
        }
    }

    #[test]
    fn exec_is_a_fallback_only() {
        assert_eq!(sleep_support("v1.30.0", ["v1.30.0"], true), SleepSupport::Native);
        let SleepSupport::Exec { because } = sleep_support("v1.30.0", ["v1.29.1"], true) else { panic!() };
        assert!(because.starts_with("a node has version v1.29.1"), "{because}");
    }
}
