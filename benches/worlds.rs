//! What the benchmarks judge: the captured reviews, and worlds of any size.
use draingate_core::mode::Mode;
use draingate_core::objects;
use draingate_core::world::World;
use serde_json::{Value, json};

/// The reviews that an API server sent (`benches/capture`).
pub fn reviews() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("small", include_bytes!("reviews/small.json").to_vec()),
        ("typical", include_bytes!("reviews/typical.json").to_vec()),
        ("large", include_bytes!("reviews/large.json").to_vec()),
        ("deployment", include_bytes!("reviews/deployment.json").to_vec()),
    ]
}

/// The typical review with as many containers.
pub fn review_of(containers: usize) -> Vec<u8> {
    let mut review: Value = serde_json::from_slice(include_bytes!("reviews/typical.json")).unwrap();
    let list = review.pointer_mut("/request/object/spec/containers").unwrap();
    let one = list[0].clone();
    let named = |n: usize| {
        let mut one = one.clone();
        one["name"] = format!("app-{n}").into();
        one
    };
    *list = (0..containers).map(named).collect();
    serde_json::to_vec(&review).unwrap()
}

fn add(world: &mut World, object: &Value) {
    assert!(objects::add(world, object, None).unwrap());
}

fn policy(namespace: &str, name: &str, tier: &str, spec: Value) -> Value {
    let mut all = json!({"selector": {"matchLabels": {"tier": tier}}, "budget": {"worstCaseRequestSeconds": 12}});
    spec.as_object().unwrap().iter().for_each(|(key, value)| all[key] = value.clone());
    json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "DrainPolicy", "metadata": {"name": name, "namespace": namespace},
        "spec": all})
}

/// The reviews' namespace in this mode, `spaces` namespaces with a policy each, and `policies` of them in the reviews'
/// own, of which the last one in the order of names is for its pods.
pub fn world(mode: Mode, spaces: usize, policies: usize) -> World {
    let mut world = World::default();
    for n in 0..spaces {
        let name = if n == 0 { "shop".to_owned() } else { format!("space-{n}") };
        let labels = json!({"draingate.dev/mode": mode.as_str(), "team": format!("team-{}", n % 40)});
        add(
            &mut world,
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
        );
        if n > 0 {
            add(&mut world, &policy(&name, "default", "front", json!({})));
        }
    }
    for n in 0..policies {
        let tier = if n + 1 == policies { "front".to_owned() } else { format!("tier-{n}") };
        add(&mut world, &policy("shop", &format!("policy-{n:04}"), &tier, json!({})));
    }
    world
}

/// Where many policies can be: in other namespaces, in the reviews' own, for the whole cluster.
pub const PLACES: [&str; 3] = ["elsewhere", "own", "cluster"];

/// As many policies in one of [`PLACES`], of which one is for the reviews' pods. Those of the cluster are for
/// namespaces of one team each.
pub fn crowded(place: &str, policies: usize) -> World {
    match place {
        "elsewhere" => return world(Mode::Inject, policies, 1),
        "own" => return world(Mode::Inject, 1, policies),
        _ => {}
    }
    let mut world = world(Mode::Inject, 1, 1);
    for n in 0..policies {
        let spec = json!({"namespaceSelector": {"matchLabels": {"team": format!("team-{n}")}}, "profile": "alb"});
        let metadata = json!({"name": format!("policy-{n:04}")});
        add(
            &mut world,
            &json!({"apiVersion": "draingate.dev/v1alpha1", "kind": "ClusterDrainPolicy", "metadata": metadata, "spec": spec}),
        );
    }
    world
}

/// One in which every pod of the reviews is denied.
pub fn refusing(spaces: usize) -> World {
    let mut world = world(Mode::Enforce, spaces, 0);
    let spec = json!({"budget": {"worstCaseRequestSeconds": 600}, "gracePeriod": {"adjust": "Never"}});
    add(&mut world, &policy("shop", "never", "front", spec));
    world
}
