//! The image: the same bytes from the same files, and the same image by the Dockerfile and without a daemon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use draingate_testing::root;
use serde_json::{Value, json};

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Packs a program and a link.
fn pack(folder: &Path, name: &str) -> PathBuf {
    let (program, out) = (folder.join("program"), folder.join(name));
    std::fs::write(&program, "a program").unwrap();
    let status = Command::new(root().join("image/pack"))
        .arg(&out)
        .args([
            "example.org/a:1",
            "--entrypoint",
            "/a",
            "--user",
            "1:2",
            "--label",
            "k=v=w",
            "--layer",
            "tmp/",
            "--layer",
        ])
        .args([&format!("{}=/bin/a", program.display()), "/b->/bin/a"])
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    out
}

/// A member of a tar, by GNU tar.
fn member(tar: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("tar").arg("-xOf").arg(tar).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    output.stdout
}

#[test]
fn the_same_files_are_packed_into_the_same_bytes_of_an_oci_layout() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (pack(folder.path(), "one.tar"), pack(folder.path(), "two.tar"));
    assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());

    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let blob = |digest: &Value| {
        let digest = digest.as_str().unwrap().replace("sha256:", "");
        let bytes = member(&one, &format!("blobs/sha256/{digest}"));
        let file = folder.path().join("blob");
        std::fs::write(&file, &bytes).unwrap();
        // A blob's name is its content's hash.
        let sum = Command::new("sha256sum").arg(&file).output().unwrap().stdout;
        assert!(String::from_utf8(sum).unwrap().starts_with(&digest));
        bytes
    };
    let index = json(member(&one, "index.json"));
    let manifest = json(blob(&index["manifests"][0]["digest"]));
    let config = json(blob(&manifest["config"]["digest"]));
    assert_eq!(config["config"]["Entrypoint"], json!(["/a"]));
    assert_eq!((&config["config"]["User"], &config["config"]["Labels"]), (&json!("1:2"), &json!({"k": "v=w"})));
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    let file = folder.path().join("layer");
    std::fs::write(&file, blob(&layers[1]["digest"])).unwrap();
    let list = Command::new("tar").arg("-tvzf").arg(&file).output().unwrap().stdout;
    let list = String::from_utf8(list).unwrap();
    assert!(list.contains("bin/a") && list.contains("b -> /bin/a") && list.contains("1970-01-01"), "{list}");
}

/// `KEY=VALUE` pairs of labels in a text, whatever stands around them; version and source are filled in by the script.
fn labels(text: &str) -> BTreeMap<String, String> {
    let found = text.split("org.opencontainers.image.").skip(1).filter_map(|rest| rest.split_once('='));
    let value = |text: &str| {
        let text = text.trim_start_matches('"');
        text.split(['"', '\n', '\\']).next().unwrap().trim().to_owned()
    };
    let all = found.map(|(key, rest)| (key.to_owned(), value(rest)));
    all.filter(|(key, _)| key != "version" && key != "source").collect()
}

#[test]
fn the_dockerfile_and_the_script_agree_on_labels_user_and_entry_point() {
    let (dockerfile, script) = (read("Dockerfile"), read("image/build") + &read("image/compile"));
    assert_eq!(labels(&dockerfile), labels(&script));
    assert_eq!(labels(&script).len(), 3);
    for (of_dockerfile, of_script) in [
        ("USER 65532:65532", "--user 65532:65532"),
        ("ENTRYPOINT [\"/draingate\"]", "--entrypoint /draingate"),
        ("FROM scratch", "--layer tmp/ --layer \"$binary=/draingate\""),
        ("target-feature=+crt-static", "target-feature=+crt-static"),
    ] {
        assert!(dockerfile.contains(of_dockerfile) && script.contains(of_script), "{of_dockerfile}");
    }
}

/// What docs/fips.md says of the TLS provider.
#[test]
fn there_is_one_provider_of_cryptography_for_tls() {
    let lock = read("Cargo.lock");
    let has = |name: &str| lock.contains(&format!("name = \"{name}\"\n"));
    for other in
        ["aws-lc-rs", "aws-lc-sys", "aws-lc-fips-sys", "openssl", "openssl-sys", "native-tls", "boring", "graviola"]
    {
        assert!(!has(other), "{other}");
    }
    assert!(has("rustls") && has("ring") && read("docs/fips.md").contains("with the provider [ring]"));
}
