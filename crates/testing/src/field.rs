//! `tests/field/reports`: small manifests after public reports of pods that lost work, and what a person says of each.

use std::path::PathBuf;

/// What a person says of one workload, with the built-in figures.
pub struct Expected {
    /// Without `.yaml`, in [`directory`].
    pub file: &'static str,
    pub kind: &'static str,
    pub name: &'static str,
    /// As written: `error code` or `warning code container`.
    pub written: &'static [&'static str],
    /// Seconds that G has to be as written; `None` where nothing is enough.
    pub required: Option<u64>,
    /// Hooks that are injected.
    pub hooks: &'static [(&'static str, u64)],
    /// G as admitted, in seconds.
    pub grace: u64,
    /// What is still said as admitted.
    pub admitted: &'static [&'static str],
}

/// Where the manifests are.
pub fn directory() -> PathBuf {
    crate::root().join("tests/field/reports")
}

macro_rules! expected {
    ($($file:literal $kind:ident/$name:literal: [$($written:literal),*] $required:expr
        => {$($container:literal: $seconds:literal),*} $grace:literal [$($admitted:literal),*])*) => {
        &[$(Expected {
            file: $file, kind: stringify!($kind), name: $name,
            written: &[$($written),*], required: $required,
            hooks: &[$(($container, $seconds)),*], grace: $grace, admitted: &[$($admitted),*],
        }),*]
    };
}

/// A row for each workload. E 5, D 5, R 15, M 5, and a grace of 30 where a manifest says nothing else.
pub const ALL: &[Expected] = expected! {
    // The hook of the pooler that the Service sends to stops it at 10 s, and gives it 20: 10 + 20 + 5.
    "airflow-two-sleeps" Deployment/"wf-pooler": ["warning grace-budget", "warning no-readiness"] Some(35)
        => {} 35 ["warning no-readiness"]
    // 700 + 15 + 5 is above the ceiling of 600.
    "argo-rollout" Rollout/"search": ["error grace-budget", "warning shell-hook search"] Some(720)
        => {} 30 ["error grace-budget", "warning shell-hook search"]
    "argo-rollout" DeploymentConfig/"search-dc": ["error grace-budget", "warning shell-hook search"] Some(720)
        => {} 30 ["error grace-budget", "warning shell-hook search"]
    "celery-metrics-port" Deployment/"tasks": [] Some(0) => {} 3600 []
    // A scraper asks again; who pushes does not.
    "exporter-alone" Deployment/"cache-exporter": [] Some(0) => {} 30 []
    "exporter-alone" Deployment/"statsd-exporter": ["warning short-hold statsd-exporter"] Some(30)
        => {"statsd-exporter": 10} 40 []
    // E is 130 by its policy.
    "fix-above-grace" Deployment/"api": ["error grace-budget", "warning short-hold api"] Some(155)
        => {} 155 ["warning short-hold api"]
    "fluentd-reloader" StatefulSet/"log-agg": ["warning short-hold fluentd"] Some(30) => {"fluentd": 10} 40 []
    "hooks-that-fail" Pod/"a": ["warning short-hold app", "warning failing-hook app"] Some(30)
        => {} 30 ["warning short-hold app", "warning failing-hook app"]
    // Of the proxy that will be injected: 40 + 5.
    "linkerd-wait-40" Deployment/"destination": ["error grace-budget", "warning short-hold destination"] Some(45)
        => {"destination": 10} 45 []
    // Once it holds: 10 + 29 + 5.
    "nginx-quit-then-sleep" Deployment/"web": ["warning grace-budget", "warning short-hold nginx"] Some(44)
        => {} 44 ["warning short-hold nginx"]
    "nginx-quit-then-sleep" Deployment/"web-docs-example": ["warning short-hold nginx"] Some(30)
        => {} 30 ["warning short-hold nginx"]
    "nginx-quit-then-sleep" Deployment/"web-quit-only": ["warning short-hold nginx"] Some(30)
        => {} 30 ["warning short-hold nginx"]
    "peer-service" StatefulSet/"data": [] Some(0) => {} 30 []
    "peer-service" StatefulSet/"query": ["warning short-hold node"] Some(30) => {"node": 10} 40 []
    "proxy-and-its-controller" Deployment/"gate": ["warning short-hold proxy"] Some(30)
        => {} 30 ["warning short-hold proxy"]
    // 15 until it quits, 30 that its hook gives to requests, 5.
    "proxy-and-its-controller" Deployment/"gate-waits": [] Some(50) => {} 60 []
    "rabbitmq" StatefulSet/"mq-server": [] Some(604_020) => {} 604800 []
    "short-on-purpose" DaemonSet/"announcer": [] Some(0) => {} 2 []
    "short-on-purpose" Deployment/"traffic": [] Some(0) => {} 5 []
    "short-on-purpose" DaemonSet/"entry": ["warning short-hold entry"] Some(30) => {"entry": 10} 40 []
    // Hooks of 40: 40 + 15 + 5.
    "sleep-variants" Pod/"comment": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    "sleep-variants" Pod/"exec": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    "sleep-variants" Pod/"echo-first": ["error grace-budget"] Some(60) => {} 60 []
    "sleep-variants" Pod/"redirect": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    "sleep-variants" Pod/"busybox": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    "sleep-variants" Pod/"gnu-sum": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    // It stops the app at 10, and gives it 30: 10 + 30 + 5.
    "sleep-variants" Pod/"two-and": ["error grace-budget"] Some(45) => {} 45 []
    "sleep-variants" Pod/"env-var": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    "sleep-variants" Pod/"python": ["error grace-budget"] Some(60) => {} 60 []
    "sleep-variants" Pod/"curl-drain": ["error grace-budget"] Some(60) => {} 60 []
    "sleep-variants" Pod/"loop-count": ["error grace-budget", "warning shell-hook app"] Some(60)
        => {} 60 ["warning shell-hook app"]
    // ping waits between its packets, of which there are 40.
    "sleep-variants" Pod/"cmd-ping": ["error grace-budget"] Some(59) => {} 59 []
    "sleep-variants" Pod/"tail": ["error grace-budget"] None => {} 30 ["error grace-budget"]
    "sleep-variants" Pod/"pidof-wait": [] Some(30) => {} 30 []
    // It may use 55 of its own: 10 + 55 + 5.
    "spring-own-timeout" Deployment/"billing": ["warning grace-budget", "warning short-hold billing"] Some(70)
        => {"billing": 10} 70 []
    // The proxy has to outlive 10 + 15.
    "sqlproxy-name" Deployment/"ledger": ["warning early-helper sqlproxy", "warning short-hold ledger"] Some(30)
        => {"sqlproxy": 26, "ledger": 10} 40 []
    // 120 that stand there, and not the 10 that are declared.
    "undeclared-fix" Pod/"a": ["error grace-budget", "error invalid-setting nginx"] Some(140)
        => {} 140 ["error invalid-setting nginx"]
};
