//! What stands above a pod, as far as it says whether another pod can take over its work.

use serde_json::Value;

use super::kind::Kind;
use super::subject::Rollout;

/// What of a StatefulSet or a Deployment decides whether another pod can take the work of one that stops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// `replicas`; absent is 1.
    pub replicas: Option<i64>,
    /// A pod's successor comes when it is gone: a StatefulSet, or a Deployment whose strategy is Recreate.
    pub recreates: bool,
    /// `serviceName` of a StatefulSet.
    pub service_name: Option<String>,
    /// A HorizontalPodAutoscaler targets it, so it may have more pods than it says.
    pub scaled: bool,
}

impl Owner {
    /// What the `spec` of a StatefulSet or a Deployment says; `None` where it cannot be read, and of other kinds.
    pub fn of_spec(kind: Kind, spec: &Value) -> Option<Owner> {
        let replicas = match spec.get("replicas") {
            None | Some(Value::Null) => None,
            Some(value) => Some(value.as_i64()?),
        };
        let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str);
        let recreates = recreates(kind, text("/strategy/type"))?;
        let service_name = text("/serviceName").map(str::to_owned);
        Some(Owner { replicas, recreates, service_name, scaled: false })
    }

    /// What a template's own object says of its pods.
    pub(crate) fn of_rollout(kind: Kind, rollout: &Rollout) -> Option<Owner> {
        let strategy = rollout.strategy.as_ref().and_then(|strategy| strategy.kind.as_deref());
        let recreates = recreates(kind, strategy)?;
        let service_name = rollout.service_name.as_ref().map(|name| name.to_string());
        Some(Owner { replicas: rollout.replicas, recreates, service_name, scaled: false })
    }

    /// Whether it has one pod at most, as far as is known.
    pub fn is_alone(&self) -> bool {
        self.replicas.is_none_or(|replicas| replicas <= 1) && !self.scaled
    }

    /// Whether no other endpoint can take the work of its pod.
    pub fn nobody_stands_in(&self) -> bool {
        self.recreates && self.is_alone()
    }
}

fn recreates(kind: Kind, strategy: Option<&str>) -> Option<bool> {
    match kind {
        Kind::StatefulSet => Some(true),
        Kind::Deployment => Some(strategy == Some("Recreate")),
        _ => None,
    }
}

/// The StatefulSet or Deployment that the `spec` of a HorizontalPodAutoscaler targets.
pub fn scale_target(spec: &Value) -> Option<(Kind, &str)> {
    let target = spec.get("scaleTargetRef")?;
    let text = |key: &str| target.get(key).and_then(Value::as_str);
    let kind = [Kind::StatefulSet, Kind::Deployment].into_iter().find(|kind| text("kind") == Some(kind.as_str()))?;
    Some((kind, text("name")?))
}

/// Which StatefulSet a pod says it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatefulSetId {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which of all that had this name.
    pub uid: String,
}
