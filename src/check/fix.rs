//! `--fix`: writes fixes into the text of a manifest, comments and order kept.
//!
//! A fix is written whole or not at all, and only where its outcome is certain. What cannot be written so is left for a
//! person.

use std::sync::Arc;

use crate::walk::Walk;
use draingate_core::finding::{Code, Finding};
use draingate_core::judge::View;
use draingate_core::manifest::{self, Document};

/// The most edits of one file.
const EDITS: usize = 1_000;

/// A text with what could be fixed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The new text.
    pub text: String,
    /// How many fixes were made.
    pub edits: usize,
    /// Fixable findings that could not be edited safely.
    pub left: usize,
    /// Documents that cannot be read; no edit changes how many.
    pub problems: usize,
}

/// Fixes the documents of a file, one after the other.
pub fn fix(walk: &Walk, view: View, name: &str, text: &str) -> Fixed {
    let name: Arc<str> = name.into();
    let mut fixed = Fixed::default();
    let mut taken = 0;
    for document in manifest::documents(text) {
        fixed.text.push_str(text.get(taken..document.start).unwrap_or_default());
        taken = document.start + document.text.len();
        let mended = fix_document(walk, view, &name, &document, EDITS - fixed.edits);
        fixed.text.push_str(&mended.text);
        fixed.edits += mended.edits;
        fixed.left += mended.left;
        fixed.problems += mended.problems;
    }
    fixed.text.push_str(text.get(taken..).unwrap_or_default());
    if fixed.edits == EDITS {
        // Nobody knows what more could be edited.
        fixed.left = 0;
    }
    fixed
}

/// Fixes one finding after the other, judging anew in between, until none is left that can be edited: at most `most`.
fn fix_document(walk: &Walk, view: View, name: &Arc<str>, document: &Document, most: usize) -> Fixed {
    let mut fixed = Fixed { text: document.text.to_owned(), ..Fixed::default() };
    loop {
        let current = Document { text: &fixed.text, ..*document };
        let mut edits = Vec::new();
        let passed = walk.document(name, &current, |found| {
            let result = found.result(&found.candidate.judge(view));
            let mut findings: Vec<&Finding> =
                result.counted().map(|result| &result.finding).filter(|finding| !finding.edits.is_empty()).collect();
            findings.sort_by_key(|finding| turn(finding.code));
            edits.extend(findings.into_iter().map(|finding| result.in_document(&finding.edits)));
        });
        fixed.problems = passed.problems.len();
        let changed =
            if fixed.edits < most { edits.iter().find_map(|edits| manifest::edited(&current, edits)) } else { None };
        let Some(changed) = changed else {
            fixed.left = edits.len();
            return fixed;
        };
        fixed.text = changed;
        fixed.edits += 1;
    }
}

/// What somebody wrote in the wrong place is the grace that the others start from; a wait brings its own, so that what is short
/// without it comes last.
fn turn(code: Code) -> u8 {
    match code {
        Code::MisplacedGrace => 0,
        Code::GraceBudget => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use draingate_core::world::World;

    #[test]
    fn each_document_is_fixed_and_what_is_between_them_stays() {
        let pod = |name: &str, grace: u64| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: {grace} # s\n  \
                containers: [{{name: app, ports: [{{containerPort: 1}}], lifecycle: {{preStop: {{sleep: {{seconds: 25}}}}}}}}]\n"
            )
        };
        let file = |grace: u64| {
            let (first, second) = (pod("a", grace), pod("b", grace).replace('\n', "\n  ").replace("apiV", "- apiV"));
            format!("# head\n---\n{first}--- # ü\nbroken: [\n---\nkind: List\nitems:\n{second}\n---\n# tail\n")
        };
        let walk = Walk { world: &World::default(), namespace: "default" };
        let fixed = fix(&walk, View::AsWritten, "a.yaml", &file(30));
        assert_eq!(fixed, Fixed { text: file(45), edits: 2, left: 0, problems: 1 });
    }
}
