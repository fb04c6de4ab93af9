//! The policies as objects of the API server: where they are, and what is known of each.
//!
//! Below both who watches them and who writes their status: the one fills the [`Table`], the other reads it.

mod table;

use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::{Api, Client};

pub use self::table::Table;
pub(super) use self::table::{Id, Record, Selects};

use super::crd;
use draingate_core::policy::PolicyKind;

/// Policies of a kind, in all namespaces.
pub(super) fn api(client: Client, kind: PolicyKind) -> Api<DynamicObject> {
    Api::all_with(client, &resource(kind))
}

/// Policies of a kind, in one namespace.
pub(super) fn namespaced(client: Client, kind: PolicyKind, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &resource(kind))
}

fn resource(kind: PolicyKind) -> ApiResource {
    let kind_of = GroupVersionKind::gvk(crd::GROUP, crd::VERSION, kind.as_str());
    ApiResource::from_gvk_with_plural(&kind_of, crd::plural(kind))
}
