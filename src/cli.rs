//! The command line: what can be asked of the one binary.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the admission webhook
    #[command(after_help = "Examples:
  draingate serve --tls-cert tls.crt --tls-key tls.key        in a cluster, or with KUBECONFIG
  draingate serve --standalone --policy shop.yaml --ca-out ca.crt   without a cluster")]
    Serve(ServeArgs),
    /// Prints the CustomResourceDefinitions of DrainPolicy and ClusterDrainPolicy
    #[command(after_help = "Example:\n  draingate crd | kubectl apply -f -")]
    Crd,
    /// Prints the webhook configurations that make an API server call Draingate
    #[command(after_help = "Examples:
  draingate webhooks --ca-file ca.crt | kubectl apply -f -
  draingate webhooks --ca-file ca.crt --url https://127.0.0.1:8443 | kubectl apply -f -")]
    Webhooks(WebhooksArgs),
    /// Draws how each pod of a manifest stops, before and after admission
    #[command(after_help = "Examples:
  draingate explain deployment.yaml
  helm template shop ./chart | draingate explain - checkout
  draingate explain --format html --output stops.html deploy/

Policies, Namespaces and Services among the objects count. The exit code is 0 whatever the verdict, 2 where
something cannot be read; `check` is the command that fails.")]
    Explain(ExplainArgs),
    /// Prints the container names that are known to be helpers, and where each stop time comes from
    Helpers,
    /// Prints a shell's completions
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
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
    /// The certificate's further names, besides localhost and the loopback addresses; repeatable
    #[arg(long, value_name = "NAME", requires = "standalone")]
    pub tls_name: Vec<String>,
    /// The TLS certificate chain, PEM; read again when the file changes
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "DRAINGATE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// The TLS private key, PEM; read again when the file changes
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "DRAINGATE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Where the API server calls
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub listen: SocketAddr,
    /// Where /livez, /readyz and /metrics are, in plain HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,
    /// Draingate's own namespace, which it never touches
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "draingate")]
    pub own_namespace: String,
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
    /// How long the API server waits for an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=30))]
    pub timeout_seconds: u8,
}

/// A webhook's failure policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailurePolicy {
    /// The pod is let through
    Ignore,
    /// The pod is refused
    Fail,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A file, a folder, or - for standard input
    pub path: PathBuf,
    /// Only the object with this name, or with this kind and name
    #[arg(value_name = "NAME|KIND/NAME")]
    pub object: Option<String>,
    /// The namespace of objects that name none
    #[arg(short, long, default_value = "default")]
    pub namespace: String,
    /// A file of further DrainPolicy, ClusterDrainPolicy, Namespace and Service objects; repeatable
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// What to draw
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub format: ExplainFormat,
    /// Where to write it, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The Kubernetes version to assume, for example 1.29; one with the native sleep where absent
    #[arg(long, value_name = "VERSION")]
    pub kubernetes_version: Option<String>,
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
