//! The reader of hooks against dash, bash and busybox: what it calls exact has the same sum there, "at least" no more, and
//! every stop its moment. And how much of what has to be read it does read: "unknown" is no way out.
//!
//! The lines run in rooms that hold nothing of the machine; the first tests are about the rooms.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use draingate_testing::shells::judge::Truth;
use draingate_testing::shells::lines::{Construct, Duty, Hook, Shell};
use draingate_testing::shells::room::{Room, Run, possible};
use draingate_testing::shells::{House, Outcome};

/// Hooks in an ordinary run; LINES is another number.
const HOOKS: u64 = 20_000;
/// Of a hundred hooks with a construct that has to be read, so many are.
const ENOUGH: u64 = 99;

/// Past libtest's capture: what was not run has to be seen.
fn loud(text: &str) {
    let _ = writeln!(std::io::stderr(), "== {text}");
}

/// The shells that this machine has; none where it has no namespaces.
fn shells() -> Vec<Shell> {
    match possible() {
        Err(why) => {
            loud(&format!("SKIPPED: all hooks in real shells: no namespaces here: {why}"));
            Vec::new()
        }
        Ok(missing) => {
            for shell in &missing {
                loud(&format!("SKIPPED: hooks in {}, which is not here", shell.name()));
            }
            Shell::ALL.into_iter().filter(|shell| !missing.contains(shell)).collect()
        }
    }
}

fn line(line: &str) -> Hook {
    Hook::of(&["sh", "-c", line])
}

fn record(run: &Run) -> Vec<&str> {
    run.record.iter().map(String::as_str).collect()
}

#[test]
fn a_room_writes_down_what_takes_time_and_takes_none() {
    for shell in shells() {
        let mut room = Room::new(shell);
        for (text, expected, status) in [
            ("sleep 5", &["sleep 5"][..], 0),
            ("/bin/sleep 5; /usr/bin/sleep 1.5m", &["sleep 5", "sleep 1.5m"], 0),
            ("exec sleep 7; sleep 1", &["sleep 7"], 0),
            ("command sleep 7; \\sleep 8", &["sleep 7", "sleep 8"], 0),
            ("(sleep 1; { sleep 2; }) > /dev/null 2>&1", &["sleep 1", "sleep 2"], 0),
            ("env A=b sleep 3; busybox sleep 4; nohup sleep 5", &["sleep 3", "sleep 4", "sleep 5"], 0),
            ("sleep 1 2s 0.5", &["sleep 1 2s 0.5"], 0),
            ("sleep abc || sleep; sleep 3x || sleep 1..2 || exit 4", &[], 4),
            ("sleep 3 infinity; sleep 1", &["sleep 3 infinity", "sleep 1"], 0),
            ("sh -c 'sleep 3; kill -TERM 1' && bash -c 'sleep 4'", &["sleep 3", "run kill -TERM 1", "sleep 4"], 0),
            ("sh -ec 'sleep 1; false; sleep 2' a b; sh -c 'sleep $1' a 9", &["sleep 1", "sleep 9"], 0),
            (
                "/bin/kill 1; kill -15 $(cat /run/app.pid); killall x",
                &["run kill 1", "run kill -15 1", "run killall x"],
                0,
            ),
            ("exec nginx -s quit; sleep 1", &["run nginx -s quit"], 0),
            ("for i in $(seq 2 4); do sleep $i; done", &["sleep 2", "sleep 3", "sleep 4"], 0),
            ("timeout 10 sleep 5; timeout 5s sleep 7.25 || sleep 1", &["sleep 5", "sleep 5.000", "sleep 1"], 0),
            (
                "timeout 90 sh -c 'sleep 0.5m; sleep 45; nginx -s quit; sleep 30'",
                &["sleep 0.5m", "sleep 45", "run nginx -s quit", "sleep 15.000"],
                124,
            ),
            (
                "timeout 9 sh -c 'while true; do sleep 2; done'; nginx -s quit",
                &["sleep 2", "sleep 2", "sleep 2", "sleep 2", "sleep 1.000", "run nginx -s quit"],
                0,
            ),
            ("timeout 9 timeout 5 tail -f /dev/null; sleep 08", &["sleep 5.000", "sleep 08"], 0),
            ("sleep 5 & wait; sleep 6 | cat", &["sleep 5", "sleep 6"], 0),
            ("nginx -s quit; tail -f /dev/null", &["run nginx -s quit", "forever tail -f /dev/null"], 0),
            (
                "drainctl now; curl -m 3 http://x/; curl http://y/",
                &["took 0 drainctl now", "run curl -m 3 http://x/", "took 0 curl", "run curl http://y/", "took 0 curl"],
                0,
            ),
            ("touch a; [ -f a ] && sleep 1; rm a; [ -f a ] || sleep 2", &["sleep 1", "sleep 2"], 0),
            ("[ -f a ] && sleep 1; [ -d old/bin ] || [ -f /etc/passwd ] || sleep 2", &["sleep 2"], 0),
            ("sleep 20 && no-such-program", &["sleep 20"], 127),
            ("set -eu; sleep 1; sleep abc; sleep 2", &["sleep 1"], 1),
            ("kong quit --wait=3; sleep 1", &["sleep 3", "run kong quit --wait=3", "sleep 1"], 0),
        ] {
            let run = room.run(&line(text));
            assert_eq!((record(&run), run.status), (expected.to_vec(), Some(status)), "{}: {text}", shell.name());
        }
    }
}

#[test]
fn what_has_no_end_is_ended() {
    for shell in shells() {
        let mut room = Room::new(shell);
        for text in [
            "while true; do sleep 1; done; nginx -s quit",
            "while true; do (sleep 1); done",
            "until false; do /bin/sleep 1; done",
            "while :; do sh -c 'sleep 1'; done",
            "while true; do timeout 5 sleep 1; done",
            "while true; do sleep 1 | cat; done",
            "while true; do nginx -s quit; done",
        ] {
            let run = room.run(&line(text));
            assert_eq!(Truth::of(&run).end, None, "{}: {text}: {run:?}", shell.name());
        }
        let run = room.run(&line("sleep 1"));
        assert_eq!((record(&run), run.status), (vec!["sleep 1"], Some(0)));
    }
}

#[test]
fn where_the_shells_differ_each_is_itself() {
    for shell in shells() {
        let mut room = Room::new(shell);
        let run = room.run(&Hook::of(&["bash", "-c", "for i in {1..3}; do sleep $i; done"]));
        assert_eq!(record(&run), ["sleep 1", "sleep 2", "sleep 3"]);
        let braces = room.run(&line("for i in {1..3}; do sleep 1; done"));
        let pipefail = room.run(&Hook::of(&["sh", "-o", "pipefail", "-c", "sleep 1"]));
        let times = if shell == Shell::Bash { 3 } else { 1 };
        assert_eq!(braces.record.len(), times, "{}", shell.name());
        assert_eq!(pipefail.record.len(), usize::from(shell != Shell::Dash), "{}", shell.name());
    }
}

/// A process of the machine that no line may hit.
struct Canary(Child);

impl Drop for Canary {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whatever a line does, the machine does not notice.
#[test]
fn nothing_gets_out_of_a_room() {
    let canary = Command::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut canary = Canary(canary.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let (process, file) = (canary.0.id(), outside.path().display());
    for shell in shells() {
        let mut room = Room::new(shell);
        for text in [
            format!("command kill -9 {process}; command kill -9 1; exec /real/busybox kill -9 {process}"),
            format!("/real/busybox kill -9 {process} 1; /real/bash -c 'kill -9 {process}'"),
            "command kill -9 1; command kill -TERM 1; command kill -9 -1; command kill -9 0".to_owned(),
            format!("rm -f {file}; : > {file}; echo x >> {file}; /real/busybox rm -rf /old {file}"),
            "echo x > /real/prologue; echo x > /bin/sleep; rm -rf /bin /real /usr".to_owned(),
            format!(
                "/real/bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'; /real/busybox wget -O- http://127.0.0.1:{port}/"
            ),
            "/real/busybox reboot -f; /real/busybox poweroff -f".to_owned(),
            "/real/busybox mkdir /tmp/p && /real/busybox mount -t proc proc /tmp/p && /real/busybox ls /tmp/p"
                .to_owned(),
        ] {
            room.run(&line(&text));
            let run = room.run(&line("sleep 1"));
            assert_eq!(record(&run), ["sleep 1"], "{}: after {text}", shell.name());
        }
        assert!(canary.0.try_wait().unwrap().is_none(), "{}: a process of the machine was hit", shell.name());
        assert!(outside.path().is_file() && outside.as_file().metadata().unwrap().len() == 0, "{}", shell.name());
        assert!(listener.accept().is_err(), "{}: somebody came out by the network", shell.name());
    }
}

/// The shares by construct, as they are printed.
fn table(outcome: &Outcome) -> (String, Vec<Construct>) {
    let (mut text, mut few) = (String::new(), Vec::new());
    for construct in Construct::ALL {
        let share = outcome.shares.get(construct).copied().unwrap_or_default();
        let percent = (share.exact * 1000).checked_div(share.hooks).unwrap_or_default() as f64 / 10.0;
        let duty = match construct.duty() {
            Duty::Must => "",
            Duty::May => "  (may be read)",
            Duty::Cannot => "  (not in the line)",
        };
        text += &format!("{:32} {:>8} {percent:>6.1} %{duty}\n", construct.words(), share.hooks);
        if construct.duty() == Duty::Must && share.exact * 100 < share.hooks * ENOUGH {
            few.push(*construct);
        }
    }
    (text, few)
}

#[test]
fn hooks_are_read_as_the_shells_run_them() {
    let shells = shells();
    if shells.is_empty() {
        return;
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (hooks, first) = (number("LINES").unwrap_or(HOOKS), number("SEED").unwrap_or(1) << 32);
    let next = AtomicU64::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let begun = std::time::Instant::now();
    let outcome = std::thread::scope(|scope| {
        let work = || {
            let mut house = House::new(&shells);
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= hooks {
                    return house.outcome();
                }
                house.try_seed(first + index);
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).reduce(Outcome::with).unwrap()
    });
    let (shares, few) = table(&outcome);
    let seconds = begun.elapsed().as_secs();
    println!("{} hooks, {} runs in {seconds} s; read exactly:\n{shares}", outcome.hooks, outcome.runs);
    for construct in &few {
        println!("{}, not read:", construct.words());
        outcome.missed.get(construct).into_iter().flatten().for_each(|example| println!("  {example}"));
    }
    outcome.disagreements.iter().for_each(|disagreement| println!("{disagreement}\n"));
    let mistaken = outcome.mistaken;
    assert!(mistaken == 0, "{mistaken} readings are not so");
    assert!(few.is_empty(), "too little is read of: {few:?}");
}
