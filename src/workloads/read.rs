//! The cluster, page by page: never more of it in memory than one page and what a judgement needs.

use anyhow::{Context, Result, bail};
use axum::http::Request;
use kube::Client;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use draingate_core::measured::Day;
use draingate_core::objects;
use draingate_core::world::World;

/// The largest page that is asked for.
const PAGE: usize = 500;

/// Reads lists from the API server.
pub(crate) struct Reader {
    pub(crate) client: Client,
    /// Only this namespace; all where absent.
    pub(crate) namespace: Option<String>,
    pub(crate) page: usize,
    /// No more objects of a list than this.
    pub(crate) most: usize,
}

/// The day on which a measure's age is counted.
pub(crate) fn today() -> Day {
    Day::of_seconds(k8s_openapi::jiff::Timestamp::now().as_second())
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    metadata: ListMetadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(rename = "continue", default)]
    token: String,
    #[serde(default)]
    remaining_item_count: Option<usize>,
}

impl Reader {
    pub(crate) fn new(client: Client, namespace: Option<String>, page: Option<usize>) -> Reader {
        Reader { client, namespace, page: page.unwrap_or(PAGE), most: usize::MAX }
    }

    /// Every object of a list, as its JSON stands there; `each` also gets how many are still to come, where the API
    /// server says so. False where the API server does not know the resource.
    pub(crate) async fn each(
        &self,
        group: &str,
        resource: &str,
        namespaced: bool,
        mut each: impl FnMut(&str, usize) -> Result<()>,
    ) -> Result<bool> {
        let place = match &self.namespace {
            Some(namespace) if namespaced => format!("{group}/namespaces/{namespace}/{resource}"),
            _ => format!("{group}/{resource}"),
        };
        let (mut token, mut read) = (String::new(), 0);
        loop {
            let following = if token.is_empty() { String::new() } else { format!("&continue={}", encoded(&token)) };
            let text = match self.get(&format!("{place}?limit={}{following}", self.page)).await {
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(false),
                Err(kube::Error::Api(status)) if status.code == 410 => {
                    bail!(
                        "reading {resource} took so long that the API server forgot the list's beginning; try again, \
                        or one namespace at a time"
                    )
                }
                other => other.with_context(|| format!("cannot list {resource}"))?,
            };
            let page: Page =
                serde_json::from_str(&text).with_context(|| format!("the list of {resource} cannot be read"))?;
            let count = page.items.len();
            let remaining = page.metadata.remaining_item_count.unwrap_or(0);
            for (index, item) in page.items.iter().enumerate() {
                each(item.get(), remaining + count - index - 1)?;
            }
            read += count;
            if page.metadata.token.is_empty() || read >= self.most {
                return Ok(true);
            }
            token = page.metadata.token;
        }
    }

    /// Every pod that has not ended and is not being ended, as [`Reader::each`] gives it.
    pub(crate) async fn pods(&self, mut each: impl FnMut(&str, usize) -> Result<()>) -> Result<bool> {
        self.each("/api/v1", "pods", true, |pod, remaining| if is_over(pod) { Ok(()) } else { each(pod, remaining) })
            .await
    }

    async fn get(&self, path: &str) -> kube::Result<String> {
        let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
        self.client.request_text(request).await
    }

    /// Namespaces, Services and policies.
    pub(crate) async fn world(&self) -> Result<World> {
        let mut world = World::default();
        world.today = Some(today());
        self.namespaces(&mut world).await?;
        self.services(&mut world).await?;
        self.policies(&mut world).await?;
        Ok(world)
    }

    /// All namespaces, or the only one.
    pub(crate) async fn namespaces(&self, world: &mut World) -> Result<()> {
        match &self.namespace {
            Some(name) => {
                let text = self.get(&format!("/api/v1/namespaces/{name}")).await;
                let text = text.with_context(|| format!("cannot read namespace {name}"))?;
                add(world, &text, "v1", "Namespace")?;
            }
            None => {
                self.each("/api/v1", "namespaces", false, |item, _| add(world, item, "v1", "Namespace")).await?;
            }
        }
        Ok(())
    }

    /// Services.
    pub(crate) async fn services(&self, world: &mut World) -> Result<()> {
        self.each("/api/v1", "services", true, |item, _| add(world, item, "v1", "Service")).await?;
        Ok(())
    }

    /// A ConfigMap of the namespace; one that is not there brings nothing.
    pub(crate) async fn config_map(&self, name: &str, world: &mut World) -> Result<()> {
        let Some(namespace) = &self.namespace else { return Ok(()) };
        match self.get(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}")).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => add(world, &other.with_context(|| format!("cannot read configmap {name}"))?, "v1", "ConfigMap"),
        }
    }

    /// Policies of both kinds.
    pub(crate) async fn policies(&self, world: &mut World) -> Result<()> {
        let group = "/apis/draingate.dev/v1alpha1";
        for (resource, kind, namespaced) in
            [("drainpolicies", "DrainPolicy", true), ("clusterdrainpolicies", "ClusterDrainPolicy", false)]
        {
            self.each(group, resource, namespaced, |item, _| add(world, item, "draingate.dev/v1alpha1", kind)).await?;
        }
        Ok(())
    }

    /// What says how many pods a workload has. Without the autoscalers nobody knows that, so they come first.
    ///
    /// # Errors
    /// The first list that cannot be read.
    pub(crate) async fn owners(&self, world: &mut World) -> Result<()> {
        for (group, version, resource, kind) in [
            ("/apis/autoscaling/v1", "autoscaling/v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
            ("/apis/apps/v1", "apps/v1", "statefulsets", "StatefulSet"),
            ("/apis/apps/v1", "apps/v1", "deployments", "Deployment"),
        ] {
            self.each(group, resource, true, |item, _| add(world, item, version, kind)).await?;
        }
        Ok(())
    }
}

/// Adds an object of a list, where objects do not say what they are. A policy that cannot be read counts as such.
fn add(world: &mut World, item: &str, api_version: &str, kind: &str) -> Result<()> {
    let mut object: Value = serde_json::from_str(item).with_context(|| format!("a {kind} cannot be read"))?;
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".into(), api_version.into());
        fields.insert("kind".into(), kind.into());
    }
    let _ = objects::add(world, &object, None);
    Ok(())
}

/// A pod that has ended, or is being ended, has nothing more to lose.
fn is_over(item: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Pod<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
        #[serde(default, borrow)]
        status: Status<'a>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata<'a> {
        #[serde(borrow)]
        deletion_timestamp: Option<std::borrow::Cow<'a, str>>,
    }
    #[derive(Default, serde::Deserialize)]
    struct Status<'a> {
        #[serde(borrow)]
        phase: Option<std::borrow::Cow<'a, str>>,
    }
    serde_json::from_str::<Pod>(item).is_ok_and(|pod| {
        pod.metadata.deletion_timestamp.is_some() || matches!(pod.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    })
}

fn encoded(token: &str) -> String {
    percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC).to_string()
}
