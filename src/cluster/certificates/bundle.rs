//! The `caBundle` of our own two configurations, kept right if somebody overwrites it.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::{info, warn};

/// The two configurations of one name, as far as they call this installation.
pub(super) struct Configurations {
    mutating: Api<MutatingWebhookConfiguration>,
    validating: Api<ValidatingWebhookConfiguration>,
    name: String,
    /// Namespace and name of our Service: what calls another one is another installation's.
    service: (String, String),
    told: bool,
}

/// One webhook of a configuration: its name and whom it calls.
type Entry<'c> = (&'c str, &'c WebhookClientConfig);

impl Configurations {
    pub(super) fn new(client: Client, name: String, namespace: String, service: String) -> Configurations {
        let (mutating, validating) = (Api::all(client.clone()), Api::all(client));
        Configurations { mutating, validating, name, service: (namespace, service), told: false }
    }

    /// What is trusted now, by either.
    pub(super) async fn trusted(&self) -> kube::Result<Vec<u8>> {
        let mutating = self.mutating.get_opt(&self.name).await?;
        let validating = self.validating.get_opt(&self.name).await?;
        let entries = mutating.iter().flat_map(of_mutating).chain(validating.iter().flat_map(of_validating));
        let ours = entries.filter(|(_, client)| self.is_ours(client));
        let bundles = ours.filter_map(|(_, client)| Some(client.ca_bundle.as_ref()?.0.clone()));
        Ok(bundles.collect::<Vec<_>>().join(&b'\n'))
    }

    /// Makes both trust `bundle`; how many webhooks had to be changed.
    pub(super) async fn ensure(&mut self, bundle: &str) -> kube::Result<usize> {
        let mutating = self.mutating.get_opt(&self.name).await?;
        let mut changed = match &mutating {
            Some(found) => self.patch(&self.mutating, of_mutating(found), bundle).await?,
            None => 0,
        };
        let validating = self.validating.get_opt(&self.name).await?;
        if let Some(found) = &validating {
            changed += self.patch(&self.validating, of_validating(found), bundle).await?;
        }
        let entries = mutating.iter().flat_map(of_mutating).chain(validating.iter().flat_map(of_validating));
        let foreign = entries.filter(|(_, client)| !self.is_ours(client)).count();
        if foreign > 0 && !self.told {
            warn!(
                configuration = self.name,
                webhooks = foreign,
                "a configuration of our name calls another Service: \
                those webhooks are left alone; give each installation a --webhooks-name of its own"
            );
        }
        self.told = foreign > 0;
        Ok(changed)
    }

    fn is_ours(&self, client: &WebhookClientConfig) -> bool {
        match &client.service {
            Some(service) => (&service.namespace, &service.name) == (&self.service.0, &self.service.1),
            None => true,
        }
    }

    async fn patch<K: Clone + DeserializeOwned + std::fmt::Debug>(
        &self,
        api: &Api<K>,
        entries: Vec<Entry<'_>>,
        bundle: &str,
    ) -> kube::Result<usize> {
        let wanted = ByteString(bundle.as_bytes().to_vec());
        let mut operations: Vec<Value> = Vec::new();
        for (index, (name, client)) in entries.into_iter().enumerate() {
            if self.is_ours(client) && client.ca_bundle.as_ref() != Some(&wanted) {
                // Not another webhook's, should the list have changed meanwhile.
                operations.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": name}));
                let path = format!("/webhooks/{index}/clientConfig/caBundle");
                operations.push(json!({"op": "add", "path": path, "value": wanted}));
            }
        }
        let changed = operations.len() / 2;
        if changed > 0 {
            let patch: json_patch::Patch =
                serde_json::from_value(operations.into()).map_err(kube::Error::SerdeError)?;
            let params = PatchParams { field_manager: Some("draingate".into()), ..PatchParams::default() };
            api.patch(&self.name, &params, &Patch::<()>::Json(patch)).await?;
            info!(configuration = self.name, webhooks = changed, "wrote the caBundle");
        }
        Ok(changed)
    }
}

fn of_mutating(configuration: &MutatingWebhookConfiguration) -> Vec<Entry<'_>> {
    configuration.webhooks.iter().flatten().map(|w| (w.name.as_str(), &w.client_config)).collect()
}

fn of_validating(configuration: &ValidatingWebhookConfiguration) -> Vec<Entry<'_>> {
    configuration.webhooks.iter().flatten().map(|w| (w.name.as_str(), &w.client_config)).collect()
}
