//! For people: a block for each object that has findings, with the lines themselves, and a summary.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Format;
use super::losses::Losses;
use crate::judged::{Judged, Location, ObjectResult, Problem, Summary};
use crate::terminal::count;
use draingate_core::finding::{Finding, Severity};
use draingate_core::judge::{Verdict, View};
use draingate_core::manifest::Document;

/// The format.
#[derive(Debug)]
pub struct Human {
    renderer: Renderer,
    view: View,
    warnings_fail: bool,
    losses: Losses,
    fixed: usize,
    skipped: usize,
}

impl Human {
    /// Always written with colours; whoever prints them knows whether they are wanted.
    pub fn new(view: View, warnings_fail: bool) -> Human {
        let (renderer, losses) = (Renderer::styled(), Losses::default());
        Human { renderer, view, warnings_fail, losses, fixed: 0, skipped: 0 }
    }

    fn finding(&self, object: &ObjectResult, finding: &Finding, location: &Location, document: &Document) -> String {
        let level = if finding.severity == Severity::Error { Level::ERROR } else { Level::WARNING };
        let label = format!("{} {}/{}", object.kind, object.namespace, object.name);
        let path = object.path();
        let snippet = Snippet::source(document.text)
            .line_start(document.line)
            .path(&*path)
            .annotation(AnnotationKind::Primary.span(location.span.clone()).label(label));
        let mut group = level.primary_title(&*finding.message).id(finding.code.as_str()).element(snippet);
        for detail in &finding.detail {
            group = group.element(Level::NOTE.message(detail));
        }
        for fix in &finding.fixes {
            group = group.element(Level::HELP.message(fix));
        }
        format!("{}\n\n", self.renderer.render(&[group]))
    }

    fn problem(&self, problem: &Problem) -> String {
        let Problem { file, line, column, cause } = problem;
        let title = self.renderer.render(&[Group::with_title(Level::ERROR.primary_title(cause.to_string()))]);
        format!("{title}\n  --> {file}:{line}:{column}\n\n")
    }
}

impl Format for Human {
    fn head(&mut self) -> String {
        String::new()
    }

    fn text(&self, judged: Judged) -> String {
        let mut out = String::new();
        for problem in judged.problems() {
            out.push_str(&self.problem(problem));
        }
        for object in judged.objects() {
            let Some(document) = judged.document(object) else { continue };
            for result in object.counted() {
                let Some(location) = &result.location else { continue };
                out.push_str(&self.finding(object, &result.finding, location, document));
            }
        }
        out
    }

    fn add(&mut self, judged: Judged, text: String) -> String {
        for object in judged.objects() {
            self.fixed += usize::from(object.verdict == Verdict::Fixed);
            self.skipped += usize::from(object.verdict == Verdict::Skipped);
            self.losses.add(object);
        }
        text
    }

    fn tail(&mut self, summary: &Summary, input_problems: usize) -> String {
        let mut out = self.losses(summary);
        let Summary { objects, judged, unjudged, errors, warnings, ignored, baselined, .. } = *summary;
        let mut parts = vec![
            format!(
                "{} judged of {}",
                count(judged, "pod or template", "pods and templates"),
                count(objects, "object", "objects")
            ),
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings"),
        ];
        let further = [
            (self.fixed, "fixed at admission"),
            (ignored, "ignored"),
            (baselined, "known from the baseline"),
            (self.skipped, "skipped"),
            (unjudged, "not judged"),
        ];
        parts.extend(further.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
        if input_problems > 0 {
            parts.push(count(input_problems, "document cannot be read", "documents cannot be read"));
        }
        out.push_str(&format!("{}\n", parts.join(", ")));
        out
    }
}

impl Human {
    /// What the summary begins with.
    fn losses(&self, summary: &Summary) -> String {
        let mut lines = self.losses.lines(summary, self.view);
        let Summary { hurt, mended, .. } = *summary;
        if mended > 0 {
            let of = if mended == hurt { "" } else { " of them" };
            lines.push(format!(
                "  {mended}{of} would be mended at admission in enforce mode: draingate check --admitted"
            ));
        }
        if self.losses.warned && self.view == View::AsWritten && !self.warnings_fail {
            lines.push(
                "  what rests on figures that no manifest states, such as how long work still comes, is a warning \
                 (--fail-on warning)"
                    .to_owned(),
            );
        }
        if lines.is_empty() { String::new() } else { lines.join("\n") + "\n\n" }
    }
}
