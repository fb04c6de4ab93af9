//! Web servers and the frameworks that bring one.

use super::files::{Config, Format};
use super::proxies::HTTPD;
use super::row::{Bare, Mark, Place, Server, Sigterm, Stop, Switch, server};

use Bare::{Millis, Refused, Seconds};
use Mark::{Image, Program, ProgramWord};
use Place::{Assignment, Flag, FlagIn, Key, Property, Variable};

const GUNICORN: Config = Config { format: Format::Program, names: &["gunicorn.conf.py"] };
const HYPERCORN: Config = Config { format: Format::Program, names: &["hypercorn.toml"] };
const PUMA: Config = Config { format: Format::Program, names: &["puma.rb"] };
const PM2: Config = Config { format: Format::Program, names: &["ecosystem.config.*", "process.*"] };
const APPLICATION: &[&str] = &["application.properties", "application.yaml", "application.yml"];
const SPRING_FILE: Config = Config { format: Format::Spring, names: APPLICATION };
const JAVA_FILE: Config = Config { format: Format::Tree, names: APPLICATION };

const SPRING: Switch = Switch {
    places: &[Property("server.shutdown"), Variable("SERVER_SHUTDOWN"), Key(&SPRING_FILE, "server.shutdown")],
    cuts: &["immediate"],
    unset: Sigterm::Drains,
};

const MICRONAUT: Switch = Switch {
    places: &[
        Property("micronaut.lifecycle.graceful-shutdown.enabled"),
        Variable("MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_ENABLED"),
        Key(&JAVA_FILE, "micronaut.lifecycle.graceful-shutdown.enabled"),
    ],
    cuts: &["false"],
    unset: Sigterm::Cuts,
};

pub(super) const ROWS: &[Server] = &[
    server(
        "gunicorn",
        &[Program("gunicorn"), Mark::Variable("GUNICORN_CMD_ARGS")],
        "benoitc/gunicorn gunicorn/config.py@65ac1a3a4c0a: --graceful-timeout",
    )
    .finishes(
        &[
            Flag("--graceful-timeout"),
            FlagIn("GUNICORN_CMD_ARGS", "--graceful-timeout"),
            Key(&GUNICORN, "graceful_timeout"),
        ],
        Seconds,
        Some(30),
    ),
    server(
        "uvicorn",
        &[Program("uvicorn"), Mark::Variable("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN")],
        "encode/uvicorn uvicorn/main.py, docs/settings.md@e6c7ce791fc6: --timeout-graceful-shutdown",
    )
    .finishes(&[Flag("--timeout-graceful-shutdown"), Variable("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN")], Seconds, None),
    server(
        "hypercorn",
        &[Program("hypercorn")],
        "pgjones/hypercorn src/hypercorn/config.py, src/hypercorn/__main__.py@0e2311f1ad2a: --graceful-timeout",
    )
    .finishes(&[Flag("--graceful-timeout"), Key(&HYPERCORN, "graceful_timeout")], Seconds, Some(3)),
    server(
        "granian",
        &[Program("granian"), Mark::Variable("GRANIAN_WORKERS_KILL_TIMEOUT")],
        "emmett-framework/granian granian/cli.py@9a20b1742b97: --workers-kill-timeout",
    )
    .finishes(&[Flag("--workers-kill-timeout"), Variable("GRANIAN_WORKERS_KILL_TIMEOUT")], Seconds, None),
    server(
        "Sanic",
        &[Program("sanic"), Mark::Variable("SANIC_GRACEFUL_SHUTDOWN_TIMEOUT")],
        "sanic-org/sanic sanic/config.py@785d77f8fe20: GRACEFUL_SHUTDOWN_TIMEOUT",
    )
    .finishes(&[Variable("SANIC_GRACEFUL_SHUTDOWN_TIMEOUT")], Seconds, Some(15)),
    server(
        "uWSGI",
        &[Program("uwsgi"), Image("uwsgi*")],
        "unbit/uwsgi-docs Management.rst, ThingsToKnow.rst@ecb5670e1864: SIGTERM, die-on-term",
    )
    .cuts(),
    server(
        "Puma",
        &[Program("puma"), ProgramWord("rails", "server"), ProgramWord("rails", "s")],
        "puma/puma lib/puma/dsl.rb, docs/signals.md@ff2e2126ee2f: force_shutdown_after",
    )
    .finishes(&[Key(&PUMA, "force_shutdown_after")], Seconds, None),
    server(
        "unicorn",
        &[Program("unicorn"), Program("unicorn_rails")],
        "defunkt/unicorn SIGNALS@e9862718a7e9: \
    INT/TERM",
    )
    .cuts(),
    server(
        "Spring Boot",
        &[
            Program("org.springframework.boot.loader.*"),
            Mark::Variable("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"),
            Mark::Variable("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE"),
            Mark::Variable("SERVER_SHUTDOWN"),
            Mark::Variable("SPRING_PROFILES_ACTIVE"),
            Mark::Property("server.shutdown"),
            Mark::Property("spring.lifecycle.timeout-per-shutdown-phase"),
            Mark::Property("spring.profiles.active"),
            Mark::Key(&SPRING_FILE, "spring"),
            Mark::Key(&SPRING_FILE, "server.shutdown"),
        ],
        "spring-projects/spring-boot core/spring-boot-autoconfigure, LifecycleProperties.java@c329ffa25dc1: \
         spring.lifecycle.timeout-per-shutdown-phase; docs.spring.io/spring-boot/reference/web/graceful-shutdown.html: \
         server.shutdown",
    )
    .finishes(
        &[
            Property("spring.lifecycle.timeout-per-shutdown-phase"),
            Variable("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE"),
            Variable("SPRING_LIFECYCLE_TIMEOUTPERSHUTDOWNPHASE"),
            Key(&SPRING_FILE, "spring.lifecycle.timeout-per-shutdown-phase"),
        ],
        Millis,
        Some(30),
    )
    .stop(Stop::By(&SPRING)),
    server(
        "Quarkus",
        &[
            Program("quarkus-run.jar"),
            Program("io.quarkus.bootstrap.runner.QuarkusEntryPoint"),
            Mark::Variable("QUARKUS_SHUTDOWN_TIMEOUT"),
            Mark::Property("quarkus.shutdown.timeout"),
            Mark::Key(&JAVA_FILE, "quarkus.shutdown.timeout"),
        ],
        "quarkusio/quarkus core/runtime/src/main/java/io/quarkus/runtime/shutdown/ShutdownConfig.java@5459cd4: \
         quarkus.shutdown.timeout",
    )
    .finishes(
        &[
            Property("quarkus.shutdown.timeout"),
            Variable("QUARKUS_SHUTDOWN_TIMEOUT"),
            Key(&JAVA_FILE, "quarkus.shutdown.timeout"),
        ],
        Seconds,
        None,
    )
    .stop(Stop::DrainsIfSet),
    server(
        "Micronaut",
        &[
            Mark::Variable("MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_ENABLED"),
            Mark::Property("micronaut.lifecycle.graceful-shutdown.enabled"),
            Mark::Key(&JAVA_FILE, "micronaut.lifecycle.graceful-shutdown"),
        ],
        "micronaut-projects/micronaut-core \
         context/src/main/java/io/micronaut/runtime/graceful/GracefulShutdownConfiguration.java@03a7b4c: \
         micronaut.lifecycle.graceful-shutdown.grace-period",
    )
    .finishes(
        &[
            Property("micronaut.lifecycle.graceful-shutdown.grace-period"),
            Variable("MICRONAUT_LIFECYCLE_GRACEFUL_SHUTDOWN_GRACE_PERIOD"),
            Key(&JAVA_FILE, "micronaut.lifecycle.graceful-shutdown.grace-period"),
        ],
        Refused,
        Some(15),
    )
    .stop(Stop::By(&MICRONAUT)),
    server(
        "WildFly, JBoss EAP",
        &[
            Image("wildfly"),
            Image("jboss-eap*"),
            Program("standalone.sh"),
            Mark::Property("org.wildfly.sigterm.suspend.timeout"),
        ],
        "wildfly/wildfly docs/src/main/asciidoc/_admin-guide/management-tasks/\
         Suspend,_Resume_and_Graceful_shutdown.adoc@f266148caf85: org.wildfly.sigterm.suspend.timeout",
    )
    .finishes(&[Property("org.wildfly.sigterm.suspend.timeout")], Seconds, None)
    .stop(Stop::DrainsIfSet),
    server(
        "Jetty",
        &[Image("jetty"), Program("start.jar"), Program("jetty.sh")],
        "jetty/jetty.project jetty-core/jetty-server/src/main/config/etc/jetty.xml@acf332592814: \
         jetty.server.stopTimeout",
    )
    .finishes(&[Property("jetty.server.stopTimeout"), Assignment("jetty.server.stopTimeout")], Millis, Some(5)),
    server(
        "Tomcat",
        &[Image("tomcat"), Program("catalina.sh")],
        "apache/tomcat webapps/docs/config/service.xml, context.xml@84ac9af072d4: gracefulStopAwaitMillis, unloadDelay",
    )
    .cuts(),
    server(
        "ASP.NET Core",
        &[
            Program("dotnet"),
            Mark::Variable("DOTNET_SHUTDOWNTIMEOUTSECONDS"),
            Mark::Variable("ASPNETCORE_SHUTDOWNTIMEOUTSECONDS"),
            Mark::Variable("ASPNETCORE_ENVIRONMENT"),
            Mark::Variable("ASPNETCORE_URLS"),
        ],
        "dotnet/runtime src/libraries/Microsoft.Extensions.Hosting/src/HostOptions.cs@262e466: shutdownTimeoutSeconds",
    )
    .finishes(
        &[
            Flag("--shutdownTimeoutSeconds"),
            Variable("DOTNET_SHUTDOWNTIMEOUTSECONDS"),
            Variable("ASPNETCORE_SHUTDOWNTIMEOUTSECONDS"),
        ],
        Seconds,
        Some(30),
    ),
    server(
        "PM2",
        &[Program("pm2-runtime"), Program("pm2"), Mark::Variable("PM2_KILL_TIMEOUT")],
        "Unitech/pm2 constants.js, lib/God/Methods.js@31adee8048db: PM2_KILL_TIMEOUT, kill_timeout",
    )
    .finishes(&[Flag("--kill-timeout"), Variable("PM2_KILL_TIMEOUT"), Key(&PM2, "kill_timeout")], Millis, Some(2)),
    server(
        "PHP-FPM",
        &[
            Image("php:fpm"),
            Image("library/wordpress:fpm"),
            Image("library/nextcloud:fpm"),
            Program("php-fpm"),
            Program("php-fpm8*"),
        ],
        "docker-library/php 8.3/bookworm/fpm/Dockerfile@445bf414f1d5: STOPSIGNAL SIGQUIT; php/doc-en \
         install/fpm/configuration.xml@17ddeefd6592: process_control_timeout, by default 0",
    )
    .cuts(),
    server(
        "PHP on Apache, official images",
        &[Image("php:apache"), Image("library/wordpress"), Image("library/nextcloud"), Program("apache2-foreground")],
        "docker-library/php 8.3/bookworm/apache/Dockerfile@445bf414f1d5: STOPSIGNAL SIGWINCH",
    )
    .bounded(&[Key(&HTTPD, "GracefulShutdownTimeout")], Seconds, None),
];
