//! A fix as replacements of lines of the file.

use similar::{DiffTag, TextDiff};

use super::model::{ArtifactChange, ArtifactLocation, Fix, Message, RegionObject, Replacement, Text};
use super::{uri, words};
use crate::judged::{FindingResult, Judged, ObjectResult};
use draingate_core::manifest::Document;

/// The fix of a finding, where it can be written.
pub(super) fn of(judged: Judged, object: &ObjectResult, finding: &FindingResult) -> Option<Fix> {
    let document = judged.document(object)?;
    // One that begins behind its `---` has no line of its own.
    if finding.finding.edits.is_empty() || document.text.starts_with([' ', '\t']) {
        return None;
    }
    let fixed = judged.fixed(object, finding)?;
    let description = Message::plain(words::safe(finding.fix()?));
    let artifact_location = ArtifactLocation { uri: uri(&judged.path()) };
    let replacements = replacements(document, &fixed);
    Some(Fix { description, artifact_changes: [ArtifactChange { artifact_location, replacements }] })
}

fn replacements(document: &Document, fixed: &str) -> Vec<Replacement> {
    let diff = TextDiff::from_lines(document.text, fixed);
    let changed = diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal);
    let replacement = |op: &similar::DiffOp| {
        let (old, new) = (op.old_range(), op.new_range());
        let inserted: String = new.filter_map(|line| diff.new_slice(line)).collect();
        // Up to the beginning of the next line, or to the end of one that no newline ends.
        let last = old.end.checked_sub(1).and_then(|last| diff.old_slice(last)).filter(|_| !old.is_empty());
        let (end_line, end_column) = match last.filter(|line| !line.ends_with('\n')) {
            Some(line) => (old.end - 1, line.chars().count() + 1),
            None => (old.end, 1),
        };
        let deleted_region = RegionObject {
            start_line: document.line + old.start,
            start_column: Some(1),
            end_line: document.line + end_line,
            end_column: Some(end_column),
        };
        Replacement { deleted_region, inserted_content: Text { text: inserted } }
    };
    changed.map(replacement).collect()
}
