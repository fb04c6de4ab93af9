//! Certificates without any helper: a CA in a Secret, a serving certificate for each replica, the `caBundle` of both
//! configurations, and their rotation.
//!
//! Every replica reads the Secret and issues its own certificate, whose key never leaves it. One replica writes, the
//! holder of a [`lease`]: the Secret, step by step ([`state`]), and the [`bundle`]. All of it is looked at every
//! [`POLL_INTERVAL`]: whatever was deleted, damaged or overwritten is right again a moment later, and a replica that
//! comes new finds in the Secret where the last one stopped.

mod bundle;
mod lease;
pub mod metrics;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::timeout;
use tracing::{info, warn};

use self::bundle::Configurations;
use self::lease::Holder;
use self::metrics::CaMetrics;
use self::state::{State, Step, Time, certificates, seconds};
use super::metrics::WriteResult;
use crate::backoff::jitter;
use crate::serve::certificate::{AuthorityError, CurrentCertificate};
use crate::serve::drain::{Drain, Phase};

pub use self::state::Terms;

/// How often everything is looked at.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long one look may take.
const POLL_TIMEOUT: Duration = Duration::from_secs(20);
/// The Secret's key of the state, with the CAs' keys.
const STATE: &str = "state.json";
/// The Secret's key of what is to be trusted, for people and other programs.
const BUNDLE: &str = "ca.crt";
/// The Secret's annotation that asks for a rotation, each new value for one.
pub const ROTATE: &str = "draingate.dev/rotate";

/// Whose certificates, and where they are kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Draingate's own namespace: of the Secret, the lease and the Service.
    pub namespace: String,
    /// The Service that the API server calls.
    pub service: String,
    /// Further names of the serving certificate.
    pub names: Vec<String>,
    /// The Secret.
    pub secret: String,
    /// The lease.
    pub lease: String,
    /// Both webhook configurations.
    pub webhooks: String,
    /// This replica.
    pub identity: String,
    /// The common name of the serving certificate; the Service's, where there is none.
    pub common_name: Option<String>,
    /// How long things last, and what keys are made.
    pub terms: Terms,
}

impl Options {
    /// What the API server may ask for: `<service>.<namespace>.svc`, and the same by other names.
    fn all_names(&self) -> Vec<String> {
        let base = format!("{}.{}", self.service, self.namespace);
        let own = [format!("{base}.svc"), format!("{base}.svc.cluster.local"), base];
        own.into_iter().chain(self.names.iter().cloned()).collect()
    }

    /// At most 64 characters, as X.509 has it.
    fn common_name(&self) -> String {
        let name = self.common_name.clone().unwrap_or_else(|| format!("{}.{}.svc", self.service, self.namespace));
        name.chars().take(64).collect::<String>().trim_end_matches('.').to_owned()
    }
}

/// Keeps the certificates until the server ends.
pub async fn keep(
    client: Client,
    options: Options,
    current: Arc<CurrentCertificate>,
    metrics: Arc<CaMetrics>,
    drain: Drain,
) {
    let secrets = Api::namespaced(client.clone(), &options.namespace);
    let leases = Api::namespaced(client.clone(), &options.namespace);
    let mut keeper = Keeper {
        secrets,
        holder: Holder::new(leases, options.lease.clone(), options.identity.clone()),
        configurations: Configurations::new(
            client,
            options.webhooks.clone(),
            options.namespace.clone(),
            options.service.clone(),
        ),
        options,
        current,
        metrics,
        known: None,
        issued: None,
        told: None,
    };
    let mut failures: u32 = 0;
    while drain.phase() == Phase::Serving {
        let problem = match timeout(POLL_TIMEOUT, keeper.look()).await {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => Some(problem.to_string()),
            Err(_) => Some("the API server does not answer".to_owned()),
        };
        failures = if problem.is_some() { failures.saturating_add(1) } else { 0 };
        if problem.is_some() && problem != keeper.told {
            let reason = problem.as_deref().unwrap_or_default();
            warn!(reason, "the certificates could not be looked after; what is there goes on being used");
        }
        keeper.told = problem;
        let wait = POLL_INTERVAL * 2_u32.pow(failures.saturating_sub(1).min(4));
        let mut phases = drain.subscribe();
        tokio::select! {
            () = tokio::time::sleep(wait / 2 + jitter(wait)) => {}
            _ = phases.wait_for(|phase| *phase > Phase::Serving) => {}
        }
    }
    let _ = timeout(POLL_INTERVAL, keeper.holder.release()).await;
}

struct Keeper {
    secrets: Api<Secret>,
    holder: Holder,
    configurations: Configurations,
    options: Options,
    current: Arc<CurrentCertificate>,
    metrics: Arc<CaMetrics>,
    /// The last good state.
    known: Option<State>,
    /// The CA that issued the certificate in use.
    issued: Option<String>,
    told: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Cluster(#[from] kube::Error),
    #[error("{0}")]
    Certificate(#[from] AuthorityError),
    #[error("the state cannot be written: {0}")]
    Write(#[from] serde_json::Error),
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time::try_from(since.as_secs()).unwrap_or(Time::MAX)
}

/// The Secret as the owner of the lease, so that an uninstall, which takes the Secret, leaves none.
fn owner(secret: &Secret) -> Option<OwnerReference> {
    let (name, uid) = (secret.metadata.name.clone()?, secret.metadata.uid.clone()?);
    Some(OwnerReference { api_version: "v1".into(), kind: "Secret".into(), name, uid, ..OwnerReference::default() })
}

impl Keeper {
    async fn look(&mut self) -> Result<(), Problem> {
        let secret = self.secrets.get_opt(&self.options.secret).await?;
        let held = self.holder.holds(secret.as_ref().and_then(owner)).await;
        let writes = matches!(held, Ok(true));
        self.metrics.leader.set(i64::from(writes));
        let read = secret.as_ref().and_then(|secret| {
            let bytes = secret.data.as_ref()?.get(STATE)?;
            match State::read(&bytes.0) {
                Ok(state) => Some(state),
                Err(reason) => {
                    warn!(secret = self.options.secret, reason, "the Secret is damaged");
                    None
                }
            }
        });
        if writes {
            self.write(secret, read).await?;
        } else if let Some(state) = read {
            self.known = Some(state);
        }
        self.issue()?;
        held?;
        Ok(())
    }

    /// The writer's part: the Secret first, then who trusts it.
    async fn write(&mut self, secret: Option<Secret>, read: Option<State>) -> Result<(), Problem> {
        let terms = self.options.terms;
        let annotations = secret.as_ref().and_then(|secret| secret.metadata.annotations.clone());
        let asked = annotations.and_then(|annotations| annotations.get(ROTATE).cloned());
        let mut state = match (read, self.known.clone()) {
            (Some(state), _) => state,
            (None, known) => {
                let state = match known {
                    Some(known) => known,
                    None => State::first(certificates(&self.configurations.trusted().await?), now(), &terms)?,
                };
                self.store(secret.as_ref(), &state).await?;
                info!(secret = self.options.secret, "wrote the CA into the Secret");
                self.known = Some(state);
                // The version is another one now: the next look goes on.
                return self.trust().await.map(|_| ());
            }
        };
        self.known = Some(state.clone());
        let trusted = self.trust().await?;
        if let Some(step) = state.step(now(), trusted, asked.as_deref(), &terms) {
            state = state.take(step, now(), asked.as_deref(), &terms)?;
            self.store(secret.as_ref(), &state).await?;
            info!(?step, "the CA's rotation goes on");
            if step == Step::Switch {
                self.metrics.rotations.inc();
            }
            self.known = Some(state);
            self.trust().await?;
        }
        Ok(())
    }

    async fn store(&self, found: Option<&Secret>, state: &State) -> Result<(), Problem> {
        let bundle = ByteString(state.bundle().into_bytes());
        let data =
            BTreeMap::from([(STATE.to_owned(), ByteString(serde_json::to_vec(state)?)), (BUNDLE.to_owned(), bundle)]);
        let name = Some(self.options.secret.clone());
        let new = || Secret {
            metadata: ObjectMeta { name, ..ObjectMeta::default() },
            type_: Some("Opaque".into()),
            ..Secret::default()
        };
        let mut secret = found.cloned().unwrap_or_else(new);
        secret.data = Some(data);
        let params = PostParams { field_manager: Some("draingate".into()), ..PostParams::default() };
        // Named by its version: of two writers one succeeds.
        match found {
            Some(_) => self.secrets.replace(&self.options.secret, &params, &secret).await?,
            None => self.secrets.create(&params, &secret).await?,
        };
        Ok(())
    }

    /// Lets both configurations trust the known state; whether they did already.
    async fn trust(&mut self) -> Result<bool, Problem> {
        let Some(state) = &self.known else { return Ok(false) };
        let changed = self.configurations.ensure(&state.bundle()).await;
        if !matches!(changed, Ok(0)) {
            self.metrics.bundle_writes.of(WriteResult::from(&changed)).inc();
        }
        Ok(changed? == 0)
    }

    /// This replica's own certificate: of the CA that issues now, and with enough of its life left.
    fn issue(&mut self) -> Result<(), Problem> {
        let Some(state) = &self.known else { return Ok(()) };
        let authority = state.current.authority()?;
        self.metrics.not_after.set(authority.validity.not_after);
        let Terms { leaf, settle, keys, .. } = self.options.terms;
        let fresh = self.current.validity().is_some_and(|shown| shown.not_after > now() + seconds(leaf) / 3);
        let same = self.issued.as_ref() == Some(&authority.certificate_pem);
        // A CA that came out of nowhere is not trusted everywhere yet: who has a certificate waits.
        let settled = now() >= state.current.announced.saturating_add(seconds(settle));
        if fresh && (same || !settled) {
            return Ok(());
        }
        let names = self.options.all_names();
        let leaf = authority.issue(&self.options.common_name(), &names, keys, SystemTime::now(), leaf)?;
        info!(not_after = leaf.validity().not_after, "issued the serving certificate");
        leaf.show(&self.current);
        self.issued = Some(authority.certificate_pem);
        Ok(())
    }
}
