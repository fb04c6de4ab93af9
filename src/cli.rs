//! The command line: what can be asked of the one binary.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cluster::webhooks::FailurePolicy;
use crate::report::CheckFormat;
use crate::serve::address::ListenAddress;
use crate::serve::certificate::KeyAlgorithm;
use crate::workloads::name::WorkloadName;
use draingate_core::finding::Code;
use draingate_core::keys::is_name;
use draingate_core::mode::{MinimumMode, Mode};
use draingate_core::policy::PolicyKind;
use draingate_core::selector::LabelSelector;

/// Draingate makes pods stop without dropping work.
///
/// It injects preStop hooks and drain-safe grace periods by per-namespace policy, and rejects pods whose
/// numbers cannot work: terminationGracePeriodSeconds >= endpoint propagation + drain delay + worst-case
/// request + safety margin.
#[derive(Debug, Parser)]
#[command(name = "draingate", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The exit code of a run that found nothing at or above `--fail-on`.
pub const CLEAN: u8 = 0;
/// The exit code where there are findings at or above `--fail-on`.
pub const FINDINGS: u8 = 1;
/// The exit code where the input or the call is bad.
pub const BAD: u8 = 2;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the admission webhook
    #[command(after_help = "Examples:
  draingate serve --tls-cert tls.crt --tls-key tls.key        in a cluster, or with KUBECONFIG
  draingate serve --standalone --policy shop.yaml --ca-out ca.crt   without a cluster")]
    Serve(Box<ServeArgs>),
    /// Judges manifests without a cluster: what happens to their pods when they stop
    #[command(after_help = "Examples:
  draingate check deploy/                        a folder, .gitignore respected
  helm template shop ./chart | draingate check -
  draingate check --admitted deploy/             what is left once Draingate has injected
  draingate check --fix=diff deploy/             what to write into the manifests, as a diff
  draingate check --baseline draingate.json deploy/   only what is new fails; the first run writes the file

Policies, Namespaces, Services, ConfigMaps and autoscalers among the files count. A comment in a
document ignores a finding of its pod: # draingate: ignore short-hold: its only client tries again
Exit code: 0 clean, 1 findings, 2 the input or the call is bad.")]
    Check(CheckArgs),
    /// Judges the pods that run in a cluster: which would lose work today, which namespaces could go to enforce
    #[command(after_help = "Examples:
  draingate scan                                 every namespace, as its pods stand
  draingate scan -n shop --for-mode enforce      what enforce would reject there, after injection
  draingate scan --format json | jq '.results[] | select(.verdict == \"fail\")'

Reads with your own rights, and writes nothing: get namespaces; list pods, services, namespaces, nodes,
drainpolicies and clusterdrainpolicies. Exit code: 0 clean, 1 findings, 2 the cluster cannot be read.")]
    Scan(ScanArgs),
    /// Restarts a workload of a cluster while sending load, and says what its clients lost
    #[command(after_help = "Examples:
  draingate rehearse deployment/web -n shop --url https://shop.example.com/health --rate 50
  draingate rehearse deployment/web -n shop --url http://web.shop/ --slo 99.9 --yes --format json --svg web.svg
  draingate rehearse statefulset/queue -n shop --no-load      only how its pods come and go

It asks before it restarts. It does not start where the workload is not at rest, cannot be brought back, or fails
already; too many errors undo the rollout. A request fails with a status of 500 or more, or without an answer.
Send the load from where your clients are: what a port-forward shows is not what they see.
Needs: get and patch of the workload; list and watch of pods. Exit code: 0 the SLO was met, 1 it was not or the
rollout was undone, 2 nothing could be rehearsed.")]
    Rehearse(Box<RehearseArgs>),
    /// Measures how long this cluster's own way in goes on sending to a pod that was deleted, and prints the policy for it
    #[command(after_help = "Examples:
  draingate calibrate -n calibrate --via cluster-ip --dry-run           every object that it would make
  draingate calibrate -n calibrate --via cluster-ip
  draingate calibrate -n calibrate --via ingress --ingress-class nginx --format html > e.html
  draingate calibrate -n calibrate --via gateway infra/public --host canary.example.com
  draingate calibrate -n calibrate --via service-type LoadBalancer --annotation K=V --write
  draingate calibrate -n calibrate --via url https://canary.example.com/     a way of your own to Service draingate-canary

It makes a Deployment of its own image with a Service, and what the way needs, rolls it again and again while it sends,
and takes all of it away. It asks first. All is owned by one Job, whose end removes it a minute after this process
was lost. It never touches an object that it did not make. Needs the rights to make what --dry-run prints, and to read
pods and EndpointSlices there; cluster-ip runs in the cluster, in a pod with a Role of that namespace. Exit code: 0 measured,
1 not enough for a suggestion, 2 it could not be measured.")]
    Calibrate(Box<CalibrateArgs>),
    /// Serves as one of the pods that calibrate replaces: answers with its name, and through its preStop hook
    #[command(after_help = "Example:\n  draingate canary --listen 127.0.0.1:8080 --pod-name here")]
    Canary(CanaryArgs),
    /// Watches pods stop: how long they really take, who is killed at the end of the grace, what policy that asks for
    #[command(after_help = "Examples:
  draingate observe --for 10m                    while a rollout runs; Ctrl-C ends it sooner
  draingate observe -n shop --suggest > policy.yaml    the table goes to standard error
  draingate observe -A --format json             namespaces without a mode, too

Reads with your own rights, and writes nothing: list and watch pods, endpointslices and events; what scan reads, for
the policies; with --suggest, get deployments, statefulsets and daemonsets. Endpoint times end at the EndpointSlice: a
lower bound of endpoint propagation. Exit code: 0, or 2 where the cluster cannot be read.")]
    Observe(ObserveArgs),
    /// Prints the CustomResourceDefinitions of DrainPolicy and ClusterDrainPolicy
    #[command(after_help = "Example:\n  draingate crd | kubectl apply -f -")]
    Crd,
    /// Prints the webhook configurations that make an API server call Draingate
    #[command(after_help = "Examples:
  draingate webhooks --ca-file ca.crt | kubectl apply -f -
  draingate webhooks --ca-file ca.crt --url https://127.0.0.1:8443 | kubectl apply -f -")]
    Webhooks(WebhooksArgs),
    /// Has the API server inject a pod (a dry run), and asks the webhooks as it does: by their Service, trusting their caBundle
    #[command(after_help = "Examples:
  draingate ping                    from anywhere, with KUBECONFIG
  draingate ping --namespace shop   in a namespace that is there, in mode inject or enforce

Without --namespace one is made for it, and deleted. Where the pod does not come back injected, it says which hop
failed. Needs: create, get and delete namespaces (not with --namespace); create pods there; get of the two webhook
configurations, of the Service and of its proxy; list endpointslices. Exit code: 0 it works, 2 it does not.")]
    Ping(PingArgs),
    /// Draws how each pod of a manifest, or of an object of a cluster, stops: before and after admission
    #[command(after_help = "Examples:
  draingate explain deployment.yaml
  helm template shop ./chart | draingate explain - checkout
  draingate explain --format html --output stops.html deploy/
  draingate explain deployment/web -n shop        as it stands in the cluster

Policies, Namespaces, Services, ConfigMaps and autoscalers among the objects count. An object of a
cluster is read with your own rights, and nothing is written: get it, its namespace and its ConfigMaps;
list services, drainpolicies, horizontalpodautoscalers, statefulsets and deployments there, and
clusterdrainpolicies and nodes. What it can do without is named on standard error. The exit code is 0
whatever the verdict, 2 where something cannot be read; `check` is the command that fails.")]
    Explain(ExplainArgs),
    /// Lists every finding; with a code, prints the page about it: why, an example, the fix
    #[command(after_help = "Examples:\n  draingate codes\n  draingate codes grace-budget")]
    Codes {
        /// A finding's code, as a denial shows it in brackets
        #[arg(value_parser = code_parser(), hide_possible_values = true)]
        code: Option<Code>,
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Prints which forms of preStop hooks are read, and which commands stop a container
    Hooks {
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },

    /// Prints the container names that are known to be helpers, and where each stop time comes from
    Helpers {
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Prints what is known of servers: how long they accept and finish work after SIGTERM, and how work comes to them
    Servers {
        /// How to print it
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        format: ListFormat,
    },
    /// Prints the manual page, or writes one for each command into a folder
    Man {
        /// Where to write them
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
    /// Prints a shell's completions
    #[command(after_help = "Example:\n  draingate completions bash > /etc/bash_completion.d/draingate")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// Aligned columns
    Text,
    /// For machines
    Json,
    /// A table for a page
    Markdown,
}

/// Completes the codes, and names the nearest to a slip of the pen.
fn code_parser() -> impl TypedValueParser<Value = Code> {
    PossibleValuesParser::new(Code::ALL.map(Code::as_str))
        .try_map(|text| Code::ALL.into_iter().find(|code| code.as_str() == text).ok_or("no such code"))
}

fn mode_parser(modes: &'static [Mode]) -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(modes.iter().map(|mode| mode.as_str()))
        .try_map(|text| modes.iter().copied().find(|mode| mode.as_str() == text).ok_or("no such mode"))
}

/// A mode that namespaces have at least.
#[derive(Debug, Args)]
pub struct MinimumModeArgs {
    /// The mode that namespaces have at least, whatever their label draingate.dev/mode says
    #[arg(long, value_name = "MODE", value_parser = mode_parser(&Mode::MINIMUMS))]
    pub minimum_mode: Option<Mode>,
    /// Which namespaces, as a label selector in JSON: {"matchLabels":{"tier":"prod"}}; {} are all
    #[arg(long, value_name = "SELECTOR", default_value = "{}", requires = "minimum_mode", value_parser = selector)]
    pub minimum_mode_namespaces: LabelSelector,
}

impl MinimumModeArgs {
    /// The mode and where it holds, where there is one.
    pub fn get(&self) -> Option<MinimumMode> {
        let mode = self.minimum_mode?;
        Some(MinimumMode { mode, namespaces: self.minimum_mode_namespaces.clone() })
    }
}

fn selector(text: &str) -> Result<LabelSelector, String> {
    let selector: LabelSelector = serde_json::from_str(text).map_err(|problem| problem.to_string())?;
    match selector.problem() {
        Some(problem) => Err(problem),
        None => Ok(selector),
    }
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Needs no cluster: policies, namespaces and Services come from --policy files
    #[arg(long)]
    pub standalone: bool,
    /// A file of DrainPolicy, ClusterDrainPolicy, Namespace and Service objects; repeatable
    #[arg(long, value_name = "FILE", requires = "standalone")]
    pub policy: Vec<PathBuf>,
    /// Where to write the certificate of the ephemeral CA that --standalone makes
    #[arg(long, value_name = "FILE", requires = "standalone")]
    pub ca_out: Option<PathBuf>,
    /// A further name of a certificate of its own making; repeatable
    #[arg(long, value_name = "NAME", conflicts_with = "tls_cert")]
    pub tls_name: Vec<String>,
    /// The TLS certificate chain, PEM; read again when the file changes. Without it, in a cluster, Draingate makes
    /// and rotates its own
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "DRAINGATE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// The TLS private key, PEM; read again when the file changes
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "DRAINGATE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Certificates of its own making, in a cluster
    #[command(flatten)]
    pub own: OwnCertificates,
    /// Where the API server calls: a port, of IPv6 and IPv4 where the machine has both, or one address with its port
    #[arg(long, value_name = "PORT|ADDRESS", default_value = "8443", overrides_with = "listen")]
    pub listen: ListenAddress,
    /// Where /livez, /readyz and /metrics are, in plain HTTP
    #[arg(long, value_name = "PORT|ADDRESS", default_value = "8080", overrides_with = "admin_listen")]
    pub admin_listen: ListenAddress,
    /// Draingate's own namespace, which it never touches
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "draingate")]
    pub own_namespace: String,
    /// This replica's name, for the lease and in Events
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub pod_name: Option<String>,
    /// The mode of namespaces without the label draingate.dev/mode
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = mode_parser(&Mode::DEFAULTS))]
    pub default_mode: Mode,
    /// A mode that namespaces have at least
    #[command(flatten)]
    pub minimum: MinimumModeArgs,
    /// Writes a PolicyReport (wgpolicyk8s.io/v1alpha2) into each namespace with a mode, this often
    #[arg(long, value_name = "TIME", conflicts_with = "standalone", value_parser = humantime::parse_duration)]
    pub policy_reports_every: Option<Duration>,
    /// Watches the pods of namespaces with a mode stop: metrics, and an Event where one is killed at the end of its grace
    #[arg(long, conflicts_with = "standalone")]
    pub observe: bool,
    /// What to inject where a node or the API server is older than 1.30 and has no native sleep
    #[arg(long, value_enum, default_value_t = HookFallback::None)]
    pub hook_fallback: HookFallback,
    /// The Kubernetes version to assume with --standalone, for example 1.29
    #[arg(long, value_name = "VERSION", requires = "standalone")]
    pub kubernetes_version: Option<String>,
    /// How long to go on serving after SIGTERM, in seconds: Draingate's own hold
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub hold_seconds: u64,
    /// How often the certificate files are compared, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub reload_seconds: u64,
    /// Logs as JSON or as text; text where standard error is a terminal
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// What `serve` needs to know to make its own certificates.
#[derive(Debug, Args)]
#[command(next_help_heading = "Certificates of its own making, in a cluster")]
pub struct OwnCertificates {
    /// The Service that the API server calls, in Draingate's own namespace
    #[arg(long, value_name = "NAME", default_value = "draingate")]
    pub service_name: String,
    /// The name of both webhook configurations, whose caBundle is kept right
    #[arg(long, value_name = "NAME", default_value = "draingate")]
    pub webhooks_name: String,
    /// The Secret of the CA, in Draingate's own namespace
    #[arg(long, value_name = "NAME", default_value = "draingate-ca")]
    pub ca_secret: String,
    /// The lease that says which replica writes, in Draingate's own namespace
    #[arg(long, value_name = "NAME", default_value = "draingate-ca")]
    pub lease: String,
    /// The keys of the CA and of the serving certificates; another kind than the CA has is a rotation
    #[arg(long, value_enum, default_value_t = KeyAlgorithm::EcdsaP256)]
    pub key_algorithm: KeyAlgorithm,
    /// The common name of the serving certificate [default: SERVICE.NAMESPACE.svc]
    #[arg(long, value_name = "NAME")]
    pub common_name: Option<String>,
    /// How long a CA is valid; the next one takes over when a third of it is left
    #[arg(long, value_name = "TIME", default_value = "365d", value_parser = humantime::parse_duration)]
    pub ca_lifetime: Duration,
    /// How long a serving certificate is valid; the next one is issued when a third of it is left
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
    pub leaf_lifetime: Duration,
    /// How long a next CA is made known before it issues: until every API server trusts it
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub ca_settle: Duration,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files, folders, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// A file of further DrainPolicy, ClusterDrainPolicy, Namespace and Service objects; repeatable
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// Judges the pods as Draingate would admit them in enforce mode, instead of as they are written
    #[arg(long)]
    pub admitted: bool,
    /// Does nothing: it is what check does by itself
    #[arg(long, hide = true, conflicts_with = "admitted")]
    pub as_written: bool,
    /// What to write
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
    /// Only what this file does not have fails; it is written where it is not there
    #[arg(long, value_name = "FILE", conflicts_with = "fix")]
    pub baseline: Option<PathBuf>,
    /// Writes the baseline anew, with what this run finds
    #[arg(long, requires = "baseline")]
    pub update_baseline: bool,
    /// Writes the fixes into the files where that is safe; `--fix=diff` only shows them
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "write", conflicts_with = "format")]
    pub fix: Option<FixMode>,
    /// The Kubernetes version to assume, for example 1.29; one with the native sleep where absent
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
}

/// Arguments of `scan`.
#[derive(Debug, Args)]
pub struct ScanArgs {
    /// Only this namespace
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// What admission would do in this mode with the pods that come next, instead of the pods as they stand
    #[arg(long, value_name = "MODE", value_parser = mode_parser(&Mode::ALL))]
    pub for_mode: Option<Mode>,
    /// What to write
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,
    /// Draingate's own namespace, which it never touches
    #[arg(long, value_name = "NAMESPACE", default_value = "draingate")]
    pub own_namespace: String,
    /// The mode of namespaces without the label draingate.dev/mode
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = mode_parser(&Mode::DEFAULTS))]
    pub default_mode: Mode,
    /// A mode that namespaces have at least; give what `serve` has
    #[command(flatten)]
    pub minimum: MinimumModeArgs,
    /// How many objects are read at once
    #[arg(long, value_name = "COUNT", hide = true)]
    pub page_size: Option<usize>,
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// What is restarted: deployment/NAME, statefulset/NAME or daemonset/NAME
    #[arg(value_name = "KIND/NAME")]
    pub workload: WorkloadName,
    /// Its namespace [default: the current context's]
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// Where the load goes
    #[arg(long, required_unless_present_any = ["no_load", "counter"])]
    pub url: Option<String>,
    /// Sends nothing
    #[arg(long, conflicts_with_all = ["url", "counter"])]
    pub no_load: bool,
    /// A shell command that prints two numbers: all requests and failed ones that another load has sent so far
    #[arg(long, value_name = "COMMAND", conflicts_with = "url")]
    pub counter: Option<String>,
    /// Requests a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// The HTTP method
    #[arg(long, default_value = "GET")]
    pub method: String,
    /// A header of each request (repeatable)
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// Uses connections again, as clients with a pool do, instead of a new one for each request
    #[arg(long)]
    pub keep_alive: bool,
    /// How long a request may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Trusts the CAs of this PEM file instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What has to succeed in the deploy window, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 99.9, value_parser = percent)]
    pub slo: f64,
    /// More failed requests than this undo the rollout
    #[arg(long, value_name = "COUNT", default_value_t = 500)]
    pub max_errors: usize,
    /// How long the load goes on before the restart
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub before: Duration,
    /// How long work may still be sent to a pod after its deletion, and not yet to a new one (endpoint propagation, E): the
    /// deploy window does not end before, and requests that fail before the restart are asked again for so long
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub propagation: Duration,
    /// How long it goes on after the deploy window
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub after: Duration,
    /// A rollout that takes longer is undone
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    pub longest: Duration,
    /// Restarts without asking
    #[arg(short, long)]
    pub yes: bool,
    /// What to write
    #[arg(long, value_enum, default_value_t = RehearseFormat::Human)]
    pub format: RehearseFormat,
    /// Draws the run into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What `rehearse` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RehearseFormat {
    /// For people
    Human,
    /// For programs, version 1
    Json,
}

fn percent(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=100.0).contains(value));
    value.ok_or_else(|| "a number from 0 to 100".to_owned())
}

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Where the canary runs [default: the current context's namespace]
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// The way in: cluster-ip, ingress, gateway NAME, service-type LoadBalancer, url URL
    #[arg(long, num_args = 1..=2, value_names = ["WAY", "VALUE"], required = true)]
    pub via: Vec<String>,
    /// The class of the Ingress, with --via ingress
    #[arg(long, value_name = "CLASS")]
    pub ingress_class: Option<String>,
    /// The host of the Ingress or HTTPRoute, so that nobody else's requests are met [default: one that nobody has]
    #[arg(long)]
    pub host: Option<String>,
    /// An annotation of the Ingress, HTTPRoute or Service that is made (repeatable)
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub annotation: Vec<(String, String)>,
    /// Sends there, instead of to what the Ingress, Gateway or Service reports as its address
    #[arg(long, value_name = "IP[:PORT]", value_parser = address)]
    pub address: Option<(std::net::IpAddr, Option<u16>)>,
    /// How many rollouts
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Pods of the canary
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub replicas: u32,
    /// Requests a second, each on a new connection
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(5..=1000))]
    pub new_per_second: u32,
    /// Connections that are kept, with two requests a second on each
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub kept: u32,
    /// How long a deleted pod goes on serving, in seconds: no longer E can be seen
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(5..=3600))]
    pub longest: u64,
    /// In each round deletes a single pod, too, after the rollout
    #[arg(long)]
    pub alone: bool,
    /// Sends from a pod of the cluster, as cluster-ip always does
    #[arg(long)]
    pub from_cluster: bool,
    /// The image of the canary: Draingate's own
    #[arg(long, default_value = concat!("ghcr.io/draingate/draingate:", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// The policy to suggest: clusterdrainpolicy/NAME, or drainpolicy/NAME in that namespace
    #[arg(long, value_name = "KIND/NAME", default_value = "clusterdrainpolicy/calibrated")]
    pub policy: PolicyName,
    /// Applies the policy: its E and the annotation about it; all else that it says stays
    #[arg(long)]
    pub write: bool,
    /// What to write
    #[arg(long, value_enum, default_value_t = CalibrateFormat::Text)]
    pub format: CalibrateFormat,
    /// Prints the objects that it would make, and makes none
    #[arg(long)]
    pub dry_run: bool,
    /// Begins without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Leaves what it made for another hour
    #[arg(long)]
    pub keep: bool,
    /// Set in the pod that sends: where to, as URL or "URL ADDRESS"; what it measured it says in its log
    #[arg(long, value_name = "TARGET", hide = true)]
    pub inside: Option<String>,
}

/// A policy as kubectl names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyName {
    /// Which of the two kinds.
    pub kind: PolicyKind,
    /// Its name.
    pub name: String,
}

impl FromStr for PolicyName {
    type Err = String;
    fn from_str(text: &str) -> Result<PolicyName, String> {
        let (kind, name) = text.split_once('/').unwrap_or_default();
        let kind = match kind.to_ascii_lowercase().as_str() {
            "clusterdrainpolicy" => PolicyKind::ClusterDrainPolicy,
            "drainpolicy" => PolicyKind::DrainPolicy,
            _ => return Err("clusterdrainpolicy/NAME or drainpolicy/NAME".to_owned()),
        };
        if !is_name(name) {
            return Err(format!("{name:?} is no object's name"));
        }
        Ok(PolicyName { kind, name: name.to_owned() })
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn address(text: &str) -> Result<(std::net::IpAddr, Option<u16>), String> {
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return Ok((address.ip(), Some(address.port())));
    }
    text.parse().map(|ip| (ip, None)).map_err(|_| "an address such as 10.0.0.7, 10.0.0.7:8080 or [::1]:8080".to_owned())
}

/// What `calibrate` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CalibrateFormat {
    /// For people
    Text,
    /// For programs, version 1
    Json,
    /// A picture with a lane for each rollout
    Svg,
    /// A page with the picture
    Html,
}

/// Arguments of `canary`.
#[derive(Debug, Args)]
pub struct CanaryArgs {
    /// Where it serves
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: std::net::SocketAddr,
    /// What it calls itself
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub pod_name: String,
}

/// Arguments of `observe`.
#[derive(Debug, Args)]
pub struct ObserveArgs {
    /// Only this namespace, whatever its mode
    #[arg(short, long, conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// Every namespace, instead of those with a mode
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// How long to watch, for example 10m; until Ctrl-C where absent
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub duration: Option<Duration>,
    /// Prints the DrainPolicies that the measures ask for
    #[arg(long)]
    pub suggest: bool,
    /// What to write
    #[arg(long, value_enum, default_value_t = ObserveFormat::Human)]
    pub format: ObserveFormat,
    /// Draingate's own namespace, which it never touches
    #[arg(long, value_name = "NAMESPACE", default_value = "draingate")]
    pub own_namespace: String,
    /// The mode of namespaces without the label draingate.dev/mode
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = mode_parser(&Mode::DEFAULTS))]
    pub default_mode: Mode,
    /// A mode that namespaces have at least; give what `serve` has
    #[command(flatten)]
    pub minimum: MinimumModeArgs,
}

/// What `observe` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ObserveFormat {
    /// A table
    Human,
    /// For programs: version 1, docs/observe.schema.json
    Json,
}

/// What makes `check` fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Errors
    Error,
    /// Errors and warnings
    Warning,
}

/// What `--fix` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FixMode {
    /// Changes the files; standard input is written to standard output
    Write,
    /// Prints a diff
    Diff,
}

/// What replaces the native sleep on an old cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HookFallback {
    /// Nothing is injected
    None,
    /// An exec hook: ["sleep", "N"], which needs a sleep binary in the image
    Exec,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line
    Json,
    /// For people
    Text,
}

/// Arguments of `webhooks`.
#[derive(Debug, Args)]
pub struct WebhooksArgs {
    /// The PEM file of the CA that signed the webhook's certificate
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Call this base URL, for a webhook outside the cluster, instead of the Service
    #[arg(long, value_name = "URL", conflicts_with_all = ["service_name", "service_port"])]
    pub url: Option<String>,
    /// The Service to call
    #[arg(long, value_name = "NAME", default_value = "draingate")]
    pub service_name: String,
    /// The Service's port
    #[arg(long, value_name = "PORT", default_value_t = 443)]
    pub service_port: u16,
    /// The namespace of the Service and of Draingate itself, which is never touched
    #[arg(short, long, value_name = "NAMESPACE", default_value = "draingate")]
    pub namespace: String,
    /// The name of both configurations
    #[arg(long, default_value = "draingate")]
    pub name: String,
    /// What an unreachable webhook does to pods of enforce namespaces; all others are always let through
    #[arg(long, value_enum, default_value_t = FailurePolicy::Ignore)]
    pub enforce_failure_policy: FailurePolicy,
    /// The mode of namespaces without the label draingate.dev/mode; give `serve` the same
    #[arg(long, value_name = "MODE", default_value = "off", value_parser = mode_parser(&Mode::DEFAULTS))]
    pub default_mode: Mode,
    /// A mode that namespaces have at least; give `serve` the same
    #[command(flatten)]
    pub minimum: MinimumModeArgs,
    /// A further namespace that is never asked about, besides kube-system and Draingate's own; repeatable
    #[arg(long, value_name = "NAMESPACE")]
    pub exclude_namespace: Vec<String>,
    /// Which namespaces are asked about at all, as a label selector in JSON; {} are all
    #[arg(long, value_name = "SELECTOR", default_value = "{}", value_parser = selector)]
    pub namespaces: LabelSelector,
    /// How long the API server waits for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub timeout_seconds: u8,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A file, a folder, or - for standard input; or an object of a cluster, such as deployment/web
    #[arg(value_name = "PATH|KIND/NAME")]
    pub path: PathBuf,
    /// Only the object with this name, or with this kind and name
    #[arg(value_name = "NAME|KIND/NAME")]
    pub object: Option<String>,
    /// The namespace of objects that name none [default: default; in a cluster the current context's]
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// A file of further DrainPolicy, ClusterDrainPolicy, Namespace and Service objects; repeatable
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// What to draw
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
    /// Where to write it, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The Kubernetes version to assume, for example 1.29; the cluster's, or one with the native sleep, where absent
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
    /// Draingate's own namespace in a cluster, which it never touches
    #[arg(long, value_name = "NAMESPACE", default_value = "draingate")]
    pub own_namespace: String,
}

/// How `explain` draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// 80 columns of plain characters
    Text,
    /// A picture of one object
    Svg,
    /// A page with every object, before and after side by side
    Html,
    /// The timelines as data
    Json,
}

/// Arguments of `ping`.
#[derive(Debug, Args)]
pub struct PingArgs {
    /// The name of both webhook configurations
    #[arg(long, value_name = "NAME", default_value = "draingate")]
    pub webhooks_name: String,
    /// Where the pod would be: a namespace in mode inject or enforce
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// How long to go on trying, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub wait_seconds: u64,
}
