//! Databases, caches and stores.

use super::files::{Config, Format};
use super::row::{Bare, Mark, Place, Server, Work, server};

use Bare::{Millis, Refused, Seconds};
use Mark::{Image, ImageWord, Program, ProgramWord};
use Place::{Assignment, Flag, GoFlag, Key, Variable};

const REDIS: Config = Config { format: Format::Lines, names: &["*.conf"] };

pub(super) const ROWS: &[Server] = &[
    server(
        "PostgreSQL, Bitnami's image",
        &[Image("bitnami/postgresql"), Image("bitnamilegacy/postgresql"), Image("postgresql-repmgr")],
        "bitnami/containers bitnami/postgresql/16/debian-12/Dockerfile@0191828: no STOPSIGNAL; \
         postgresql.org/docs/current/server-shutdown.html: SIGTERM is the smart shutdown",
    )
    .work(Work::OneWriter),
    server(
        "PostgreSQL under an operator",
        &[Image("cloudnative-pg/postgresql"), Image("spilo*"), Image("patroni")],
        "zalando/spilo@7cb50bd64bcb, cloudnative-pg/postgres-containers@a949ae5871b3: no STOPSIGNAL, their own stop",
    )
    .work(Work::Peer),
    server(
        "PostgreSQL, official image",
        &[Image("postgres"), Image("postgis"), Image("timescaledb*"), Image("pgvector"), Program("postgres")],
        "docker-library/postgres 16/bookworm/Dockerfile@6edb0a8c4def: STOPSIGNAL SIGINT, the fast shutdown",
    )
    .work(Work::OneWriter)
    .cuts(),
    server(
        "MySQL",
        &[Image("mysql"), Image("mysql-server"), Image("percona-server"), Program("mysqld")],
        "dev.mysql.com/doc/refman/8.0/en/server-shutdown.html: The server terminates current activity",
    )
    .work(Work::OneWriter)
    .cuts(),
    server(
        "MariaDB",
        &[Image("mariadb"), Program("mariadbd")],
        "mariadb.com/kb/en/library/shutdown: kills client threads",
    )
    .work(Work::OneWriter)
    .cuts(),
    server(
        "mongos",
        &[Program("mongos"), Image("mongos")],
        "mongodb.com/docs/manual/reference/method/db.shutdownServer/: mongosShutdownTimeoutMillisForSignaledShutdown",
    )
    .finishes(&[Assignment("mongosShutdownTimeoutMillisForSignaledShutdown")], Millis, Some(15)),
    server(
        "MongoDB",
        &[Image("mongo"), Image("mongodb"), Image("percona-server-mongodb"), Program("mongod")],
        "mongodb.com/docs/manual/reference/method/db.shutdownServer/: shutdownTimeoutMillisForSignaledShutdown",
    )
    .finishes(&[Assignment("shutdownTimeoutMillisForSignaledShutdown")], Millis, Some(15))
    .work(Work::Peer),
    server(
        "Redis Sentinel",
        &[
            Program("redis-sentinel"),
            ProgramWord("redis-server", "--sentinel"),
            Image("redis-sentinel"),
            Program("valkey-sentinel"),
        ],
        "redis/docs content/develop/reference/sentinel-clients.md@18ed6ceb2598: the list of Sentinel addresses",
    )
    .work(Work::Peer),
    server(
        "Redis",
        &[Image("redis"), Image("redis-stack*"), Program("redis-server")],
        "redis/redis redis.conf, src/config.c@4f8cdc2a1ea5: shutdown-timeout",
    )
    .finishes(&[Flag("--shutdown-timeout"), Key(&REDIS, "shutdown-timeout")], Seconds, Some(10))
    .work(Work::OneWriter),
    server(
        "Valkey",
        &[Image("valkey"), Image("valkey-bundle"), Program("valkey-server")],
        "valkey-io/valkey valkey.conf, src/config.c@55bbbe09a3b3: shutdown-timeout",
    )
    .finishes(&[Flag("--shutdown-timeout"), Key(&REDIS, "shutdown-timeout")], Seconds, Some(10))
    .work(Work::OneWriter),
    server(
        "KeyDB, Dragonfly",
        &[Image("keydb"), Program("keydb-server"), Image("dragonfly"), Program("dragonfly")],
        "assumed: as Redis, of which they are compatible replacements",
    )
    .work(Work::OneWriter)
    .assumed(),
    server(
        "memcached",
        &[Image("memcached"), Program("memcached")],
        "memcached/memcached memcached.c@2d51e364799b: SIGTERM leaves the main loop",
    )
    .work(Work::Peer)
    .cuts(),
    server(
        "Elasticsearch",
        &[Image("elasticsearch"), Image("elasticsearch-oss"), Program("elasticsearch")],
        "elastic.co/guide/en/elasticsearch/reference/current/stopping-elasticsearch.html: SIGTERM is the orderly stop",
    ),
    server(
        "OpenSearch",
        &[Image("opensearch"), Program("opensearch")],
        "assumed: as Elasticsearch, of which it is a fork",
    )
    .assumed(),
    server(
        "Cassandra",
        &[Image("cassandra"), Image("dse-server"), Image("cass-management-api"), Program("cassandra")],
        "apache/cassandra src/java/org/apache/cassandra/service/StorageService.java@3259bea5332e: drainOnShutdown",
    )
    .work(Work::Peer),
    server(
        "ScyllaDB",
        &[Image("scylla"), Image("scylla-enterprise")],
        "scylladb/scylladb main.cc, dist/docker/etc/supervisord.conf.d/scylla-server.conf@f4a4091ca28e: stopwaitsecs",
    )
    .work(Work::Peer),
    server(
        "ClickHouse",
        &[Image("clickhouse-server"), Image("clickhouse"), Program("clickhouse-server")],
        "clickhouse.com/docs/reference/settings/server-settings/settings/shutdown-wait: \
         shutdown_wait_unfinished_queries, by default false",
    )
    .work(Work::OneWriter)
    .cuts(),
    server(
        "etcd",
        &[Image("etcd"), Program("etcd")],
        "etcd-io/etcd server/embed/etcd.go, server/config/config.go@c34dc7ee0048: ReqTimeout",
    )
    .always(7)
    .work(Work::Peer),
    server(
        "MinIO",
        &[Image("minio"), ProgramWord("minio", "server")],
        "minio/minio cmd/server-main.go, internal/http/server.go@7aac2a2c5b7c: MINIO_SHUTDOWN_TIMEOUT",
    )
    .finishes(&[Flag("--shutdown-timeout"), Variable("MINIO_SHUTDOWN_TIMEOUT")], Refused, Some(30)),
    server(
        "SeaweedFS volume server",
        &[ImageWord("seaweedfs", "volume"), ProgramWord("weed", "volume")],
        "seaweedfs/seaweedfs weed/command/volume.go@cc8364a03ebf: -preStopSeconds",
    )
    .accepts(&[GoFlag("-preStopSeconds")], Seconds, Some(10))
    .finishes(&[], Seconds, Some(300))
    .work(Work::Peer),
    server(
        "SeaweedFS master",
        &[ImageWord("seaweedfs", "master"), ProgramWord("weed", "master")],
        "seaweedfs/seaweedfs weed/command/master.go@cc8364a03ebf: Stop",
    )
    .work(Work::Peer),
    server(
        "SeaweedFS filer, S3",
        &[
            ImageWord("seaweedfs", "filer"),
            ProgramWord("weed", "filer"),
            ImageWord("seaweedfs", "s3"),
            ProgramWord("weed", "s3"),
        ],
        "seaweedfs/seaweedfs weed/command/filer.go@cc8364a03ebf: Shutdown",
    )
    .always(15),
    server(
        "SeaweedFS, all in one",
        &[ImageWord("seaweedfs", "server"), ProgramWord("weed", "server")],
        "seaweedfs/seaweedfs weed/command/server.go@cc8364a03ebf: -volume.preStopSeconds",
    )
    .accepts(&[GoFlag("-volume.preStopSeconds")], Seconds, Some(10)),
    server(
        "NFS server",
        &[Image("nfs-server*"), Image("volume-nfs"), Image("nfs-ganesha*"), Program("ganesha.nfsd")],
        "assumed: one server exports one volume",
    )
    .work(Work::OneWriter)
    .assumed(),
];
