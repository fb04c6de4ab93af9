//! `tests/run`, which CI calls: a budget is kept, what it does not hold is skipped aloud, and nothing passes in silence.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use draingate_testing::root;

/// Runs these tiers, `NAME TIME COMMAND` each, with what is kept of earlier runs in `folder`.
fn tiers(folder: &Path, tiers: &[&str], budget: Option<&str>, wanted: &[&str]) -> Output {
    let file = folder.join("tiers");
    std::fs::write(&file, tiers.join("\n") + "\n").unwrap();
    let mut command = Command::new(root().join("tests/run"));
    command.arg("--tiers").arg(&file).args(wanted).env("DRAINGATE_CACHE", folder).stdin(Stdio::null());
    match budget {
        Some(minutes) => command.env("CI_BUDGET", minutes),
        None => command.env_remove("CI_BUDGET"),
    };
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The tiers' lines of the summary, without their times, and the last line.
fn summary(output: &Output) -> (Vec<(String, String)>, String) {
    let said = said(output);
    let rows = said.lines().filter_map(|line| {
        let (name, rest) = line.split_once(' ')?;
        let word = rest.split_whitespace().next()?;
        ["passed", "FAILED", "SKIPPED"].contains(&word).then(|| (name.to_owned(), word.to_owned()))
    });
    (rows.collect(), said.lines().last().unwrap_or_default().to_owned())
}

fn rows(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect()
}

const THREE: &str = "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out'";

#[test]
fn a_budget_of_a_minute_skips_aloud_what_it_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let state = if root().join("target").is_dir() { "warm" } else { "cold" };
    // A fresh clone builds first: what the other kind of run took says nothing.
    let other = if state == "warm" { "cold" } else { "warm" };
    std::fs::write(folder.path().join("tier-times"), format!("long {state} 50\nquick {state} 5\nquick {other} 500\n"))
        .unwrap();
    let first = format!("first 20s {THREE}");
    let quick = format!("quick 30m {THREE}");
    let output = tiers(
        folder.path(),
        &[&first, "unknown 41s echo never", "long 10s echo never", "# a comment", "", &quick],
        Some("1"),
        &[],
    );
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (tiers, last) = summary(&output);
    assert_eq!(tiers, rows(&[("first", "passed"), ("unknown", "SKIPPED"), ("long", "SKIPPED"), ("quick", "passed")]));
    assert_eq!(last, "tests: 6 passed, 0 failed");
    let said = said(&output);
    assert!(!said.contains("\nnever"), "{said}");
    for (begins, ends) in [
        ("==== SKIPPED, NOT RUN: unknown: ", " s of the budget of 60 s are left, and it may take 41 s on this machine"),
        ("==== SKIPPED, NOT RUN: long: ", " s of the budget of 60 s are left, and it took 50 s here last time"),
        ("2 of 4 tiers were SKIPPED: this run says nothing of them", ""),
    ] {
        let loud = said.lines().any(|line| line.starts_with(begins) && line.ends_with(ends));
        assert!(loud, "{begins}...{ends} is not in\n{said}");
    }
    let kept = std::fs::read_to_string(folder.path().join("tier-times")).unwrap();
    let names: Vec<_> = kept.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
    assert_eq!(
        names,
        [format!("long {state}"), format!("quick {other}"), format!("first {state}"), format!("quick {state}")]
    );
}

#[test]
fn what_fails_or_does_not_end_is_red_and_the_rest_still_runs() {
    let folder = tempfile::tempdir().unwrap();
    let red = "red 20s echo 'test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out'; exit 101";
    let quiet = "quiet 20s echo 'test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out'";
    let broken = "broken 20s exit 7";
    let fine = format!("fine 20s {THREE}");
    let output = tiers(folder.path(), &[red, broken, &fine], None, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(summary(&output).0, rows(&[("red", "FAILED"), ("broken", "FAILED"), ("fine", "passed")]));
    assert_eq!(summary(&output).1, "tests: 7 passed, 1 failed");
    // A command that hides its end hides no test.
    let output = tiers(folder.path(), &[quiet, &fine], None, &[]);
    assert_eq!((output.status.code(), summary(&output).1.as_str()), (Some(1), "tests: 3 passed, 2 failed"));
    // Nextest's closing line counts as well.
    let nextest =
        "nextest 20s echo '     Summary [   1.2s] 5 tests run: 4 passed (1 slow), 1 failed, 2 skipped'; exit 100";
    let output = tiers(folder.path(), &[nextest], None, &[]);
    assert_eq!((output.status.code(), summary(&output).1.as_str()), (Some(1), "tests: 4 passed, 1 failed"));
}

#[test]
fn no_tier_outlives_its_bound_or_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    // What it started ends with it, also what did not hear of its end.
    let stubborn = "stubborn 1s echo $$ > \"$DRAINGATE_CACHE/pid\"; sleep 600";
    let output = tiers(folder.path(), &[stubborn], None, &[]);
    assert_eq!((output.status.code(), summary(&output).0), (Some(1), rows(&[("stubborn", "FAILED")])));
    assert!(said(&output).contains("FAILED: stubborn did not end within 6 s"), "{}", said(&output));
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "process {pid} is still there");
    // Known to be quick, and not today.
    let state = if root().join("target").is_dir() { "warm" } else { "cold" };
    std::fs::write(folder.path().join("tier-times"), format!("late {state} 1\n")).unwrap();
    let output = tiers(folder.path(), &["late 30m sleep 600"], Some("0.1"), &[]);
    assert_eq!((output.status.code(), summary(&output).0), (Some(1), rows(&[("late", "FAILED")])));
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
}

#[test]
fn a_slow_machine_is_given_its_time() {
    let folder = tempfile::tempdir().unwrap();
    // At least 2.5 times as slow as the table says; so the next may take 30 s, and half as much again is more than is left.
    let slow = format!("slow 2s sleep 5; {THREE}");
    let output = tiers(folder.path(), &[&slow, "next 12s echo never"], Some("0.7"), &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(summary(&output).0, rows(&[("slow", "passed"), ("next", "SKIPPED")]));
    // What it took there is believed, whatever the table says.
    let folder = tempfile::tempdir().unwrap();
    let quick = format!("next 12s {THREE}");
    let state = if root().join("target").is_dir() { "warm" } else { "cold" };
    std::fs::write(folder.path().join("tier-times"), format!("next {state} 1\n")).unwrap();
    let output = tiers(folder.path(), &[&slow, &quick], Some("0.7"), &[]);
    assert_eq!(summary(&output).0, rows(&[("slow", "passed"), ("next", "passed")]), "{output:?}");
}

#[test]
fn a_run_without_a_test_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let output = tiers(folder.path(), &["big 100s echo never"], Some("1"), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no test was run"), "{output:?}");
}

#[test]
fn a_wrong_call_says_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    for (lines, budget, wanted, expected) in [
        (&["a 1s true"][..], None, &["b"][..], "there is no tier b"),
        (&["a soon true"][..], None, &[][..], "a time such as 90s or 15m and a command are needed"),
        (&["a 1s"][..], None, &[][..], "a time such as 90s or 15m and a command are needed"),
        (&["a 1s true"][..], Some("an hour"), &[][..], "CI_BUDGET is a number of minutes, and not 'an hour'"),
        (&["a 1s true"][..], None, &["--fast"][..], "unknown option --fast"),
    ] {
        let output = tiers(folder.path(), lines, budget, wanted);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

/// The tiers that CI runs are targets of the Makefile, each with a bound, and together they are all the tests.
#[test]
fn the_tiers_are_targets_of_the_makefile() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let (table, makefile) = (read("tests/tiers"), read("Makefile"));
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let commands: Vec<&str> = lines.map(|line| line.split_whitespace().last().unwrap()).collect();
    assert_eq!(commands, ["lint", "offline", "apiserver", "node", "lab-short", "bench-short"]);
    for command in commands {
        assert!(makefile.contains(&format!("\n{command}: ## ")), "the Makefile has no {command}");
    }
    assert!(makefile.contains("\ttests/run\n") && read(".ci/run").contains("exec make test"));
}
