//! Comments that ignore a finding: `# draingate: ignore CODE: REASON`, anywhere in the document of the object that it is
//! about. It is a comment and no annotation, since only files are judged with it: what admission does, policies decide.

use draingate_core::finding::Code;
use draingate_core::manifest::{Document, Node};

/// What such a comment begins with.
const MARK: &str = "draingate: ignore";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ignore {
    /// Where it stands, in bytes of the document's text.
    pub(super) at: usize,
    /// The line of the file, counted from 1.
    pub(super) line: usize,
    /// What it ignores, and why; else what is wrong with it.
    pub(super) what: Result<(Code, String), String>,
}

impl Ignore {
    /// Why a code is ignored, if it is this one.
    pub(super) fn reason_for(&self, code: Code) -> Option<&str> {
        self.what.as_ref().ok().filter(|(ignored, _)| *ignored == code).map(|(_, reason)| reason.as_str())
    }
}

/// Whether a document may have one of them.
pub(super) fn may_have(document: &Document) -> bool {
    document.text.contains(MARK)
}

/// Those of a document, in their order. `places` is asked only where there may be one.
pub(super) fn read<'n>(document: &Document, places: impl FnOnce() -> Option<&'n Node>) -> Vec<Ignore> {
    if !may_have(document) {
        return Vec::new();
    }
    let Some(places) = places() else { return Vec::new() };
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in document.text.split_inclusive('\n').enumerate() {
        let comment = line.match_indices('#').find_map(|(at, _)| {
            let begins = line.get(..at).is_some_and(|before| before.is_empty() || before.ends_with([' ', '\t']));
            let words = line.get(at + 1..)?.trim().strip_prefix(MARK).filter(|_| begins)?;
            (!places.is_in_scalar(start + at)).then_some((start + at, words))
        });
        found.extend(comment.map(|(at, words)| Ignore { at, line: document.line + number, what: what(words) }));
        start += line.len();
    }
    found
}

/// `CODE: REASON`
fn what(words: &str) -> Result<(Code, String), String> {
    let (code, reason) = words.split_once(':').unwrap_or((words, ""));
    let (code, reason) = (code.trim(), reason.trim());
    let Some(known) = Code::ALL.into_iter().find(|known| known.as_str() == code) else {
        return Err(format!("no finding has the code {code:?}; draingate codes lists them"));
    };
    if reason.is_empty() {
        return Err(format!("it gives no reason: # {MARK} {code}: REASON"));
    }
    Ok((known, reason.to_owned()))
}

#[cfg(test)]
mod tests {
    use draingate_core::manifest::{documents, parse_with_places};

    use super::*;

    #[test]
    fn comments_are_read_and_what_only_looks_like_one_is_not() {
        let text = "\
# draingate: ignore short-hold: its clients try again: twice
a: 1 #draingate: ignore early-helper:the pooler is idle
b: |
  # draingate: ignore short-hold: this is text
c: 'x# draingate: ignore short-hold: this, too'
d: \"# draingate: ignore short-hold: and this\"
e:
  - f # draingate: ignore short-hol: misspelt
  # draingate: ignore grace-budget
  # draingate: ignores nothing
";
        let document = documents(text)[0];
        let node = parse_with_places(&document).unwrap();
        let found: Vec<_> = read(&document, || Some(&node)).into_iter().map(|found| (found.line, found.what)).collect();
        assert_eq!(
            found,
            [
                (1, Ok((Code::ShortHold, "its clients try again: twice".to_owned()))),
                (2, Ok((Code::EarlyHelper, "the pooler is idle".to_owned()))),
                (8, Err("no finding has the code \"short-hol\"; draingate codes lists them".to_owned())),
                (9, Err("it gives no reason: # draingate: ignore grace-budget: REASON".to_owned())),
                (10, Err("no finding has the code \"s nothing\"; draingate codes lists them".to_owned())),
            ]
        );
    }
}
