//! The timelines as data: version 1. Fields are only ever added.

use json_patch::Patch;
use serde::Serialize;

use super::{Explanation, Timeline, View, Which};
use crate::report::json::v1;

#[derive(Serialize)]
struct Report<'e> {
    version: u32,
    objects: Vec<Object<'e>>,
}

#[derive(Serialize)]
struct Object<'e> {
    #[serde(flatten)]
    result: v1::Object<'e>,
    views: Vec<Picture<'e>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Picture<'e> {
    view: Which,
    verdict: &'static str,
    #[serde(flatten)]
    timeline: &'e Timeline,
    required_grace_period_seconds: Option<u64>,
    arithmetic: &'e str,
    findings: Vec<v1::Finding<'e>>,
    patch: &'e Patch,
}

impl<'e> From<&'e Explanation> for Object<'e> {
    fn from(explanation: &'e Explanation) -> Object<'e> {
        let views = explanation.views.iter().map(Picture::from).collect();
        Object { result: v1::Object::from(&explanation.result), views }
    }
}

impl<'e> From<&'e View> for Picture<'e> {
    fn from(view: &'e View) -> Picture<'e> {
        Picture {
            view: view.view,
            verdict: view.verdict.as_str(),
            timeline: &view.timeline,
            required_grace_period_seconds: view.required_grace,
            arithmetic: &view.arithmetic,
            findings: v1::findings(&view.findings),
            patch: &view.patch,
        }
    }
}

/// All of them as one JSON document.
///
/// # Errors
/// None that are known: everything in it can be written as JSON.
pub fn render(explanations: &[Explanation]) -> serde_json::Result<String> {
    let objects = explanations.iter().map(Object::from).collect();
    Ok(serde_json::to_string_pretty(&Report { version: v1::VERSION, objects })? + "\n")
}
