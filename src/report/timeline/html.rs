//! The timelines as one page that works offline: before and after side by side, the findings as text.

use std::fmt::Write;

use super::svg::{self, escaped};
use super::words::{self, arithmetic, heading};
use super::{Explanation, View, Which};

const STYLE: &str = "
:root { color-scheme: light dark; --text: #1f2328; --muted: #59636e; --paper: #ffffff; --back: #f3f5f7;
  --line: #d9dee4; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9da7b3; --paper: #0d1117; --back: #05080c;
  --line: #2b323c; --good: #3fb950; --bad: #ff8c82; } }
* { box-sizing: border-box }
body { margin: 0; padding: 24px clamp(12px, 3vw, 40px) 48px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; }
h1 { font-size: 20px; margin: 0 0 4px } h2 { font-size: 17px; margin: 0; overflow-wrap: anywhere }
h3 { font-size: 14px; margin: 12px 0 4px }
p { margin: 0 0 8px } .muted { color: var(--muted); overflow-wrap: anywhere }
section { margin-top: 28px; padding-top: 20px; border-top: 1px solid var(--line) }
.verdict { font-size: 13px; font-weight: 600; border: 1px solid; border-radius: 999px; padding: 1px 9px;
  margin-left: 8px; color: var(--good) } .verdict.fail { color: var(--bad) } .verdict.skipped { color: var(--muted) }
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 16px; margin-top: 12px }
figure { margin: 0; padding: 8px; background: var(--paper); border: 1px solid var(--line); border-radius: 10px; min-width: 0;
  max-width: 860px }
figure svg { display: block; width: 100%; height: auto }
figcaption { padding: 0 12px 8px }
ul { margin: 0; padding-left: 20px } li { margin-bottom: 8px; overflow-wrap: anywhere }
code, pre { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre { margin: 4px 0 0; padding: 8px 10px; background: var(--back); border-radius: 6px; white-space: pre-wrap;
  overflow-wrap: anywhere } .error { color: var(--bad); font-weight: 600 } .warning { font-weight: 600 }
";

/// All of them on one page.
pub fn render(explanations: &[Explanation]) -> String {
    let (title, heading) = match explanations {
        [one] => (format!("How {} stops", words::title(one)), "How this pod stops".to_owned()),
        many => (format!("How {} pods stop", many.len()), format!("How {} pods stop", many.len())),
    };
    let title = escaped(&title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{heading}</h1>\n\
         <p class=\"muted\">From the deletion at 0 s to the end of the grace period, as Draingate judges it.</p>\n"
    );
    for (index, explanation) in explanations.iter().enumerate() {
        object(&mut out, explanation, index);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn object(out: &mut String, explanation: &Explanation, index: usize) {
    let result = &explanation.result;
    let verdict = result.verdict.as_str();
    let _ = writeln!(
        out,
        "<section>\n<h2>{}<span class=\"verdict {verdict}\">{}</span></h2>\n<p class=\"muted\">{}</p>",
        escaped(&words::title(explanation)),
        words::verdict(explanation),
        escaped(&words::place(explanation))
    );
    if let Some(skip) = &result.skipped {
        let _ = writeln!(out, "<p>Skipped: {}</p>", escaped(&words::plain(&skip.reason())));
    }
    out.push_str("<div class=\"views\">\n");
    for (number, view) in explanation.views.iter().enumerate() {
        let picture = svg::panel_of(explanation, view, &format!("stop-{index}-{number}"));
        let _ = writeln!(out, "<figure>\n{picture}<figcaption>");
        for line in std::iter::once(arithmetic(view)).chain(words::stories(view)) {
            let _ = writeln!(out, "<p class=\"muted\">{}</p>", escaped(&line));
        }
        findings(out, view);
        out.push_str("</figcaption>\n</figure>\n");
    }
    out.push_str("</div>\n</section>\n");
}

fn findings(out: &mut String, view: &View) {
    let heading = match (view.findings.is_empty(), view.view) {
        (true, _) => "No findings".to_owned(),
        (false, Which::Unchanged) => "Findings".to_owned(),
        (false, which) => format!("Findings {}", heading(which).to_lowercase()),
    };
    let _ = writeln!(out, "<h3>{heading}</h3>");
    if view.findings.is_empty() {
        return;
    }
    out.push_str("<ul>\n");
    for result in &view.findings {
        let finding = &result.finding;
        let (severity, code) = (finding.severity.as_str(), finding.code);
        let message = escaped(&words::plain(&finding.message));
        let suppressed = escaped(&words::suppression(result));
        let _ =
            write!(out, "<li><span class=\"{severity}\">{severity}</span> <code>{code}</code>{suppressed} {message}");
        let remedy = words::remedy(view, result);
        if !remedy.is_empty() {
            let _ = write!(out, "<pre>{}</pre>", escaped(&remedy.join("\n")));
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n");
}
