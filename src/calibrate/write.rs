//! `--write`: the policy's E and the annotation about it, after what they replace was shown.

use std::io::{self, Write};

use anyhow::{Context, Result};
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::suggest;
use crate::cli::CalibrateArgs;
use draingate_core::measured::Measured;
use draingate_core::policy::{API_VERSION, PolicyKind};

/// Applies it; all else that the policy says stays.
///
/// # Errors
/// What the API server said.
pub(super) async fn write(client: Client, args: &CalibrateArgs, namespace: &str, measured: &Measured) -> Result<()> {
    let (group, version) = API_VERSION.split_once('/').unwrap_or_default();
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, args.policy.kind.as_str()));
    let name = &args.policy.name;
    let (policies, title): (Api<DynamicObject>, String) = match args.policy.kind {
        PolicyKind::ClusterDrainPolicy => (Api::all_with(client, &resource), format!("ClusterDrainPolicy {name}")),
        PolicyKind::DrainPolicy => {
            (Api::namespaced_with(client, namespace, &resource), format!("DrainPolicy {namespace}/{name}"))
        }
    };
    let old =
        policies.get_opt(name).await.with_context(|| format!("cannot read {title}: is Draingate installed here?"))?;
    let seconds = measured.endpoint_propagation_seconds;
    let said = match &old {
        None => format!("{title} is new: endpointPropagationSeconds {seconds}"),
        Some(old) => {
            format!("{title}: endpointPropagationSeconds {} becomes {seconds}", former(&serde_json::to_value(old)?))
        }
    };
    writeln!(io::stderr(), "calibrate: {said}")?;
    let patch = suggest::patch(measured);
    if old.is_some() {
        policies
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .with_context(|| format!("cannot write {title}"))?;
    } else {
        let mut object =
            json!({"apiVersion": API_VERSION, "kind": args.policy.kind.as_str(), "metadata": {"name": name}});
        json_patch::merge(&mut object, &patch);
        let object = serde_json::from_value(object)?;
        policies.create(&PostParams::default(), &object).await.with_context(|| format!("cannot make {title}"))?;
    }
    // Of several without a selector the oldest wins.
    if args.policy.kind == PolicyKind::ClusterDrainPolicy && old.is_none() {
        let others: Vec<String> =
            policies.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
        let others: Vec<String> = others.into_iter().filter(|other| other != name).collect();
        if !others.is_empty() {
            writeln!(
                io::stderr(),
                "calibrate: of several ClusterDrainPolicies that cover a pod one with a selector wins, then the oldest: {} \
                 may win over this one; --policy clusterdrainpolicy/NAME writes into it",
                others.join(", ")
            )?;
        }
    }
    Ok(())
}

/// What a policy said of its E.
fn former(old: &Value) -> String {
    let stated = old.pointer("/spec/budget/endpointPropagationSeconds").and_then(Value::as_u64);
    let profile = old.pointer("/spec/profile").and_then(Value::as_str);
    let measured = Measured::of_annotations(old.pointer("/metadata/annotations"));
    match (stated, profile, measured) {
        (Some(seconds), _, Some(measured)) if measured.endpoint_propagation_seconds == seconds => {
            format!("{seconds} (measured on {}, {} samples)", measured.date, measured.samples)
        }
        (Some(seconds), ..) => seconds.to_string(),
        (None, Some(profile), _) => format!("of the profile {profile}"),
        (None, None, _) => "(not stated)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use draingate_core::keys;

    use super::*;

    #[test]
    fn what_is_replaced_is_said() {
        let text = json!({"endpointPropagationSeconds": 9, "date": "2026-01-31", "samples": 30, "rounds": 10, "via": "x", "largestMilliseconds": 1000});
        let annotations = json!({keys::MEASURED: text.to_string()});
        let policy = |spec: Value| json!({"metadata": {"annotations": annotations}, "spec": spec});
        let stated = |seconds: u64| policy(json!({"budget": {"endpointPropagationSeconds": seconds}}));
        assert_eq!(former(&stated(9)), "9 (measured on 2026-01-31, 30 samples)");
        // Somebody has written another one since.
        assert_eq!(former(&stated(8)), "8");
        assert_eq!(former(&policy(json!({"profile": "alb"}))), "of the profile alb");
        assert_eq!(former(&json!({})), "(not stated)");
    }
}
