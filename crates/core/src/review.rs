//! AdmissionReview v1, by the letter.
//!
//! Own structs, because the decision needs the object's bytes as they came, and because kube's
//! `AdmissionResponse` serializes a patch as a list of numbers (kube-rs/kube#1781).

use std::collections::BTreeMap;

use base64::Engine;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::policy::PolicyKind;
use crate::subject::{Kind, PodTemplate, Subject};
use crate::text::{Text, quote, sentence};
use crate::{json, keys};

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";
/// The longest uid, in bytes; an API server's are UUIDs.
const UID_LIMIT: usize = 128;

/// One request of the API server.
#[derive(Debug)]
pub struct Review<'a> {
    /// Goes back unchanged.
    pub uid: Text<'a>,
    /// The object's kind, where it carries a pod.
    pub kind: Option<Kind>,
    /// What of the world the object is, where it is one of its parts.
    pub change: Option<Change>,
    /// The object's name; empty before it has one.
    pub name: Text<'a>,
    /// What is being done.
    pub operation: Operation,
    /// Empty for objects without one.
    pub namespace: Text<'a>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// The object, after everything that came before us.
    pub object: Object<'a>,
    /// The stored object, on UPDATE.
    pub old_object: Option<&'a RawValue>,
}

/// What a request is about.
#[derive(Debug)]
pub enum Object<'a> {
    /// A pod, read in the same pass as its review.
    Pod(Box<Subject<'a>>),
    /// Anything else, and a pod that could not be read so.
    Raw(&'a RawValue),
    /// Nothing, as on DELETE.
    None,
}

impl<'a> Object<'a> {
    /// Its JSON, unless it was read already.
    pub fn raw(&self) -> Option<&'a RawValue> {
        match self {
            Object::Raw(raw) => Some(raw),
            Object::Pod(_) | Object::None => None,
        }
    }
}

/// An object on which judgements depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A Namespace.
    Namespace,
    /// A DrainPolicy or ClusterDrainPolicy.
    Policy(PolicyKind),
}

impl Change {
    fn of(group: &str, kind: &str) -> Option<Change> {
        match (group, kind) {
            ("", "Namespace") => Some(Change::Namespace),
            ("draingate.dev", "DrainPolicy") => Some(Change::Policy(PolicyKind::DrainPolicy)),
            ("draingate.dev", "ClusterDrainPolicy") => Some(Change::Policy(PolicyKind::ClusterDrainPolicy)),
            _ => None,
        }
    }
}

/// What is being done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// CREATE
    Create,
    /// UPDATE
    Update,
    /// DELETE
    Delete,
    /// CONNECT and what may come.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, O> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, bound(deserialize = "O: Deserialize<'de>"))]
    request: Option<Request<'a, O>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a, O> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow)]
    kind: GroupVersionKind<'a>,
    #[serde(borrow)]
    sub_resource: Option<Text<'a>>,
    operation: Operation,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    namespace: Option<Text<'a>>,
    dry_run: Option<bool>,
    #[serde(bound(deserialize = "O: Deserialize<'de>"))]
    object: Option<O>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

impl GroupVersionKind<'_> {
    fn is_pod(&self) -> bool {
        Kind::of(&self.group, &self.kind) == Some(Kind::Pod)
    }
}

impl<'a> Review<'a> {
    /// Decodes a request body.
    ///
    /// # Errors
    /// A sentence for the caller: a body that is no review is answered with HTTP 400, never with a
    /// made-up review.
    pub fn decode(body: &'a [u8]) -> Result<Review<'a>, String> {
        let text = std::str::from_utf8(body)
            .map_err(|e| format!("the body is not UTF-8: byte {} cannot be read", e.valid_up_to()))?;
        // Almost every review has a pod: that is read in the same pass, and what cannot be is looked at again.
        match json::read::<Envelope<PodTemplate>>(text) {
            Some(envelope) if envelope.request.as_ref().is_some_and(|request| request.kind.is_pod()) => {
                let (mut review, pod) = Review::of(envelope)?;
                review.object = pod.map_or(Object::None, |pod| Object::Pod(Box::new(Subject::of_pod(pod))));
                Ok(review)
            }
            _ => {
                let envelope = serde_json::from_str::<Envelope<&RawValue>>(text)
                    .map_err(|e| sentence(&format!("the body is not an AdmissionReview: {e}")))?;
                let (mut review, object) = Review::of(envelope)?;
                review.object = object.filter(|raw| raw.get() != "null").map_or(Object::None, Object::Raw);
                Ok(review)
            }
        }
    }

    /// The review without its object, and that.
    fn of<O>(envelope: Envelope<'a, O>) -> Result<(Review<'a>, Option<O>), String> {
        if envelope.api_version.as_str() != API_VERSION || envelope.kind.as_str() != KIND {
            return Err(format!(
                "the body is {} of {}, not {KIND} of {API_VERSION}",
                quote(&envelope.kind),
                quote(&envelope.api_version)
            ));
        }
        let request = envelope.request.ok_or("the AdmissionReview has no request")?;
        if request.uid.is_empty() {
            return Err("the AdmissionReview's request has no uid".into());
        }
        // They go into log lines, and names into the paths of calls to the API server.
        if request.uid.len() > UID_LIMIT || !request.uid.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("the AdmissionReview's uid {} is none", quote(&request.uid)));
        }
        let change = Change::of(&request.kind.group, &request.kind.kind);
        let names = [request.namespace.as_ref(), request.name.as_ref().filter(|_| change.is_some())];
        for name in names.into_iter().flatten().filter(|name| !name.is_empty()) {
            if !keys::is_name(name) {
                return Err(format!("the AdmissionReview's name {} is none that Kubernetes takes", quote(name)));
            }
        }
        let whole = request.sub_resource.is_none_or(|sub| sub.is_empty());
        let review = Review {
            uid: request.uid,
            kind: Kind::of(&request.kind.group, &request.kind.kind).filter(|_| whole),
            change: change.filter(|_| whole),
            name: request.name.unwrap_or_default(),
            operation: request.operation,
            namespace: request.namespace.unwrap_or_default(),
            dry_run: request.dry_run.unwrap_or(false),
            object: Object::None,
            old_object: request.old_object.filter(|raw| raw.get() != "null"),
        };
        Ok((review, request.object))
    }

    /// Whether an UPDATE changes what pods are made from. A template that cannot be read has changed.
    pub fn template_changed(&self, kind: Kind) -> bool {
        let template = |raw: Option<&RawValue>| {
            let value: serde_json::Value = serde_json::from_str(raw?.get()).ok()?;
            value.pointer(kind.pod_pointer()).cloned()
        };
        match (template(self.object.raw()), template(self.old_object)) {
            (Some(new), Some(old)) => new != old,
            _ => true,
        }
    }
}

/// The answer to one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// JSON of an RFC 6902 patch; `None` for no change.
    pub patch: Option<Vec<u8>>,
    /// The denial's text; `None` allows.
    pub denial: Option<String>,
    /// Shown to the client, each at most 120 characters.
    pub warnings: Vec<String>,
    /// Stored in the API server's audit log under our webhook's name.
    pub audit: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseEnvelope<'r> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'r> {
    uid: &'r str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'r>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'r [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'r BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Status<'r> {
    code: u16,
    reason: &'static str,
    message: &'r str,
}

/// Bytes as a JSON string in base64, of which no letter has to be escaped.
fn base64(bytes: &[u8]) -> Option<Box<RawValue>> {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    RawValue::from_string(["\"", &text, "\""].concat()).ok()
}

impl Answer {
    /// The response body for the request `uid`.
    pub fn encode(&self, uid: &str) -> Vec<u8> {
        let denied = |message| Status { code: 403, reason: "Forbidden", message };
        let envelope = ResponseEnvelope {
            api_version: API_VERSION,
            kind: KIND,
            response: Response {
                uid,
                allowed: self.denial.is_none(),
                patch_type: self.patch.as_ref().map(|_| "JSONPatch"),
                patch: self.patch.as_deref().and_then(base64),
                status: self.denial.as_deref().map(denied),
                warnings: &self.warnings,
                audit_annotations: &self.audit,
            },
        };
        // Strings and maps of strings: there is nothing here that cannot be written.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}
