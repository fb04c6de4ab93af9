//! What the tests, the lab and the fuzz targets stand on: real parts in guards, the cases, random pods and a kubelet that
//! is played, clients that show what they got.

pub mod admission;
#[cfg(feature = "program")]
pub mod apiserver;
#[cfg(feature = "program")]
pub mod asked;
pub mod case;
#[cfg(feature = "program")]
pub mod chart;
#[cfg(feature = "program")]
pub mod field;
pub mod flood;
#[cfg(feature = "program")]
pub mod fuzz;
pub mod kubelet;
#[cfg(feature = "program")]
pub mod lab;
#[cfg(feature = "program")]
pub mod load;
#[cfg(feature = "program")]
pub mod node;
#[cfg(feature = "program")]
pub mod plane;
#[cfg(feature = "program")]
pub mod proxy;
pub mod random_pod;
#[cfg(feature = "program")]
pub mod replica;
#[cfg(feature = "program")]
pub mod router;
#[cfg(feature = "program")]
pub mod schema;
#[cfg(feature = "program")]
pub mod shells;
#[cfg(feature = "program")]
pub mod standalone;
#[cfg(feature = "program")]
pub mod tls;
pub mod written;

#[cfg(feature = "program")]
pub use jsonschema::Validator;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The repository.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap())
}

/// `draingate` as cargo built it for these tests: it lies beside them.
///
/// # Panics
/// Where it was not built: `cargo test` builds it for the tests of its own package only.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let found = this.ancestors().skip(1).map(|folder| folder.join("draingate")).find(|file| file.is_file());
        found.unwrap_or_else(|| panic!("there is no draingate beside {}", this.display()))
    })
}

/// A folder of the build's for what is made once and kept: images, results.
pub fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<PathBuf> = OnceLock::new();
    SCRATCH.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        let profile = this.ancestors().find(|folder| folder.join(".fingerprint").is_dir());
        let folder = profile.and_then(Path::parent).expect("cargo built this program").join("tmp");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// Runs a command with `input`, which it need not read.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

/// The most memory that a process ever held, in MiB.
pub fn peak_mib(process: u32) -> u64 {
    peak_kib(process) >> 10
}

/// The same in KiB.
pub fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
}
