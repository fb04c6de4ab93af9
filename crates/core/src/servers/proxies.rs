//! Proxies, gateways, and what stands in front of others.

use super::files::{Config, Format};
use super::row::{Bare, Mark, Place, Server, Stop, Work, server};

use Bare::{Millis, Refused, Seconds};
use Mark::{Image, ImageWord, Program, ProgramWord};
use Place::{EntryPoint, Flag, GoFlag, Key, MapKey, Variable};

const TRAEFIK: Config = Config { format: Format::Tree, names: &["traefik.toml", "traefik.yaml", "traefik.yml"] };
const NGINX: Config = Config { format: Format::Nginx, names: &["*.conf"] };
const APISIX: Config = Config { format: Format::Tree, names: &["config.yaml"] };
const HAPROXY: Config = Config { format: Format::Haproxy, names: &["*.cfg"] };
pub(super) const HTTPD: Config = Config { format: Format::Lines, names: &["*.conf"] };
const CADDY: Config = Config { format: Format::Caddy, names: &["Caddyfile"] };
const APOLLO: Config = Config { format: Format::Tree, names: &["*.yaml", "*.yml"] };
const COREDNS: Config = Config { format: Format::Caddy, names: &["Corefile"] };
const REGISTRY: Config = Config { format: Format::Tree, names: &["config.yml", "config.yaml"] };

pub(super) const ROWS: &[Server] = &[
    server(
        "Traefik",
        &[Image("traefik"), Program("traefik")],
        "traefik/traefik docs/content/reference/install-configuration/entrypoints.md, \
         pkg/config/static/static_config.go@fd5a576df2e8: transport.lifeCycle.requestAcceptGraceTimeout, graceTimeOut",
    )
    .accepts(&[EntryPoint(&TRAEFIK, "requestAcceptGraceTimeout")], Seconds, None)
    .finishes(&[EntryPoint(&TRAEFIK, "graceTimeOut")], Seconds, Some(10)),
    server(
        "nginx, Bitnami's image",
        &[Image("bitnami/nginx"), Image("bitnamilegacy/nginx")],
        "bitnami/containers bitnami/nginx/1.25/debian-12/Dockerfile@08cc60a: no STOPSIGNAL; nginx/nginx.org \
         xml/en/docs/control.xml@3924a7f8334b: TERM, INT are the fast shutdown",
    )
    .cuts(),
    server(
        "ingress-nginx",
        &[Image("ingress-nginx/controller"), Image("nginx-ingress-controller"), Program("nginx-ingress-controller")],
        "kubernetes/ingress-nginx pkg/flags/flags.go, internal/ingress/controller/nginx.go@dbb11b92ddb7: \
         --shutdown-grace-period, worker-shutdown-timeout",
    )
    .accepts(&[Flag("--shutdown-grace-period")], Seconds, None)
    .bounded(&[MapKey("--configmap", "worker-shutdown-timeout")], Seconds, Some(240)),
    server(
        "NGINX Ingress Controller",
        &[Image("nginx/nginx-ingress"), Image("nginx-ic/nginx-plus-ingress"), Program("nginx-ingress")],
        "nginxinc/kubernetes-ingress internal/configs/configmaps.go, cmd/nginx-ingress/main.go@b7e6252d5c92: \
         worker-shutdown-timeout",
    )
    .bounded(&[MapKey("-nginx-configmaps", "worker-shutdown-timeout")], Seconds, None),
    server(
        "nginx, official image",
        &[Image("nginx"), Image("nginx-unprivileged")],
        "nginxinc/docker-nginx stable/debian/Dockerfile@b430becb8f0f: STOPSIGNAL SIGQUIT; nginx/nginx.org \
         xml/en/docs/ngx_core_module.xml@3924a7f8334b: worker_shutdown_timeout",
    )
    .bounded(&[Key(&NGINX, "worker_shutdown_timeout")], Seconds, None),
    server(
        "OpenResty",
        &[Image("openresty/openresty")],
        "openresty/docker-openresty alpine/Dockerfile@db093957caab: STOPSIGNAL SIGQUIT",
    )
    .bounded(&[Key(&NGINX, "worker_shutdown_timeout")], Seconds, None),
    server(
        "Kong",
        &[Image("library/kong"), Image("kong/kong"), Image("kong-gateway")],
        "Kong/docker-kong ubuntu/Dockerfile@d1ed165bfeb6: STOPSIGNAL SIGQUIT; Kong/kong \
         kong.conf.default@22246ef28c16: \
         nginx_main_worker_shutdown_timeout",
    )
    .bounded(&[Variable("KONG_NGINX_MAIN_WORKER_SHUTDOWN_TIMEOUT")], Seconds, None),
    server(
        "APISIX",
        &[Image("apache/apisix")],
        "apache/apisix-docker debian/Dockerfile@5c25f5dca4fa: STOPSIGNAL SIGQUIT; apache/apisix \
         apisix/cli/config.lua@f519a0f04ccf: \
         worker_shutdown_timeout",
    )
    .bounded(&[Key(&APISIX, "nginx_config.worker_shutdown_timeout")], Seconds, Some(240)),
    server(
        "nginx in other images",
        &[Program("nginx"), Program("openresty")],
        "nginx/nginx.org xml/en/docs/control.xml@3924a7f8334b: TERM, INT are the fast shutdown",
    )
    .cuts(),
    server(
        "HAProxy, Bitnami's image",
        &[Image("bitnami/haproxy"), Image("bitnamilegacy/haproxy")],
        "bitnami/containers bitnami/haproxy/3/debian-12/Dockerfile@0161c54fdc76: no STOPSIGNAL; haproxy/haproxy \
         doc/management.txt@50872daa6a85: SIGTERM quits at once",
    )
    .cuts(),
    server(
        "HAProxy, official images",
        &[Image("haproxy"), Image("haproxy-alpine"), Image("haproxy-debian"), Image("haproxy-ubuntu")],
        "docker-library/haproxy 3.2/Dockerfile@ec437dd2a365: STOPSIGNAL SIGUSR1; haproxy/haproxy \
         doc/configuration.txt@50872daa6a85: grace, hard-stop-after",
    )
    .accepts(&[Key(&HAPROXY, "grace")], Millis, None)
    .bounded(&[Key(&HAPROXY, "hard-stop-after")], Millis, None),
    server(
        "HAProxy in other images",
        &[Program("haproxy")],
        "haproxy/haproxy doc/management.txt@50872daa6a85: SIGTERM quits at once",
    )
    .cuts(),
    server(
        "Apache httpd, official image",
        &[Image("httpd"), Program("httpd-foreground")],
        "docker-library/httpd 2.4/Dockerfile@9b63b37c9be3: STOPSIGNAL SIGWINCH; apache/httpd \
         docs/manual/mod/mpm_common.xml@0cb680442eca: GracefulShutdownTimeout",
    )
    .bounded(&[Key(&HTTPD, "GracefulShutdownTimeout")], Seconds, None),
    server(
        "Apache httpd in other images",
        &[Program("httpd"), Program("apachectl"), Program("apache2ctl"), Program("apache2")],
        "apache/httpd docs/manual/stopping.xml@0cb680442eca: TERM ends requests in progress",
    )
    .cuts(),
    server(
        "Envoy",
        &[Image("envoy"), Image("envoy-distroless"), Image("envoy-contrib"), Program("envoy")],
        "github.com/envoyproxy/gateway/pull/2633: SIGTERM ends Envoy at once; envoyproxy/envoy \
         docs/root/operations/cli.rst@021c1c2: --drain-time-s is for hot restarts",
    )
    .cuts(),
    server(
        "Caddy",
        &[Image("caddy"), Program("caddy")],
        "caddyserver/caddy modules/caddyhttp/app.go@0cf03d32f7d9: shutdown_delay, grace_period",
    )
    .accepts(&[Key(&CADDY, "shutdown_delay")], Refused, None)
    .bounded(&[Key(&CADDY, "grace_period")], Refused, None),
    server(
        "Skipper",
        &[Image("skipper"), Program("skipper")],
        "zalando/skipper config/config.go, skipper.go@527238d12b3d: wait-for-healthcheck-interval",
    )
    .accepts(&[GoFlag("-wait-for-healthcheck-interval")], Refused, Some(45)),
    server(
        "Knative queue-proxy",
        &[Image("cmd/queue"), Image("queue-proxy")],
        "knative/serving pkg/queue/sharedmain/main.go@98e5ef90aa70: drainer",
    )
    .accepts(&[], Seconds, Some(30)),
    server(
        "oauth2-proxy",
        &[Image("oauth2-proxy"), Program("oauth2-proxy")],
        "oauth2-proxy/oauth2-proxy pkg/proxyhttp/server.go@14af2951e562: Shutdown",
    ),
    server(
        "kube-rbac-proxy",
        &[Image("kube-rbac-proxy"), Program("kube-rbac-proxy")],
        "brancz/kube-rbac-proxy cmd/kube-rbac-proxy/app/kube-rbac-proxy.go@898a9f44efb9: Shutdown",
    ),
    server(
        "cloudflared, for DNS",
        &[ImageWord("cloudflared", "proxy-dns"), ProgramWord("cloudflared", "proxy-dns")],
        "cloudflare/cloudflared cmd/cloudflared/proxydns/cmd.go: proxy-dns answers on --port",
    ),
    server(
        "cloudflared",
        &[Image("cloudflared"), Program("cloudflared")],
        "cloudflare/cloudflared cmd/cloudflared/tunnel/cmd.go@d1df7985bdf1: --grace-period",
    )
    .finishes(&[Flag("--grace-period"), Variable("TUNNEL_GRACE_PERIOD")], Refused, Some(30))
    .work(Work::Fetched),
    server(
        "Varnish",
        &[Image("varnish"), Program("varnishd")],
        "assumed: SIGTERM stops the child; varnishcache/varnish-cache bin/varnishd/mgt/mgt_main.c@27d2ce15b20b",
    )
    .cuts()
    .assumed(),
    server(
        "Apollo Router",
        &[Image("apollographql/router"), Image("apollo-router")],
        "apollographql/router apollo-router/src/configuration/mod.rs@27d8f600c5f2: connection_shutdown_timeout",
    )
    .finishes(&[Key(&APOLLO, "supergraph.connection_shutdown_timeout")], Refused, Some(60)),
    server(
        "kube-apiserver",
        &[Image("kube-apiserver"), Program("kube-apiserver")],
        "kubernetes/apiserver pkg/server/options/server_run_options.go@24a394e516bf: --shutdown-delay-duration",
    )
    .accepts(&[Flag("--shutdown-delay-duration")], Refused, None),
    server(
        "CoreDNS",
        &[Image("coredns"), Program("coredns")],
        "coredns/coredns plugin/health/README.md, core/dnsserver/server.go@4b26cced3271: lameduck",
    )
    .accepts(&[Key(&COREDNS, "health.lameduck")], Refused, None)
    .always(5),
    server(
        "Distribution registry",
        &[Image("library/registry"), Image("distribution/distribution"), ProgramWord("registry", "serve")],
        "distribution/distribution registry/registry.go, docs/content/about/configuration.md@0d6b721dc3ce: \
         draintimeout",
    )
    .finishes(&[Variable("REGISTRY_HTTP_DRAINTIMEOUT"), Key(&REGISTRY, "http.draintimeout")], Refused, None)
    .stop(Stop::DrainsIfSet),
];
