//! Hooks that injectors, operators and charts write: their length is known, though no words say it.

use super::span::{SECOND, Span};

/// A hook that somebody's controller or chart writes into every pod of its kind.
#[derive(Clone, Copy, Debug)]
pub struct KnownHook {
    /// The program, by the last part of its path; empty for a request.
    pub program: &'static str,
    /// Words that stand among its own; of a request, how its path ends.
    pub words: &'static [&'static str],
    /// How long it takes at least and at most, in seconds.
    pub seconds: (u64, u64),
    /// What it does.
    pub effect: &'static str,
    /// Where that stands.
    pub source: &'static str,
}

/// Longer than any hold: it waits for something, and ends with it.
const UNTIL_IDLE: (u64, u64) = (0, 2_592_000);

/// The table, in the order in which the docs print it.
pub const KNOWN: [KnownHook; 9] = [
    KnownHook {
        program: "pilot-agent",
        words: &["request", "drain"],
        seconds: (0, 0),
        effect: "Istio: the proxy begins to drain and goes on serving",
        source: "istio/istio pilot/cmd/pilot-agent/status/server.go@86c9f01fd735: /drain",
    },
    KnownHook {
        program: "vault",
        words: &["token", "revoke"],
        seconds: (0, 0),
        effect: "Vault agent: its token is given back",
        source: "hashicorp/vault-k8s agent-inject/agent/container_sidecar.go@fbc5b1f0cd4d: token revoke",
    },
    KnownHook {
        program: "contour",
        words: &["envoy", "shutdown"],
        seconds: UNTIL_IDLE,
        effect: "Contour: until Envoy has no connections",
        source: "projectcontour/contour internal/provisioner/objects/dataplane/dataplane.go@31c4bb38e0a5",
    },
    KnownHook {
        program: "envoy-gateway",
        words: &["envoy", "shutdown"],
        seconds: (10, 60),
        effect: "Envoy Gateway: until Envoy has no connections, by default",
        source: "envoyproxy/gateway internal/infrastructure/kubernetes/proxy/resource.go@d32f28294245",
    },
    KnownHook {
        program: "pre-stop-hook-script.sh",
        words: &[],
        seconds: (0, 50),
        effect: "ECK: Elasticsearch moves its shards, PRE_STOP_ADDITIONAL_WAIT_SECONDS",
        source: "elastic/cloud-on-k8s pkg/controller/elasticsearch/nodespec/lifecycle_hook.go@7b93383d8ec1",
    },
    KnownHook {
        program: "",
        words: &["/shutdown/ready"],
        seconds: (10, 60),
        effect: "Envoy Gateway: Envoy waits for its shutdown manager, by default",
        source: "envoyproxy/gateway internal/infrastructure/kubernetes/proxy/resource.go@d32f28294245",
    },
    KnownHook {
        program: "",
        words: &["/shutdown"],
        seconds: UNTIL_IDLE,
        effect: "Contour: Envoy waits for its shutdown manager",
        source: "projectcontour/contour internal/provisioner/objects/dataplane/dataplane.go@31c4bb38e0a5",
    },
    KnownHook {
        program: "",
        words: &["/wait-for-drain"],
        seconds: UNTIL_IDLE,
        effect: "Knative: until the queue proxy has drained",
        source: "knative/serving pkg/queue/constants.go@98e5ef90aa70: /wait-for-drain",
    },
    KnownHook {
        program: "",
        words: &["/graceful_shutdown"],
        seconds: (0, 0),
        effect: "Consul: the proxy begins to drain",
        source: "developer.hashicorp.com/consul/docs/k8s/annotations-and-labels: sidecar-proxy-lifecycle-graceful-shutdown-path",
    },
];

impl KnownHook {
    fn span(&self) -> Span {
        Span { least: self.seconds.0 * SECOND, most: self.seconds.1 * SECOND }
    }
}

/// How long a program takes with these words, if it is one of them.
pub(super) fn program(name: &str, words: &[&str]) -> Option<Span> {
    let stands = |wanted: &&str| words.contains(wanted);
    KNOWN.iter().find(|known| known.program == name && known.words.iter().all(stands)).map(KnownHook::span)
}

/// How long a request takes, if it is one of them.
pub(super) fn request(path: &str) -> Option<Span> {
    let is = |known: &&KnownHook| known.program.is_empty() && known.words.iter().all(|end| path.ends_with(end));
    KNOWN.iter().find(is).map(KnownHook::span)
}
