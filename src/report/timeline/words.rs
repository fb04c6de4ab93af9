//! The words of a picture, the same in every format, and how foreign text gets into them.

use super::{Explanation, Lane, LaneKind, Segment, Timeline, View, What, Which};
use crate::judged::{FindingResult, Origin, Suppression};
use draingate_core::pod::HookSource;

/// An object's title: `Deployment shop/checkout`.
pub fn title(explanation: &Explanation) -> String {
    let result = &explanation.result;
    let name = if result.name.is_empty() { "(no name)" } else { &result.name };
    plain(&format!("{} {}/{name}", result.kind, result.namespace))
}

/// Where it was read: `shop.yaml:3`.
pub fn place(explanation: &Explanation) -> String {
    let place = match &explanation.result.origin {
        Origin::File(source) if &*source.file == "-" => format!("standard input:{}", source.line),
        Origin::File(source) => format!("{}:{}", source.file, source.line),
        Origin::Cluster { .. } => explanation.result.path().into_owned(),
    };
    plain(&place)
}

/// What came of it: `pass`, or `fail as written, fixed as admitted`.
pub fn verdict(explanation: &Explanation) -> String {
    let verdict = |view: &View| match view.view {
        Which::AsWritten => format!("{} as written", view.verdict.as_str()),
        Which::AsAdmitted => format!("{} as admitted", view.verdict.as_str()),
        Which::Unchanged => view.verdict.as_str().to_owned(),
    };
    match explanation.views.as_slice() {
        [] => explanation.result.verdict.as_str().to_owned(),
        views => views.iter().map(verdict).collect::<Vec<_>>().join(", "),
    }
}

/// A picture's heading.
pub fn heading(view: Which) -> &'static str {
    match view {
        Which::AsWritten => "As written",
        Which::AsAdmitted => "As admitted",
        Which::Unchanged => "As written; admission changes nothing",
    }
}

/// The grace against what is needed: `grace 30 s, needs 32 s: 2 s short`.
pub fn balance(timeline: &Timeline) -> String {
    let grace = match timeline.raised_from {
        Some(from) => format!("grace raised from {from} to {} s", timeline.grace),
        None => format!("grace {} s", timeline.grace),
    };
    match timeline.needed {
        None => format!("{grace}, and none is enough: the stop has no end"),
        Some(needed) if needed > timeline.grace => {
            format!("{grace}, needs {needed} s: {} s short", needed - timeline.grace)
        }
        Some(needed) => format!("{grace}, needs {needed} s: fits"),
    }
}

/// The arithmetic beneath: `needed 32 = hold 10 (…) + …`, and what a refused plan would ask for.
pub fn arithmetic(view: &View) -> String {
    let number = |n: Option<u64>| n.map_or_else(|| "no end".to_owned(), |n| format!("{n} s"));
    let mut text = match view.timeline.needed {
        Some(0) => "needs 0 s: there is nothing to wait for".to_owned(),
        Some(needed) => format!("needs {needed} s = {}", view.arithmetic),
        None => format!("has no end: {}", view.arithmetic),
    };
    if view.required_grace != view.timeline.needed {
        text.push_str(&format!("; with the hooks that would be injected: {}", number(view.required_grace)));
    }
    plain(&text)
}

/// A finding in one line: `error [grace-budget]: …`.
pub fn finding(result: &FindingResult) -> String {
    let finding = &result.finding;
    plain(&format!("{} [{}]{}: {}", finding.severity.as_str(), finding.code, suppression(result), finding.message))
}

/// Why a finding counts for nothing: `, ignored (its clients try again)`.
pub fn suppression(result: &FindingResult) -> String {
    match &result.suppressed {
        None => String::new(),
        Some(Suppression::Ignored { reason }) => plain(&format!(", ignored ({reason})")),
        Some(Suppression::Baseline) => ", known from the baseline".to_owned(),
    }
}

/// Why new work is sent, what the hooks do, part by part, where the arithmetic does not say it, and who is still to come.
pub fn stories(view: &View) -> Vec<String> {
    let to_come = view.timeline.lanes.iter().filter_map(|lane| {
        let injector = lane.injected_by?;
        Some(format!("{} is not there yet: {injector} will inject it", plain(&lane.name)))
    });
    let said = |lane: &&Lane| lane.story.as_ref().is_some_and(|story| !view.arithmetic.contains(story.as_str()));
    let told = |lane: &Lane| {
        let story = plain(lane.story.as_deref().unwrap_or_default());
        match lane.kind {
            LaneKind::Traffic => format!("new work is sent for {story}"),
            _ => format!("hook of {}: {story}", plain(&lane.name)),
        }
    };
    view.timeline.lanes.iter().filter(said).map(told).chain(to_come).collect()
}

/// The rest of a finding in lines, the fix last; without the arithmetic, which the picture shows.
pub fn remedy(view: &View, result: &FindingResult) -> Vec<String> {
    let fix = result.fix().map(|fix| format!("fix: {}", fix.strip_prefix("or ").unwrap_or(fix)));
    let detail = result.finding.detail.iter().filter(|detail| **detail != view.arithmetic).cloned();
    detail.chain(fix).flat_map(|text| text.lines().map(plain).collect::<Vec<_>>()).collect()
}

/// What a segment is, for the legend.
pub fn meaning(what: What) -> &'static str {
    match what {
        What::Traffic => "new work still sent here",
        What::Hook => "preStop hook",
        What::Refusing => "told to stop: refuses new work",
        What::Leaving => "told to stop: apps still need it",
        What::Serving => "keeps running",
        What::Request => "last request",
        What::Stop => "stopping",
        What::Margin => "safety margin",
    }
}

/// The legend's further entries.
pub const INJECTED: &str = "injected by Draingate";
/// What does not fit.
pub const CUT: &str = "cut: beyond the grace";

/// Labels for a segment, the longest first; whoever draws takes the first that fits.
pub fn labels(segment: &Segment) -> Vec<String> {
    let names: &[&str] = match segment.what {
        What::Traffic => &["new work still sent here", "new work"],
        What::Hook => &["preStop hook", "hook"],
        What::Refusing => &["told to stop, refuses new work", "refuses new work", "refuses"],
        What::Leaving => &["told to stop, apps still need it", "apps still need it", "needed"],
        What::Serving => &["keeps running"],
        What::Request => &["last request", "request"],
        What::Stop => &["stopping", "stop"],
        What::Margin => &["safety margin", "margin"],
    };
    if segment.cut {
        let length = match segment.to {
            Some(to) => format!("{} s", to.saturating_sub(segment.from)),
            None => "no end".to_owned(),
        };
        let mut labels: Vec<_> = names.iter().map(|name| format!("{name} cut, {length}")).collect();
        labels.extend(names.last().map(|name| format!("{name} cut")));
        labels.extend([format!("cut, {length}"), "cut".to_owned()]);
        return labels;
    }
    let length = match segment.seconds {
        Some(seconds) => format!("{seconds} s"),
        None => "without end".to_owned(),
    };
    let (before, after) = match segment.source {
        Some(HookSource::Injected) => ("+ ", ""),
        Some(HookSource::Assumed) => ("", ", assumed"),
        Some(HookSource::Declared) => ("", ", declared"),
        _ => ("", ""),
    };
    let mut labels = Vec::new();
    if !after.is_empty() {
        labels.extend(names.iter().map(|name| format!("{before}{name} {length}{after}")));
    }
    labels.extend(names.iter().map(|name| format!("{before}{name} {length}")));
    labels.push(format!("{before}{length}"));
    labels
}

/// `value` without control characters and marks that reorder or hide text.
pub fn plain(value: &str) -> String {
    let hidden = |c: char| {
        let breaks = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        c.is_control() || breaks || matches!(c, '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    value.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect()
}

/// How much room a character takes at most, in hundredths of an em: of a monospaced font, and of a calm
/// sans-serif text.
pub fn room(c: char) -> u64 {
    if c.is_ascii() { 62 } else { 110 }
}

/// How many columns of a terminal a character takes at most.
pub fn columns(c: char) -> u64 {
    match c {
        '\0'..='\u{10ff}' | '\u{2000}'..='\u{2bff}' | '\u{fffd}' => 1,
        _ => 2,
    }
}

/// `value` within `most`, the end replaced by an ellipsis where it is too long. `room` measures.
pub fn shortened(value: &str, most: u64, room: impl Fn(char) -> u64) -> String {
    if value.chars().map(&room).sum::<u64>() <= most {
        return value.to_owned();
    }
    let mut left = most.saturating_sub(room('…'));
    let fits = |c: &char| match left.checked_sub(room(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let mut short: String = value.chars().take_while(fits).collect();
    short.push('…');
    short
}

/// `value` in lines that fit into `most`, broken between words; a longer word is broken itself.
pub fn wrapped(value: &str, most: u64, room: impl Fn(char) -> u64) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in value.split(' ') {
        let length: u64 = word.chars().map(&room).sum();
        let Some(line) = lines.last_mut() else { break };
        if used > 0 && used + room(' ') + length <= most {
            line.push(' ');
            line.push_str(word);
            used += room(' ') + length;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            if used > 0 && used + room(c) > most {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += room(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_shortened_or_wrapped() {
        let one = |_| 1;
        assert_eq!(shortened("pgbouncer", 9, one), "pgbouncer");
        assert_eq!(shortened("pgbouncer", 5, one), "pgbo…");
        assert_eq!(wrapped("a bc defghij k", 4, one), ["a bc", "defg", "hij", "k"]);
        assert_eq!(wrapped("", 4, one), [""]);
        assert_eq!(plain("a\u{1b}[1mb\u{202e}c\n"), "a\u{fffd}[1mb\u{fffd}c\u{fffd}");
    }
}
