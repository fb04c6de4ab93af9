//! Whether admission works here, asked for as a person would: the API server is to inject a pod (a dry run). Where it does
//! not, each hop on the way is looked at, and the first that fails is named.

mod direct;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ServiceReference, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use self::direct::{Asked, ask, at};
use draingate_core::finding::Code;
use draingate_core::keys;
use draingate_core::mode::Mode;

/// What the name of a namespace begins with that is made where none is named. Each time another: the last one may still be
/// ending.
const NAMESPACE: &str = "draingate-ping-";
/// How long the API server may take for anything.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new namespace may lack its service account.
const SETTLES: Duration = Duration::from_secs(10);

/// Webhooks that are called alike: how, and their names.
type Endpoint = (WebhookClientConfig, Vec<String>);

/// What the API server is told to call.
struct Webhooks {
    /// By where they are and whom they trust.
    endpoints: BTreeMap<(String, Option<Vec<u8>>), Endpoint>,
    /// The one that injects.
    mutate: WebhookClientConfig,
}

/// Asks once; what to print.
///
/// # Errors
/// The hop that failed.
pub async fn ping(client: &Client, configurations: &str, namespace: Option<&str>) -> Result<String> {
    let webhooks = read(client, configurations).await?;
    let answer = match namespace {
        Some(namespace) => through_the_api_server(client, namespace, &webhooks).await,
        None => {
            let name = make_namespace(client).await?;
            let answer = through_the_api_server(client, &name, &webhooks).await;
            let deleted = Api::<Namespace>::all(client.clone()).delete(&name, &DeleteParams::default()).await;
            deleted.with_context(|| format!("cannot delete the namespace {name} again"))?;
            answer
        }
    };
    Ok(answer? + &directly(client, &webhooks).await?)
}

async fn read(client: &Client, configurations: &str) -> Result<Webhooks> {
    let missing = |kind: &str| format!("cannot read the {kind} {configurations:?}");
    let mutating: MutatingWebhookConfiguration =
        Api::all(client.clone()).get(configurations).await.with_context(|| missing("MutatingWebhookConfiguration"))?;
    let validating: ValidatingWebhookConfiguration = Api::all(client.clone())
        .get(configurations)
        .await
        .with_context(|| missing("ValidatingWebhookConfiguration"))?;
    let mutating: Vec<_> = mutating.webhooks.into_iter().flatten().map(|w| (w.name, w.client_config)).collect();
    let validating = validating.webhooks.into_iter().flatten().map(|w| (w.name, w.client_config));
    let Some((_, mutate)) = mutating.first().cloned() else {
        bail!("the MutatingWebhookConfiguration {configurations:?} holds no webhook");
    };
    let mut endpoints: BTreeMap<_, Endpoint> = BTreeMap::new();
    for (name, config) in mutating.into_iter().chain(validating) {
        let ca = config.ca_bundle.as_ref().map(|bundle| bundle.0.clone());
        endpoints.entry((at(&config), ca)).or_insert_with(|| (config, Vec::new())).1.push(name);
    }
    Ok(Webhooks { endpoints, mutate })
}

/// Makes a namespace: its name.
async fn make_namespace(client: &Client) -> Result<String> {
    let labels = [(keys::MODE, Mode::Inject.as_str()), ("app.kubernetes.io/name", "draingate-test")];
    let mut namespace = Namespace::default();
    namespace.metadata.generate_name = Some(NAMESPACE.to_owned());
    namespace.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    let made: Namespace = Api::all(client.clone())
        .create(&PostParams::default(), &namespace)
        .await
        .context("cannot make a namespace; --namespace names one that is there, in mode inject or enforce")?;
    made.metadata.name.context("the API server gave the namespace no name")
}

// ---- Through the API server

async fn through_the_api_server(client: &Client, namespace: &str, webhooks: &Webhooks) -> Result<String> {
    let started = Instant::now();
    let (status, headers, body) = loop {
        let (status, headers, body) = create(client, namespace).await?;
        let text = message(&body).unwrap_or_default();
        if status == StatusCode::FORBIDDEN && text.contains("service account") && started.elapsed() < SETTLES {
            sleep(Duration::from_millis(250)).await;
            continue;
        }
        break (status, headers, body);
    };
    let taken = started.elapsed();
    if !status.is_success() {
        let words = message(&body).unwrap_or("it does not say why");
        if is_ours(words) {
            return Ok(format!("the API server asked, and a pod of namespace {namespace} is rejected: {words}\n"));
        }
        bail!("the API server does not take the pod of namespace {namespace}: {words}");
    }
    let injected = body.pointer("/metadata/annotations").and_then(|annotations| annotations.get(keys::INJECTED));
    if injected.is_some() {
        return Ok(format!("the API server had a pod of namespace {namespace} injected (a dry run) in {taken:.0?}\n"));
    }
    let warnings: Vec<_> = headers.get_all("warning").iter().filter_map(|value| value.to_str().ok()).collect();
    if let Some(warning) = warnings.iter().find(|warning| is_ours(warning)) {
        return Ok(format!("the API server asked, and nothing is injected in namespace {namespace}: {warning}\n"));
    }
    let mode = mode(client, namespace).await;
    if let Some(mode) = mode.filter(|mode| !["inject", "enforce"].contains(&mode.as_str())) {
        bail!("namespace {namespace} is in no mode that injects: {} is {mode:?}", keys::MODE);
    }
    let hop = hop(client, &webhooks.mutate).await;
    bail!("the API server let a pod of namespace {namespace} in uninjected. {hop}")
}

/// What a `Status` says.
fn message(status: &Value) -> Option<&str> {
    status.get("message")?.as_str()
}

/// Whether it has the code of a finding.
fn is_ours(warning: &str) -> bool {
    Code::ALL.iter().any(|code| warning.contains(&format!("[{}]", code.as_str())))
}

async fn mode(client: &Client, namespace: &str) -> Option<String> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let labels = namespaces.get(namespace).await.ok()?.metadata.labels.unwrap_or_default();
    Some(labels.get(keys::MODE).cloned().unwrap_or_default())
}

/// A pod that any Pod Security level takes, so that only Draingate decides; with so short a grace that it has something to
/// say whatever the policies are.
fn pod() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"generateName": "draingate-ping-", "labels": {"app.kubernetes.io/name": "draingate-test"}},
        "spec": {"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "app", "image": "draingate.dev/never-run", "ports": [{"containerPort": 8080}],
                "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1m", "memory": "1Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}})
}

async fn create(client: &Client, namespace: &str) -> Result<(StatusCode, HeaderMap, Value)> {
    let request = Request::post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldManager=draingate-ping"))
        .header("content-type", "application/json")
        .body(Body::from(serde_json::to_vec(&pod())?))?;
    let (parts, body) = send(client, request).await.context("the API server gives no answer")?.into_parts();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Ok((parts.status, parts.headers, body))
}

async fn send(client: &Client, request: Request<Body>) -> Result<Response<Vec<u8>>> {
    let answer = async {
        let (parts, body) = client.send(request).await?.into_parts();
        Ok::<_, anyhow::Error>(Response::from_parts(parts, body.collect_bytes().await?.to_vec()))
    };
    timeout(TIMEOUT, answer).await.with_context(|| format!("nothing within {} s", TIMEOUT.as_secs()))?
}

// ---- Where it was lost

/// The first hop between the API server and an answer that fails, with what to do.
async fn hop(client: &Client, webhook: &WebhookClientConfig) -> String {
    let Some(service) = &webhook.service else {
        return match ask(client, webhook).await {
            Asked::Answered => failed_open(),
            Asked::OutOfReach(problem) => format!("No route: {} cannot be reached: {problem}", at(webhook)),
            Asked::Wrong(error) => format!("Bad CA: {error:#}"),
        };
    };
    let ServiceReference { name, namespace, .. } = service;
    if let Ok(0) = ready(client, service).await {
        return format!(
            "Not ready: no ready replica stands behind the Service {namespace}/{name}.\n  \
             kubectl -n {namespace} get pods,endpointslices"
        );
    }
    if let Some(words) = no_route(client, service).await {
        return format!(
            "No route from the API server: asked to reach the Service {namespace}/{name} itself, it says: {words}\n  \
             a firewall, a NetworkPolicy or a network that the API server is not in (docs/install.md, The network)"
        );
    }
    match ask(client, webhook).await {
        Asked::Wrong(error) => {
            format!("Bad CA: the API server reaches the Service {namespace}/{name}, and cannot trust it: {error:#}")
        }
        Asked::Answered => failed_open(),
        Asked::OutOfReach(problem) => format!(
            "Failed open: the API server reaches the Service {namespace}/{name}. What it shows cannot be looked at from here \
             ({problem}): the caBundle is the next suspect. helm test asks from inside"
        ),
    }
}

fn failed_open() -> String {
    "Failed open: the webhook is reached and trusted from here, and the API server got no answer in time, or did not ask.\n  \
     does a namespaceSelector leave the namespace out? Its metrics count apiserver_admission_webhook_fail_open_count, and \
     its log says why"
        .to_owned()
}

/// How many endpoints are ready.
async fn ready(client: &Client, service: &ServiceReference) -> Result<usize> {
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), &service.namespace);
    let of = ListParams::default().labels(&format!("kubernetes.io/service-name={}", service.name));
    let slices = slices.list(&of).await?;
    let endpoints = slices.items.iter().flat_map(|slice| slice.endpoints.iter().flatten());
    let is_ready = |conditions: &k8s_openapi::api::discovery::v1::EndpointConditions| conditions.ready != Some(false);
    Ok(endpoints.filter(|endpoint| endpoint.conditions.as_ref().is_none_or(is_ready)).count())
}

/// Why the API server's own proxy does not reach the Service; `None` where it does, or may not be asked.
async fn no_route(client: &Client, service: &ServiceReference) -> Option<String> {
    let ServiceReference { name, namespace, .. } = service;
    let path = format!("/api/v1/namespaces/{namespace}/services/https:{name}:webhook/proxy/");
    let answer = match send(client, Request::get(path).body(Body::empty()).ok()?).await {
        Ok(answer) => answer,
        Err(error) => return Some(format!("{error:#}")),
    };
    let words = String::from_utf8_lossy(answer.body()).into_owned();
    let words = serde_json::from_str::<Value>(&words)
        .ok()
        .and_then(|status| message(&status).map(str::to_owned))
        .unwrap_or(words);
    let of_the_proxy = ["error trying to reach service", "no endpoints available"];
    of_the_proxy.iter().any(|start| words.contains(start)).then(|| words.trim().to_owned())
}

// ---- From here

/// Asks every endpoint; those that cannot be reached from here are only named.
async fn directly(client: &Client, webhooks: &Webhooks) -> Result<String> {
    let mut said = String::new();
    for ((at, _), (config, names)) in &webhooks.endpoints {
        let (started, names) = (Instant::now(), names.join(", "));
        match ask(client, config).await {
            Asked::Answered => writeln!(said, "{at} answered {names} in {:.0?}", started.elapsed())?,
            Asked::OutOfReach(problem) => writeln!(said, "{at} cannot be reached from here: {problem}")?,
            Asked::Wrong(error) => return Err(error.context(format!("{names} at {at}"))),
        }
    }
    ensure!(!said.is_empty(), "the configurations hold no webhook");
    Ok(said)
}
