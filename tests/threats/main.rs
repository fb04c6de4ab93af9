//! What a hostile sender, pod author, policy author, label author or thief can reach: the tests that `docs/threats.md`
//! names, as far as no other file has them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(unreachable_pub)]

#[path = "../support/admission.rs"]
mod admission;
#[path = "../support/apiserver.rs"]
mod apiserver;
#[path = "../support/case.rs"]
mod case;
#[path = "../support/standalone.rs"]
#[allow(dead_code)]
mod standalone;
#[path = "../support/tls.rs"]
#[allow(dead_code)]
mod tls;

mod account;
mod bounds;
mod page;
mod policies;
mod port;
mod text;

use draingate::core::subject::Kind;
use draingate::core::world::World;
use draingate::webhook::admit::Webhook;
use serde_json::{Value, json};

use admission::{SHOP, create};

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
