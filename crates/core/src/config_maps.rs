//! What ConfigMaps give the containers that mount them or take variables from them.
//!
//! Only who reads files (`check`, `explain`) knows ConfigMaps, and calls [`give`]; a subject's `volumes` and what else
//! names them are looked at there, and nowhere where an admission comes through.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

use super::hooks::Variable;
use super::subject::{Container, Subject};
use super::world::Context;

/// The `data` of one, by key.
pub type ConfigMap = BTreeMap<String, String>;

/// The most bytes of one, as in Kubernetes.
const MOST_BYTES: usize = 1 << 20;

/// The most bytes that a pod's containers are given; each file and variable counts as [`EACH`] more.
const MOST_GIVEN: usize = 8 << 20;
const EACH: usize = 1 << 10;

/// A file that a ConfigMap is mounted as, or a key of one that a container's own command names.
#[derive(Clone, PartialEq, Eq)]
pub struct File<'a> {
    /// The ConfigMap's name.
    pub map: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Where it is in the container; empty where it is no file there.
    pub path: String,
    /// What is in it.
    pub text: &'a str,
}

/// Without its text: that may be long.
impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} at {:?}", self.map, self.key, self.path)
    }
}

/// What one container is given.
#[derive(Clone, Debug, Default)]
pub struct Given<'a> {
    /// The files, in the order of the mounts.
    pub files: Vec<File<'a>>,
    /// The values of `env` that stand in a ConfigMap, by their place in it.
    env: Vec<(usize, &'a str)>,
    /// What `envFrom` sets, after the last source that is not known.
    env_from: Vec<(Cow<'a, str>, &'a str)>,
    /// A source of `envFrom` is not known.
    open: bool,
}

impl<'a> Given<'a> {
    /// The value of an entry of `env`.
    pub fn of_env(&self, at: usize) -> Variable<'a> {
        self.env.iter().find(|(index, _)| *index == at).map_or(Variable::Unknown, |(_, value)| Variable::Literal(value))
    }

    /// What `envFrom` says of a variable.
    pub fn of_env_from(&self, name: &str) -> Variable<'a> {
        match self.env_from.iter().rfind(|(known, _)| known == name) {
            Some((_, value)) => Variable::Literal(value),
            None if self.open => Variable::Unknown,
            None => Variable::Unset,
        }
    }

    /// The variables of `envFrom` that are known, with their values.
    pub fn env_from(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.env_from.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

/// Reads a ConfigMap's `data`; `None` where an API server would refuse it for its size, its keys or its values.
pub fn read(data: &Value) -> Option<ConfigMap> {
    let legal = |key: &str| {
        let bytes = key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        bytes && (1..=253).contains(&key.len())
    };
    let entries = data.as_object().into_iter().flatten();
    let entry =
        |(key, value): (&String, &Value)| Some((key.clone(), value.as_str().filter(|_| legal(key))?.to_owned()));
    let map: ConfigMap = entries.map(entry).collect::<Option<_>>()?;
    (bytes(&map) <= MOST_BYTES).then_some(map)
}

/// How many bytes its values have.
pub fn bytes(map: &ConfigMap) -> usize {
    map.values().map(String::len).sum()
}

/// Gives each container of a subject, which was read from `object`, what the ConfigMaps of its namespace have for it.
pub fn give<'a>(subject: &mut Subject<'a>, object: &'a Value, context: &Context<'a>) {
    let Some(maps) = context.config_maps() else { return };
    let Some(spec) = object.pointer(subject.kind.pod_pointer()).and_then(|pod| pod.get("spec")) else { return };
    let volumes = list(spec, "volumes").filter_map(|volume| Some((text(volume, "name")?, volume))).collect();
    let mut giver = Giver { maps, namespace: context.namespace, volumes, left: MOST_GIVEN };
    let pod = &mut subject.pod.spec;
    for (name, containers) in [("containers", &mut pod.containers), ("initContainers", &mut pod.init_containers)] {
        for (container, value) in containers.iter_mut().zip(list(spec, name)) {
            container.given = Some(Box::new(giver.container(container, value)));
        }
    }
}

struct Giver<'a> {
    maps: &'a BTreeMap<String, ConfigMap>,
    namespace: &'a str,
    volumes: HashMap<&'a str, &'a Value>,
    left: usize,
}

impl<'a> Giver<'a> {
    fn container(&mut self, container: &Container<'a>, value: &'a Value) -> Given<'a> {
        let mut given = Given::default();
        for mount in list(value, "volumeMounts") {
            self.mount(mount, &mut given.files);
        }
        for word in container.command.iter().chain(container.args.iter()) {
            self.named(word.as_str(), &mut given.files);
        }
        for (at, variable) in list(value, "env").enumerate() {
            let of_map = variable.pointer("/valueFrom/configMapKeyRef");
            let of_map = of_map.and_then(|from| self.map(from)?.1.get(text(from, "key")?));
            given.env.extend(of_map.filter(|_| self.takes(0)).map(|value| (at, value.as_str())));
        }
        for source in list(value, "envFrom") {
            let Some((_, map)) = source.get("configMapRef").and_then(|from| self.map(from)) else {
                given.env_from.clear();
                given.open = true;
                continue;
            };
            let prefix = text(source, "prefix").unwrap_or_default();
            for (key, value) in map.iter().filter(|_| self.takes(0)) {
                let name =
                    if prefix.is_empty() { Cow::Borrowed(key.as_str()) } else { format!("{prefix}{key}").into() };
                given.env_from.push((name, value));
            }
        }
        given
    }

    /// Whether there is room for this much.
    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes + EACH);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// The ConfigMap that an object names.
    fn map(&self, of: &'a Value) -> Option<(&'a str, &'a ConfigMap)> {
        self.maps.get_key_value(text(of, "name")?).map(|(name, map)| (name.as_str(), map))
    }

    /// The files that a mount brings.
    fn mount(&mut self, mount: &'a Value, files: &mut Vec<File<'a>>) {
        let volume = text(mount, "name").and_then(|name| self.volumes.get(name).copied());
        let (Some(volume), Some(at), None) = (volume, text(mount, "mountPath"), mount.get("subPathExpr")) else {
            return;
        };
        let below = text(mount, "subPath").unwrap_or_default().trim_matches('/');
        let projected = volume.get("projected").into_iter().flat_map(|projected| list(projected, "sources"));
        for source in std::iter::once(volume).chain(projected).filter_map(|source| source.get("configMap")) {
            let Some((map, data)) = self.map(source) else { continue };
            let mut bring = |key: &'a str, text: &'a str, path: &str| {
                let rest = if below.is_empty() { Some(path) } else { path.strip_prefix(below) };
                let Some(rest) = rest.filter(|rest| below.is_empty() || rest.is_empty() || rest.starts_with('/'))
                else {
                    return;
                };
                let parts = [at.trim_end_matches('/'), rest.trim_start_matches('/')];
                let path = if rest.is_empty() { at.to_owned() } else { parts.join("/") };
                files.push(File { map, key, path, text });
            };
            match source.get("items").and_then(Value::as_array) {
                Some(items) => {
                    for item in items {
                        let key = text(item, "key").and_then(|key| data.get_key_value(key));
                        let length = key.map_or(0, |(_, value)| value.len());
                        if let (true, Some((key, value)), Some(path)) = (self.takes(length), key, text(item, "path")) {
                            bring(key, value, path);
                        }
                    }
                }
                None => {
                    for (key, value) in data {
                        if self.takes(value.len()) {
                            bring(key, value, key);
                        }
                    }
                }
            }
        }
    }

    /// The keys of a ConfigMap that a word of the command names, as `--configmap=$(POD_NAMESPACE)/NAME` does.
    fn named(&mut self, word: &str, files: &mut Vec<File<'a>>) {
        let value = word.rsplit('=').next().unwrap_or_default();
        let name = value.split_once('/').filter(|(space, _)| [self.namespace, "$(POD_NAMESPACE)"].contains(space));
        let Some((map, data)) = name.and_then(|(_, name)| self.maps.get_key_value(name)) else { return };
        for (key, text) in data {
            if self.takes(text.len()) {
                files.push(File { map, key, path: String::new(), text });
            }
        }
    }
}

fn text<'v>(of: &'v Value, key: &str) -> Option<&'v str> {
    of.get(key).and_then(Value::as_str)
}

fn list<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{MOST_BYTES, MOST_GIVEN, give, read};
    use crate::hooks::Variable;
    use crate::objects;
    use crate::subject::{Kind, Subject};
    use crate::world::World;

    fn world() -> World {
        let mut world = World::default();
        for (namespace, name, data) in [
            ("shop", "web", json!({"nginx.conf": "N", "mime.types": "M"})),
            ("shop", "more", json!({"a": "A"})),
            ("shop", "values", json!({"DELAY": "40", "MODE": "x"})),
            ("shop", "later", json!({"MODE": "y"})),
            ("other", "elsewhere", json!({"a": "A"})),
        ] {
            let metadata = json!({"name": name, "namespace": namespace});
            let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
            assert_eq!(objects::add(&mut world, &map, None), Ok(true));
        }
        world
    }

    /// What the container gets, each file as `path=text`.
    fn files(volumes: Value, mounts: Value) -> Vec<String> {
        let container = json!({"name": "app", "volumeMounts": mounts});
        let pod = json!({"spec": {"volumes": volumes, "containers": [container]}});
        let world = world();
        let mut subject = Subject::of_value(Kind::Pod, &pod).unwrap();
        give(&mut subject, &pod, &world.context("shop"));
        let given = subject.pod.spec.containers[0].given.as_ref().unwrap();
        given.files.iter().map(|file| format!("{}={}", file.path, file.text)).collect()
    }

    #[test]
    fn a_file_is_where_its_mount_puts_it() {
        let conf = json!([{"name": "conf", "configMap": {"name": "web"}}]);
        let at = |mount: Value| files(conf.clone(), json!([mount]));
        let both = ["/etc/nginx/mime.types=M", "/etc/nginx/nginx.conf=N"];
        assert_eq!(at(json!({"name": "conf", "mountPath": "/etc/nginx"})), both);
        assert_eq!(at(json!({"name": "conf", "mountPath": "/etc/nginx/"})), both);
        let one = json!({"name": "conf", "mountPath": "/etc/nginx.conf", "subPath": "nginx.conf"});
        assert_eq!(at(one), ["/etc/nginx.conf=N"]);
        for not in [
            json!({"name": "conf", "mountPath": "/etc", "subPath": "nginx"}),
            json!({"name": "conf", "mountPath": "/etc", "subPathExpr": "$(POD)"}),
            json!({"name": "other", "mountPath": "/etc"}),
            json!({"name": "conf"}),
            json!("conf"),
        ] {
            assert_eq!(at(not.clone()), [""; 0], "{not}");
        }
        assert_eq!(
            files(json!([{"name": "x", "configMap": {"name": "elsewhere"}}]), json!([{"name": "x", "mountPath": "/"}])),
            [""; 0]
        );
        assert_eq!(files(json!(null), json!(null)), [""; 0]);
    }

    #[test]
    fn items_have_paths_of_their_own_and_a_projection_has_several_sources() {
        let items = json!([{"key": "nginx.conf", "path": "conf/main.conf"}, {"key": "none", "path": "x"}, {"key": "mime.types"}]);
        let volumes = json!([
            {"name": "items", "configMap": {"name": "web", "items": items}},
            {"name": "all", "projected": {"sources": [
                {"configMap": {"name": "more"}}, {"secret": {"name": "s"}}, {"configMap": {"name": "web", "items": items}},
            ]}},
            {"name": "secret", "secret": {"secretName": "web"}},
        ]);
        let mounts = json!([
            {"name": "items", "mountPath": "/a"},
            {"name": "items", "mountPath": "/b", "subPath": "conf"},
            {"name": "all", "mountPath": "/c"},
            {"name": "secret", "mountPath": "/d"},
        ]);
        assert_eq!(files(volumes, mounts), ["/a/conf/main.conf=N", "/b/main.conf=N", "/c/a=A", "/c/conf/main.conf=N"]);
    }

    #[test]
    fn a_variable_of_a_config_map_is_a_literal_one() {
        let key = |name: &str, map: &str, key: &str| json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": map, "key": key}}});
        let secret = json!({"name": "S", "valueFrom": {"secretKeyRef": {"name": "values", "key": "DELAY"}}});
        let env = json!([key("A", "values", "DELAY"), key("B", "values", "none"), key("C", "none", "DELAY"), secret,
            {"name": "D", "value": "d"}, key("D", "values", "MODE")]);
        let from = |sources: Value| {
            let container = json!({"name": "app", "env": env, "envFrom": sources});
            let deployment = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
            let world = world();
            let mut subject = Subject::of_value(Kind::Deployment, &deployment).unwrap();
            give(&mut subject, &deployment, &world.context("shop"));
            let container = &subject.pod.spec.containers[0];
            let names = container.variable_names().collect::<Vec<_>>().join(" ");
            let said = ["A", "B", "C", "S", "D", "MODE", "P_MODE", "X"].map(|name| match container.variable(name) {
                Variable::Literal(value) => value.to_owned(),
                Variable::Unset => "-".to_owned(),
                Variable::Unknown => "?".to_owned(),
            });
            (names, said.join(" "))
        };
        let map = |name: &str| json!({"configMapRef": {"name": name}});
        let own = "A B C S D D";
        assert_eq!(from(json!([])), (own.into(), "40 ? ? ? x - - -".into()));
        assert_eq!(
            from(json!([map("values"), map("later")])),
            (format!("{own} DELAY MODE MODE"), "40 ? ? ? x y - -".into())
        );
        let prefixed = json!([{"prefix": "P_", "configMapRef": {"name": "later"}}]);
        assert_eq!(from(prefixed), (format!("{own} P_MODE"), "40 ? ? ? x - y -".into()));
        let secret = json!({"secretRef": {"name": "s"}});
        assert_eq!(from(json!([secret, map("later")])), (format!("{own} MODE"), "40 ? ? ? x y ? ?".into()));
        assert_eq!(from(json!([map("later"), secret])), (own.into(), "40 ? ? ? x ? ? ?".into()));
        assert_eq!(from(json!([map("unknown")])), (own.into(), "40 ? ? ? x ? ? ?".into()));
    }

    #[test]
    fn a_command_names_a_config_map_of_its_own_namespace() {
        let named = |argument: &str| {
            let pod = json!({"spec": {"containers": [{"name": "app", "args": [argument]}]}});
            let world = world();
            let mut subject = Subject::of_value(Kind::Pod, &pod).unwrap();
            give(&mut subject, &pod, &world.context("shop"));
            subject.pod.spec.containers[0].given.as_ref().unwrap().files.len()
        };
        assert_eq!(named("--configmap=$(POD_NAMESPACE)/web"), 2);
        assert_eq!(named("shop/more"), 1);
        assert_eq!(named("--configmap=other/elsewhere"), 0);
        assert_eq!(named("--configmap=shop/none"), 0);
        assert_eq!(named("web"), 0);
    }

    #[test]
    fn what_no_api_server_takes_is_no_config_map() {
        let map = |data: Value| read(&data).map(|map| map.len());
        assert_eq!(map(json!({"a.b-c_D": "x", "b": ""})), Some(2));
        assert_eq!(map(json!(null)), Some(0));
        assert_eq!(map(json!({"a": "x".repeat(MOST_BYTES)})), Some(1));
        for data in
            [json!({"a": "x".repeat(MOST_BYTES), "b": "y"}), json!({"a": 30}), json!({"a/b": ""}), json!({"": ""})]
        {
            assert_eq!(map(data), None);
        }
        let mut world = World::default();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "no name"}, "data": {"a": "x"}});
        assert_eq!(objects::add(&mut world, &map, None), Ok(true));
        assert!(world.context("default").config_maps().is_none());
    }

    #[test]
    fn what_is_kept_and_given_is_bounded() {
        let mut world = World::default();
        let mib = |key: &str| read(&json!({key: "x".repeat(MOST_BYTES)})).unwrap();
        for number in 0..65 {
            world.set_config_map("shop", &format!("m{number}"), mib("a"));
        }
        let kept = |world: &World| world.context("shop").config_maps().unwrap().len();
        assert_eq!(kept(&world), 64);
        world.set_config_map("shop", "m0", read(&json!({})).unwrap());
        world.set_config_map("shop", "m64", mib("a"));
        assert_eq!(kept(&world), 65, "the place of one that became smaller");

        let volume =
            |number: u32| json!({"name": format!("v{number}"), "configMap": {"name": format!("m{}", number + 1)}});
        let mount = |number: u32| json!({"name": format!("v{number}"), "mountPath": format!("/{number}")});
        let container = json!({"name": "app", "volumeMounts": (0..60).map(mount).collect::<Vec<_>>()});
        let pod = json!({"spec": {"volumes": (0..60).map(volume).collect::<Vec<_>>(), "containers": [container]}});
        let mut subject = Subject::of_value(Kind::Pod, &pod).unwrap();
        give(&mut subject, &pod, &world.context("shop"));
        let given = subject.pod.spec.containers[0].given.as_ref().unwrap().files.len();
        assert_eq!(given, MOST_GIVEN / MOST_BYTES - 1, "each takes a little more than its text");
    }
}
