//! The `serve` command: from its arguments to a server that ends when it is asked to.

pub mod metrics;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use self::metrics::Metrics;
use crate::cli::{HookFallback, OwnCertificates, PingArgs, ServeArgs};
use crate::cluster::metrics::ClusterMetrics;
use crate::cluster::owners::Owners;
use crate::cluster::watch::{Cluster, LoweredSink, Options};
use crate::cluster::{certificates, events, ping as asks, reports, status};
use crate::files;
use crate::observe::keep;
use crate::serve::address::families;
use crate::serve::admin;
use crate::serve::certificate::{CurrentCertificate, FileCertificate, ephemeral, tls_config};
use crate::serve::drain::{Drain, Phase};
use crate::serve::limits::Limits;
use crate::serve::listen::Server;
use crate::serve::metrics::ServeMetrics;
use crate::serve::readiness::Readiness;
use crate::serve::shed::{Gate, guard};
use crate::webhook::changes::Changes;
use crate::webhook::router::{EventSink, ReadNamespace, ReadOwner, Webhooks, router};
use draingate_core::versions;
use draingate_core::world::World;

/// How often the caches are asked whether they are filled, and the measures of the watches are taken.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Serves until SIGTERM or SIGINT, then drains: not ready, on serving for the hold, then finishing what is
/// in flight. A second signal ends the hold at once.
///
/// # Errors
/// What kept the server from starting.
pub async fn serve(args: ServeArgs) -> Result<()> {
    let metrics = Metrics::register();
    let certificate = certificate(&args, &metrics.serve)?;
    let tls = tls_config(Arc::clone(&certificate)).context("TLS cannot be set up")?;

    let listener =
        args.listen.bind().with_context(|| format!("cannot listen on {} for the webhook port", args.listen))?;
    let admin_listener = args
        .admin_listen
        .bind()
        .with_context(|| format!("cannot listen on {} for the admin port", args.admin_listen))?;
    let (listen, admin_listen) = (listener.local_addr()?, admin_listener.local_addr()?);
    let drain = Drain::new();
    let readiness = Readiness::new(Arc::clone(&certificate), drain.clone());
    readiness.bound(true);

    let world = Arc::new(RwLock::new(world(&args)?));
    let (mut read_namespace, mut read_owner, mut event_sink, mut changes) = (None, None, None, None);
    if args.standalone {
        readiness.caches(true);
        metrics.cluster.world(&world);
    } else {
        let client = client().await?;
        // Two processes of one name would both hold the lease.
        let replica =
            args.pod_name.clone().unwrap_or_else(|| format!("draingate-{}-{admin_listen}", std::process::id()));
        if args.tls_cert.is_none() {
            let (client, options) = (client.clone(), own_certificates(&args, replica.clone()));
            let keep = certificates::keep(client, options, certificate, Arc::clone(&metrics.ca), drain.clone());
            tokio::spawn(keep);
        }
        if let Some(every) = args.policy_reports_every {
            tokio::spawn(reports::keep(client.clone(), Arc::clone(&world), every, Arc::clone(&metrics.cluster)));
        }
        changes = Some(Arc::new(Changes::new(client.clone())));
        let owners = Owners::new(client.clone());
        read_owner = Some(Arc::new(move |id, is_later| owners.read(id, is_later)) as ReadOwner);
        let sink = Arc::new(events::start(client.clone(), replica, Arc::clone(&metrics.cluster))) as EventSink;
        if args.observe {
            tokio::spawn(keep::keep(
                client.clone(),
                Arc::clone(&world),
                Arc::clone(&metrics.observe),
                Arc::clone(&sink),
            ));
        }
        let lowered = lowered_sink(Arc::clone(&sink), Arc::clone(&metrics.cluster));
        event_sink = Some(sink);
        let options = Options { hook_fallback_exec: args.hook_fallback == HookFallback::Exec, lowered: Some(lowered) };
        let metrics = Arc::clone(&metrics.cluster);
        read_namespace = Some(watch_cluster(client, options, Arc::clone(&world), readiness.clone(), metrics));
    }

    let limits = Limits::default();
    let webhooks = Webhooks {
        world,
        read_namespace,
        read_owner,
        events: event_sink,
        changes,
        metrics: metrics.webhook,
        body: (limits.max_body_bytes, limits.body_timeout),
    };
    let app = router(webhooks);
    #[cfg(feature = "traces")]
    let app = crate::traces::traced(app);
    let app = guard(app, Gate::new(&limits, Arc::clone(&metrics.serve)));
    let server = Server {
        port: "webhook",
        listener,
        tls: Some(tls),
        app,
        limits,
        metrics: Arc::clone(&metrics.serve),
        drain: drain.clone(),
    };
    let admin_drain = Drain::new();
    let admin = Server {
        port: "admin",
        listener: admin_listener,
        tls: None,
        app: admin::router(readiness, metrics.registry),
        limits: Limits::admin(),
        metrics: metrics.serve,
        drain: admin_drain.clone(),
    };
    let families = families(listen.ip());
    info!(%listen, %admin_listen, families, standalone = args.standalone, version = env!("CARGO_PKG_VERSION"), "serving");

    let admin = tokio::spawn(admin.run());
    tokio::spawn(end_on_signal(drain, Duration::from_secs(args.hold_seconds))?);
    server.run().await;
    admin_drain.enter(Phase::Closing);
    admin.await.context("the admin port failed")?;
    info!("drained: every request was answered");
    Ok(())
}

/// What new handshakes show: from files, made once for `--standalone`, or none yet, where a cluster keeps it.
fn certificate(args: &ServeArgs, metrics: &Arc<ServeMetrics>) -> Result<Arc<CurrentCertificate>> {
    if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let files = FileCertificate::load(certificate, key, Arc::clone(metrics))?;
        let current = files.current();
        tokio::spawn(files.watch(Duration::from_secs(args.reload_seconds)));
        return Ok(current);
    }
    if !args.standalone {
        let OwnCertificates { ca_lifetime, leaf_lifetime, .. } = args.own;
        if leaf_lifetime.is_zero() || leaf_lifetime > ca_lifetime / 3 {
            bail!(
                "--leaf-lifetime must be from a second to a third of --ca-lifetime, or a CA would end before its certificates"
            );
        }
        return Ok(CurrentCertificate::none_yet(metrics));
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(args.tls_name.iter().cloned());
    let made = ephemeral(&names, metrics)?;
    match &args.ca_out {
        Some(path) => {
            std::fs::write(path, &made.ca_pem).with_context(|| format!("cannot write {}", path.display()))?;
            info!(file = %path.display(), "wrote the certificate of the ephemeral CA");
        }
        None => warn!("the ephemeral CA's certificate is not written anywhere: --ca-out FILE makes it usable"),
    }
    Ok(made.current)
}

/// What a cluster needs to know to keep this replica's certificates.
fn own_certificates(args: &ServeArgs, identity: String) -> certificates::Options {
    let own = &args.own;
    certificates::Options {
        namespace: args.own_namespace.clone(),
        service: own.service_name.clone(),
        names: args.tls_name.clone(),
        secret: own.ca_secret.clone(),
        lease: own.lease.clone(),
        webhooks: own.webhooks_name.clone(),
        identity,
        common_name: own.common_name.clone(),
        terms: certificates::Terms {
            keys: own.key_algorithm,
            ca: own.ca_lifetime,
            leaf: own.leaf_lifetime,
            settle: own.ca_settle,
        },
    }
}

/// What is known before any watch.
fn world(args: &ServeArgs) -> Result<World> {
    let mut world = World::default();
    world.own_namespace = Some(args.own_namespace.clone());
    world.default_mode = args.default_mode;
    world.minimum_mode = args.minimum.get();
    for path in &args.policy {
        files::load(&mut world, path)?;
    }
    if let Some(version) = &args.kubernetes_version {
        world.sleep = versions::sleep_support(version, [] as [&str; 0], args.hook_fallback == HookFallback::Exec);
    }
    Ok(world)
}

/// Counts namespaces that are less strict than they were, and records it there.
fn lowered_sink(sink: EventSink, metrics: Arc<ClusterMetrics>) -> LoweredSink {
    Arc::new(move |lowered| {
        metrics.lowered(lowered.from, lowered.to);
        info!(namespace = lowered.namespace, from = %lowered.from, to = %lowered.to, "a mode was lowered");
        sink(events::of_lowered(lowered));
    })
}

/// Starts the watches, and what writes the policies' status; the answer reads one namespace live.
fn watch_cluster(
    client: kube::Client,
    options: Options,
    world: Arc<RwLock<World>>,
    readiness: Readiness,
    metrics: Arc<ClusterMetrics>,
) -> ReadNamespace {
    let cluster = Arc::new(Cluster::start(client.clone(), Arc::clone(&world), options));
    tokio::spawn(status::keep(client, cluster.policies()));
    let looked_at = Arc::clone(&cluster);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(POLL_INTERVAL);
        loop {
            tick.tick().await;
            readiness.caches(looked_at.synced());
            metrics.watches(&looked_at.health());
            metrics.world(&world);
        }
    });
    Arc::new(move |name| {
        let cluster = Arc::clone(&cluster);
        Box::pin(async move { cluster.read_namespace(&name).await.map_err(|error| error.to_string()) })
    })
}

/// A client of the API server of the pod's cluster, or of KUBECONFIG's.
pub async fn client() -> Result<kube::Client> {
    // kube's client takes the process's default provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let no_cluster = "no cluster to talk to: run in a pod, or set KUBECONFIG (serve can do without: --standalone)";
    let mut config = kube::Config::infer().await.context(no_cluster)?;
    if config.proxy_url.take().is_some() {
        info!("the proxy of the environment is not used: the API server is called directly");
    }
    kube::Client::try_from(config).context(no_cluster)
}

/// Asks the installed webhooks until all answer or the time is over; what to print.
///
/// # Errors
/// The last one's silence.
pub async fn ping(args: &PingArgs) -> Result<String> {
    let client = client().await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(args.wait_seconds);
    loop {
        match asks::ping(&client, &args.webhooks_name, args.namespace.as_deref()).await {
            Ok(said) => return Ok(said),
            Err(error) if tokio::time::Instant::now() >= deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Drains after the first signal; the second ends the hold.
fn end_on_signal(drain: Drain, hold: Duration) -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        info!(hold_seconds = hold.as_secs(), "draining: not ready any more, still serving");
        tokio::select! {
            () = drain.run(hold) => {}
            _ = terminate.recv() => drain.enter(Phase::Closing),
            _ = interrupt.recv() => drain.enter(Phase::Closing),
        }
    })
}
