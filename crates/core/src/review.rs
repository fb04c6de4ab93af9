//! AdmissionReview v1, by the letter.
//!
//! Own structs, because the decision needs the object's bytes as they came, and because kube's
//! `AdmissionResponse` serializes a patch as a list of numbers (kube-rs/kube#1781).

use std::collections::BTreeMap;

use base64::Engine;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::{self, Read, Reader, Unread, fields};
use crate::keys;
use crate::policy::PolicyKind;
use crate::subject::{Kind, Subject};
use crate::text::{Text, quote, sentence};

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
    /// The JSON of the stored object, on UPDATE. It was not checked.
    pub old_object: Option<&'a str>,
}

/// What a request is about.
#[derive(Debug)]
pub enum Object<'a> {
    /// A pod, read in the same pass as its review.
    Pod(Box<Subject<'a>>),
    /// The JSON of anything else, and of a pod that could not be read so. It was not checked.
    Raw(&'a str),
    /// Nothing, as on DELETE.
    None,
}

impl<'a> Object<'a> {
    /// Its JSON, unless it was read already.
    pub fn raw(&self) -> Option<&'a str> {
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

/// The whole text by serde_json: where it is no review, this says why.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
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
    #[serde(borrow)]
    object: Option<Object<'a>>,
    #[serde(borrow, default, deserialize_with = "raw")]
    old_object: Option<&'a str>,
}

#[derive(Default, Deserialize)]
struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de str>, D::Error> {
    Ok(Option::<&RawValue>::deserialize(deserializer)?.map(RawValue::get))
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|raw| Object::Raw(raw.get()))
    }
}

impl<'a> Read<'a> for Envelope<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let (mut api_version, mut kind, mut request) = (None, None, None);
        reader.object(|reader, key| match key {
            "apiVersion" => reader.once(&mut api_version),
            "kind" => reader.once(&mut kind),
            "request" => reader.once(&mut request),
            _ => reader.pass(),
        })?;
        Ok(Envelope {
            api_version: api_version.unwrap_or_default(),
            kind: kind.unwrap_or_default(),
            request: request.flatten(),
        })
    }
}

impl<'a> Read<'a> for Request<'a> {
    /// A pod is read on the way: an API server writes the kind before the object.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        let (mut uid, mut kind, mut sub_resource, mut operation) = (None, None::<GroupVersionKind>, None, None);
        let (mut name, mut namespace, mut dry_run, mut old_object) = (None, None, None, None);
        let mut object = None;
        reader.object(|reader, key| match key {
            "uid" => reader.once(&mut uid),
            "kind" => reader.once(&mut kind),
            "subResource" => reader.once(&mut sub_resource),
            "operation" => reader.once(&mut operation),
            "name" => reader.once(&mut name),
            "namespace" => reader.once(&mut namespace),
            "dryRun" => reader.once(&mut dry_run),
            "object" if object.is_some() => Err(Unread),
            "object" => {
                let is_pod = kind.as_ref().is_some_and(|kind| Kind::of(&kind.group, &kind.kind) == Some(Kind::Pod));
                object = Some(if is_pod {
                    Option::read(reader)?.map(|pod| Object::Pod(Box::new(Subject::of_pod(pod))))
                } else {
                    Option::read(reader)?.map(Object::Raw)
                });
                Ok(())
            }
            "oldObject" => reader.once(&mut old_object),
            _ => reader.pass(),
        })?;
        Ok(Request {
            uid: uid.unwrap_or_default(),
            kind: kind.ok_or(Unread)?,
            sub_resource: sub_resource.flatten(),
            operation: operation.ok_or(Unread)?,
            name: name.flatten(),
            namespace: namespace.flatten(),
            dry_run: dry_run.flatten(),
            object: object.flatten(),
            old_object: old_object.flatten(),
        })
    }
}

fields!(GroupVersionKind<'a> {
    "group" => group,
    "kind" => kind,
});

impl<'a> Read<'a> for Operation {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        match reader.raw()? {
            "\"CREATE\"" => Ok(Operation::Create),
            "\"UPDATE\"" => Ok(Operation::Update),
            "\"DELETE\"" => Ok(Operation::Delete),
            other => serde_json::from_str(other).map_err(|_| Unread),
        }
    }
}

impl<'a> Review<'a> {
    /// Decodes a request body.
    ///
    /// # Errors
    /// A sentence for the caller: a body that is no review is answered with HTTP 400, never with a
    /// made-up review.
    pub fn decode(body: &'a [u8]) -> Result<Review<'a>, String> {
        let text = simdutf8::compat::from_utf8(body)
            .map_err(|e| format!("the body is not UTF-8: byte {} cannot be read", e.valid_up_to()))?;
        let envelope = match json::read(text) {
            Some(envelope) => envelope,
            None => {
                serde_json::from_str(text).map_err(|e| sentence(&format!("the body is not an AdmissionReview: {e}")))?
            }
        };
        Review::of(envelope)
    }

    fn of(envelope: Envelope<'a>) -> Result<Review<'a>, String> {
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
        Ok(Review {
            uid: request.uid,
            kind: Kind::of(&request.kind.group, &request.kind.kind).filter(|_| whole),
            change: change.filter(|_| whole),
            name: request.name.unwrap_or_default(),
            operation: request.operation,
            namespace: request.namespace.unwrap_or_default(),
            dry_run: request.dry_run.unwrap_or(false),
            object: request.object.unwrap_or(Object::None),
            old_object: request.old_object,
        })
    }

    /// Whether an UPDATE changes what pods are made from. A template that cannot be read has changed.
    pub fn template_changed(&self, kind: Kind) -> bool {
        let template = |raw: Option<&str>| {
            let value: serde_json::Value = serde_json::from_str(raw?).ok()?;
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

impl Answer {
    /// The response body for the request `uid`.
    pub fn encode(&self, uid: &str) -> Vec<u8> {
        let texts = self.warnings.iter().chain(self.audit.values()).chain(&self.denial).map(|text| text.len() + 32);
        let patch = self.patch.as_deref().unwrap_or_default();
        let mut json = Vec::with_capacity(256 + uid.len() + patch.len() * 4 / 3 + texts.sum::<usize>());
        text(&mut json, r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"#);
        json::write(&mut json, uid);
        text(&mut json, if self.denial.is_none() { r#","allowed":true"# } else { r#","allowed":false"# });
        if let Some(patch) = &self.patch {
            text(&mut json, r#","patchType":"JSONPatch","patch":""#);
            base64(&mut json, patch);
            text(&mut json, r#"""#);
        }
        if let Some(denial) = &self.denial {
            text(&mut json, r#","status":{"code":403,"reason":"Forbidden","message":"#);
            json::write(&mut json, denial);
            text(&mut json, "}");
        }
        if !self.warnings.is_empty() {
            text(&mut json, r#","warnings":["#);
            separated(&mut json, &self.warnings, |json, warning| json::write(json, warning));
            text(&mut json, "]");
        }
        if !self.audit.is_empty() {
            text(&mut json, r#","auditAnnotations":{"#);
            separated(&mut json, &self.audit, |json, (key, value)| {
                json::write(json, key);
                text(json, ":");
                json::write(json, value);
            });
            text(&mut json, "}");
        }
        text(&mut json, "}}");
        json
    }
}

fn text(json: &mut Vec<u8>, text: &str) {
    json.extend_from_slice(text.as_bytes());
}

fn separated<T>(json: &mut Vec<u8>, entries: impl IntoIterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    for (number, entry) in entries.into_iter().enumerate() {
        text(json, if number == 0 { "" } else { "," });
        write(json, entry);
    }
}

/// Bytes in base64, of which no letter has to be escaped.
fn base64(json: &mut Vec<u8>, bytes: &[u8]) {
    let start = json.len();
    json.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let room = json.get_mut(start..).unwrap_or_default();
    // There is room for all of it.
    let written = base64::engine::general_purpose::STANDARD.encode_slice(bytes, room).unwrap_or(0);
    json.truncate(start + written);
}
