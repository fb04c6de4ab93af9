//! What SARIF's readers show about each code, besides a result's own message.

use super::model::{Configuration, Rule, Text};
use draingate_core::finding::{Code, Severity};

/// The project's pages.
pub(super) const HOME: &str = "https://draingate.dev";

/// A code as a rule.
pub(super) fn rule(code: Code) -> Rule {
    let (short, full, help) = words(code);
    let text = |text: &str| Text { text: text.to_owned() };
    let (enabled, level) = match code.default_severity() {
        Severity::Off => (false, Severity::Warning),
        severity => (true, severity),
    };
    let help_uri = format!("{HOME}/codes/{code}");
    Rule {
        id: code.as_str(),
        name: name(code),
        short_description: text(short),
        full_description: text(full),
        help: Text { text: format!("{help} More: {help_uri}") },
        help_uri,
        default_configuration: Configuration { enabled, level: level.as_str() },
    }
}

/// `grace-budget` as `GraceBudget`: the standard wants names in this form.
fn name(code: Code) -> String {
    format!("{code:?}")
}

/// In one line, why it matters, and what to do.
fn words(code: Code) -> (&'static str, &'static str, &'static str) {
    match code {
        Code::GraceBudget => (
            "The grace period is shorter than the pod's stop",
            "The preStop hook runs inside terminationGracePeriodSeconds. What is left has to be enough for the longest request; otherwise the kubelet kills the pod while it works.",
            "Raise terminationGracePeriodSeconds to the number in the message, or shorten the hook.",
        ),
        Code::EarlyHelper => (
            "A helper stops before the apps that need it",
            "All regular containers are told to stop at the same time. A proxy or a pooler that stops at once takes the connections of the apps with it.",
            "Give the helper a preStop sleep that outlasts the apps, or make it a native sidecar.",
        ),
        Code::InvalidSetting => (
            "A label, annotation or policy cannot be read",
            "A setting that cannot be read has no effect, and what it was meant to change is judged without it.",
            "Write the value in the form that the message asks for.",
        ),
        Code::ShortHold => (
            "An app stops while load balancers still send it work",
            "After a pod's deletion, load balancers go on sending work until they have heard of it. An app that gets SIGTERM before that refuses new connections.",
            "Add a preStop sleep as long as the hold, or say that the app waits by itself.",
        ),
        Code::UndeclaredHook => (
            "The length of a preStop hook cannot be known",
            "A command or a request may take any time. It counts as the hold; if it takes longer, the grace period is too short.",
            "Declare the hook's length with the annotation in the message.",
        ),
        Code::ShellHook => (
            "A preStop hook needs a sleep binary in the image",
            "An exec hook fails on an image without that binary, and SIGTERM comes at once. The native sleep needs nothing.",
            "Replace the command by lifecycle.preStop.sleep.",
        ),
        Code::LockedSetting => (
            "A setting is weaker than a locked one",
            "A ClusterDrainPolicy locks the setting, so that later layers can only be stricter. The weaker value has no effect.",
            "Remove the value, or make it at least as strict.",
        ),
        Code::NodeLimit => (
            "The nodes grant less time than the pod needs",
            "Nodes that are taken away, such as spot instances, cut every grace period short.",
            "Run the pod on other nodes, shorten its stop, or accept the loss there.",
        ),
        Code::SlowRestart => (
            "An injected hook delays restarts by a probe",
            "A preStop hook also runs before the restart that a failed liveness or startup probe asks for, so a broken container stays longer.",
            "Give the probe its own terminationGracePeriodSeconds.",
        ),
        Code::NoReadiness => (
            "A pod behind a Service has no readiness probe",
            "Without a readiness probe a Service sends work to a container as soon as it runs, which may be before it listens.",
            "Add a readinessProbe.",
        ),
        Code::SlowReadiness => (
            "A readiness probe is slower than the endpoint propagation",
            "An app that waits by itself and turns unready is taken out of rotation only after the probe has failed often enough.",
            "Lower the probe's periodSeconds or failureThreshold, or raise the endpoint propagation.",
        ),
        Code::ChangedAfter => (
            "The pod is not as Draingate leaves it",
            "Another webhook changed the pod later, or the mutating call was skipped.",
            "Order the webhooks by name, or give one of them an exception.",
        ),
        Code::PlainHelper => (
            "A helper waits a fixed time",
            "A helper that is a regular container has to wait a fixed time; a native sidecar is stopped by the kubelet once the apps are gone.",
            "Move the helper to initContainers with restartPolicy: Always.",
        ),
        Code::ProbeGrace => (
            "A probe's own grace period cuts the drain",
            "A restart by a probe gets the probe's terminationGracePeriodSeconds instead of the pod's.",
            "Raise the probe's terminationGracePeriodSeconds to the number in the message.",
        ),
        Code::CapacityDip => (
            "A rollout may run below its replicas",
            "A rollout that stops old pods before new ones are ready leaves fewer to take the load.",
            "Use a rolling update with maxUnavailable: 0 and maxSurge: 1.",
        ),
    }
}
