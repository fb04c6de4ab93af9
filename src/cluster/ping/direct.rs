//! Asks the webhooks as the API server would: by the ClusterIP of their Service, under its name, trusting their
//! `caBundle` and nothing else. What it proves holds without DNS, as the API server needs none either.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axum::http::{Request, Uri};
use k8s_openapi::api::admissionregistration::v1::{ServiceReference, WebhookClientConfig};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, Client, Config};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one connection or answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What came of asking.
pub(super) enum Asked {
    Answered,
    /// Nobody could be asked from here, as where only the cluster has a route to its Services.
    OutOfReach(String),
    /// Somebody is there, and the API server would not take this answer.
    Wrong(anyhow::Error),
}

pub(super) fn at(config: &WebhookClientConfig) -> String {
    match (&config.service, &config.url) {
        (Some(service), _) => {
            format!("https://{}:{}{}", host(service), port(service), service.path.as_deref().unwrap_or_default())
        }
        (None, url) => url.clone().unwrap_or_default(),
    }
}

/// The name that the API server sends and looks for in the certificate.
fn host(service: &ServiceReference) -> String {
    format!("{}.{}.svc", service.name, service.namespace)
}

fn port(service: &ServiceReference) -> i32 {
    service.port.unwrap_or(443)
}

/// Asks once.
pub(super) async fn ask(client: &Client, webhook: &WebhookClientConfig) -> Asked {
    let uri = match address(client, webhook).await {
        Ok(uri) => uri,
        Err(error) => return Asked::Wrong(error),
    };
    if let Err(problem) = connects(&uri).await {
        return Asked::OutOfReach(problem);
    }
    match review_by(uri, webhook).await {
        Ok(()) => Asked::Answered,
        // As `openssl req -x509` makes it; the API server takes it.
        Err(error) if format!("{error:#}").contains("CaUsedAsEndEntity") => {
            Asked::OutOfReach("its certificate is a CA's own, which only the API server takes".to_owned())
        }
        Err(error) => Asked::Wrong(error),
    }
}

async fn address(client: &Client, webhook: &WebhookClientConfig) -> Result<Uri> {
    let url = match &webhook.service {
        Some(service) => resolve(client, service).await?,
        None => at(webhook),
    };
    url.parse().with_context(|| format!("not a URL: {url:?}"))
}

async fn connects(uri: &Uri) -> Result<(), String> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(443);
    let connected = match host.parse::<IpAddr>() {
        Ok(address) => timeout(TIMEOUT, TcpStream::connect(SocketAddr::new(address, port))).await,
        Err(_) => timeout(TIMEOUT, TcpStream::connect((host, port))).await,
    };
    match connected {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("nothing within {} s", TIMEOUT.as_secs())),
    }
}

async fn review_by(uri: Uri, webhook: &WebhookClientConfig) -> Result<()> {
    let server_name = webhook.service.as_ref().map(host);
    let path = uri.path().to_owned();
    let mut config = Config::new(uri);
    config.tls_server_name = server_name;
    config.connect_timeout = Some(TIMEOUT);
    config.read_timeout = Some(TIMEOUT);
    config.root_cert = match &webhook.ca_bundle {
        Some(bundle) => Some(certificates(&bundle.0)?),
        None => None,
    };
    // The path is the request's; kube would put the configured one before it.
    let mut parts = config.cluster_url.clone().into_parts();
    parts.path_and_query = Some("/".parse()?);
    config.cluster_url = Uri::from_parts(parts)?;

    let review = review();
    let request = Request::post(path).header("content-type", "application/json").body(serde_json::to_vec(&review)?)?;
    let hint = match webhook.ca_bundle {
        Some(_) => "the answer never came, or its certificate is not one that the caBundle trusts",
        None => "there is no caBundle yet, so only the certificate authorities of the system are trusted",
    };
    let answer: Value = Client::try_from(config)?.request(request).await.context(hint)?;
    let (asked, given) = (review.pointer("/request/uid"), answer.pointer("/response/uid"));
    ensure!(given == asked, "the answer is no AdmissionReview for the question: {answer}");
    ensure!(
        answer.pointer("/response/allowed") == Some(&Value::Bool(true)),
        "a pod in kube-system is not allowed: {answer}"
    );
    Ok(())
}

async fn resolve(client: &Client, reference: &ServiceReference) -> Result<String> {
    let services: Api<Service> = Api::namespaced(client.clone(), &reference.namespace);
    let service = services.get(&reference.name).await.context("cannot read the Service")?;
    let address = service.spec.and_then(|spec| spec.cluster_ip).unwrap_or_default();
    let path = reference.path.as_deref().unwrap_or_default();
    match address.parse() {
        Ok(IpAddr::V4(address)) => Ok(format!("https://{address}:{}{path}", port(reference))),
        Ok(IpAddr::V6(address)) => Ok(format!("https://[{address}]:{}{path}", port(reference))),
        Err(_) => bail!("the Service has no ClusterIP but {address:?}"),
    }
}

fn certificates(bundle: &[u8]) -> Result<Vec<Vec<u8>>> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(bundle)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .context("the caBundle is not PEM")?;
    ensure!(!certificates.is_empty(), "the caBundle holds no certificate");
    Ok(certificates)
}

/// About a pod that is never touched, and marked as a dry run, so that nothing comes of it.
fn review() -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "draingate-ping",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "kube-system", "name": "ping", "operation": "CREATE", "dryRun": true,
        "userInfo": {"username": "draingate ping"},
        "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ping", "namespace": "kube-system"},
            "spec": {"containers": [{"name": "ping", "image": "ping"}]}}}})
}
