//! For people: a block for each object that has findings, with the lines themselves, and a summary.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Format;
use super::result::{FindingResult, Summary};
use crate::check::file::{Judged, JudgedFile};
use draingate_core::judge::View;
use draingate_core::manifest::{Document, Place, Problem};

/// The format.
#[derive(Debug)]
pub struct Human {
    renderer: Renderer,
    view: View,
    fixed: usize,
    skipped: usize,
}

impl Human {
    /// Always written with colours; whoever prints them knows whether they are wanted.
    pub fn new(view: View) -> Human {
        Human { renderer: Renderer::styled(), view, fixed: 0, skipped: 0 }
    }

    fn finding(&self, judged: &Judged, finding: &FindingResult, place: &Place, document: &Document) -> String {
        let level = if finding.severity == "error" { Level::ERROR } else { Level::WARNING };
        let result = &judged.result;
        let label = format!("{} {}/{}", result.kind, result.namespace, result.name);
        let snippet = Snippet::source(document.text)
            .line_start(document.line)
            .path(result.source.file.as_str())
            .annotation(AnnotationKind::Primary.span(place.span.clone()).label(label));
        let mut group = level.primary_title(&*finding.message).id(finding.code).element(snippet);
        for detail in &finding.detail {
            group = group.element(Level::NOTE.message(detail));
        }
        for fix in finding.fix.iter().chain(&finding.alternatives) {
            group = group.element(Level::HELP.message(fix));
        }
        format!("{}\n\n", self.renderer.render(&[group]))
    }

    fn problem(&self, file: &JudgedFile, problem: &Problem) -> String {
        let title = self.renderer.render(&[Group::with_title(Level::ERROR.primary_title(&*problem.message))]);
        format!("{title}\n  --> {}:{}:{}\n\n", file.name, problem.line, problem.column)
    }
}

impl Format for Human {
    fn head(&mut self) -> String {
        String::new()
    }

    fn text(&self, file: &JudgedFile) -> String {
        let mut out = String::new();
        for problem in &file.problems {
            out.push_str(&self.problem(file, problem));
        }
        for judged in &file.objects {
            let Some(document) = file.documents.get(judged.document) else { continue };
            for (finding, place) in judged.result.findings.iter().zip(&judged.places) {
                out.push_str(&self.finding(judged, finding, place, document));
            }
        }
        out
    }

    fn add(&mut self, file: &JudgedFile, text: String) -> String {
        for judged in &file.objects {
            self.fixed += usize::from(judged.result.verdict == "fixed");
            self.skipped += usize::from(judged.result.verdict == "skipped");
        }
        text
    }

    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String {
        let Summary { objects, judged, errors, warnings } = *summary;
        let mut parts = vec![
            format!(
                "{} judged of {}",
                count(judged, "pod or template", "pods and templates"),
                count(objects, "object", "objects")
            ),
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings"),
        ];
        if self.view != View::AsWritten && self.fixed > 0 {
            parts.push(format!("{} fixed at admission", self.fixed));
        }
        if self.skipped > 0 {
            parts.push(format!("{} skipped", self.skipped));
        }
        if input_problems > 0 {
            parts.push(count(input_problems, "document cannot be read", "documents cannot be read"));
        }
        format!("{}\n", parts.join(", "))
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
