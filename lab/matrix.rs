//! `make matrix`: the lab's first scenario on every kind of node that there is, into docs/evidence.md.
//!
//! A cell with results is not run again.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::evidence::between;
use crate::results::{Outcome, Variant};

/// What `tests/cluster/parts` can build.
const VERSIONS: &str = "1.34 1.36 1.37";
const PROXIES: [&str; 2] = ["iptables", "nftables"];
const FAMILIES: [(&str, &str); 2] = [("IPv4", "IPv4"), ("IPv6,IPv4", "dual-stack, asked over IPv6")];

/// Runs what has no results yet, and writes the table after each.
pub(crate) fn all(image: &Path, results: &Path, page: &Path) -> bool {
    let mut fine = true;
    let versions = std::env::var("KUBERNETES").unwrap_or_else(|_| VERSIONS.to_owned());
    for version in versions.split_whitespace() {
        for proxy in PROXIES {
            for (families, _) in FAMILIES {
                let folder = results.join(format!("matrix/{version}-{proxy}-{}", families.replace(',', "-")));
                if !folder.join("dies-after.json").exists() {
                    let mut cell = Command::new(std::env::current_exe().unwrap());
                    cell.args(["--short", "--proxy", proxy, "--families", families, "--results"]).arg(&folder);
                    cell.env("DRAINGATE_IMAGE", image).env("KUBERNETES", version);
                    fine &= cell.status().unwrap().success();
                }
                between(page, "matrix", &table(results));
            }
        }
    }
    fine
}

fn table(results: &Path) -> String {
    let mut text = String::from(
        "| Kubernetes | kube-proxy | pods and Services | no rollout | without Draingate: lost | with Draingate: lost |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut folders: Vec<_> = std::fs::read_dir(results.join("matrix")).into_iter().flatten().flatten().collect();
    folders.sort_by_key(std::fs::DirEntry::file_name);
    for folder in folders {
        let name = folder.file_name().to_string_lossy().into_owned();
        let mut parts = name.splitn(3, '-').skip(1);
        let (Some(proxy), Some(families)) = (parts.next(), parts.next()) else { continue };
        let words =
            FAMILIES.iter().find(|(of, _)| of.replace(',', "-") == families).map_or(families, |(_, words)| words);
        let read = |file: String| std::fs::read(folder.path().join(file)).ok();
        let lost = |variant: Variant| {
            let outcome: Option<Outcome> =
                read(format!("dies-{}.json", variant.name())).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            outcome.map_or_else(|| "not run".to_owned(), |outcome| outcome.lost())
        };
        let version = read("kubernetes".to_owned())
            .map_or_else(String::new, |bytes| String::from_utf8_lossy(&bytes).into_owned());
        let _ = writeln!(
            text,
            "| {version} | {proxy} | {words} | {} | {} | **{}** |",
            lost(Variant::Control),
            lost(Variant::Before),
            lost(Variant::After)
        );
    }
    text
}
