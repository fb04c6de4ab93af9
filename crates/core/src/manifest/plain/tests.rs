#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::super::{Node, documents, read as full};
use super::*;

/// Every manifest of the cases, document by document, and those of other habits.
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn corpus() -> Vec<String> {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases");
    let mut files: Vec<_> = std::fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let found = texts.flat_map(|text| documents(&text).iter().map(|d| d.text.to_owned()).collect::<Vec<_>>());
    found.chain([OTHER_HABITS.to_owned(), CHARTS.to_owned()]).collect()
}

/// Lists in their key's column, literal blocks, quoted keys, comments everywhere.
const OTHER_HABITS: &str = "# head
kind: Deployment # what it is
spec:

  template:
    spec:
      containers:
      - name: app
        \"image\": 'a:1'   # pinned
        args:
        - --listen=:8080
        # between
        -  -c
        - |
          first
            second

          third
        env: [{name: A, value: \"\"}, {name: 'B', value: 'b c'}]
      -   name: other
          limits: { cpu: 100m , memory: 1Gi }
          empty: {}
          none: []
    text: |-
      one
status: {a: [1, [2, -3]], x: [sh, -c, \"sleep 10\"]}
";

/// What rendered charts have: text in several forms and scripts, numbers, nothing at all.
const CHARTS: &str = "apiVersion: v1
metadata:
  annotations:
  labels: # none

  description: A text that goes on
    below, \"quoted\" in part,

    and behind a blank line
  quoted: \"tab\\t, quote \\\" and \\u00e9, \\
    on one line,
    folded

    \\ here\"
  single: 'it''s
    folded'
  grüße: naïve – “quoted” 日本
data:
  folded: >-
    one
    two

    three
      further in

    four
  kept: |+
    a\tb

  indented: |2
      two more
    two
  clipped: >
    x

  own:
    on a line of its own
      and another
  own-quoted:
    \"text\"
  key with blanks: true
  a.b/c: ~
  nothing: null
list:
- - nested
  - 1.5
-
-
  name: a
- 0.25
- 1.2.3
- 5d
- 0755
- 01ba4719c80b
- =
- 2020-01-01
- 0 0 * * *
- 10%
- 127.0.0.1:80
- http://a.example/#b?c=d
flow: [a b, c,
  {d: e, \"f\": [1.5, 'g']},
    h]
rules: [\"*\", get]
last:
";

fn same(text: &str) -> Result<bool, TestCaseError> {
    let mut all = true;
    for document in documents(text) {
        all &= same_document(&document)?;
    }
    Ok(all)
}

fn same_document(document: &super::super::Document) -> Result<bool, TestCaseError> {
    let nothing = read::<Nothing>(document.text).is_some();
    let Some(value) = read::<Value>(document.text) else {
        prop_assert!(!nothing, "{:?}", document.text);
        return Ok(false);
    };
    prop_assert!(nothing, "{:?}", document.text);
    prop_assert_eq!(Ok(value), full(document), "{:?}", document.text);
    let places = read::<Node>(document.text);
    prop_assert_eq!(places.ok_or(None), full(document).map_err(Some), "{:?}", document.text);
    Ok(true)
}

#[test]
fn most_of_the_cases_are_plain() {
    let corpus = corpus();
    let plain = corpus.iter().filter(|text| same(text).unwrap()).count();
    assert!(read::<Value>(OTHER_HABITS).is_some() && read::<Value>(CHARTS).is_some());
    assert!(corpus.len() > 100 && plain * 100 > corpus.len() * 98, "{plain} of {}", corpus.len());
}

/// Everything in a folder: `CHARTS=DIR cargo test -p draingate-core charts_are_plain -- --nocapture`.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads files")]
fn charts_are_plain() {
    let Ok(folder) = std::env::var("CHARTS") else { return };
    let (mut all, mut plain) = ([0, 0], [0, 0]);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for document in documents(&text) {
            let is_plain = same_document(&document).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            all = [all[0] + 1, all[1] + document.text.len()];
            if is_plain {
                plain = [plain[0] + 1, plain[1] + document.text.len()];
            } else {
                println!("not plain: {}:{}", path.display(), document.line);
            }
        }
    }
    println!("{} of {} documents, {} of {} bytes are plain", plain[0], all[0], plain[1], all[1]);
}

/// Lines of a text in several forms.
fn line() -> impl Strategy<Value = String> {
    "[ ]{0,5}[-a:#'\"\\\\é\t>|,1 ]{0,6}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_scalar_is_what_the_full_reader_says(text in "[-+.~0-9a-fA-Fxo_:, \"'?!&*<|>%@#=yYnNtruefalsoTRU/m\\\\é]{0,8}") {
        same(&format!("a: {text}\n"))?;
        same(&format!("a:\n  {text}\nb: c\n"))?;
        same(&format!("{text}: a\n"))?;
        same(&format!("- {text}\n- [{text}, b]\n- {{a: {text}, b: [{text} ]}}\n"))?;
    }

    #[test]
    fn a_number_is_what_the_full_reader_says(text in "-?[0-9]{0,3}[.eE_xb:/-]?[0-9a-f]{0,3}[.+-]?[0-9]{0,12}") {
        same(&format!("a: {text}\n"))?;
        same(&format!("a: [{text}]\n"))?;
    }

    #[test]
    fn a_text_on_several_lines_is_what_the_full_reader_says(
        head in "(\\||>)[-+1-3]{0,2}( #)?|\"|'|a|",
        lines in prop::collection::vec(line(), 0..6),
        tail in "\"|'|",
        depth in 0..3_usize,
    ) {
        let pad = " ".repeat(depth);
        let lines = lines.join(&format!("\n{pad}"));
        for text in [
            format!("a:\n{pad}b: {head}\n{pad}{lines}{tail}\n{pad}c: d\n"),
            format!("a:\n{pad}- {head}{lines}{tail}\n{pad}- c # d\n"),
            format!("a:\n{pad} b: {head} x\n{pad}  {lines}{tail}\n"),
            format!("a: [b, {head}{lines}{tail}]\n"),
        ] {
            same(&text)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_manifest_is_what_the_full_reader_says(
        which in any::<prop::sample::Index>(),
        habits in 0..4_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, "[-:{}#?&*!|> \n\t\"'\\[\\],a0~\\\\é.]{1,3}"), 1..4),
    ) {
        let corpus = corpus();
        let text = match habits {
            0 => OTHER_HABITS,
            1 | 2 => CHARTS,
            _ => which.get(&corpus),
        };
        let mut text: Vec<char> = text.chars().collect();
        for (place, without, with) in &damage {
            let at = place.index(text.len());
            let end = (at + without).min(text.len());
            text.splice(at..end, with.chars());
        }
        same(&text.into_iter().collect::<String>())?;
    }
}
