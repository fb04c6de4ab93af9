//! What each module of the program may know: the table in `docs/development.md` is the `use` graph, and nothing in it
//! runs up or in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use draingate_testing::{root, written};

/// The modules that a source names after `crate::`.
fn named(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices("crate::") {
        // `draingate_core` is no module of the program.
        if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &source[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(first_names(list)),
            None => found.extend(word(rest)),
        }
    }
    found
}

/// Of `a::b, c::{d, e}, f}` the names `a`, `c` and `f`.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut begins) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && c.is_alphabetic() => {
                names.extend(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn sources(path: &Path) -> Vec<String> {
    if path.is_file() {
        return vec![std::fs::read_to_string(path).unwrap()];
    }
    std::fs::read_dir(path).unwrap().flat_map(|entry| sources(&entry.unwrap().path())).collect()
}

/// Each module of `src` with those that it imports. `main.rs` and `lib.rs` tie all together.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let entries = std::fs::read_dir(root().join("src")).unwrap().map(|entry| entry.unwrap().path());
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["lib", "main"].contains(&name.as_str()) {
            continue;
        }
        let imports: BTreeSet<String> = sources(&path).iter().flat_map(|source| named(source)).collect();
        // `run.rs` and `run/` are one module.
        graph.entry(name).or_default().extend(imports);
    }
    graph.iter_mut().for_each(|(name, imports)| imports.retain(|other| other != name));
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    // An item at the top of the crate is none.
    graph.values_mut().for_each(|imports| imports.retain(|name| modules.contains(name)));
    graph
}

/// The rows of the table: a module, and what it may import, from the top of the house down.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let page = std::fs::read_to_string(root().join("docs/development.md")).unwrap();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = written::between(&page, "house").lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        (names(cells[0]).remove(0), names(cells[1]).into_iter().collect())
    };
    rows.map(row).collect()
}

#[test]
fn the_table_of_the_house_is_the_use_graph() {
    let (graph, table) = (graph(), table());
    let listed: BTreeMap<_, _> = table.iter().cloned().collect();
    assert_eq!(listed.len(), table.len(), "a module has two rows");
    assert_eq!(listed, graph);
}

#[test]
fn nothing_runs_up_or_in_a_circle() {
    let table = table();
    for (row, (name, imports)) in table.iter().enumerate() {
        for import in imports {
            let of_import = table.iter().position(|(other, _)| other == import);
            assert!(of_import.is_some_and(|at| at > row), "`{name}` imports `{import}`, which is above it");
        }
    }
}

#[test]
fn names_are_found_in_every_form_of_use() {
    let source = "use crate::a::b;\nuse crate::{c, d::{e, f}, g::h};\nfn x() { crate::i::j(); draingate_crate::k() }";
    assert_eq!(named(source).into_iter().collect::<Vec<_>>(), ["a", "c", "d", "g", "i"]);
}
