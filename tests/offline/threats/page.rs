//! The page, and the supply chain.

use std::collections::BTreeSet;

fn file(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Each line of the page has its test, and the test is there.
#[test]
fn every_line_of_the_page_has_its_test() {
    let page = file("docs/threats.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| threat ")).collect();
    assert!(rows.len() >= 25, "{} lines", rows.len());
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() && named.len().is_multiple_of(2), "{row}");
        for pair in named.chunks(2) {
            let defined = file(pair[0]).contains(&format!("fn {}(", pair[1]));
            assert!(defined, "{} has no {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn unsafe_code_is_forbidden() {
    let forbidden = "unsafe_code = \"forbid\"\n";
    assert!(file("Cargo.toml").contains(&format!("[workspace.lints.rust]\n{forbidden}")));
    for package in ["", "benches/", "crates/core/", "crates/testing/", "lab/"] {
        let manifest = file(&format!("{package}Cargo.toml"));
        let inherited = manifest.contains("\n[lints]\nworkspace = true\n");
        assert!(inherited || manifest.contains(&format!("[lints.rust]\n{forbidden}")), "{package}Cargo.toml");
    }
}

/// `make deny` looks closer.
#[test]
fn dependencies_come_from_one_registry_and_have_one_tls_stack() {
    let lock = file("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter(|line| line.starts_with("source = ")).collect();
    assert_eq!(sources, BTreeSet::from(["source = \"registry+https://github.com/rust-lang/crates.io-index\""]));
    for banned in ["openssl", "openssl-sys", "native-tls", "aws-lc-sys"] {
        assert!(!lock.contains(&format!("name = \"{banned}\"\n")), "{banned}");
        assert!(file("deny.toml").contains(&format!("crate = \"{banned}\"")), "{banned}");
    }
}
