//! Applications and controllers that people install as they are.

use super::row::{Bare, Mark, Place, Server, Sigterm, Stop, Switch, Work, server};

use Bare::{Millis, Refused, Seconds};
use Mark::{Image, ImageWord, Program, ProgramWord};
use Place::{Flag, Variable};

const UNLEASH: Switch =
    Switch { places: &[Variable("GRACEFUL_SHUTDOWN_ENABLE")], cuts: &["false"], unset: Sigterm::Drains };

pub(super) const ROWS: &[Server] = &[
    server(
        "Jenkins controller",
        &[Image("jenkins"), Image("jenkins-lts"), Program("jenkins.war"), Program("jenkins.sh")],
        "jenkinsci/helm-charts charts/jenkins/templates/jenkins-controller-statefulset.yaml@001cee37b0a5: replicas: 1, \
         jenkins-home",
    )
    .work(Work::OneWriter),
    server(
        "Flux helm-controller",
        &[Image("helm-controller"), Program("helm-controller")],
        "fluxcd/helm-controller main.go, config/manager/deployment.yaml@0f61a8607a62: --graceful-shutdown-timeout",
    )
    .finishes(&[Flag("--graceful-shutdown-timeout")], Refused, Some(600))
    .work(Work::Fetched),
    server(
        "Flux's other controllers",
        &[
            Image("kustomize-controller"),
            Image("source-controller"),
            Image("notification-controller"),
            Image("image-automation-controller"),
            Image("image-reflector-controller"),
        ],
        "kubernetes-sigs/controller-runtime pkg/manager/internal.go@86a0d40e047c: defaultGracefulShutdownPeriod",
    )
    .always(30)
    .work(Work::Fetched),
    server("Argo CD server", &[Program("argocd-server")], "argoproj/argo-cd server/server.go@37ee0097cf85: Shutdown")
        .always(20),
    server(
        "Argo CD repo-server",
        &[Program("argocd-repo-server")],
        "argoproj/argo-cd cmd/argocd-repo-server/commands/argocd_repo_server.go@37ee0097cf85: GracefulStop",
    ),
    server(
        "Keycloak",
        &[
            Image("keycloak"),
            Program("kc.sh"),
            Mark::Variable("KC_SHUTDOWN_DELAY"),
            Mark::Variable("KC_SHUTDOWN_TIMEOUT"),
        ],
        "keycloak.org/server/all-config: shutdown-delay, shutdown-timeout, since 26.6 by default 1s and 10s",
    )
    .accepts(&[Flag("--shutdown-delay"), Variable("KC_SHUTDOWN_DELAY")], Seconds, None)
    .finishes(&[Flag("--shutdown-timeout"), Variable("KC_SHUTDOWN_TIMEOUT")], Seconds, None),
    server(
        "Gitea, Forgejo",
        &[Image("gitea"), Image("forgejo"), ProgramWord("gitea", "web"), ProgramWord("forgejo", "web")],
        "docs.gitea.com/administration/config-cheat-sheet: GRACEFUL_HAMMER_TIME, by default 60s",
    )
    .finishes(&[Variable("GITEA__server__GRACEFUL_HAMMER_TIME")], Refused, Some(60))
    .work(Work::OneWriter),
    server(
        "Unleash",
        &[Image("unleash-server")],
        "Unleash/unleash src/lib/create-config.ts@ceeb5a9ca6d0: GRACEFUL_SHUTDOWN_TIMEOUT, GRACEFUL_SHUTDOWN_ENABLE",
    )
    .finishes(&[Variable("GRACEFUL_SHUTDOWN_TIMEOUT")], Millis, Some(1))
    .stop(Stop::By(&UNLEASH)),
    server(
        "Hasura",
        &[Image("graphql-engine"), Mark::Variable("HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT")],
        "hasura.io/docs/2.0/deployment/graphql-engine-flags/reference/: HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT",
    )
    .finishes(
        &[Flag("--graceful-shutdown-timeout"), Variable("HASURA_GRAPHQL_GRACEFUL_SHUTDOWN_TIMEOUT")],
        Seconds,
        Some(60),
    ),
    server(
        "KEDA's HTTP interceptor",
        &[Image("http-add-on-interceptor")],
        "kedacore/http-add-on interceptor/config/serving.go: KEDA_HTTP_SHUTDOWN_DELAY 5s, KEDA_HTTP_DRAIN_TIMEOUT 30s",
    )
    .accepts(&[Variable("KEDA_HTTP_SHUTDOWN_DELAY")], Refused, Some(5))
    .finishes(&[Variable("KEDA_HTTP_DRAIN_TIMEOUT")], Refused, Some(30)),
    server("Langfuse", &[Image("langfuse")], "langfuse/langfuse web/src/utils/shutdown.ts: waits for 110 seconds")
        .accepts(&[], Seconds, Some(110)),
    server("Reloader", &[Image("reloader")], "stakater/Reloader README.md: watches ConfigMaps and Secrets")
        .work(Work::Fetched),
    server(
        "Linkerd's service mirror",
        &[ImageWord("controller", "service-mirror")],
        "linkerd/linkerd2 multicluster/cmd/service-mirror/main.go: watches the Services of another cluster",
    )
    .work(Work::Fetched),
    server(
        "Prometheus Operator, with its admission webhook",
        &[ImageWord("prometheus-operator", "--web.enable-tls=true")],
        "prometheus-operator/prometheus-operator cmd/operator/main.go: --web.enable-tls, /admission-prometheusrules",
    ),
    server(
        "Prometheus Operator",
        &[Image("prometheus-operator")],
        "prometheus-operator/prometheus-operator cmd/operator/main.go: its Service is for /metrics",
    )
    .work(Work::Fetched),
];
