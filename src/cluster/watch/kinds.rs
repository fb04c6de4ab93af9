//! What is taken from namespaces, Services and policies.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{NotUsed, Object, PartialObjectMeta};
use kube::{Api, Client, Resource};
use serde_json::Value;

use super::reflect::Kind;
use crate::cluster::key::Key;
use crate::cluster::policies::{Record, Table};
use draingate_core::mode::Mode;
use draingate_core::policy::{Policy, PolicyKind, UnreadablePolicy};
use draingate_core::world::{Service, World};

/// Metadata only.
pub(super) fn namespaces(client: Client) -> Api<PartialObjectMeta<Namespace>> {
    Api::all(client)
}

/// A namespace is less strict than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lowered {
    /// Its name.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// The version that says so.
    pub version: String,
    /// The mode that held before.
    pub from: Mode,
    /// The mode that holds now.
    pub to: Mode,
}

/// Takes what was lowered, and returns at once.
pub type LoweredSink = Arc<dyn Fn(Lowered) + Send + Sync>;

pub(super) struct Namespaces {
    pub(super) lowered: Option<LoweredSink>,
}

impl Kind for Namespaces {
    type Object = PartialObjectMeta<Namespace>;
    type Item = ObjectMeta;

    fn read(&self, _: &Key, object: Self::Object) -> ObjectMeta {
        let ObjectMeta { labels, uid, resource_version, .. } = object.metadata;
        ObjectMeta { labels, uid, resource_version, ..ObjectMeta::default() }
    }
    fn set(&self, world: &mut World, key: &Key, item: ObjectMeta) {
        let labels = item.labels.unwrap_or_default();
        if let (Some(sink), Some(known)) = (&self.lowered, world.namespace(&key.name)) {
            let (from, to) = (world.mode_of(&known.labels).mode, world.mode_of(&labels).mode);
            if to < from {
                sink(Lowered {
                    namespace: key.name.clone(),
                    uid: item.uid.unwrap_or_default(),
                    version: item.resource_version.unwrap_or_default(),
                    from,
                    to,
                });
            }
        }
        world.set_namespace(&key.name, labels);
    }
    fn remove(&self, world: &mut World, key: &Key) {
        world.remove_namespace(&key.name);
    }
}

pub(super) fn services(client: Client) -> Api<Object<Value, NotUsed>> {
    Api::all_with(client, &ApiResource::erase::<k8s_openapi::api::core::v1::Service>(&()))
}

pub(super) struct Services;

impl Kind for Services {
    type Object = Object<Value, NotUsed>;
    type Item = Service;

    fn read(&self, _: &Key, object: Self::Object) -> Service {
        Service::of_spec(&object.spec)
    }
    fn set(&self, world: &mut World, key: &Key, service: Service) {
        world.set_service(&key.namespace, &key.name, service);
    }
    fn remove(&self, world: &mut World, key: &Key) {
        world.remove_service(&key.namespace, &key.name);
    }
}

/// Policies, each read on its own, so that one that cannot be read takes no other with it.
pub(super) struct Policies {
    kind: PolicyKind,
    table: Arc<Table>,
}

impl Policies {
    pub(super) fn new(kind: PolicyKind, table: Arc<Table>) -> Policies {
        Policies { kind, table }
    }
}

impl Kind for Policies {
    type Object = DynamicObject;
    type Item = (Result<Policy, UnreadablePolicy>, Record);

    const OPTIONAL: bool = true;

    fn listed(&self, world: &mut World) {
        world.unread_policies.retain(|kind| *kind != self.kind);
    }
    fn read(&self, key: &Key, object: DynamicObject) -> Self::Item {
        let created = object.meta().creation_timestamp.as_ref().map(|time| time.0.to_string());
        let spec = object.data.get("spec").unwrap_or(&Value::Null);
        let annotations = object.meta().annotations.as_ref().and_then(|all| serde_json::to_value(all).ok());
        let policy = Policy::read(self.kind, &key.namespace, &key.name, created, spec)
            .map(|policy| policy.with_annotations(annotations.as_ref()));
        let record = Record::new(&object, &policy);
        (policy, record)
    }
    fn set(&self, world: &mut World, key: &Key, (policy, record): Self::Item) {
        world.set_policy(self.kind, &key.namespace, policy);
        self.table.set(self.kind, key, record);
    }
    fn remove(&self, world: &mut World, key: &Key) {
        world.remove_policy(self.kind, &key.namespace, &key.name);
        self.table.remove(self.kind, key);
    }
    fn changed(&self) {
        self.table.changed();
    }
}
