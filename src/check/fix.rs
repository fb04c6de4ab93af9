//! `--fix`: writes fixes into the text of a manifest, comments and order kept.
//!
//! An edit is made only where its outcome is certain: the changed text is parsed again, and must be the old
//! document with just that value set. What cannot be edited so is left for a person.

use std::sync::Arc;

use serde_json::Value;

use crate::walk::Walk;
use draingate_core::finding::Edit;
use draingate_core::judge::View;
use draingate_core::manifest::{self, Document};

/// The most edits of one file.
const EDITS: usize = 1_000;

/// A text with what could be fixed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The new text.
    pub text: String,
    /// How many edits it took.
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
            let absolute = |edit: &Edit| Edit { pointer: found.pointer(&edit.pointer), value: edit.value.clone() };
            edits.extend(result.counted().filter_map(|found| found.finding.edit.as_ref()).map(absolute));
        });
        fixed.problems = passed.problems.len();
        let changed = if fixed.edits < most { edits.iter().find_map(|edit| set(&current, edit)) } else { None };
        let Some(changed) = changed else {
            fixed.left = edits.len();
            return fixed;
        };
        fixed.text = changed;
        fixed.edits += 1;
    }
}

/// The document's text with one value set; `None` where that is not certain, or changes nothing.
fn set(document: &Document, edit: &Edit) -> Option<String> {
    let before = manifest::parse(document).ok()?;
    let mut wanted = before.clone();
    assign(&mut wanted, &edit.pointer, edit.value.clone())?;
    if wanted == before {
        return None;
    }
    let changed = replace(document, edit).or_else(|| insert(document, edit))?;
    let after = manifest::parse(&Document { text: &changed, ..*document }).ok()?;
    (after == wanted).then_some(changed)
}

fn assign(object: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let (parent, key) = pointer.rsplit_once('/')?;
    object.pointer_mut(parent)?.as_object_mut()?.insert(key.replace("~1", "/").replace("~0", "~"), value);
    Some(())
}

/// Replaces a scalar.
fn replace(document: &Document, edit: &Edit) -> Option<String> {
    let node = manifest::parse_with_places(document).ok()?;
    let span = node.node(&edit.pointer)?.span.clone();
    let scalar = if edit.value.is_number() { edit.value.to_string() } else { return None };
    let (before, after) = (document.text.get(..span.start)?, document.text.get(span.end..)?);
    Some(format!("{before}{scalar}{after}"))
}

/// Inserts a key into a block mapping, before its first key that has a line to itself.
fn insert(document: &Document, edit: &Edit) -> Option<String> {
    let (parent, key) = edit.pointer.rsplit_once('/')?;
    let node = manifest::parse_with_places(document).ok()?;
    let at = node.node(parent)?.keys().find_map(|start| {
        let line = document.text.get(..start)?.rfind('\n').map_or(0, |end| end + 1);
        let indent = document.text.get(line..start)?;
        indent.bytes().all(|b| b == b' ').then_some((line, indent.len()))
    });
    let (line, indent) = at?;
    let mut block = String::new();
    render(&mut block, key, &edit.value, indent);
    let (before, after) = (document.text.get(..line)?, document.text.get(line..)?);
    Some(format!("{before}{block}{after}"))
}

/// `key: value` in block style.
fn render(out: &mut String, key: &str, value: &Value, indent: usize) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(entries) => {
            out.push_str(&format!("{pad}{key}:\n"));
            for (key, value) in entries {
                render(out, key, value, indent + 2);
            }
        }
        value => out.push_str(&format!("{pad}{key}: {value}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use draingate_core::world::World;
    use serde_json::json;

    fn set_in(text: &str, pointer: &str, value: Value) -> Option<String> {
        let documents = manifest::documents(text);
        set(&documents[0], &Edit { pointer: pointer.into(), value })
    }

    #[test]
    fn a_scalar_is_replaced_and_its_comment_stays() {
        let text = "spec:\n  grace: 30  # why\n  b: 1\n";
        assert_eq!(set_in(text, "/spec/grace", json!(55)).unwrap(), "spec:\n  grace: 55  # why\n  b: 1\n");
        assert_eq!(
            set_in("{\"spec\": {\"grace\": 30}}", "/spec/grace", json!(55)).unwrap(),
            "{\"spec\": {\"grace\": 55}}"
        );
        assert_eq!(set_in(text, "/spec/grace", json!(30)), None);
    }

    #[test]
    fn a_key_is_inserted_where_one_has_a_line_to_itself() {
        let text = "spec:\n  # all of them\n  containers:\n    - name: app\n      image: x\n    - {name: flow}\n";
        let sleep = json!({"preStop": {"sleep": {"seconds": 10}}});
        assert_eq!(
            set_in(text, "/spec/containers/0/lifecycle", sleep.clone()).unwrap(),
            "spec:\n  # all of them\n  containers:\n    - name: app\n      lifecycle:\n        preStop:\n          sleep:\n            seconds: 10\n      image: x\n    - {name: flow}\n"
        );
        assert_eq!(set_in(text, "/spec/containers/1/lifecycle", sleep), None);
        assert!(
            set_in(text, "/spec/terminationGracePeriodSeconds", json!(42))
                .unwrap()
                .contains("\n  terminationGracePeriodSeconds: 42\n  containers:")
        );
    }

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

    #[test]
    fn what_an_anchor_shares_is_left_alone() {
        let text = "a: &x {grace: 30}\nb: *x\n";
        assert_eq!(set_in(text, "/a/grace", json!(55)), None);
    }
}
