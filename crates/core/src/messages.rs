//! The words: denials, warnings, audit annotations. Every number in them was judged, none is worked out
//! here.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};
use crate::judge::{self, Judgement};
use crate::keys;
use crate::mode::Mode;
use crate::subject::{Kind, Subject};
use crate::text::{name, quote};

/// The longest warning, in characters; API servers ask for it.
pub const WARNING_LIMIT: usize = 120;
/// All warnings of an answer, in bytes: above 4096 the API server cuts each.
const WARNINGS_LIMIT: usize = 3_900;
/// The most findings that one denial spells out.
const DENIED_FINDINGS: usize = 10;
/// The longest line of a denial, in bytes: a pod can have hundreds of containers to name in one.
const DENIAL_LINE: usize = 2_000;
/// The longest text of a workload's event, in bytes: an Event's note takes no more.
pub(crate) const EVENT_LIMIT: usize = 1_000;
/// The longest audit annotation, in bytes.
const AUDIT_LIMIT: usize = 1_000;

/// What is told in `enforce` while nothing is rejected.
pub(crate) const UNREAD_POLICIES: &str = "draingate could not read the policies yet: until it can, nothing is rejected";

/// The text of a rejection: each finding with its arithmetic and its fix, and the way out at the end. Where `is_minimum`,
/// no label of the namespace is one.
pub fn denial(subject: &Subject, judgement: &Judgement, namespace: &str, is_minimum: bool) -> String {
    let mut lines = Vec::new();
    let errors: Vec<_> = judgement.errors().collect();
    for finding in errors.iter().take(DENIED_FINDINGS) {
        lines.push(["pod ", &quote(&subject.name), ": ", &finding.message, " [", finding.code.as_str(), "]"].concat());
        lines.extend(finding.detail.iter().map(|detail| ["  ", detail].concat()));
        let fixes = finding.fixes.iter().enumerate();
        lines.extend(fixes.map(|(i, fix)| [if i == 0 { "  fix: " } else { "       " }, fix].concat()));
    }
    if errors.len() > DENIED_FINDINGS {
        lines.push(format!("and {} more", errors.len() - DENIED_FINDINGS));
    }
    lines = lines.into_iter().map(|line| cut(line, DENIAL_LINE)).collect();
    if is_minimum {
        lines.push(
            "  enforce is the cluster's minimum mode here (minimumMode), whatever the namespace's label says"
                .to_owned(),
        );
    }
    lines.push(format!("  to let it run now: {}", way_out(subject, judgement, namespace, is_minimum)));
    lines.join("\n")
}

fn way_out(subject: &Subject, judgement: &Judgement, namespace: &str, is_minimum: bool) -> String {
    match (is_minimum, judgement.settings.skip_locked_by()) {
        (false, _) => format!("kubectl label ns {namespace} {}=inject --overwrite", keys::MODE),
        (true, None) => {
            let metadata = match subject.edited_in() {
                Some(owner) if subject.has_known_owner() => format!("in its {}, spec.template.metadata", name(owner)),
                Some(owner) => format!("where its {} sets it, metadata", name(owner)),
                None => "metadata".to_owned(),
            };
            format!("{metadata}.annotations {}: \"<why>\"", keys::SKIP)
        }
        (true, Some(by)) => format!("only the cluster's administrators can: {by} locks the annotation {}", keys::SKIP),
    }
}

/// What the client is told, each line at most [`WARNING_LIMIT`] characters.
pub fn warnings(subject: &Subject, judgement: &Judgement, mode: Mode) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(judge::Skip::Annotation(reason)) = &judgement.skipped {
        lines.extend(wrap(&format!("draingate leaves this alone: annotation {}: {}", keys::SKIP, quote(reason))));
    }
    let rejected = judge::rejects(mode, subject, judgement);
    let told = |finding: &&Finding| !(rejected && finding.severity == Severity::Error);
    for finding in judgement.findings.iter().filter(told) {
        let lead = lead(subject.kind, mode, finding.severity, judgement.told_only);
        lines.extend(wrap(&[lead, &finding.message, " [", finding.code.as_str(), "]"].concat()));
        lines.extend(finding.fixes.first().iter().flat_map(|fix| wrap(&["fix: ", fix].concat())));
    }
    if mode == Mode::Warn
        && let Some(plan) = planned(judgement)
    {
        lines.extend(wrap(&format!("draingate would inject {plan}")));
    }
    bounded(lines)
}

/// What becomes of the pod because of an error.
fn lead(kind: Kind, mode: Mode, severity: Severity, told_only: bool) -> &'static str {
    match (severity, kind, mode) {
        _ if told_only => "",
        (Severity::Error, Kind::Pod, Mode::Inject) => "enforce would reject this: ",
        (Severity::Error, Kind::Pod, _) => "would be rejected: ",
        (Severity::Error, _, Mode::Enforce) => "its pods will be rejected: ",
        (Severity::Error, ..) => "its pods would be rejected: ",
        _ => "",
    }
}

/// A namespace label that names no mode.
pub fn unknown_mode(namespace: &str, value: &str) -> String {
    let text = format!("label {}={} of namespace {namespace} is no mode, it counts as warn", keys::MODE, quote(value));
    text.chars().take(WARNING_LIMIT).collect()
}

/// What is recorded in the API server's audit log.
pub fn audit(subject: &Subject, judgement: &Judgement, mode: Mode) -> BTreeMap<&'static str, String> {
    let mut audit = BTreeMap::new();
    audit.insert("mode", mode.to_string());
    audit.insert("verdict", judgement.verdict().as_str().to_owned());
    if let Some(skip) = &judgement.skipped {
        audit.insert("skipped", cut(skip.reason(), AUDIT_LIMIT));
    }
    if !judgement.findings.is_empty() {
        let codes = judgement.findings.iter().map(|finding| match &finding.container {
            Some(container) => format!("{}:{}", finding.code, name(container)),
            None => finding.code.to_string(),
        });
        audit.insert("findings", cut(codes.collect::<Vec<_>>().join(","), AUDIT_LIMIT));
    }
    if let Some(error) = judgement.errors().next() {
        let key = if judge::rejects(mode, subject, judgement) { "rejected" } else { "would-reject" };
        audit.insert(key, cut(error.message.clone(), AUDIT_LIMIT));
    }
    if let Some(plan) = planned(judgement) {
        audit.insert("would-inject", cut(plan, AUDIT_LIMIT));
    }
    audit
}

/// What the plan would change, in words.
fn planned(judgement: &Judgement) -> Option<String> {
    if judgement.patch.is_empty() {
        return None;
    }
    judge::difference(&judgement.standing, &judgement.pod)
}

pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Lines of at most [`WARNING_LIMIT`] characters, broken between words where there are any. A code stays
/// with the word before it: the API server drops a line that was there before.
pub fn wrap(text: &str) -> Vec<String> {
    // Up to here the last word begins, and a line may end.
    let is_code = |at: &usize| text.get(..*at).is_some_and(|before| before.ends_with(' '));
    let code = text.ends_with(']').then(|| text.rmatch_indices('[').map(|(at, _)| at).find(is_code)).flatten();
    let code = code.map_or(text.len(), |at| at - 1);
    let last = text.get(..code).and_then(|text| text.rfind(' ')).unwrap_or(0);
    let (mut lines, mut start) = (Vec::new(), 0);
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let Some((most, after)) = character(rest, WARNING_LIMIT) else {
            lines.push(rest.to_owned());
            break;
        };
        let reach = (most + usize::from(after == b' ')).min((last + 1).saturating_sub(start));
        let space = rest.get(..reach).and_then(|reach| reach.rfind(' ')).filter(|space| *space > 0);
        lines.extend(rest.get(..space.unwrap_or(most)).map(str::to_owned));
        start += space.map_or(most, |space| space + 1);
    }
    lines
}

/// Where the character with this number begins, and its first byte.
fn character(text: &str, number: usize) -> Option<(usize, u8)> {
    // No further than it is: a text may be long, and is asked for each of its lines.
    let is_ascii = text.as_bytes().get(..=number)?.is_ascii();
    let at = if is_ascii { number } else { text.char_indices().nth(number)?.0 };
    text.as_bytes().get(at).map(|byte| (at, *byte))
}

/// As many lines as fit below the API server's limit, and a word about the rest.
fn bounded(mut lines: Vec<String>) -> Vec<String> {
    let mut size = 0;
    let fits = lines.iter().take_while(|line| {
        size += line.len();
        size <= WARNINGS_LIMIT
    });
    let fits = fits.count();
    if fits < lines.len() {
        let rest = lines.len() - fits;
        lines.truncate(fits);
        lines.push(format!("and {rest} more lines: draingate check --admitted shows them all"));
    }
    lines
}
