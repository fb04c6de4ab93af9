//! A list, page by page.

use kube::Api;
use kube::api::ListParams;
use tokio::time::timeout;

use super::{ANSWER_LIMIT, Failure, Object};

const PAGE: u32 = 500;

/// The pages of one list.
pub(crate) struct Pages<K> {
    api: Api<K>,
    params: ListParams,
    version: String,
    is_over: bool,
}

impl<K: Object> Pages<K> {
    /// Asks for nothing yet.
    pub(crate) fn new(api: Api<K>, params: ListParams) -> Pages<K> {
        let params = ListParams { limit: params.limit.or(Some(PAGE)), ..params };
        Pages { api, params, version: String::new(), is_over: false }
    }

    /// The objects of the next page; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<K>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let page = timeout(ANSWER_LIMIT, self.api.list(&self.params)).await??;
        self.version = page.metadata.resource_version.unwrap_or_default();
        self.params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        self.is_over = self.params.continue_token.is_none();
        Ok(Some(page.items))
    }

    /// The version from which to watch.
    pub(super) fn version(&self) -> &str {
        &self.version
    }
}
