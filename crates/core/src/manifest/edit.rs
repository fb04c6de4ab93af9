//! Changes written into the text of a document: comments, order, quotes and everything else stay byte for byte.
//!
//! Each change is tried in the ways in which people write YAML, and made only where its outcome is certain: the changed text
//! is parsed again, and must be the old document with just that change.

use std::ops::Range;

use json_patch::jsonptr::PointerBuf;
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

use super::{Children, Document, Key, Node, parse, parse_with_places};

/// The most places in which one change is tried.
const MOST_TRIES: usize = 100;

/// The document's text with all of these changes; `None` where one of them is not certain, or changes nothing.
pub fn edited(document: &Document, edits: &Patch) -> Option<String> {
    let mut text = None;
    for edit in edits.iter() {
        let before = Document { text: text.as_deref().unwrap_or(document.text), ..*document };
        text = Some(one(&before, edit)?);
    }
    text
}

/// Changes of a part of a document, which is at this pointer, as changes of the whole.
pub fn within(pointer: &str, edits: &Patch) -> Patch {
    let mut edits = edits.clone();
    for edit in &mut edits.0 {
        let path = match edit {
            PatchOperation::Add(edit) => &mut edit.path,
            PatchOperation::Replace(edit) => &mut edit.path,
            PatchOperation::Remove(edit) => &mut edit.path,
            _ => continue,
        };
        // A pointer behind a pointer is one.
        *path = PointerBuf::parse(format!("{pointer}{path}")).unwrap_or_default();
    }
    edits
}

fn one(document: &Document, edit: &PatchOperation) -> Option<String> {
    let before = parse(document).ok()?;
    let mut wanted = before.clone();
    json_patch::patch(&mut wanted, std::slice::from_ref(edit)).ok()?;
    if wanted == before {
        return None;
    }
    let root = parse_with_places(document).ok()?;
    let place = Place::of(document.text, &root, edit.path().as_str())?;
    let tries = match edit {
        PatchOperation::Add(add) => place.set(before.pointer(add.path.as_str()), &add.value),
        PatchOperation::Replace(replace) => place.set(before.pointer(replace.path.as_str()), &replace.value),
        PatchOperation::Remove(_) => place.removed(),
        _ => Vec::new(),
    };
    tries.into_iter().take(MOST_TRIES).find_map(|(range, text)| {
        let (head, tail) = (document.text.get(..range.start)?, document.text.get(range.end..)?);
        let changed = [head, &text, tail].concat();
        let after = parse(&Document { text: &changed, ..*document }).ok()?;
        (after == wanted).then_some(changed)
    })
}

/// Bytes of the text, and what to write in their place.
type Try = (Range<usize>, String);

/// Where a value is, or is to be.
struct Place<'t> {
    text: &'t str,
    key: String,
    parent: &'t Node,
    node: Option<&'t Node>,
}

impl<'t> Place<'t> {
    fn of(text: &'t str, root: &'t Node, pointer: &str) -> Option<Place<'t>> {
        let (parent, key) = pointer.rsplit_once('/')?;
        let key = key.replace("~1", "/").replace("~0", "~");
        Some(Place { text, key, parent: root.node(parent)?, node: root.node(pointer) })
    }

    fn entries(&self) -> &'t [(Key, Node)] {
        if let Children::Entries(entries) = &self.parent.children { entries } else { &[] }
    }

    /// Whether the document is JSON, or as good as.
    fn is_json(&self) -> bool {
        self.text.trim_start().starts_with(['{', '['])
    }

    fn set(&self, old: Option<&Value>, value: &Value) -> Vec<Try> {
        let Some(node) = self.node else { return self.inserted(value) };
        let span = node.span.clone();
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let mut tries = Vec::new();
        if let (Some(Value::String(old)), Value::String(new)) = (old, value) {
            tries.extend(in_string(raw, old, new).into_iter().map(|text| (span.clone(), text)));
        }
        if !matches!(node.children, Children::None) {
            return self.replaced(node, value);
        }
        if !raw.contains('\n') {
            let text = self.flow(value);
            if raw.is_empty() || !old.is_some_and(Value::is_null) {
                tries.push((span.clone(), text.clone()));
            }
            if old.is_some_and(Value::is_null)
                && let Some((key, _)) = self.entries().iter().find(|(key, _)| key.text == self.key)
                && let Some(colon) = self.text.get(key.span.end..).and_then(|rest| rest.find(':'))
            {
                // Nothing, or a null, behind the colon.
                let colon = key.span.end + colon + 1;
                let end = if raw.is_empty() { colon } else { span.end.max(colon) };
                tries.push((colon..end, format!(" {text}")));
            }
        }
        tries
    }

    /// Another value in place of a list or a mapping.
    fn replaced(&self, node: &Node, value: &Value) -> Vec<Try> {
        let mut tries = Vec::new();
        if let Some((key, _)) = self.entries().iter().find(|(key, _)| key.text == self.key) {
            for range in self.own_lines(key, node) {
                let mut block = String::new();
                self.block(&mut block, &self.key, value, key.span.start - range.start);
                tries.push((range, block));
            }
        }
        let (start, end) = (node.span.start, node.end());
        let closings = self.text.get(end..).unwrap_or_default().match_indices(['}', ']']).take(10);
        tries.extend(closings.map(|(close, _)| (start..end + close + 1, self.flow(value))));
        tries
    }

    /// The lines of an entry, where they are its own; closing brackets may stand below what is in them.
    fn own_lines(&self, key: &Key, node: &Node) -> Vec<Range<usize>> {
        let line = line_start(self.text, key.span.start);
        let is_own = self.text.get(line..key.span.start).is_some_and(|before| before.bytes().all(|b| b == b' '));
        let mut last = line_end(self.text, node.end());
        let mut ranges = Vec::new();
        for _ in 0..if is_own { 10 } else { 0 } {
            ranges.push(line..last);
            last = line_end(self.text, last);
        }
        ranges
    }

    /// A new entry: a line of its own in a block, before the first that has one, or else behind the last; in `{ }` the first.
    fn inserted(&self, value: &Value) -> Vec<Try> {
        let mut tries = Vec::new();
        let entries = self.entries();
        let own_line = entries.iter().find_map(|(key, _)| {
            let line = line_start(self.text, key.span.start);
            let indent = self.text.get(line..key.span.start)?;
            indent.bytes().all(|b| b == b' ').then_some((line, indent.len()))
        });
        if let Some((line, indent)) = own_line {
            let mut block = String::new();
            self.block(&mut block, &self.key, value, indent);
            tries.push((line..line, block));
        } else if let (Some((first, _)), Some((_, last))) = (entries.first(), entries.last()) {
            let column = first.span.start - line_start(self.text, first.span.start);
            let end = line_end(self.text, last.end());
            let mut block =
                if self.text.get(..end).is_some_and(|text| text.ends_with('\n')) { "" } else { "\n" }.to_owned();
            self.block(&mut block, &self.key, value, column);
            tries.push((end..end, block));
        }
        let entry = format!("{}: {}", self.spelled(&self.key), self.flow(value));
        match entries.first() {
            Some((key, _)) => tries.push((key.span.start..key.span.start, format!("{entry}, "))),
            None => {
                let open = self.parent.span.start;
                let is_open = self.text.get(open..).is_some_and(|rest| rest.starts_with('{'));
                tries.extend(is_open.then(|| (open + 1..open + 1, entry)));
            }
        }
        tries
    }

    fn removed(&self) -> Vec<Try> {
        let entries = self.entries();
        let Some(at) = entries.iter().position(|(key, _)| key.text == self.key) else { return Vec::new() };
        let mut tries = Vec::new();
        let Some((key, node)) = entries.get(at) else { return tries };
        let (start, end) = (key.span.start, node.end());
        tries.extend(self.own_lines(key, node).into_iter().map(|lines| (lines, String::new())));
        if let Some((next, _)) = entries.get(at + 1) {
            let next = next.span.start;
            let between = self.text.get(end..next).unwrap_or_default();
            if !between.contains('#') {
                tries.push((start..next, String::new()));
            }
        }
        if let Some(comma) = self.text.get(..start).and_then(|before| before.rfind(',')) {
            let rest = self.text.get(end..).unwrap_or_default();
            for (close, _) in rest.match_indices('}').take(10) {
                let blanks = rest.get(..close).map_or(0, |rest| rest.len() - rest.trim_end().len());
                tries.push((comma..end + close - blanks, String::new()));
            }
        }
        tries
    }

    /// `key: value` in block style.
    fn block(&self, out: &mut String, key: &str, value: &Value, indent: usize) {
        let pad = " ".repeat(indent);
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                out.push_str(&format!("{pad}{}:\n", self.spelled(key)));
                for (key, value) in entries {
                    self.block(out, key, value, indent + 2);
                }
            }
            value => out.push_str(&format!("{pad}{}: {}\n", self.spelled(key), self.flow(value))),
        }
    }

    /// A value on one line.
    fn flow(&self, value: &Value) -> String {
        match value {
            Value::Object(entries) => {
                let entry = |(key, value): (&String, &Value)| format!("{}: {}", self.spelled(key), self.flow(value));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(|item| self.flow(item)).collect::<Vec<_>>().join(", "))
            }
            value => value.to_string(),
        }
    }

    fn spelled(&self, key: &str) -> String {
        let is_plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        if is_plain && !self.is_json() { key.to_owned() } else { Value::from(key).to_string() }
    }
}

impl Node {
    /// Behind the last scalar in it.
    fn end(&self) -> usize {
        match &self.children {
            Children::None => self.span.end,
            Children::Items(items) => items.last().map_or(self.span.end, Node::end),
            Children::Entries(entries) => entries.last().map_or(self.span.end, |(_, node)| node.end()),
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

/// Behind the next newline.
fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| at + end + 1)
}

/// A scalar as it is written, with what differs between two texts changed where the first may have it.
fn in_string(raw: &str, old: &str, new: &str) -> Vec<String> {
    let same = |(a, b): &(char, char)| a == b;
    let length = |pair: (char, char)| pair.0.len_utf8();
    let before: usize = old.chars().zip(new.chars()).take_while(same).map(length).sum();
    let (old_rest, new_rest) = (old.get(before..).unwrap_or_default(), new.get(before..).unwrap_or_default());
    let after: usize = old_rest.chars().rev().zip(new_rest.chars().rev()).take_while(same).map(length).sum();
    let middle = |rest: &str| rest.get(..rest.len() - after).unwrap_or_default().to_owned();
    let (from, to) = (middle(old_rest), middle(new_rest));
    let left = old.get(..before).and_then(|text| text.rsplit('\n').next()).unwrap_or_default();
    let right = old.get(before + from.len()..).and_then(|text| text.split('\n').next()).unwrap_or_default();
    let mut tries = Vec::new();
    for context in [24, 8, 2, 0] {
        let left: String = left.chars().rev().take(context).collect::<Vec<_>>().into_iter().rev().collect();
        let right: String = right.chars().take(context).collect();
        let pattern = format!("{left}{from}{right}");
        for (at, _) in raw.match_indices(&pattern).take(MOST_TRIES / 4) {
            let start = at + left.len();
            let (head, tail) =
                (raw.get(..start).unwrap_or_default(), raw.get(start + from.len()..).unwrap_or_default());
            let text = [head, &to, tail].concat();
            if !tries.contains(&text) {
                tries.push(text);
            }
        }
    }
    tries
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::manifest::documents;
    use crate::mend::{add, remove, replace};
    use serde_json::json;

    fn edited_text(text: &str, edits: Vec<PatchOperation>) -> Option<String> {
        edited(&documents(text)[0], &Patch(edits))
    }

    fn set(text: &str, pointer: &str, value: Value) -> Option<String> {
        edited_text(text, vec![add(pointer, value)])
    }

    #[test]
    fn a_scalar_is_replaced_and_its_comment_stays() {
        let text = "spec:\n  grace: 30  # why\n  b: 1\n";
        assert_eq!(set(text, "/spec/grace", json!(55)).unwrap(), "spec:\n  grace: 55  # why\n  b: 1\n");
        assert_eq!(
            set("{\"spec\": {\"grace\": 30}}", "/spec/grace", json!(55)).unwrap(),
            "{\"spec\": {\"grace\": 55}}"
        );
        assert_eq!(set(text, "/spec/grace", json!(30)), None);
    }

    #[test]
    fn a_key_is_inserted_where_one_has_a_line_to_itself() {
        let text = "spec:\n  # all of them\n  containers:\n    - name: app\n      image: x\n    - {name: flow}\n    - name: last\n";
        let sleep = json!({"preStop": {"sleep": {"seconds": 10}}});
        let block = |pad: &str| format!("{pad}lifecycle:\n{pad}  preStop:\n{pad}    sleep:\n{pad}      seconds: 10\n");
        assert_eq!(
            set(text, "/spec/containers/0/lifecycle", sleep.clone()).unwrap(),
            text.replace("      image", &format!("{}      image", block("      ")))
        );
        assert_eq!(
            set(text, "/spec/containers/1/lifecycle", sleep.clone()).unwrap(),
            text.replace("{name: flow", "{lifecycle: {preStop: {sleep: {seconds: 10}}}, name: flow")
        );
        assert_eq!(
            set(text, "/spec/containers/2/lifecycle", sleep.clone()).unwrap(),
            format!("{text}{}", block("      "))
        );
        let json = "{\n  \"name\": \"app\"\n}\n";
        assert_eq!(
            set(json, "/lifecycle", sleep.clone()).unwrap(),
            "{\n  \"lifecycle\": {\"preStop\": {\"sleep\": {\"seconds\": 10}}}, \"name\": \"app\"\n}\n"
        );
        for empty in ["a: {}\n", "a: # none\n  {}\n"] {
            assert_eq!(set(empty, "/a/b", json!(1)).unwrap(), empty.replace("{}", "{b: 1}"));
        }
        for null in ["a:\n  b:\n  c: 1\n", "a:\n  b: null\n  c: 1\n", "a:\n  b: ~ # why\n  c: 1\n"] {
            let wanted = null.replace(" null", "").replace(" ~", "").replace("b:", "b: {c: 2}");
            assert_eq!(set(null, "/a/b", json!({"c": 2})).unwrap(), wanted);
        }
    }

    #[test]
    fn a_key_and_its_lines_are_taken_out() {
        let text = "a:\n  one: 1\n  # about two\n  two:\n    - 2\n    - {\n        x: 1\n      }\n  three: 3 # three\n";
        let out = |pointer: &str| edited_text(text, vec![remove(pointer)]);
        assert_eq!(out("/a/one").unwrap(), text.replace("  one: 1\n", ""));
        assert_eq!(out("/a/two").unwrap(), "a:\n  one: 1\n  # about two\n  three: 3 # three\n");
        assert_eq!(out("/a/three").unwrap(), text.replace("  three: 3 # three\n", ""));
        let list = "- a: 1\n  b: 2\n";
        assert_eq!(edited_text(list, vec![remove("/0/a")]).unwrap(), "- b: 2\n");
        let flow = "x: {a: 1, b: {c: [1, {d: 2}]}, e: 3 }\n";
        let out = |pointer: &str| edited_text(flow, vec![remove(pointer)]);
        assert_eq!(out("/x/a").unwrap(), "x: {b: {c: [1, {d: 2}]}, e: 3 }\n");
        assert_eq!(out("/x/b").unwrap(), "x: {a: 1, e: 3 }\n");
        assert_eq!(out("/x/e").unwrap(), "x: {a: 1, b: {c: [1, {d: 2}]} }\n");
    }

    #[test]
    fn a_line_of_shell_changes_in_its_own_quotes() {
        let (from, to) = ("sleep 5 && echo \"it's 5\"", "sleep 10 && echo \"it's 5\"");
        for (text, wanted) in [
            ("c: [sh, -c, 'sleep 5 && echo \"it''s 5\"']\n", "c: [sh, -c, 'sleep 10 && echo \"it''s 5\"']\n"),
            (
                "c:\n- sh\n- -c\n- \"sleep 5 && echo \\\"it's 5\\\"\" # why\n",
                "c:\n- sh\n- -c\n- \"sleep 10 && echo \\\"it's 5\\\"\" # why\n",
            ),
            (
                "c:\n  - sh\n  - -c\n  - sleep 5 && echo \"it's 5\"\n",
                "c:\n  - sh\n  - -c\n  - sleep 10 && echo \"it's 5\"\n",
            ),
            (
                "c:\n  - sh\n  - -c\n  - |-\n    sleep 5 && echo \"it's 5\"\nd: 5\n",
                "c:\n  - sh\n  - -c\n  - |-\n    sleep 10 && echo \"it's 5\"\nd: 5\n",
            ),
            (
                "c:\n  - sh\n  - -c\n  - >-\n    sleep 5 &&\n    echo \"it's 5\"\n",
                "c:\n  - sh\n  - -c\n  - >-\n    sleep 10 &&\n    echo \"it's 5\"\n",
            ),
        ] {
            assert_eq!(parse(&documents(text)[0]).unwrap()["c"][2], json!(from), "{text}");
            assert_eq!(edited_text(text, vec![replace("/c/2", json!(to))]).as_deref(), Some(wanted));
        }
        let words = "c: [sleep, \"5\"]\n";
        assert_eq!(edited_text(words, vec![replace("/c/1", json!("10"))]).unwrap(), "c: [sleep, \"10\"]\n");
        let before = "c: [sh, -c, nginx -s quit]\n";
        let wait = json!("sleep 10 && nginx -s quit");
        assert_eq!(
            edited_text(before, vec![replace("/c/2", wait)]).unwrap(),
            "c: [sh, -c, sleep 10 && nginx -s quit]\n"
        );
    }

    #[test]
    fn changes_are_made_together_or_not_at_all() {
        let text = "spec:\n  grace: 30\n  hook: {exec: {command: [sleep, \"5\"]}}\n";
        let (native, gone) = (add("/spec/hook/sleep", json!({"seconds": 10})), remove("/spec/hook/exec"));
        let all = vec![native.clone(), gone.clone(), replace("/spec/grace", json!(35))];
        assert_eq!(edited_text(text, all).unwrap(), "spec:\n  grace: 35\n  hook: {sleep: {seconds: 10}}\n");
        assert_eq!(edited_text(text, vec![native, gone, replace("/spec/nothing/there", json!(35))]), None);
        let other = |text: &str| edited_text(text, vec![replace("/hook/exec", json!({"command": ["sleep", "5"]}))]);
        let block = "hook:\n  exec:\n    command:\n      - sleep\n  more: 1\n";
        assert_eq!(other(block).unwrap(), "hook:\n  exec:\n    command: [\"sleep\", \"5\"]\n  more: 1\n");
        let flow = "hook: {exec: {command: [sleep]}, more: 1}\n";
        assert_eq!(other(flow).unwrap(), "hook: {exec: {command: [\"sleep\", \"5\"]}, more: 1}\n");
    }

    #[test]
    fn what_an_anchor_shares_is_left_alone() {
        let text = "a: &x {grace: 30}\nb: *x\n";
        assert_eq!(set(text, "/a/grace", json!(55)), None);
    }
}
