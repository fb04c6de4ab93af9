//! The manifests of `tests/field/reports` through the real API server: the pods get what a person would give them.

use draingate_core::manifest;
use draingate_testing::field::{ALL, Expected, directory};
use draingate_testing::lab::{Lab, Stop, settles};
use serde_json::{Value, json};

/// The pod of a workload, as its controller would make it.
fn pod(workload: &Expected, object: &Value) -> Value {
    let template = if workload.kind == "Pod" { object } else { &object["spec"]["template"] };
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| key == "labels" || key == "annotations");
    metadata.insert("generateName".to_owned(), format!("{}-", workload.name).into());
    pod
}

#[test]
fn pods_get_what_a_person_would_give_them() {
    let lab = Lab::shared();
    let mut files: Vec<&str> = ALL.iter().map(|workload| workload.file).collect();
    files.dedup();
    for file in files {
        let text = std::fs::read_to_string(directory().join(format!("{file}.yaml"))).unwrap();
        let documents: Vec<Value> =
            manifest::documents(&text).iter().map(|document| manifest::parse(document).unwrap()).collect();
        let space = lab.namespace("inject");
        for document in &documents {
            match document["kind"].as_str().unwrap() {
                "Service" => drop(lab.create(&space.put(document.clone())).accepted()),
                "DrainPolicy" => lab.policy(&space.put(document.clone())),
                _ => {}
            }
        }
        for workload in ALL.iter().filter(|workload| workload.file == file) {
            let object = documents
                .iter()
                .find(|one| one["kind"] == workload.kind && one["metadata"]["name"] == workload.name)
                .unwrap();
            let mut pod = space.put(pod(workload, object));
            if workload.kind == "StatefulSet" {
                // A StatefulSet is read at admission, for whether somebody stands in.
                let owner = lab.create(&space.put(object.clone())).accepted();
                let (name, uid) = (&owner["metadata"]["name"], &owner["metadata"]["uid"]);
                pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet",
                    "name": name, "uid": uid, "controller": true}]);
            }
            let given = pod["spec"]["containers"].as_array().unwrap().clone();
            let has_hook = |name: &str| {
                let container = given.iter().find(|container| container["name"] == name);
                container.is_some_and(|container| container.pointer("/lifecycle/preStop").is_some())
            };
            let expected = (workload.hooks.to_vec(), workload.grace);
            // The watches learn of Services and policies a moment later.
            settles(&format!("{file}, {}", workload.name), format!("{expected:?}"), || {
                let stop = Stop::of(&space.try_out(&pod).accepted());
                let injected = stop.hooks.iter().filter(|(name, _)| !has_hook(name));
                let hooks: Vec<(&str, u64)> =
                    injected.map(|(name, seconds)| (name.as_str(), seconds.as_u64().unwrap())).collect();
                format!("{:?}", (hooks, stop.grace))
            });
        }
    }
}
