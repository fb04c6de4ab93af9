//! Workers: what fetches its work from a queue, a broker or a database.

use super::files::{Config, Format};
use super::row::{Bare, Mark, Place, Server, Sigterm, Stop, Switch, Work, server};

use Bare::{Millis, Seconds};
use Mark::{ImageWord, Program, ProgramWord};
use Place::{Flag, Key, Variable};

const SIDEKIQ: Config = Config { format: Format::Tree, names: &["sidekiq.yml"] };
const KESTRA: Config = Config { format: Format::Tree, names: &["*.yml", "*.yaml"] };

const CELERY: Switch =
    Switch { places: &[Variable("REMAP_SIGTERM")], cuts: &["SIGQUIT", "QUIT"], unset: Sigterm::Drains };

const RESQUE: Switch =
    Switch { places: &[Variable("RESQUE_PRE_SHUTDOWN_TIMEOUT")], cuts: &["0"], unset: Sigterm::Cuts };

const AIRFLOW: &str =
    "apache/airflow chart/values.yaml, chart/templates@001394a91d3f: scheduler, triggerer, dagProcessor";

pub(super) const ROWS: &[Server] = &[
    server(
        "Sidekiq",
        &[Program("sidekiq"), Program("sidekiqswarm")],
        "sidekiq/sidekiq lib/sidekiq/cli.rb, lib/sidekiq/config.rb@1bb4aa06e5aa: -t, --timeout",
    )
    .finishes(&[Flag("-t"), Flag("--timeout"), Key(&SIDEKIQ, ":timeout")], Seconds, Some(25))
    .work(Work::Fetched),
    server(
        "Airflow, Celery worker",
        &[ProgramWord("airflow", "worker"), ImageWord("airflow", "worker")],
        "apache/airflow chart/templates/workers/worker-deployment.yaml@001394a91d3f: Warm Shutdown",
    )
    .work(Work::Fetched)
    .stop(Stop::By(&CELERY)),
    server(
        "Airflow, scheduler, triggerer, DAG processor",
        &[
            ProgramWord("airflow", "scheduler"),
            ProgramWord("airflow", "triggerer"),
            ProgramWord("airflow", "dag-processor"),
            ImageWord("airflow", "scheduler"),
            ImageWord("airflow", "triggerer"),
            ImageWord("airflow", "dag-processor"),
        ],
        AIRFLOW,
    )
    .work(Work::Fetched),
    server(
        "Airflow, webserver, API server",
        &[
            ProgramWord("airflow", "webserver"),
            ProgramWord("airflow", "api-server"),
            ImageWord("airflow", "webserver"),
            ImageWord("airflow", "api-server"),
        ],
        "assumed: they run gunicorn and uvicorn, which drain",
    )
    .assumed(),
    server(
        "Celery beat",
        &[ProgramWord("celery", "beat")],
        "docs.celeryq.dev/en/stable/userguide/periodic-tasks.html: only a single scheduler at a time",
    )
    .work(Work::OneWriter),
    server(
        "Celery worker",
        &[ProgramWord("celery", "worker")],
        "celery/celery docs/userguide/workers.rst, celery/apps/worker.py@5dc781f0bd5f: warm shutdown, REMAP_SIGTERM",
    )
    .work(Work::Fetched)
    .stop(Stop::By(&CELERY)),
    server(
        "dramatiq",
        &[Program("dramatiq")],
        "Bogdanp/dramatiq dramatiq/cli.py@848b35f2f960: --worker-shutdown-timeout",
    )
    .finishes(&[Flag("--worker-shutdown-timeout")], Millis, Some(600))
    .work(Work::Fetched),
    server("RQ", &[ProgramWord("rq", "worker")], "rq/rq docs/docs/workers.md@aa666a8a60db: warm shutdown")
        .work(Work::Fetched),
    server(
        "GoodJob",
        &[Program("good_job")],
        "bensheldon/good_job README.md, lib/good_job/configuration.rb@81db22b7cfde: --shutdown-timeout",
    )
    .finishes(&[Flag("--shutdown-timeout"), Variable("GOOD_JOB_SHUTDOWN_TIMEOUT")], Seconds, None)
    .work(Work::Fetched),
    server(
        "Resque",
        &[ProgramWord("rake", "resque:work"), ProgramWord("rake", "resque:workers")],
        "resque/resque lib/resque/worker.rb, README.markdown@9fc870e7f99e: RESQUE_PRE_SHUTDOWN_TIMEOUT",
    )
    .finishes(&[Variable("RESQUE_PRE_SHUTDOWN_TIMEOUT")], Seconds, None)
    .work(Work::Fetched)
    .stop(Stop::By(&RESQUE)),
    server(
        "Laravel queue worker, Horizon",
        &[ProgramWord("artisan", "queue:work"), ProgramWord("artisan", "horizon")],
        "laravel/docs queues.md, horizon.md@86077535bbfd: stopwaitsecs",
    )
    .work(Work::Fetched),
    server(
        "Spark driver and executors",
        &[
            ImageWord("spark*", "driver"),
            ImageWord("spark*", "executor"),
            Mark::Variable("SPARK_EXECUTOR_ID"),
            Mark::Variable("SPARK_DRIVER_BIND_ADDRESS"),
        ],
        "apache/spark-docker entrypoint.sh.template@7f2e1f0a96af: driver, executor; apache/spark \
         resource-managers/kubernetes/core/src/main/scala/org/apache/spark/deploy/k8s/Constants.scala@000120f7b714: \
         SPARK_EXECUTOR_ID",
    )
    .work(Work::Fetched)
    .cuts(),
    server(
        "Kestra worker",
        &[ImageWord("kestra", "worker"), ProgramWord("kestra", "worker")],
        "kestra-io/kestra cli/src/main/resources/application.yml@58c1ca2d0589: terminationGracePeriod",
    )
    .finishes(&[Key(&KESTRA, "kestra.server.terminationGracePeriod")], Seconds, Some(300))
    .work(Work::Fetched),
    server(
        "Jenkins agent",
        &[Mark::Image("inbound-agent"), Mark::Image("jnlp-slave")],
        "assumed: it dials out to its controller",
    )
    .work(Work::Fetched)
    .cuts()
    .assumed(),
    server(
        "Snuba's consumers",
        &[
            ImageWord("snuba", "consumer"),
            ImageWord("snuba", "rust-consumer"),
            ImageWord("snuba", "replacer"),
            ImageWord("snuba", "subscriptions-scheduler-executor"),
        ],
        "getsentry/snuba snuba/cli/consumer.py, replacer.py: they read from Kafka",
    )
    .work(Work::Fetched),
    server(
        "PostHog's plugin server",
        &[Program("plugin-server")],
        "PostHog/posthog plugin-server/README.md: reads from Kafka",
    )
    .work(Work::Fetched),
];
