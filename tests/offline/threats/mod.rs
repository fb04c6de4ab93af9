//! What a hostile sender, pod author, policy author, label author or thief can reach: the tests that `docs/threats.md`
//! names, as far as no other file has them.

mod bounds;
mod page;
mod policies;
mod port;
mod text;

use draingate_core::admit::Webhook;
use draingate_core::subject::Kind;
use draingate_core::world::World;
use serde_json::{Value, json};

use draingate_testing::admission::{SHOP, create};

fn pod(containers: Vec<Value>) -> Value {
    json!({"metadata": {"name": "web", "namespace": SHOP, "annotations": {}}, "spec": {"containers": containers}})
}

fn server(name: &str) -> Value {
    json!({"name": name, "ports": [{"containerPort": 80}]})
}

fn server_with_long_hook(name: &str) -> Value {
    let mut app = server(name);
    app["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 30}}});
    app
}

fn denial(world: &World, pod: &Value) -> String {
    create(Webhook::Validate, world, Kind::Pod, pod).answer.denial.expect("a denial")
}
