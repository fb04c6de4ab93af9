//! The rollouts themselves: sends, restarts, waits until nothing more is sent to what was replaced, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::objects::NAME;
use super::samples::{Measured, Seen};
use crate::cli::CalibrateArgs;
use crate::locks;
use crate::traffic::endpoints::{self, Withdrawn};
use crate::traffic::load::{Connections, Load, Options};
use crate::traffic::pods::{self, Lives, now};
use crate::traffic::recording::{PodLife, Sample};
use crate::traffic::rollout::Rollout;
use crate::workloads::name::{RolledKind, WorkloadName};

const POLL: Duration = Duration::from_millis(250);
/// A way that does not answer within this is none; a cloud's load balancer takes minutes.
const UNTIL_IT_WORKS: Duration = Duration::from_secs(600);
/// So long without a failure, and from every pod, and the way works.
const CALM: f64 = 4.0;
/// A round is over when no deleted pod has answered for so long, in seconds, at least.
const QUIET: f64 = 5.0;
/// And up to so much longer: a pause that is always the same falls into step with a data plane's throttle, and a window that
/// nothing has used up for a while is what shows all of it.
const MORE_QUIET: f64 = 20.0;
/// The pause after the last round.
const LAST_QUIET: f64 = 12.0;
/// A rollout that takes longer does not end.
const ROLLOUT: Duration = Duration::from_secs(300);
/// How long requests are sent when all pods are terminating and E is over.
const LAST_PODS: f64 = 5.0;
/// A change that fails is tried so often.
const TRIES: u32 = 5;
const RETRY: Duration = Duration::from_secs(2);
/// For one request.
const TIMEOUT: Duration = Duration::from_secs(5);
/// On each kept connection.
const KEPT_PER_SECOND: u32 = 2;

/// Where requests go.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) address: Option<SocketAddr>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        self.address.map_or(Ok(()), |address| write!(f, " {address}"))
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> Result<Target> {
        let (url, address) = text.split_once(' ').unwrap_or((text, ""));
        let address = (!address.is_empty()).then(|| address.parse().context("the target's address")).transpose()?;
        Ok(Target { url: url.to_owned(), address })
    }
}

impl Target {
    pub(super) fn words(&self) -> String {
        match self.address {
            Some(address) => format!("{} (at {address})", self.url),
            None => self.url.clone(),
        }
    }
}

/// How long it takes, with an E of nothing, in seconds.
pub(super) fn shortest(args: &CalibrateArgs) -> u64 {
    let pause = (QUIET + MORE_QUIET / 2.0) as u64;
    let round = u64::from(args.replicas) * 7 + pause + if args.alone { pause + 7 } else { 0 };
    20 + u64::from(args.rounds) * round + LAST_QUIET as u64 + LAST_PODS as u64
}

/// The pause before the rounds' next deletions: spread evenly, whatever their number, and never in step.
fn pause(number: usize) -> f64 {
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    QUIET + MORE_QUIET * (number as f64 * golden).fract()
}

/// What goes on while it is measured.
struct Course<'a> {
    args: &'a CalibrateArgs,
    rollout: Rollout,
    deployments: Api<Deployment>,
    lives: Lives,
    withdrawn: Withdrawn,
    new: Arc<Load>,
    kept: Option<Arc<Load>>,
    rounds: Vec<f64>,
    alone: BTreeMap<String, f64>,
    say: &'a (dyn Fn(&str) + Sync),
}

/// Measures.
///
/// # Errors
/// What kept it from being measured.
pub(super) async fn measure(
    client: Client,
    args: &CalibrateArgs,
    namespace: &str,
    target: &Target,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Measured> {
    let options = |rate, connections| Options {
        url: target.url.clone(),
        address: target.address,
        method: "GET".to_owned(),
        headers: Vec::new(),
        timeout: TIMEOUT,
        rate,
        connections,
        ca_file: None,
        of_canary: true,
    };
    let new = Load::new(&options(args.new_per_second, Connections::New))?;
    let kept = match args.kept {
        0 => None,
        count => Some(Load::new(&options(count * KEPT_PER_SECOND, Connections::Kept(count)))?),
    };
    let name = WorkloadName { kind: RolledKind::Deployment, name: NAME.to_owned() };
    say("waiting for the canary's pods");
    let rollout = at_rest(&client, &name, namespace).await?;
    let (lives, withdrawn) = (Lives::default(), Withdrawn::default());
    let mut following = JoinSet::new();
    following.spawn(pods::follow(rollout.pods(), rollout.selector.clone(), Arc::clone(&lives)));
    let (slices, noted) = (Api::namespaced(client.clone(), namespace), Arc::clone(&withdrawn));
    following.spawn(async move { endpoints::follow(slices, NAME, noted).await });
    let deployments = Api::namespaced(client, namespace);
    let (rounds, alone) = (Vec::new(), BTreeMap::new());
    let mut course = Course { args, rollout, deployments, lives, withdrawn, new, kept, rounds, alone, say };
    let mut sending = JoinSet::new();
    sending.spawn(Arc::clone(&course.new).run());
    let measured = async {
        course.works(target).await?;
        (course.say)("a pause, so that the first rollout meets a way at rest");
        if let Some(kept) = &course.kept {
            sending.spawn(Arc::clone(kept).run());
        }
        sleep(Duration::from_secs_f64(pause(0) + MORE_QUIET / 2.0)).await;
        course.rounds().await
    };
    let measured = measured.await;
    course.new.end();
    course.kept.iter().for_each(|kept| kept.end());
    while sending.join_next().await.is_some() {}
    let (until, last_pods) = measured?;
    let pods: Vec<PodLife> = locks::lock(&course.lives).values().cloned().collect();
    let withdrawn = locks::lock(&course.withdrawn).clone();
    let kept = course.kept.as_ref().map(|kept| kept.samples()).unwrap_or_default();
    Ok(Measured::of(&Seen {
        pods: &pods,
        withdrawn: &withdrawn,
        rounds: &course.rounds,
        alone: &course.alone,
        new: &course.new.samples(),
        kept: &kept,
        until,
        longest: args.longest as f64,
        last_pods,
    }))
}

/// Tries a change a few times: the API server may be away for a moment, and a connection that was kept may be dead.
async fn again<T>(change: impl AsyncFn() -> Result<T>) -> Result<T> {
    for _ in 0..TRIES {
        if let Ok(done) = change().await {
            return Ok(done);
        }
        sleep(RETRY).await;
    }
    change().await
}

/// The Deployment, once all its pods are there.
async fn at_rest(client: &Client, name: &WorkloadName, namespace: &str) -> Result<Rollout> {
    let deadline = Instant::now() + ROLLOUT;
    loop {
        match Rollout::check(client.clone(), name.clone(), namespace.to_owned()).await {
            Ok(rollout) => return Ok(rollout),
            Err(error) if Instant::now() >= deadline => {
                return Err(
                    error.context(format!("the canary's pods are not ready: kubectl describe {name} -n {namespace}"))
                );
            }
            Err(_) => sleep(POLL).await,
        }
    }
}

impl Course<'_> {
    /// Waits until every pod answers and nothing fails.
    async fn works(&self, target: &Target) -> Result<()> {
        (self.say)(&format!("waiting until {} works", target.words()));
        let deadline = Instant::now() + UNTIL_IT_WORKS;
        loop {
            sleep(POLL).await;
            let from = now() - CALM;
            let recent: Vec<Sample> = self.new.samples().into_iter().filter(|sample| sample.end() >= from).collect();
            let answered: BTreeSet<&str> =
                recent.iter().filter_map(|sample| Some(sample.answer.as_ref()?.pod.as_str())).collect();
            let error = recent.iter().rev().find_map(|sample| sample.error.clone());
            let enough = recent.len() as f64 > CALM * f64::from(self.args.new_per_second) / 2.0;
            if enough && error.is_none() && answered.len() == self.args.replicas as usize {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let why = error.map_or(format!("{} of {} pods answered", answered.len(), self.args.replicas), |e| e);
                bail!("{} did not work within {} s: {why}", target.words(), UNTIL_IT_WORKS.as_secs());
            }
        }
    }

    /// All rounds; when the last was over, and the time in which all pods were terminating.
    async fn rounds(&mut self) -> Result<(f64, Option<(f64, f64)>)> {
        for round in 1..=self.args.rounds {
            self.rounds.push(now());
            let old = self.standing();
            again(async || self.rollout.restart().await).await?;
            self.until_replaced(&old).await?;
            if self.args.alone {
                self.until_quiet(pause(self.rounds.len() + self.alone.len())).await;
                self.delete_one().await?;
            }
            self.until_quiet(if round == self.args.rounds { LAST_QUIET } else { pause(self.rounds.len()) }).await;
            (self.say)(&format!("rollout {round} of {}: {}", self.args.rounds, self.so_far()));
        }
        let until = now();
        let largest = self.largest();
        (self.say)("all pods at once: what the way does when every pod is terminating and still serves");
        let patch = json!({"spec": {"replicas": 0}});
        let params = PatchParams::default();
        again(async || self.deployments.patch(NAME, &params, &Patch::Merge(&patch)).await.context("scaling to 0"))
            .await?;
        let deadline = Instant::now() + ROLLOUT;
        while !self.standing().is_empty() {
            if Instant::now() >= deadline {
                bail!("scaled to 0, and pods were not deleted");
            }
            sleep(POLL).await;
        }
        let from = now() + largest + 1.0;
        // No longer than the last ones serve.
        if largest + 1.0 + LAST_PODS > self.args.longest as f64 {
            return Ok((until, None));
        }
        sleep(Duration::from_secs_f64(largest + 1.0 + LAST_PODS)).await;
        Ok((until, Some((from, now()))))
    }

    /// Pods that are not being deleted.
    fn standing(&self) -> Vec<String> {
        let lives = locks::lock(&self.lives);
        lives.values().filter(|life| life.deleted.is_none()).map(|life| life.name.clone()).collect()
    }

    async fn until_replaced(&self, old: &[String]) -> Result<()> {
        let deadline = Instant::now() + ROLLOUT;
        loop {
            let standing = self.standing();
            // A look that fails is no end: the API server may be away for a moment.
            if old.iter().all(|name| !standing.contains(name)) && self.rollout.is_complete().await.unwrap_or(false) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "a rollout of {NAME} did not end within {} s: is there room for one more pod?",
                    ROLLOUT.as_secs()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Waits until no deleted pod has answered for a while; no longer than they serve.
    async fn until_quiet(&self, quiet: f64) {
        loop {
            let (deleted, last) = self.deleted_and_last();
            let newest = deleted.values().copied().fold(0.0, f64::max);
            let still = newest.max(last);
            if now() >= still + quiet || now() >= newest + self.args.longest as f64 {
                return;
            }
            sleep(POLL).await;
        }
    }

    /// When pods were deleted, and when one of them answered last.
    fn deleted_and_last(&self) -> (BTreeMap<String, f64>, f64) {
        let deleted: BTreeMap<String, f64> = {
            let lives = locks::lock(&self.lives);
            lives.values().filter_map(|life| Some((life.name.clone(), life.deleted?))).collect()
        };
        let of_deleted = |sample: &Sample| deleted.contains_key(&sample.answer.as_ref()?.pod).then(|| sample.end());
        // The newest first: only the latest can be the last.
        let last =
            self.new.recent(|samples| samples.iter().rev().take(20_000).filter_map(of_deleted).fold(0.0, f64::max));
        (deleted, last)
    }

    fn largest(&self) -> f64 {
        let (deleted, _) = self.deleted_and_last();
        self.new.recent(|samples| {
            let stayed = samples.iter().filter_map(|sample| {
                let at = deleted.get(&sample.answer.as_ref()?.pod)?;
                Some(sample.end() - at)
            });
            stayed.fold(0.0, f64::max)
        })
    }

    fn so_far(&self) -> String {
        let count = locks::lock(&self.lives).values().filter(|life| life.deleted.is_some()).count();
        let from = self.rounds.first().copied().unwrap_or(f64::MAX);
        let (sent, failed) = self.new.recent(|samples| {
            let counted = samples.iter().filter(|sample| sample.at >= from);
            counted.fold((0, 0), |(sent, failed), one| (sent + 1, failed + usize::from(one.error.is_some())))
        });
        format!("{count} pods replaced, E {:.2} s at most, {failed} of {sent} requests failed", self.largest())
    }

    async fn delete_one(&mut self) -> Result<()> {
        let Some(name) = self.standing().into_iter().next() else { return Ok(()) };
        let pods: Api<Pod> = self.rollout.pods();
        self.alone.insert(name.clone(), now());
        pods.delete(&name, &DeleteParams::default()).await.with_context(|| format!("deleting {name}"))?;
        self.until_replaced(&[name]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread() {
        let mut all: Vec<f64> = (1..=10).map(pause).collect();
        all.sort_by(f64::total_cmp);
        assert!(all.iter().all(|pause| (QUIET..=QUIET + MORE_QUIET).contains(pause)), "{all:?}");
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] > 0.5 && pair[1] - pair[0] < 5.0), "{all:?}");
    }

    #[test]
    fn a_target_is_read_as_it_is_written() {
        for text in ["http://10.0.0.1:80/", "http://a.invalid:80/ 10.0.0.1:80", "http://a.invalid/ [::1]:80"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert!("http://a/ b".parse::<Target>().is_err());
    }
}
