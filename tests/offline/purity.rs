//! The core judges without waiting, reading or talking: it may name only these crates and none of these
//! parts of the standard library.

use std::fs;
use std::path::Path;

const CRATES: [&str; 8] =
    ["super", "std", "serde", "serde_json", "serde_path_to_error", "schemars", "json_patch", "wide"];
const IMPURE: [&str; 22] = [
    "std::fs",
    "std::net",
    "std::time",
    "std::env",
    "std::process",
    "std::thread",
    "std::io",
    "std::sync",
    "std::path",
    "Instant",
    "SystemTime",
    "tokio",
    "kube::",
    "k8s_openapi",
    "hyper",
    "axum",
    "rustls",
    "tracing",
    "async ",
    ".await",
    "println!",
    "crate::",
];

#[test]
fn the_core_names_no_runtime_client_clock_or_file() {
    let mut files = 0;
    let mut offences = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core")).unwrap() {
        let path = entry.unwrap().path();
        files += 1;
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap();
            let place = || format!("{}:{}: {}", path.display(), number + 1, line.trim());
            if IMPURE.iter().any(|word| code.contains(word)) {
                offences.push(place());
            }
            let import = code.trim().strip_prefix("pub ").unwrap_or(code.trim()).strip_prefix("use ");
            let root = import.and_then(|path| path.split(&[':', ';', ' ', '{'][..]).next());
            if root.is_some_and(|root| !CRATES.contains(&root)) {
                offences.push(place());
            }
        }
    }
    assert!(files >= 15, "only {files} files seen: has the core moved?");
    assert!(offences.is_empty(), "the core must stay pure:\n{}", offences.join("\n"));
}
