//! The cluster's side: what Draingate installs there, what it knows from there, what it writes back.
//!
//! Nothing here judges a pod. The watches fill a [`draingate_core::world::World`], and the pure core reads it.
//!
//! 1. [`crd`]: the two policy kinds, as the API server learns them.
//! 2. [`webhooks`]: the two webhook configurations.
//! 3. [`watch`]: namespaces, Services, policies and versions into the world, and the live read of one namespace.
//! 4. [`draingate_core::versions`]: whether the API server and the nodes know the native sleep.
//! 5. [`status`]: conditions on the policies, from what [`watch`] puts into [`policies`].
//! 6. [`events`]: Events on the workloads whose pods were injected, rejected or killed.
//! 7. [`certificates`]: a CA, a serving certificate for each replica, the `caBundle`, and their rotation.
//! 8. [`reports`]: PolicyReports, where they are wanted.
//! 9. [`ping`]: whether the API server gets answers, and which hop fails.
//! 10. [`owners`]: the StatefulSet of a pod, read when that is admitted.
//! 11. [`metrics`]: what of this is counted.
//!
//! # Permissions
//!
//! Cluster-wide (`charts/draingate/templates/rbac.yaml` is compared with the tables):
//!
//! | group | resources | verbs | for |
//! | --- | --- | --- | --- |
//! | core | `namespaces` | get, list, watch | modes, profiles, labels; the live read |
//! | core | `services` | list, watch | which pods serve |
//! | core | `nodes` | list | kubelet versions |
//! | `draingate.dev` | `drainpolicies`, `clusterdrainpolicies` | list, watch | policies |
//! | `draingate.dev` | `drainpolicies/status`, `clusterdrainpolicies/status` | patch | conditions |
//! | core | `events` | create | what happened, on the workload |
//! | `apps` | `deployments` | get | the workload above a ReplicaSet |
//! | `apps` | `statefulsets` | get | whether a pod is the only one |
//! | `autoscaling` | `horizontalpodautoscalers` | list | the same: whether there may be more |
//! | core | `pods` | list | what a change of a label or a policy would reject |
//!
//! Where PolicyReports are wanted:
//!
//! | group | resources | verbs | for |
//! | --- | --- | --- | --- |
//! | `wgpolicyk8s.io` | `policyreports` | create, patch | one in each namespace |
//!
//! Where stops are observed:
//!
//! | group | resources | verbs | for |
//! | --- | --- | --- | --- |
//! | core | `pods` | watch | their deletions and the ends of their containers |
//! | `discovery.k8s.io` | `endpointslices` | list, watch | when their endpoints leave |
//! | core | `events` | list, watch | whose hook failed |
//!
//! And where it makes its own certificates, the first by name, the others in its own namespace and, but for
//! `create`, by name:
//!
//! | group | resources | verbs | for |
//! | --- | --- | --- | --- |
//! | `admissionregistration.k8s.io` | `mutatingwebhookconfigurations`, `validatingwebhookconfigurations` | get, patch | the `caBundle` |
//! | core | `secrets` | get, create, update | the CA |
//! | `coordination.k8s.io` | `leases` | get, create, update, delete | which replica writes; delete, as OpenShift lets only those who may delete it name its owner |
//!
//! `/version` is open to every authenticated client (`system:public-info-viewer`).

pub mod certificates;
pub mod crd;
pub mod events;
mod key;
pub mod metrics;
pub mod owners;
pub mod ping;
pub mod policies;
pub mod reports;
pub mod status;
pub mod watch;
pub mod webhooks;
