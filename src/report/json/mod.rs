//! `--format json`: version 1 of the contract, one result a line.
//!
//! The results are written as they come. Only the problems are kept until the end, because JSON wants them
//! in an array of their own, and so are the objects that were not judged; they are as many as documents are broken or strange.

pub(super) mod v1;

use super::{Format, json_line};
use crate::judged::{Judged, Summary};
use draingate_core::judge::View;

/// The writer.
#[derive(Debug)]
pub struct Json {
    view: View,
    started: bool,
    problems: Vec<String>,
    unjudged: Vec<String>,
}

impl Json {
    /// For pods that were judged in one view.
    pub fn new(view: View) -> Json {
        Json { view, started: false, problems: Vec::new(), unjudged: Vec::new() }
    }
}

impl Format for Json {
    fn head(&mut self) -> String {
        format!("{{\"version\":{},\"judged\":\"{}\",\"results\":[", v1::VERSION, super::judged(self.view))
    }

    fn text(&self, judged: Judged) -> String {
        let line = |object| format!("\n{}", json_line(&v1::Object::from(object)));
        judged.objects().iter().map(line).collect::<Vec<_>>().join(",")
    }

    fn add(&mut self, judged: Judged, mut text: String) -> String {
        self.problems.extend(judged.problems().iter().map(|problem| json_line(&v1::Problem::from(problem))));
        self.unjudged.extend(judged.unjudged().iter().map(|unjudged| json_line(&v1::Unjudged::from(unjudged))));
        if self.started && !text.is_empty() {
            text.insert(0, ',');
        }
        self.started |= !text.is_empty();
        text
    }

    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String {
        let lines = |list: Vec<String>| if list.is_empty() { String::new() } else { format!("\n{}", list.join(",\n")) };
        let problems = lines(std::mem::take(&mut self.problems));
        let unjudged = lines(std::mem::take(&mut self.unjudged));
        let counts = json_line(&v1::Summary::new(summary, input_problems));
        format!("\n],\"problems\":[{problems}],\n\"notJudged\":[{unjudged}],\n\"summary\":{counts}}}\n")
    }
}
