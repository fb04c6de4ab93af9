//! `tests/cluster/parts`: where the official archive is to be had, and is the right one, it is taken; else Go builds.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, Uri};
use draingate_testing::lab::runtime;
use draingate_testing::root;

const NAMES: [&str; 3] = ["etcd", "kube-apiserver", "kubectl"];

/// The script beside pins of its own, a cache, and a `go` that builds nothing but says so.
struct Place {
    folder: tempfile::TempDir,
    archive: Vec<u8>,
}

impl Place {
    /// The pinned digest is that of the archive, or of other bytes.
    fn new(right: bool) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::copy(root().join("tests/cluster/parts"), at("parts")).unwrap();
        fs::copy(root().join("tests/cluster/go.mod"), at("go.mod")).unwrap();
        program(
            &at("go"),
            "while [ $# -gt 0 ]; do [ \"$1\" = -o ] && out=$2; shift; done\necho built >\"$out\"\nchmod +x \"$out\"\n",
        );
        let files = at("controller-tools/envtest");
        fs::create_dir_all(&files).unwrap();
        NAMES.iter().for_each(|name| fs::write(files.join(name), "official\n").unwrap());
        let packed = Command::new("tar")
            .arg("-czf")
            .arg(at("archive"))
            .arg("-C")
            .arg(folder.path())
            .arg("controller-tools")
            .status();
        assert!(packed.unwrap().success());
        let archive = fs::read(at("archive")).unwrap();
        let pinned = if right { at("archive") } else { at("go.mod") };
        let sum = Command::new("sha512sum").arg(pinned).output().unwrap().stdout;
        let digest = String::from_utf8(sum).unwrap().split(' ').next().unwrap().to_owned();
        fs::write(at("envtest"), format!("# a remark\n9.8.7 linux-amd64 {digest}\n9.8.7 linux-arm64 {digest}\n"))
            .unwrap();
        Place { folder, archive }
    }

    /// Asks for the parts, with the archives at `url`; gives their contents, and what was said.
    fn parts(&self, url: &str, variables: &[(&str, &str)]) -> (Vec<String>, String) {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new(self.folder.path().join("parts"))
            .env_remove("KUBEBUILDER_ASSETS")
            .env_remove("PREBUILT")
            .env("DRAINGATE_CACHE", self.folder.path().join("cache"))
            .env("ENVTEST_URL", url)
            .env("NO_PROXY", "*")
            .env("PATH", path)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let folder = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
        let left = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(left.into_iter().all(|name| !name.starts_with(".build")), "{folder:?}");
        (NAMES.iter().map(|name| fs::read_to_string(folder.join(name)).unwrap().trim().to_owned()).collect(), said)
    }
}

fn program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A server of files; counts its requests.
fn serve(archive: Option<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().fallback(move |uri: Uri| {
        count.fetch_add(1, Ordering::Relaxed);
        let known = uri.path().starts_with("/envtest-v9.8.7/envtest-v9.8.7-linux-") && uri.path().ends_with(".tar.gz");
        let answer = archive.clone().filter(|_| known).ok_or(StatusCode::NOT_FOUND);
        async move { answer }
    });
    let listener = runtime().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime().spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

#[test]
fn the_right_archive_is_used_and_nothing_is_built() {
    let place = Place::new(true);
    let (url, asked) = serve(Some(place.archive.clone()));
    let (parts, said) = place.parts(&url, &[]);
    assert_eq!(parts, ["official"; 3], "{said}");
    assert!(said.contains("etcd, kube-apiserver and kubectl 9.8.7 are the official ones"), "{said}");
    let requests = asked.load(Ordering::Relaxed);
    assert_eq!(requests, 2);
    // They are there now: nobody is asked again.
    assert_eq!(place.parts(&url, &[]), (vec!["official".to_owned(); 3], String::new()));
    assert_eq!(asked.load(Ordering::Relaxed), requests);
}

#[test]
fn an_archive_with_another_digest_is_refused_and_they_are_built() {
    let place = Place::new(false);
    let (url, _) = serve(Some(place.archive.clone()));
    let (parts, said) = place.parts(&url, &[]);
    assert_eq!(parts, ["built"; 3], "{said}");
    assert!(said.contains("REFUSED") && said.contains("is not what its index says"), "{said}");
}

#[test]
fn without_a_server_they_are_built() {
    // Nobody listens; somebody listens and never answers; somebody has no such file.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silence = format!("http://{}", silent.local_addr().unwrap());
    for url in [format!("http://{closed}"), silence, serve(None).0] {
        let begun = Instant::now();
        let (parts, said) = Place::new(true).parts(&url, &[]);
        assert_eq!(parts, ["built"; 3], "{url}: {said}");
        assert!(said.contains("not to be had from here"), "{url}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(120), "{url}: it was waited for {:?}", begun.elapsed());
    }
}

#[test]
fn whoever_wants_no_archive_is_asked_for_none() {
    let place = Place::new(true);
    let (url, asked) = serve(Some(place.archive.clone()));
    let (parts, said) = place.parts(&url, &[("PREBUILT", "no")]);
    assert_eq!((parts, asked.load(Ordering::Relaxed)), (vec!["built".to_owned(); 3], 0), "{said}");
}

/// Each line is a version of the minor version that is built, a platform, and a SHA-512.
#[test]
fn the_pins_are_of_the_version_that_is_built() {
    let read = |name: &str| fs::read_to_string(root().join("tests/cluster").join(name)).unwrap();
    let module = read("go.mod");
    let built = module
        .lines()
        .find_map(|line| line.trim().trim_start_matches("require ").strip_prefix("k8s.io/kubernetes v"))
        .unwrap();
    let minor = built.rsplit_once('.').unwrap().0.to_owned() + ".";
    let pins = read("envtest");
    let lines: Vec<_> = pins.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 2);
    for (line, platform) in lines.into_iter().zip(["linux-amd64", "linux-arm64"]) {
        let words: Vec<_> = line.split(' ').collect();
        assert!(words[0].starts_with(&minor) && words[1] == platform && words.len() == 3, "{line}");
        assert!(words[2].len() == 128 && words[2].chars().all(|c| c.is_ascii_hexdigit()), "{line}");
    }
}
