//! The `calibrate` command: E of a cluster's own way in, measured in rollouts of a canary.
//!
//! [`way`] and `objects` say what is made, `house` makes it and takes it away, `measure` rolls and sends, over the load and
//! the clock of [`traffic`](crate::traffic). What comes of it is pure: [`samples`] are what was measured, [`suggest`] is the
//! rule from them to an E, [`report`] and [`picture`] show it.

mod cluster;
mod house;
mod measure;
mod objects;
pub mod picture;
pub mod report;
pub mod samples;
pub mod suggest;
pub mod way;
mod write;

use std::io::{self, BufRead, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anstream::AutoStream;
use anyhow::{Context, Result, bail};
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use self::house::House;
use self::measure::Target;
use self::objects::{NAME, OWNER, PORT};
use self::report::{About, Report};
use self::samples::Measured;
use self::suggest::Suggestion;
use self::way::Way;
use crate::cli::{CalibrateArgs, CalibrateFormat};
use crate::terminal;
use draingate_core::measured::Day;

/// The exit code of a run whose measures are enough.
const ENOUGH: u8 = 0;
/// The exit code where they are not.
const NOT_ENOUGH: u8 = 1;
/// A cloud's load balancer gets its address within minutes.
const ADDRESS: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(500);

/// One run: what was asked for, and what follows from that.
struct Run<'a> {
    args: &'a CalibrateArgs,
    way: Way,
    namespace: String,
    /// Whether a pod of the cluster sends.
    from_cluster: bool,
}

/// Calibrates; gives the exit code.
///
/// # Errors
/// Why it could not be measured, and what may be left.
pub async fn run(client: Result<Client>, args: &CalibrateArgs) -> Result<u8> {
    let way = Way::of(args)?;
    let named = args.namespace.clone();
    let namespace = named.or_else(|| Some(client.as_ref().ok()?.default_namespace().to_owned()));
    let namespace = namespace.unwrap_or_else(|| "default".to_owned());
    let from_cluster = args.from_cluster || way == Way::ClusterIp;
    let run = Run { args, way, namespace, from_cluster };
    if args.dry_run {
        return run.dry();
    }
    let client = client?;
    if let Some(target) = &args.inside {
        return cluster::inside(client, args, &run.namespace, target).await;
    }
    if !args.yes && !run.asked()? {
        bail!("nothing was made");
    }
    let bar = terminal::spinner();
    let lines = !io::stderr().is_terminal();
    let say = |text: &str| {
        if lines {
            let _ = writeln!(io::stderr(), "calibrate: {text}");
        }
        bar.set_message(text.to_owned());
    };
    let done = run.in_house(&client, &say).await;
    bar.finish_and_clear();
    let (measured, target, sidecars) = done?;
    let date = Day::of_seconds(k8s_openapi::jiff::Timestamp::now().as_second());
    let via = run.way.words();
    let suggestion = suggest::suggestion(&measured, args.rounds, args.longest);
    let annotation = match &suggestion {
        Suggestion::Seconds(seconds, largest) => {
            Some(suggest::annotation(&measured, *seconds, *largest, args.rounds, &via, date))
        }
        Suggestion::NotEnough(_) => None,
    };
    let about = About {
        via,
        namespace: run.namespace.clone(),
        address: target.words(),
        date: date.to_string(),
        rounds: args.rounds,
        longest: args.longest,
        sidecars,
    };
    let policy = annotation.as_ref().map(|annotation| suggest::yaml(&args.policy, &run.namespace, annotation));
    print(&Report::of(about, measured, &suggestion, policy), args.format)?;
    match &annotation {
        Some(annotation) if args.write => write::write(client, args, &run.namespace, annotation).await?,
        _ => {}
    }
    Ok(if annotation.is_some() { ENOUGH } else { NOT_ENOUGH })
}

fn print(report: &Report, format: CalibrateFormat) -> Result<()> {
    match format {
        CalibrateFormat::Text => AutoStream::auto(io::stdout().lock()).write_all(report.text().as_bytes())?,
        CalibrateFormat::Svg => io::stdout().lock().write_all(picture::svg(report).as_bytes())?,
        CalibrateFormat::Html => io::stdout().lock().write_all(picture::html(report).as_bytes())?,
        CalibrateFormat::Json => {
            let mut out = io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, report)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

impl Run<'_> {
    /// The Job.
    fn owner(&self) -> Value {
        let sends = self.from_cluster.then(|| cluster::arguments(self.args, &self.namespace));
        objects::owner(self.args, &self.namespace, sends.as_deref())
    }

    /// What it owns.
    fn owned(&self) -> Vec<Value> {
        objects::owned(self.args, &self.way, &self.namespace, self.from_cluster)
    }

    /// Makes everything, measures, and takes it away, whatever came in between.
    async fn in_house(&self, client: &Client, say: &(dyn Fn(&str) + Sync)) -> Result<(Measured, Target, Vec<String>)> {
        let Run { args, namespace, from_cluster, .. } = self;
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        say(&format!("making the canary in namespace {namespace}"));
        let owner = self.owner();
        // What sends waits for its ServiceAccount: the Job is there first, so that nothing is ever without an owner.
        let house = tokio::select! {
            house = House::found(client.clone(), namespace, &owner) => house?,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("ended"),
        };
        let measured = async {
            for object in self.owned() {
                house.make(&object).await?;
            }
            let target = self.target(client, &house, say).await?;
            say(&format!("sending to {}", target.words()));
            if *from_cluster {
                house.make(&objects::told(namespace, &target.to_string())).await?;
                let (measured, sidecars) = cluster::follow(client, &house, namespace, say).await?;
                return Ok((measured, target, sidecars));
            }
            let measured = measure::measure(client.clone(), args, namespace, &target, say).await?;
            let sidecars = cluster::sidecars(client, namespace).await;
            Ok((measured, target, sidecars))
        };
        let result = tokio::select! {
            result = measured => result,
            lost = house.beat() => Err(lost),
            _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow::anyhow!("ended")),
        };
        say("taking away what was made");
        let left = tokio::select! {
            left = house.leave(args.keep && result.is_ok()) => left,
            _ = interrupt.recv() => bail!("interrupted again: what was made goes by the deadline of the Job {OWNER}, in a minute or two"),
        };
        if args.keep && result.is_ok() {
            say(&format!("kept for an hour: kubectl delete job {OWNER} -n {namespace} takes all of it away"));
        }
        match (result, left) {
            (Ok(result), Ok(())) => Ok(result),
            // What was measured is worth more than what is left for a minute.
            (Ok(result), Err(error)) => {
                say(&format!("{error:#}"));
                Ok(result)
            }
            (Err(error), Ok(())) => Err(error),
            (Err(error), Err(left)) => Err(error.context(format!("{left:#}"))),
        }
    }

    /// What is made, how long it takes, how much is sent and where to.
    fn plan(&self) -> String {
        let Run { args, way, namespace, from_cluster } = self;
        let mut kinds: Vec<String> = vec![format!("Job {OWNER}")];
        for object in self.owned() {
            let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            kinds.push(format!("{} {}", text("/kind"), text("/metadata/name")));
        }
        let seconds = measure::shortest(args);
        let rate = args.new_per_second + 2 * args.kept;
        let to = match way {
            Way::ClusterIp => format!("the ClusterIP of Service {NAME}"),
            Way::Ingress(_) => format!("the address that Ingress {NAME} reports"),
            Way::Gateway(..) => "the address that the Gateway reports".to_owned(),
            Way::LoadBalancer => format!("the address that Service {NAME} reports"),
            Way::Url(url) => url.clone(),
        };
        let to = match args.address {
            Some((ip, _)) => ip.to_string(),
            None => to,
        };
        format!(
            "E by {}, measured in namespace {namespace}:\n  makes    {}\n  pods     {}, up to {} at a time: those that were replaced serve on \
         for {} s\n  rolls    {} times\n  sends    {rate} requests a second to {to}, {}\n  takes    about {} and as often E as \
         rollouts\nAll of it goes away at the end, or a minute after this process was lost.\n",
            way.words(),
            kinds.join(", "),
            args.replicas,
            objects::most_pods(args),
            args.longest,
            args.rounds,
            if *from_cluster { "from a pod of the cluster" } else { "from here" },
            humantime::format_duration(Duration::from_secs(seconds)),
        )
    }

    /// Asks on a terminal; without one, `--yes` is needed.
    fn asked(&self) -> Result<bool> {
        if !io::stdin().is_terminal() {
            bail!(
                "what is made is asked for first, and there is no terminal to ask on: --yes says so beforehand, --dry-run shows it"
            );
        }
        let mut out = io::stderr().lock();
        write!(out, "{}Begin? [y/N] ", self.plan())?;
        out.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    fn dry(&self) -> Result<u8> {
        let mut out = io::stdout().lock();
        for line in self.plan().lines() {
            writeln!(out, "# {line}")?;
        }
        writeln!(out, "# The first object owns all others.")?;
        let told = self.from_cluster.then(|| objects::told(&self.namespace, "(where to, once that is known)"));
        for object in std::iter::once(self.owner()).chain(self.owned()).chain(told) {
            write!(out, "---\n{}", serde_saphyr::to_string(&object)?)?;
        }
        Ok(ENOUGH)
    }

    /// Where requests go, once that is known.
    async fn target(&self, client: &Client, house: &House, say: &(dyn Fn(&str) + Sync)) -> Result<Target> {
        let Run { args, way, namespace, .. } = self;
        if let Way::Url(url) = way {
            let port = url.parse::<axum::http::Uri>().ok().and_then(|uri| uri.port_u16()).unwrap_or(match url {
                url if url.starts_with("https:") => 443,
                _ => 80,
            });
            let address = args.address.map(|(ip, given)| SocketAddr::new(ip, given.unwrap_or(port)));
            return Ok(Target { url: url.clone(), address });
        }
        let (name, port) = match args.address {
            Some((ip, port)) => (ip.to_string(), port.unwrap_or(PORT)),
            None => self.reported(client, house, say).await?,
        };
        let at: Option<IpAddr> = name.parse().ok();
        let bracketed = if name.contains(':') { format!("[{name}]") } else { name.clone() };
        match (way.host(args, namespace), at) {
            (None, _) => Ok(Target { url: format!("http://{bracketed}:{port}/"), address: None }),
            (Some(host), Some(ip)) => {
                Ok(Target { url: format!("http://{host}:{port}/"), address: Some(SocketAddr::new(ip, port)) })
            }
            (Some(host), None) => {
                let mut found = tokio::net::lookup_host((name.as_str(), port))
                    .await
                    .with_context(|| format!("cannot resolve {name}"))?;
                let address = found.next().with_context(|| format!("{name} has no address"))?;
                Ok(Target { url: format!("http://{host}:{port}/"), address: Some(address) })
            }
        }
    }

    /// The address that the way's own object reports, and the port.
    async fn reported(&self, client: &Client, house: &House, say: &(dyn Fn(&str) + Sync)) -> Result<(String, u16)> {
        let Run { args, way, namespace, .. } = self;
        say("waiting for an address");
        let deadline = Instant::now() + ADDRESS;
        loop {
            let found = match way {
                Way::Gateway(of, name) => {
                    let resource =
                        ApiResource::from_gvk(&GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "Gateway"));
                    let gateways: Api<DynamicObject> =
                        Api::namespaced_with(client.clone(), of.as_deref().unwrap_or(namespace), &resource);
                    let gateway = gateways.get(name).await.with_context(|| format!("Gateway {name}"))?;
                    way::of_gateway(&serde_json::to_value(gateway)?)?
                }
                Way::Ingress(_) => {
                    let ingress = way.object(args, namespace).unwrap_or_default();
                    way::reported(&house.read(&ingress).await?).map(|name| (name, PORT))
                }
                Way::ClusterIp | Way::LoadBalancer | Way::Url(_) => {
                    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}});
                    let service = house.read(&service).await?;
                    let own = service.pointer("/spec/clusterIP").and_then(Value::as_str).map(str::to_owned);
                    let name = if *way == Way::LoadBalancer { way::reported(&service) } else { own };
                    name.map(|name| (name, PORT))
                }
            };
            if let Some(found) = found {
                return Ok(found);
            }
            if Instant::now() >= deadline {
                bail!("{} reports no address after {} s: --address IP names it", way.words(), ADDRESS.as_secs());
            }
            sleep(POLL).await;
        }
    }
}
