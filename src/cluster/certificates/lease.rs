//! Which replica writes. One at a time holds the lease; when it goes silent, another takes over.
//!
//! No two clocks are compared: a holder counts as silent when this replica has seen no renewal for the lease's whole
//! duration. Every write names the version that it is about, so that of two replicas one succeeds.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;

/// How long a holder may be silent.
const DURATION: Duration = Duration::from_secs(15);
/// A holder renews when so much has passed.
const RENEW: Duration = Duration::from_secs(5);

pub(super) struct Holder {
    api: Api<Lease>,
    name: String,
    identity: String,
    /// The version of the lease seen last, and since when it is this one.
    seen: Option<(String, Instant)>,
    /// Until when nobody else may write.
    held_until: Option<Instant>,
    renewed: Option<Instant>,
}

impl Holder {
    pub(super) fn new(api: Api<Lease>, name: String, identity: String) -> Holder {
        Holder { api, name, identity, seen: None, held_until: None, renewed: None }
    }

    /// Whether this replica holds the lease; renews it, or takes it where nobody does. It goes when `owner` does.
    ///
    /// # Errors
    /// The API server's. What was held is held on to, until its time is over.
    pub(super) async fn holds(&mut self, owner: Option<OwnerReference>) -> kube::Result<bool> {
        let answer = self.renew(owner).await;
        let held = self.held_until.is_some_and(|until| Instant::now() < until);
        match answer {
            // Somebody else was quicker.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(held),
            Err(error) if !held => Err(error),
            _ => Ok(held),
        }
    }

    /// Gives it up, so that the next need not wait.
    pub(super) async fn release(&mut self) {
        if self.held_until.take().is_none() {
            return;
        }
        if let Ok(Some(mut lease)) = self.api.get_opt(&self.name).await {
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_deref() == Some(&self.identity) {
                spec.holder_identity = None;
                let _ = self.api.replace(&self.name, &PostParams::default(), &lease).await;
            }
        }
    }

    async fn renew(&mut self, owner: Option<OwnerReference>) -> kube::Result<()> {
        let started = Instant::now();
        if self.held_until.is_some() && self.renewed.is_some_and(|then| started.duration_since(then) < RENEW) {
            return Ok(());
        }
        let found = self.api.get_opt(&self.name).await?;
        let holder = found.as_ref().and_then(|lease| lease.spec.as_ref()?.holder_identity.clone());
        let version = found.as_ref().and_then(|lease| lease.metadata.resource_version.clone()).unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            _ => started,
        };
        self.seen = Some((version, since));
        let silent = started.duration_since(since) >= DURATION;
        if holder.as_deref().is_some_and(|holder| !holder.is_empty() && holder != self.identity) && !silent {
            self.held_until = None;
            return Ok(());
        }
        let written = self.write(found, holder, owner).await;
        match written {
            Ok(lease) => {
                self.seen = lease.metadata.resource_version.map(|version| (version, started));
                self.held_until = Some(started + DURATION);
                self.renewed = Some(started);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn write(
        &self,
        found: Option<Lease>,
        holder: Option<String>,
        owner: Option<OwnerReference>,
    ) -> kube::Result<Lease> {
        let now = MicroTime(Timestamp::now());
        let mut lease = found.clone().unwrap_or_else(|| Lease {
            metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        lease.metadata.owner_references = owner.map(|owner| vec![owner]).or(lease.metadata.owner_references);
        let old = lease.spec.take().unwrap_or_default();
        let same = holder.as_deref() == Some(&self.identity);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if same { old.acquire_time.clone() } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(old.lease_transitions.unwrap_or(0) + i32::from(!same)),
            ..old
        });
        match found {
            Some(_) => self.api.replace(&self.name, &PostParams::default(), &lease).await,
            None => self.api.create(&PostParams::default(), &lease).await,
        }
    }
}
