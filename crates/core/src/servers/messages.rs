//! Message brokers, and members of clusters that find each other.

use super::row::{Bare, Mark, Place, Server, Sigterm, Stop, Switch, Work, server};

use Mark::{Image, Program};
use Place::Property;

const HAZELCAST: Switch =
    Switch { places: &[Property("hazelcast.shutdownhook.policy")], cuts: &["TERMINATE"], unset: Sigterm::Cuts };

pub(super) const ROWS: &[Server] = &[
    server(
        "Kafka",
        &[
            Image("kafka"),
            Image("cp-kafka"),
            Image("cp-server"),
            Image("kafka-native"),
            Program("kafka-server-start.sh"),
            Program("kafka_run.sh"),
        ],
        "apache/kafka server/src/main/java/org/apache/kafka/server/config/ServerConfigs.java@1eb7644349cb: \
         controlled.shutdown.enable",
    )
    .work(Work::Peer),
    server(
        "RabbitMQ",
        &[Image("rabbitmq"), Image("rabbitmq-server"), Program("rabbitmq-server")],
        "rabbitmq/rabbitmq-server deps/rabbitmq_prelaunch/src/rabbit_prelaunch_sighandler.erl@5b09e556da53: sigterm, \
         stop",
    ),
    server(
        "NATS",
        &[Image("nats"), Image("nats-server"), Image("nats-streaming"), Program("nats-server")],
        "nats-io/nats-server server/signal.go@1787eee035cf: SIGTERM is Shutdown, lame duck mode is not",
    )
    .cuts(),
    server(
        "ZooKeeper",
        &[Image("zookeeper"), Program("zkServer.sh")],
        "apache/zookeeper \
         zookeeper-server/src/main/java/org/apache/zookeeper/audit/ZKAuditProvider.java@53a78e36f996: the only \
         shutdown hook",
    )
    .work(Work::Peer)
    .cuts(),
    server(
        "Hazelcast",
        &[Image("hazelcast"), Image("hazelcast-enterprise"), Mark::Property("hazelcast.shutdownhook.policy")],
        "hazelcast/charts stable/hazelcast/templates/statefulset.yaml@879728ab7f9a: hazelcast.shutdownhook.policy, \
         hazelcast.graceful.shutdown.max.wait",
    )
    .finishes(&[Property("hazelcast.graceful.shutdown.max.wait")], Bare::Seconds, None)
    .work(Work::Peer)
    .stop(Stop::By(&HAZELCAST)),
];
