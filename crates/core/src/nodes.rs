//! Nodes that can be taken away at short notice, and what a pod gets then, whatever its grace says.
//!
//! One table, printed by the docs. A pod asks for such nodes by a node selector or by a required node affinity; where it may
//! also run elsewhere, nothing follows.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::json::{Read, Reader, Unread, fields};
use super::subject::null_is_default;
use super::text::{Bounded, Text};

/// Nodes of one kind.
#[derive(Debug, PartialEq, Eq)]
pub struct TakenAway {
    /// What they are called.
    pub name: &'static str,
    /// The label that they have.
    pub label: &'static str,
    /// Its value.
    pub value: &'static str,
    /// Whether no other nodes have the label.
    only: bool,
    /// The most that a pod gets once the node is to go, in seconds.
    pub seconds: u64,
    /// Where that is documented.
    pub source: &'static str,
}

const GKE_SPOT: &str = "https://docs.cloud.google.com/kubernetes-engine/docs/concepts/spot-vms";
const GKE_PREEMPTIBLE: &str = "https://docs.cloud.google.com/kubernetes-engine/docs/how-to/preemptible-vms";
const AZURE: &str = "https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events";
const EC2: &str = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html";

/// Those that are known. GKE divides the notice of 30 s between pods and critical system pods; of the others it is the
/// node's own notice, and the drain begins within it.
pub const KNOWN: [TakenAway; 7] = [
    gke("GKE Spot nodes", "cloud.google.com/gke-spot", "true", true, GKE_SPOT),
    gke("GKE preemptible nodes", "cloud.google.com/gke-preemptible", "true", true, GKE_PREEMPTIBLE),
    gke("GKE Spot nodes", "cloud.google.com/gke-provisioning", "spot", false, GKE_SPOT),
    gke("GKE preemptible nodes", "cloud.google.com/gke-provisioning", "preemptible", false, GKE_PREEMPTIBLE),
    TakenAway {
        name: "AKS Spot nodes",
        label: "kubernetes.azure.com/scalesetpriority",
        value: "spot",
        only: true,
        seconds: 30,
        source: AZURE,
    },
    TakenAway {
        name: "EKS Spot nodes",
        label: "eks.amazonaws.com/capacityType",
        value: "SPOT",
        only: false,
        seconds: 120,
        source: EC2,
    },
    TakenAway {
        name: "Karpenter's Spot nodes",
        label: "karpenter.sh/capacity-type",
        value: "spot",
        only: false,
        seconds: 120,
        source: EC2,
    },
];

const fn gke(
    name: &'static str,
    label: &'static str,
    value: &'static str,
    only: bool,
    source: &'static str,
) -> TakenAway {
    TakenAway { name, label, value, only, seconds: 15, source }
}

/// The nodes with this label and value.
fn with(label: &str, value: &str) -> Option<&'static TakenAway> {
    KNOWN.iter().find(|nodes| nodes.label == label && nodes.value == value)
}

fn shorter(one: Option<&'static TakenAway>, other: Option<&'static TakenAway>) -> Option<&'static TakenAway> {
    one.into_iter().chain(other).min_by_key(|nodes| nodes.seconds)
}

/// Which nodes a pod is bound to, by what it asks for.
pub(crate) fn bound_to(selector: Option<NodeSelector>, affinity: Option<&Affinity>) -> Option<&'static TakenAway> {
    let required = affinity.and_then(|a| a.node_affinity.as_ref()?.required.as_ref());
    shorter(selector.and_then(|selector| selector.0), required.and_then(Required::nodes))
}

/// What of a pod's `nodeSelector` matters here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeSelector(Option<&'static TakenAway>);

impl<'a> Read<'a> for NodeSelector {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let mut nodes = None;
        reader.texts(|reader, label| {
            if KNOWN.iter().any(|nodes| nodes.label == label.as_str()) {
                let value: Text = Option::read(reader)?.unwrap_or_default();
                nodes = shorter(nodes, with(&label, &value));
                return Ok(());
            }
            reader.pass()
        })?;
        Ok(NodeSelector(nodes))
    }
}

impl<'de> Deserialize<'de> for NodeSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Labels;
        impl<'de> Visitor<'de> for Labels {
            type Value = NodeSelector;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut nodes = None;
                while let Some(label) = map.next_key::<Text<'de>>()? {
                    if KNOWN.iter().any(|nodes| nodes.label == label.as_str()) {
                        let value = map.next_value::<Option<Text<'de>>>()?.unwrap_or_default();
                        nodes = shorter(nodes, with(&label, &value));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(NodeSelector(nodes))
            }
        }
        deserializer.deserialize_map(Labels)
    }
}

/// What of a pod's `affinity` matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Affinity<'a> {
    #[serde(borrow)]
    node_affinity: Option<NodeAffinity<'a>>,
}

fields!(Affinity<'a> { "nodeAffinity" => node_affinity, });

#[derive(Debug, Default, Deserialize)]
struct NodeAffinity<'a> {
    #[serde(borrow, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Option<Required<'a>>,
}

fields!(NodeAffinity<'a> { "requiredDuringSchedulingIgnoredDuringExecution" => required, });

/// Terms, one of which a node has to meet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Required<'a> {
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    node_selector_terms: Bounded<Term<'a>, 100>,
}

fields!(Required<'a> { "nodeSelectorTerms" => node_selector_terms or default, });

impl Required<'_> {
    fn nodes(&self) -> Option<&'static TakenAway> {
        let terms = &self.node_selector_terms;
        let each = terms.iter().map(Term::nodes).collect::<Option<Vec<_>>>().filter(|_| !terms.has_more())?;
        each.into_iter().min_by_key(|nodes| nodes.seconds)
    }
}

/// Expressions, all of which it has to meet.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term<'a> {
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    match_expressions: Bounded<Expression<'a>, 100>,
}

fields!(Term<'a> { "matchExpressions" => match_expressions or default, });

impl Term<'_> {
    fn nodes(&self) -> Option<&'static TakenAway> {
        self.match_expressions.iter().filter_map(Expression::nodes).min_by_key(|nodes| nodes.seconds)
    }
}

#[derive(Debug, Default, Deserialize)]
struct Expression<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    operator: Text<'a>,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    values: Bounded<Text<'a>, 100>,
}

fields!(Expression<'a> {
    "key" => key,
    "operator" => operator,
    "values" => values or default,
});

impl Expression<'_> {
    fn nodes(&self) -> Option<&'static TakenAway> {
        match self.operator.as_str() {
            "Exists" => KNOWN.iter().find(|nodes| nodes.only && nodes.label == self.key.as_str()),
            "In" if !self.values.has_more() => {
                let each = self.values.iter().map(|value| with(&self.key, value)).collect::<Option<Vec<_>>>()?;
                each.into_iter().min_by_key(|nodes| nodes.seconds)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::subject::{Kind, Subject};

    fn seconds(spec: Value) -> Option<u64> {
        let text = json!({"spec": spec}).to_string();
        let subject = Subject::parse(Kind::Pod, &text).unwrap();
        subject.pod.spec.taken_away().map(|nodes| nodes.seconds)
    }

    fn required(terms: Value) -> Value {
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}});
        json!({"affinity": {"nodeAffinity": required}})
    }

    fn expression(key: &str, operator: &str, values: Value) -> Value {
        json!({"matchExpressions": [
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
            {"key": key, "operator": operator, "values": values},
        ]})
    }

    #[test]
    fn a_selector_names_the_nodes() {
        let selector = |label: &str, value: &str| seconds(json!({"nodeSelector": {"a": "b", label: value}}));
        assert_eq!(selector("cloud.google.com/gke-spot", "true"), Some(15));
        assert_eq!(selector("cloud.google.com/gke-preemptible", "true"), Some(15));
        assert_eq!(selector("cloud.google.com/gke-provisioning", "spot"), Some(15));
        assert_eq!(selector("kubernetes.azure.com/scalesetpriority", "spot"), Some(30));
        assert_eq!(selector("eks.amazonaws.com/capacityType", "SPOT"), Some(120));
        assert_eq!(selector("karpenter.sh/capacity-type", "spot"), Some(120));
        assert_eq!(selector("cloud.google.com/gke-spot", "false"), None);
        assert_eq!(selector("eks.amazonaws.com/capacityType", "ON_DEMAND"), None);
        for nothing in [json!({}), json!({"nodeSelector": null}), json!({"nodeSelector": {}, "affinity": null})] {
            assert_eq!(seconds(nothing.clone()), None, "{nothing}");
        }
        let both = json!({"eks.amazonaws.com/capacityType": "SPOT", "cloud.google.com/gke-spot": "true"});
        assert_eq!(seconds(json!({"nodeSelector": both})), Some(15));
    }

    #[test]
    fn an_affinity_names_them_where_every_term_does() {
        let spot = |operator, values| expression("cloud.google.com/gke-spot", operator, values);
        let eks = |values| expression("eks.amazonaws.com/capacityType", "In", values);
        assert_eq!(seconds(required(json!([spot("In", json!(["true"]))]))), Some(15));
        assert_eq!(seconds(required(json!([spot("Exists", json!(null))]))), Some(15));
        assert_eq!(seconds(required(json!([spot("Exists", json!([])), eks(json!(["SPOT"]))]))), Some(15));
        for elsewhere in [
            json!([spot("NotIn", json!(["true"]))]),
            json!([spot("DoesNotExist", json!([]))]),
            json!([spot("In", json!(["true", "false"]))]),
            json!([spot("In", json!([]))]),
            json!([spot("Exists", json!([])), eks(json!(["SPOT", "ON_DEMAND"]))]),
            json!([spot("Exists", json!([])), {"matchFields": []}]),
            json!([expression("eks.amazonaws.com/capacityType", "Exists", json!([]))]),
            json!([]),
            json!(null),
        ] {
            assert_eq!(seconds(required(elsewhere.clone())), None, "{elsewhere}");
        }
        let wished = json!({"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "preference": spot("Exists", json!([]))},
        ]});
        assert_eq!(seconds(json!({"affinity": {"nodeAffinity": wished}})), None);
    }
}
