//! What a release is made of, as far as that needs neither a cluster nor a build of the program: its place stands in it
//! for the shipped one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use axum::Router;
use draingate_testing::lab::runtime;
use draingate_testing::root;
use serde_json::Value;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn program(file: &Path, script: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{script}")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// This tree's files, in a repository of their own.
fn fork(folder: &Path) {
    let copy = "git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -c | tar -x -C \"$1\"
        cd \"$1\" && git init -q . && git add -A && git -c user.name=a -c user.email=a@example.org commit -qm fork";
    run(Command::new("sh").args(["-c", copy, "fork"]).arg(folder).current_dir(root()));
}

const PLACE: [&str; 3] =
    ["https://git.example.org/me/draingate", "registry.example.org/me/gate", "registry.example.org/me/charts"];

#[test]
fn a_fork_sets_every_address_by_one_command() {
    let folder = tempfile::tempdir().unwrap();
    fork(folder.path());
    let address = || Command::new(folder.path().join("release/address"));
    let before: Vec<String> = run(&mut address()).lines().map(str::to_owned).collect();
    run(address().args(PLACE));
    assert_eq!(run(&mut address()).lines().collect::<Vec<_>>(), PLACE);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for (file, place) in [
        ("README.md", PLACE[2]),
        ("docs/install.md", PLACE[2]),
        ("docs/install.md", PLACE[1]),
        ("docs/ci.md", "git.example.org/me"),
        ("charts/draingate.yaml", PLACE[1]),
        ("charts/draingate/Chart.yaml", PLACE[0]),
        ("charts/draingate/values.yaml", "registry: \"registry.example.org\""),
        ("charts/draingate/values.yaml", "repository: \"me/gate\""),
        ("src/cli.rs", PLACE[1]),
        ("Dockerfile", PLACE[0]),
    ] {
        assert!(read(file).contains(place), "{file} has no {place}");
    }
    // The old ones are left in what was true of another time only.
    let [repository, image, charts] = &before[..] else { panic!("{before:?}") };
    let name = repository.trim_start_matches("https://github.com/");
    for old in
        [repository, image, charts, &format!("github.com/{name}"), &format!("uses: {name}"), &format!("--repo {name}")]
    {
        let found = Command::new("git").args(["grep", "-lF", old]).current_dir(folder.path()).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        let left: Vec<&str> = found.lines().filter(|file| *file != "CHANGELOG.md").collect();
        assert!(left.is_empty(), "{old} is left in {left:?}");
    }
}

#[test]
fn one_version_everywhere() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = std::fs::read_to_string(root().join("charts/draingate/Chart.yaml")).unwrap();
    assert!(chart.contains(&format!("\nversion: {version}\nappVersion: \"{version}\"\n")), "{chart}");
    assert_eq!(run(Command::new(root().join("release/address")).arg("version")).trim(), version);
    for (file, said) in [
        ("docs/install.md", format!("$ V={version}\n")),
        ("docs/install.md", format!("//charts?ref=v{version}'")),
        ("docs/ci.md", format!("rev: v{version}\n")),
        ("docs/ci.md", format!("/draingate@v{version}\n")),
    ] {
        assert!(std::fs::read_to_string(root().join(file)).unwrap().contains(&said), "{file} does not say {said:?}");
    }
}

/// `release/build` with a script in the place of the static program, into a new folder.
fn build(sources: &Path, folder: &Path, name: &str) -> PathBuf {
    let binary = folder.join("program");
    program(&binary, &format!("exec {} \"$@\"\n", env!("CARGO_BIN_EXE_draingate")));
    let out = folder.join(name);
    let mut build = Command::new(sources.join("release/build"));
    run(build.arg(&out).env("BINARY", &binary).env("CARGO_TARGET_DIR", folder.join("target")));
    out
}

/// A member of an archive, by GNU tar.
fn member(archive: &Path, name: &str) -> Vec<u8> {
    let output = Command::new("tar").arg("-xzOf").arg(archive).arg(name).output().unwrap();
    assert!(output.status.success(), "{name}: {}", text(&output));
    output.stdout
}

#[test]
fn a_build_has_all_of_it_and_is_the_same_in_another_place() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("a/longer/way/two"));
    for place in [&one, &two] {
        std::fs::create_dir_all(place).unwrap();
    }
    fork(&one);
    run(Command::new("git").args(["clone", "-q"]).arg(&one).arg(&two));
    let (first, second) = (build(&one, folder.path(), "first"), build(&two, folder.path(), "second"));
    run(Command::new("diff").arg("-r").arg(&first).arg(&second));

    let version = env!("CARGO_PKG_VERSION");
    let machine = std::env::consts::ARCH;
    let name = format!("draingate-{version}-linux-{machine}");
    let sums = std::fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    let sums: BTreeMap<&str, &str> =
        sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, name)| (name, sum)).collect();
    run(Command::new("sha256sum").args(["--quiet", "--check", "SHA256SUMS"]).current_dir(&first));
    let archive = first.join(format!("{name}.tar.gz"));
    let list = run(Command::new("tar").arg("-tzf").arg(&archive));
    for part in
        ["draingate", "LICENSE", "THIRD-PARTY-LICENSES.txt", "man/man1/draingate-check.1", "completions/_draingate"]
    {
        assert!(list.lines().any(|line| line == format!("{name}/{part}")), "no {part}: {list}");
    }
    let notices = String::from_utf8(member(&archive, &format!("{name}/THIRD-PARTY-LICENSES.txt"))).unwrap();
    assert!(notices.contains("\nring ") && notices.contains("\nserde_json ") && !notices.contains("\nproptest "));

    // What others take from it has its digests.
    let read = |name: &str| std::fs::read_to_string(first.join(name)).unwrap();
    let of_archive = sums[archive.file_name().unwrap().to_str().unwrap()];
    for file in ["draingate-krew.yaml", "draingate.rb"] {
        assert!(read(file).contains(of_archive), "{file}");
    }
    let _: Value = serde_saphyr::from_str(&read("draingate-krew.yaml")).unwrap();
    let chart =
        String::from_utf8(member(&first.join(format!("draingate-{version}-chart.tgz")), "draingate/Chart.yaml"))
            .unwrap();
    let chart: Value = serde_saphyr::from_str(&chart).unwrap();
    let image = chart["annotations"]["draingate.dev/image"].as_str().unwrap();
    assert!(read("draingate.yaml").contains(&format!("image: \"{image}\"")), "{image}");
    let changes: Value =
        serde_json::from_str(chart["annotations"]["artifacthub.io/changes"].as_str().unwrap()).unwrap();
    assert!(
        changes
            .as_array()
            .unwrap()
            .iter()
            .all(|change| change["description"].as_str().is_some_and(|text| text.len() > 10))
    );
    for (bill, kind) in [
        (format!("{name}.cdx.json"), "application"),
        (format!("draingate-{version}-image-linux-{machine}.cdx.json"), "container"),
    ] {
        let bill: Value = serde_json::from_str(&read(&bill)).unwrap();
        assert_eq!(bill["metadata"]["component"]["type"], kind);
        let parts: Vec<&str> =
            bill["components"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
        assert!(
            parts.contains(&"ring") && parts.contains(&"draingate-core") && !parts.contains(&"proptest"),
            "{parts:?}"
        );
    }
}

/// Serves a folder on loopback; its address.
fn serve(folder: &Path) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = folder.to_owned();
    let files = move |uri: axum::http::Uri| {
        let file = folder.join(uri.path().trim_start_matches('/'));
        async move { std::fs::read(file).map_err(|_| axum::http::StatusCode::NOT_FOUND) }
    };
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            ready.send(()).unwrap();
            axum::serve(listener, Router::new().fallback(files)).await.unwrap();
        });
    });
    is_ready.recv().unwrap();
    format!("http://{address}")
}

/// `release/fetch` where `releases` are, with these programs before all others in PATH.
fn fetch(releases: &str, folder: &Path, programs: &Path) -> (Option<i32>, String, bool) {
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(root().join("release/fetch"));
    command.arg(folder).env("DRAINGATE_RELEASES", releases).env("PATH", path).env("GH_TOKEN", "a token");
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), text(&output), folder.join("bin/draingate").exists())
}

/// The first step of the action.
#[test]
fn the_action_installs_what_has_the_right_digest_and_builds_where_there_is_no_release() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let version = env!("CARGO_PKG_VERSION");
    let release = at(&format!("releases/v{version}"));
    let name = format!("draingate-{version}-linux-{}", std::env::consts::ARCH);
    for place in [&release, &at("programs"), &at(&name)] {
        std::fs::create_dir_all(place).unwrap();
    }
    program(&at(&name).join("draingate"), "echo released\n");
    let archive = release.join(format!("{name}.tar.gz"));
    run(Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(folder.path()).arg(&name));
    let sum = |file: &Path| run(Command::new("sha256sum").arg(file)).split(' ').next().unwrap().to_owned();
    let says = |digest: &str| std::fs::write(release.join("SHA256SUMS"), format!("{digest}  {name}.tar.gz\n")).unwrap();
    let gh = |code: i32| {
        program(&at("programs/gh"), &format!("echo \"gh $*\" >\"{}\"; exit {code}\n", at("asked").display()))
    };
    // Nothing is compiled here.
    program(&at("programs/cargo"), &format!("echo \"$@\" >\"{}\"\n", at("built").display()));
    let url = serve(&at("releases"));

    says(&sum(&archive));
    gh(0);
    let (code, said, _) = fetch(&url, &at("right"), &at("programs"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("its digest is right; made by its release workflow"), "{said}");
    assert_eq!(run(&mut Command::new(at("right/bin/draingate"))), "released\n");
    let asked = std::fs::read_to_string(at("asked")).unwrap();
    assert!(
        asked.contains("attestation verify") && asked.contains(&format!("--source-ref refs/tags/v{version}")),
        "{asked}"
    );

    gh(1);
    let (code, said, installed) = fetch(&url, &at("forged"), &at("programs"));
    assert!(code == Some(1) && !installed && said.contains("::error") && said.contains("no attestation"), "{said}");

    gh(0);
    for (folder, digest) in [("wrong", "0".repeat(64)), ("unlisted", String::new())] {
        says(&digest);
        let (code, said, installed) = fetch(&url, &at(folder), &at("programs"));
        assert!(
            code == Some(1) && !installed && said.contains("::error") && said.contains("nothing is installed"),
            "{said}"
        );
    }
    assert!(!at("built").exists(), "what was refused is not built instead");

    std::fs::remove_file(&archive).unwrap();
    let (code, said, _) = fetch(&url, &at("none"), &at("programs"));
    assert!(
        code == Some(0) && said.contains("::notice") && said.contains("404") && said.contains("built from its sources"),
        "{said}"
    );
    assert!(std::fs::read_to_string(at("built")).unwrap().starts_with("install --locked --path . --root"));
}

/// Others read it, too, and not as leniently as a person.
#[test]
fn the_action_is_yaml_and_passes_its_inputs_as_variables() {
    let action: Value = serde_saphyr::from_str(&std::fs::read_to_string(root().join("action.yml")).unwrap()).unwrap();
    let steps = action["runs"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["run"], "\"$SOURCE/release/fetch\" \"$RUNNER_TEMP/draingate\"");
    assert!(steps.iter().all(|step| !step["run"].as_str().unwrap().contains("${{")), "{steps:?}");
    for input in action["inputs"].as_object().unwrap().keys() {
        assert!(action["runs"].to_string().contains(&format!("inputs.{input} ")), "nobody reads {input}");
    }
}

/// Of the links in our pages those that name a file: it is there.
#[test]
fn links_between_the_docs_lead_somewhere() {
    let listed = run(Command::new("git").args(["ls-files", "*.md"]).current_dir(root()));
    for page in listed.lines().filter(|page| !page.starts_with("tests/field")) {
        let Ok(text) = std::fs::read_to_string(root().join(page)) else { continue };
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.contains(' ') || !file.contains('.') {
                continue;
            }
            let target = root().join(page).parent().unwrap().join(file);
            assert!(target.exists(), "{page}: {link}");
        }
    }
}
