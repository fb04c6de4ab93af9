//! What a container says of its own end: the server that it runs, with its settings as that server's documentation
//! writes them, and what annotations and policies say over it.

use draingate_core::servers::{Sigterm, Work};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::strategy::{rarely, seconds, written};
use super::{Container, Hook, RandomPod, Role, Written};

/// A server that is widely used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Gunicorn,
    Uvicorn,
    Spring,
    Traefik,
    Celery,
    Redis,
    Memcached,
    Hazelcast,
    Envoy,
    Nats,
    LokiIngester,
}

/// A server and its own settings, where they stand in the pod.
#[derive(Clone, Debug)]
pub struct Server {
    pub program: Program,
    /// Of Traefik and Loki.
    accepts: Option<u64>,
    /// Of those that have a limit.
    finishes: Option<u64>,
    /// In which way they are written.
    spelling: usize,
}

/// T, and whether somebody set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub seconds: u64,
    pub stated: bool,
}

/// An entry of a policy's `servers`.
#[derive(Clone, Debug)]
pub struct ServerEntry {
    pub accepts: Option<u64>,
    pub finishes: Option<u64>,
    pub work: Option<Work>,
    pub sigterm: Option<Sigterm>,
}

/// A word in an annotation.
#[derive(Clone, Debug, PartialEq)]
pub enum Word<T> {
    Absent,
    Is(T),
    /// No word that is known: counts as absent.
    Bad,
}

impl<T: Copy> Word<T> {
    pub fn get(&self) -> Option<T> {
        if let Word::Is(word) = self { Some(*word) } else { None }
    }

    /// The annotation, with `text` for a word.
    pub(super) fn text(&self, text: impl Fn(T) -> &'static str) -> Option<String> {
        match self {
            Word::Absent => None,
            Word::Is(word) => Some(text(*word).to_owned()),
            Word::Bad => Some("Perhaps".to_owned()),
        }
    }
}

/// What is said of a container's end, beside its own settings.
#[derive(Clone, Debug)]
pub struct Said {
    pub accepts: Written,
    pub finishes: Written,
    pub work: Word<Work>,
    pub role: Word<Role>,
    /// The ClusterDrainPolicy's entry, and the DrainPolicy's.
    pub entries: [Option<ServerEntry>; 2],
    /// They name its image, not the container.
    pub by_image: bool,
}

pub(super) fn work_text(work: Work) -> &'static str {
    match work {
        Work::Sent => "sent",
        Work::Fetched => "fetched",
        Work::Peer => "peer",
        Work::OneWriter => "one-writer",
    }
}

pub(super) fn role_text(role: Role) -> &'static str {
    match role {
        Role::App => "app",
        Role::Helper => "helper",
        Role::Auxiliary | Role::Sidecar => "auxiliary",
    }
}

pub(super) fn sigterm_text(sigterm: Sigterm) -> &'static str {
    if sigterm == Sigterm::Cuts { "cuts" } else { "drains" }
}

// How they are made up.

pub(super) fn word<T: Clone + std::fmt::Debug + 'static>(share: f64, words: Vec<T>) -> impl Strategy<Value = Word<T>> {
    let some = prop_oneof![15 => prop::sample::select(words).prop_map(Word::Is), 1 => Just(Word::Bad)];
    prop::option::weighted(share, some).prop_map(|word| word.unwrap_or(Word::Absent))
}

pub(super) fn sigterm() -> impl Strategy<Value = Sigterm> {
    prop::sample::select(vec![Sigterm::Cuts, Sigterm::Cuts, Sigterm::Drains])
}

fn works() -> Vec<Work> {
    vec![Work::Sent, Work::Fetched, Work::Peer, Work::OneWriter]
}

pub(super) fn said() -> impl Strategy<Value = Said> {
    let entry = || {
        let work = rarely(prop::sample::select(works()));
        (prop::option::of(seconds()), prop::option::of(seconds()), work, rarely(sigterm()))
            .prop_map(|(accepts, finishes, work, sigterm)| ServerEntry { accepts, finishes, work, sigterm })
    };
    let entries = [prop::option::weighted(0.05, entry()), prop::option::weighted(0.05, entry())];
    let roles = vec![Role::App, Role::Helper, Role::Auxiliary];
    (written(0.05), written(0.05), word(0.04, works()), word(0.04, roles), entries, any::<bool>()).prop_map(
        |(accepts, finishes, work, role, entries, by_image)| Said { accepts, finishes, work, role, entries, by_image },
    )
}

pub(super) fn server() -> impl Strategy<Value = Server> {
    let program = prop::sample::select(vec![
        Program::Gunicorn,
        Program::Uvicorn,
        Program::Spring,
        Program::Traefik,
        Program::Celery,
        Program::Redis,
        Program::Memcached,
        Program::Hazelcast,
        Program::Envoy,
        Program::Nats,
        Program::LokiIngester,
    ]);
    (program, prop::option::of(seconds()), prop::option::of(seconds()), 0..6_usize)
        .prop_map(|(program, accepts, finishes, spelling)| Server { program, accepts, finishes, spelling })
}

// How they are written.

/// A container's own words.
#[derive(Default)]
pub(super) struct OwnWords {
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// As Go writes a duration.
fn go(seconds: u64, spelling: usize) -> String {
    if spelling.is_multiple_of(2) { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

impl Server {
    pub(super) fn image(&self) -> &'static str {
        match self.program {
            Program::Gunicorn | Program::Celery => "shop:1",
            Program::Uvicorn => "python:3.12",
            Program::Spring => "orders:1",
            Program::Traefik => "traefik:v3.1",
            Program::Redis => "redis:7",
            Program::Memcached => "memcached:1.6",
            Program::Hazelcast => "hazelcast:5",
            Program::Envoy => "envoy:v1.31",
            Program::Nats => "nats:2.10",
            Program::LokiIngester => "loki:3",
        }
    }

    /// Spring's `SERVER_SHUTDOWN=immediate`, and no limit beside it.
    fn is_immediate(&self) -> bool {
        self.program == Program::Spring && self.finishes.is_none() && self.spelling == 0
    }

    pub(super) fn written(&self) -> OwnWords {
        let mut written = OwnWords::default();
        let mut set = |name: &str, value: String| written.env.push((name.to_owned(), value));
        let spelling = self.spelling;
        match (self.program, self.finishes) {
            (Program::Gunicorn, None) => written.command = words("gunicorn shop:app"),
            (Program::Gunicorn, Some(t)) => match spelling {
                0 | 1 => written.command = words(&format!("gunicorn --graceful-timeout {t} shop:app")),
                2 | 3 => written.command = words(&format!("python -m gunicorn shop:app --graceful-timeout={t}")),
                _ => {
                    set("GUNICORN_CMD_ARGS", format!("--bind=:8080 --graceful-timeout={t}"));
                    written.command = words("gunicorn shop:app");
                }
            },
            (Program::Uvicorn, None) => written.command = words("uvicorn shop:app"),
            (Program::Uvicorn, Some(t)) => match spelling {
                0..=2 => written.command = words(&format!("uvicorn shop:app --timeout-graceful-shutdown {t}")),
                3 => {
                    written.command =
                        vec!["sh".into(), "-c".into(), format!("exec uvicorn shop:app --timeout-graceful-shutdown={t}")]
                }
                _ => set("UVICORN_TIMEOUT_GRACEFUL_SHUTDOWN", t.to_string()),
            },
            (Program::Spring, None) => {
                set("SERVER_SHUTDOWN", if self.is_immediate() { "immediate" } else { "graceful" }.to_owned());
            }
            (Program::Spring, Some(t)) => {
                let text = match spelling {
                    0 | 1 => format!("{t}s"),
                    2 => format!("PT{t}S"),
                    _ => format!("{}", t * 1_000),
                };
                set("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", text);
            }
            (Program::Traefik, finishes) => {
                let names = ["entrypoints", "entryPoints"];
                let name = names[spelling % 2];
                let mut args = vec![format!("--{name}.web.address=:8080")];
                let transport = |point: &str, what: &str, seconds| {
                    format!("--{name}.{point}.transport.lifeCycle.{what}={}", go(seconds, spelling))
                };
                args.extend(self.accepts.map(|a| transport("web", "requestAcceptGraceTimeout", a)));
                args.extend(finishes.map(|t| transport("web", "graceTimeOut", t)));
                // The shortest A and the longest T count.
                if let (4.., Some(accepts), Some(finishes)) = (spelling, self.accepts, finishes) {
                    args.push(format!("--{name}.tls.address=:8443"));
                    args.push(transport("tls", "requestAcceptGraceTimeout", accepts.saturating_add(3)));
                    args.push(transport("tls", "graceTimeOut", finishes / 2));
                }
                written.args = args;
            }
            (Program::Celery, _) => written.command = words("celery -A shop worker -l INFO"),
            (Program::Redis, Some(t)) => written.args = words(&format!("redis-server --shutdown-timeout {t}")),
            (Program::Hazelcast, Some(t)) => {
                let policy = "-Dhazelcast.shutdownhook.policy=GRACEFUL";
                set("JAVA_OPTS", format!("{policy} -Dhazelcast.graceful.shutdown.max.wait={t}"));
            }
            (Program::LokiIngester, finishes) => {
                let mut args = words("-config.file=/etc/loki.yaml -target=ingester");
                args.extend(self.accepts.map(|a| format!("-shutdown-delay={}", go(a, spelling))));
                args.extend(finishes.map(|t| format!("--server.graceful-shutdown-timeout={}", go(t, spelling))));
                written.args = args;
            }
            (Program::Redis | Program::Hazelcast, None) | (Program::Memcached | Program::Envoy | Program::Nats, _) => {}
        }
        written
    }

    // What its documentation says.

    fn accepts(&self) -> u64 {
        let has_one = matches!(self.program, Program::Traefik | Program::LokiIngester);
        self.accepts.filter(|_| has_one).unwrap_or(0)
    }

    fn finishes(&self) -> Option<Limit> {
        let default = match self.program {
            Program::Gunicorn | Program::LokiIngester => Some(30),
            Program::Spring => Some(30).filter(|_| !self.is_immediate()),
            Program::Traefik | Program::Redis => Some(10),
            Program::Uvicorn | Program::Hazelcast => None,
            Program::Celery | Program::Memcached | Program::Envoy | Program::Nats => return None,
        };
        let set = self.finishes.map(|seconds| Limit { seconds, stated: true });
        set.or(default.map(|seconds| Limit { seconds, stated: false }))
    }

    fn work(&self) -> Work {
        match self.program {
            Program::Celery => Work::Fetched,
            Program::Redis => Work::OneWriter,
            Program::Memcached | Program::Hazelcast | Program::LokiIngester => Work::Peer,
            _ => Work::Sent,
        }
    }

    /// A peer, and a flag of its own says so.
    fn is_peer_by_flag(&self) -> bool {
        self.program == Program::LokiIngester
    }

    fn sigterm(&self) -> Sigterm {
        let cuts = match self.program {
            Program::Memcached | Program::Envoy | Program::Nats => true,
            Program::Hazelcast => self.finishes.is_none(),
            _ => self.is_immediate(),
        };
        if cuts { Sigterm::Cuts } else { Sigterm::Drains }
    }
}

// What they mean.

/// How work comes to an app, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comes {
    Stated(Work),
    /// Whoever sends to it.
    Known(Work),
    /// Where nobody sends to it.
    UnlessSent(Work),
    Nothing,
}

impl RandomPod {
    /// The entry of `servers` that counts: the later policy's, but for what the ClusterDrainPolicy locks.
    fn server_entry<'a>(&self, container: &'a Container, lock: &str) -> Option<&'a ServerEntry> {
        let [cluster, own] = &container.said.entries;
        own.as_ref().filter(|_| !self.locks(lock)).or(cluster.as_ref())
    }

    /// A, whatever it does then. A native sidecar serves until its turn comes; Istio's proxy for 5 s, where nobody tells it
    /// otherwise.
    pub fn accept_seconds(&self, container: &Container, role: Role) -> u64 {
        let annotated = container.said.accepts.seconds().filter(|_| !self.locks("hook"));
        let entry = || self.server_entry(container, "hook")?.accepts;
        let told = container.hook.as_ref().is_some_and(|hook| hook.stop.is_some());
        let injected = (role == Role::Helper && container.name == "istio-proxy" && !told).then_some(5);
        let own = || container.server.as_ref().map(Server::accepts);
        if role == Role::Sidecar { 0 } else { annotated.or_else(entry).or(injected).or_else(own).unwrap_or(0) }
    }

    /// T: what is said of the container, then what its hook gives it, then its own setting.
    pub fn finish(&self, container: &Container) -> Option<Limit> {
        let stated = |seconds| Limit { seconds, stated: true };
        let annotated = container.said.finishes.seconds();
        let said = annotated.or_else(|| self.server_entry(container, "")?.finishes).map(stated);
        let by_hook = || container.hook.as_ref()?.stop.as_ref()?.finish.map(stated);
        said.or_else(by_hook).or_else(|| container.server.as_ref()?.finishes())
    }

    /// Whether SIGTERM ends its running requests.
    pub fn sigterm_cuts(&self, container: &Container) -> bool {
        let [cluster, own] = &container.said.entries;
        let (locked, replaced) = (self.locks("sigterm"), own.is_some());
        let of = |entry: &Option<ServerEntry>| entry.as_ref().and_then(|entry| entry.sigterm);
        let by_cluster = of(cluster).filter(|_| locked || !replaced).or(self.cluster.sigterm);
        let mut later = [of(own).or(self.own.sigterm), self.annotations.sigterm.get()].into_iter().flatten();
        let later = later.rfind(|_| !locked);
        let table = container.server.as_ref().map(Server::sigterm);
        later.or(by_cluster).or(table) == Some(Sigterm::Cuts)
    }

    /// Whether what tells it to stop ends its running requests: a graceful stop in its hook does not.
    pub fn cuts(&self, container: &Container) -> bool {
        self.sigterm_cuts(container) && !container.hook.as_ref().is_some_and(Hook::stops_gracefully)
    }

    pub(super) fn comes(&self, container: &Container) -> Comes {
        // To be sent work is to owe a hold, against which there is no lock.
        let allowed = |work: &Work| *work == Work::Sent || !self.locks("appliesTo");
        let annotated = container.said.work.get().filter(allowed);
        let entry = || self.server_entry(container, "")?.work.filter(allowed);
        let stated = annotated.or_else(entry).or_else(|| self.server_entry(container, "appliesTo")?.work);
        match (stated, &container.server) {
            (Some(work), _) => Comes::Stated(work),
            (None, Some(server)) if server.work() == Work::Peer && !server.is_peer_by_flag() => {
                Comes::UnlessSent(Work::Peer)
            }
            (None, Some(server)) if server.work() != Work::Sent => Comes::Known(server.work()),
            _ => Comes::Nothing,
        }
    }

    /// Whether one of its containers is the only writer where there is one replica.
    pub fn has_one_writer(&self) -> bool {
        let is_one =
            |container| matches!(self.comes(container), Comes::Stated(Work::OneWriter) | Comes::Known(Work::OneWriter));
        self.containers.iter().any(is_one)
    }

    /// The annotations of a container that are no word or number, by the beginning of their keys.
    pub fn bad_annotations<'a>(&self, container: &'a Container) -> impl Iterator<Item = &'static str> + use<'a> {
        let Said { accepts, finishes, work, role, .. } = &container.said;
        let bad = |written: &Written| matches!(written, Written::Bad(_));
        let all = [
            ("accept-seconds", bad(accepts)),
            ("finish-seconds", bad(finishes)),
            ("work", *work == Word::Bad),
            ("role", *role == Word::Bad),
        ];
        all.into_iter().filter(|(_, bad)| *bad).map(|(key, _)| key)
    }
}

impl RandomPod {
    /// The pod and its surroundings, as somebody sees them who knows nothing of what servers say, and of Services no
    /// more than whom they select.
    #[must_use]
    pub fn without_servers(&self) -> RandomPod {
        let mut pod = self.clone();
        for container in pod.containers.iter_mut().chain(&mut pod.inits) {
            container.server = None;
            container.said = Said::nothing();
        }
        pod.annotations.sigterm = Word::Absent;
        (pod.cluster.sigterm, pod.own.sigterm) = (None, None);
        pod.around.iter_mut().for_each(|service| service.unready = false);
        pod
    }
}

impl Said {
    fn nothing() -> Said {
        Said {
            accepts: Written::Absent,
            finishes: Written::Absent,
            work: Word::Absent,
            role: Word::Absent,
            entries: [None, None],
            by_image: false,
        }
    }
}

impl ServerEntry {
    pub(super) fn spec(&self, container: &Container) -> Value {
        let path = container.image();
        let path = path.rsplit_once(':').map_or(path.as_str(), |(path, _)| path);
        let mut spec = match (container.said.by_image, path.split_once('/')) {
            (true, Some((_, end))) => json!({"image": format!("*/{end}")}),
            _ => json!({"name": container.name}),
        };
        let mut set = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| spec[key] = value);
        set("acceptSeconds", self.accepts.map(Into::into));
        set("finishSeconds", self.finishes.map(Into::into));
        set("work", self.work.map(|work| format!("{work:?}").into()));
        set("sigterm", self.sigterm.map(|sigterm| format!("{sigterm:?}").into()));
        spec
    }
}
