//! Where a finding is, in the words of the formats: lines and columns instead of bytes.

use crate::judged::{FindingResult, Judged, ObjectResult};

/// The line of what stands in no file: there are formats that cannot do without one.
pub(crate) const NOWHERE: usize = 1;

/// The line of a finding.
pub(crate) fn line(finding: &FindingResult) -> usize {
    finding.location.as_ref().map_or(NOWHERE, |location| location.line)
}

/// A part of a file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Region {
    /// The line of its first character.
    pub(crate) start_line: usize,
    /// The line of its last character.
    pub(crate) end_line: usize,
    /// The column of its first character and the one after its last, in Unicode code points; the whole
    /// lines where there are none.
    pub(crate) columns: Option<(usize, usize)>,
}

impl Region {
    /// One character.
    pub(crate) fn point(line: usize, column: usize) -> Region {
        Region { start_line: line.max(1), end_line: line.max(1), columns: Some((column.max(1), column.max(1) + 1)) }
    }

    /// The region of a finding about an object; the first character of nothing where that is in no file.
    ///
    /// It looks at the lines of the finding alone: a document may be large and have many findings.
    pub(crate) fn of(judged: Judged, object: &ObjectResult, finding: &FindingResult) -> Region {
        let (Some(document), Some(location)) = (judged.document(object), &finding.location) else {
            return Region::point(NOWHERE, 1);
        };
        let start_line = location.line;
        let text = document.text.get(location.span.clone()).unwrap_or_default().trim_end();
        let before = document.text.get(..location.span.start).unwrap_or_default();
        if text.is_empty() {
            return Region { start_line, end_line: start_line, columns: None };
        }
        let start = last_line(before) + 1;
        let breaks = text.matches('\n').count();
        let end = if breaks == 0 { start + text.chars().count() } else { last_line(text) + 1 };
        Region { start_line, end_line: start_line + breaks, columns: Some((start, end)) }
    }
}

/// The characters after the last line break.
fn last_line(text: &str) -> usize {
    text.rsplit('\n').next().map_or(0, |line| line.chars().count())
}

/// A path as tools compare it with those of a repository.
pub(crate) fn relative(file: &str) -> &str {
    file.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(file)
}
