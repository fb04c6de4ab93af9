//! The way in that is measured: what it needs made, and where requests to it go.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::objects::{NAME, PORT};
use crate::cli::CalibrateArgs;

/// A way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The Service's own address.
    ClusterIp,
    /// An Ingress of a class, or of the default one.
    Ingress(Option<String>),
    /// An HTTPRoute of a Gateway: its namespace, where that is another one, and its name.
    Gateway(Option<String>, String),
    /// A Service of type LoadBalancer.
    LoadBalancer,
    /// A way that the user made.
    Url(String),
}

impl Way {
    /// What the arguments name.
    ///
    /// # Errors
    /// What is missing or too much.
    pub fn of(args: &CalibrateArgs) -> Result<Way> {
        let words: Vec<&str> = args.via.iter().map(String::as_str).collect();
        let way = match words.as_slice() {
            ["cluster-ip"] => Way::ClusterIp,
            ["ingress"] => Way::Ingress(args.ingress_class.clone()),
            ["gateway", gateway] => match gateway.split_once('/') {
                Some((namespace, name)) => Way::Gateway(Some(namespace.to_owned()), name.to_owned()),
                None => Way::Gateway(None, (*gateway).to_owned()),
            },
            ["service-type", "LoadBalancer"] => Way::LoadBalancer,
            ["url", url] => Way::Url((*url).to_owned()),
            ["gateway"] => bail!("--via gateway: names no Gateway: --via gateway NAME, or NAMESPACE/NAME"),
            ["service-type", ..] => {
                bail!("--via service-type: only LoadBalancer is a way in: --via service-type LoadBalancer")
            }
            ["url"] => bail!("--via url: names no URL: --via url https://canary.example.com/"),
            other => bail!(
                "--via {}: no way in: cluster-ip, ingress, gateway NAME, service-type LoadBalancer, url URL",
                other.join(" ")
            ),
        };
        if args.ingress_class.is_some() && !matches!(way, Way::Ingress(_)) {
            bail!("--ingress-class goes with --via ingress");
        }
        if args.host.is_some() && !matches!(way, Way::Ingress(_) | Way::Gateway(..)) {
            bail!("--host goes with --via ingress and --via gateway");
        }
        Ok(way)
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Way::ClusterIp => "cluster-ip".to_owned(),
            Way::Ingress(Some(class)) => format!("ingress class {class}"),
            Way::Ingress(None) => "ingress of the default class".to_owned(),
            Way::Gateway(None, name) => format!("gateway {name}"),
            Way::Gateway(Some(namespace), name) => format!("gateway {namespace}/{name}"),
            Way::LoadBalancer => "service-type LoadBalancer".to_owned(),
            Way::Url(url) => format!("url {url}"),
        }
    }

    /// The host that requests name: one that nobody has, where none is given.
    pub fn host(&self, args: &CalibrateArgs, namespace: &str) -> Option<String> {
        let made = || format!("{NAME}.{namespace}.invalid");
        matches!(self, Way::Ingress(_) | Way::Gateway(..)).then(|| args.host.clone().unwrap_or_else(made))
    }

    /// The object that leads to the Service, where there is one.
    pub fn object(&self, args: &CalibrateArgs, namespace: &str) -> Option<Value> {
        let annotations: serde_json::Map<String, Value> =
            args.annotation.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let metadata = json!({"name": NAME, "namespace": namespace, "annotations": annotations});
        let host = self.host(args, namespace);
        match self {
            Way::Ingress(class) => {
                let backend = json!({"service": {"name": NAME, "port": {"number": PORT}}});
                let mut spec = json!({"rules": [{"host": host,
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]});
                if let Some(class) = class {
                    merge(&mut spec, "ingressClassName", class.as_str().into());
                }
                Some(
                    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}),
                )
            }
            Way::Gateway(of, name) => {
                let mut parent = json!({"name": name});
                if let Some(of) = of {
                    merge(&mut parent, "namespace", of.as_str().into());
                }
                let spec = json!({"parentRefs": [parent], "hostnames": [host],
                    "rules": [{"backendRefs": [{"name": NAME, "port": PORT}]}]});
                let version = "gateway.networking.k8s.io/v1";
                Some(json!({"apiVersion": version, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}))
            }
            Way::ClusterIp | Way::LoadBalancer | Way::Url(_) => None,
        }
    }
}

fn merge(into: &mut Value, key: &str, value: Value) {
    if let Value::Object(into) = into {
        into.insert(key.to_owned(), value);
    }
}

/// The address that an Ingress, or a Service of type LoadBalancer, reports: an IP or a name.
pub fn reported(object: &Value) -> Option<String> {
    let first = object.pointer("/status/loadBalancer/ingress/0")?;
    let text = |key| first.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    text("ip").or_else(|| text("hostname")).map(str::to_owned)
}

/// The address and the port of a Gateway that takes plain HTTP.
///
/// # Errors
/// What it lacks.
pub fn of_gateway(gateway: &Value) -> Result<Option<(String, u16)>> {
    let listeners = gateway.pointer("/spec/listeners").and_then(Value::as_array).into_iter().flatten();
    let http = listeners.filter(|one| one.get("protocol").and_then(Value::as_str) == Some("HTTP"));
    let port = http.filter_map(|one| one.get("port")?.as_u64()?.try_into().ok()).next();
    let port: u16 =
        port.context("the Gateway has no listener of the protocol HTTP; with --via url a way of your own is measured")?;
    let address = gateway.pointer("/status/addresses/0/value").and_then(Value::as_str);
    Ok(address.map(|address| (address.to_owned(), port)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(line: &str) -> CalibrateArgs {
        match Cli::try_parse_from(["draingate", "calibrate"].into_iter().chain(line.split(' '))).unwrap().command {
            Command::Calibrate(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ways_are_read_and_slips_are_named() {
        let way = |line: &str| Way::of(&args(line)).map_err(|error| error.to_string());
        assert_eq!(way("--via cluster-ip"), Ok(Way::ClusterIp));
        assert_eq!(way("--via ingress --ingress-class c --rounds 4"), Ok(Way::Ingress(Some("c".to_owned()))));
        assert_eq!(way("--via gateway infra/g"), Ok(Way::Gateway(Some("infra".to_owned()), "g".to_owned())));
        assert_eq!(way("--via url http://x/"), Ok(Way::Url("http://x/".to_owned())));
        assert_eq!(way("--via service-type LoadBalancer"), Ok(Way::LoadBalancer));
        for (line, said) in [
            ("--via gateway", "NAMESPACE/NAME"),
            ("--via service-type ClusterIP", "--via service-type LoadBalancer"),
            ("--via nginx", "no way in"),
            ("--via cluster-ip --host h", "--host goes with"),
            ("--via url http://x/ --ingress-class c", "--ingress-class goes with"),
        ] {
            assert!(way(line).unwrap_err().contains(said), "{line}");
        }
    }

    #[test]
    fn an_ingress_meets_nobody_elses_requests() {
        let args = args("--via ingress --annotation a.b/c=d=e");
        let object = Way::Ingress(None).object(&args, "shop").unwrap();
        assert_eq!(object["spec"]["rules"][0]["host"], "draingate-canary.shop.invalid");
        assert_eq!(object["metadata"]["annotations"]["a.b/c"], "d=e");
        assert_eq!(object["spec"].get("ingressClassName"), None);
    }

    #[test]
    fn addresses_are_those_that_are_reported() {
        let of = |ingress: Value| reported(&json!({"status": {"loadBalancer": {"ingress": ingress}}}));
        assert_eq!(of(json!([{"ip": "10.0.0.1"}])).as_deref(), Some("10.0.0.1"));
        assert_eq!(of(json!([{"ip": "", "hostname": "lb.example"}])).as_deref(), Some("lb.example"));
        assert_eq!((of(json!([])), reported(&json!({}))), (None, None));
        let gateway = |protocol: &str| json!({"spec": {"listeners": [{"protocol": protocol, "port": 8080}]}, "status": {"addresses": [{"value": "10.0.0.2"}]}});
        assert_eq!(of_gateway(&gateway("HTTP")).unwrap(), Some(("10.0.0.2".to_owned(), 8080)));
        assert!(of_gateway(&gateway("TLS")).is_err());
    }
}
