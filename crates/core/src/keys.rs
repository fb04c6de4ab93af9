//! Every label and annotation key that Draingate reads or writes. No other file spells one out, but for those that others
//! read, in their table ([`injectors`](super::injectors)).

/// Namespace label: the [`Mode`](super::mode::Mode).
pub const MODE: &str = "draingate.dev/mode";
/// Namespace label: the [`Profile`](super::policy::Profile), a way to write E.
pub const PROFILE: &str = "draingate.dev/profile";
/// The namespace's label that lets all its pods in where `enforce` would ask about them: no configuration names it, so that
/// nothing which restores configurations takes it away.
pub const BREAK_GLASS: &str = "draingate.dev/break-glass";

/// Pod annotation: E, whole seconds.
pub const ENDPOINT_PROPAGATION: &str = "draingate.dev/endpoint-propagation-seconds";
/// Pod annotation: D, whole seconds.
pub const DRAIN_DELAY: &str = "draingate.dev/drain-delay-seconds";
/// Pod annotation: R of every app, whole seconds.
pub const WORST_CASE_REQUEST: &str = "draingate.dev/worst-case-request-seconds";
/// Pod annotation: M, whole seconds.
pub const SAFETY_MARGIN: &str = "draingate.dev/safety-margin-seconds";
/// Pod annotation: only `none`, the app waits by itself.
pub const HOOK: &str = "draingate.dev/hook";
/// Pod annotation: helper names, each with its S after `=`: `"a,b=10"`.
pub const HELPERS: &str = "draingate.dev/helpers";
/// Pod annotation: what SIGTERM does to running requests, `drains` or `cuts`.
pub const SIGTERM: &str = "draingate.dev/sigterm";
/// Pod annotation: leave this pod alone, with the reason.
pub const SKIP: &str = "draingate.dev/skip";
/// Pod annotation that Draingate writes: the record of what it injected.
pub const INJECTED: &str = "draingate.dev/injected";
/// Prefix of the per-container annotation that declares a hook's length.
pub const PRESTOP_PREFIX: &str = "prestop-seconds.draingate.dev/";
/// Prefix of the per-container annotation for R.
pub const REQUEST_PREFIX: &str = "worst-case-request-seconds.draingate.dev/";
/// Prefix of the per-container annotation for A.
pub const ACCEPT_PREFIX: &str = "accept-seconds.draingate.dev/";
/// Prefix of the per-container annotation for T.
pub const FINISH_PREFIX: &str = "finish-seconds.draingate.dev/";
/// Prefix of the per-container annotation that says how work comes: `sent`, `fetched`, `peer`, `one-writer`.
pub const WORK_PREFIX: &str = "work.draingate.dev/";
/// Prefix of the per-container annotation for its role: `app`, `helper`, `auxiliary`.
pub const ROLE_PREFIX: &str = "role.draingate.dev/";

/// The prefixes of the annotations that end in a container's name.
pub const CONTAINER_PREFIXES: [&str; 6] =
    [PRESTOP_PREFIX, REQUEST_PREFIX, ACCEPT_PREFIX, FINISH_PREFIX, WORK_PREFIX, ROLE_PREFIX];

/// Annotation of a policy that `draingate calibrate` writes: how its E was measured.
pub const MEASURED: &str = "draingate.dev/measured";
/// What all of our annotation keys have in common.
pub const DOMAIN: &str = "draingate.dev/";
/// Where Prometheus is told to read a pod's metrics.
pub const SCRAPED_PORT: &str = "prometheus.io/port";
/// Kubernetes' mark of a static pod's mirror.
pub const MIRROR: &str = "kubernetes.io/config.mirror";
/// The label that a Deployment gives to its ReplicaSets and pods.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";

/// The pod annotations without a container in their key.
pub const POD_ANNOTATIONS: [&str; 9] =
    [ENDPOINT_PROPAGATION, DRAIN_DELAY, WORST_CASE_REQUEST, SAFETY_MARGIN, HOOK, SIGTERM, HELPERS, SKIP, INJECTED];

/// Whether `text` is an object's name (RFC 1123), and so a single segment of a URL's path.
pub fn is_name(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let (first, last) = (text.bytes().next(), text.bytes().last());
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 253 && text.bytes().all(inside) && ends(first) && ends(last)
}

/// `key` as one reference token of a JSON pointer (RFC 6901).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
