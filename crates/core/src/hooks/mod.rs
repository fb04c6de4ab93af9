//! How long is a preStop hook, and what does it do to its container? What a person sees at a glance, we see.
//!
//! [`read_command`] follows an exec hook's words: `programs` says what a program does with them, `shell` follows a line
//! of shell, `scripts` and `windows` read lines of other languages, and `stops` is the table of the commands that tell
//! a server to stop. Nothing is ever run.

pub(crate) mod duration;
mod forms;
mod known;
mod lengthen;
mod programs;
mod reading;
mod scripts;
mod shell;
mod span;
mod stops;
mod windows;

pub use forms::{FORMS, Form};
pub use known::{KNOWN, KnownHook};
pub use lengthen::{Lengthened, lengthened};
pub use reading::{Length, Reading, Step, StepKind, Stop, StopKind, Variable};
pub use stops::{COMMANDS, REQUESTS, StopCommand, StopRequest};

use shell::Status;
use span::{FOREVER, SECOND};

/// The most bytes of commands in a pod that are read.
pub const MOST_BYTES: usize = 64 << 10;

/// Reads an exec hook's command; `variable` says what the container's own `env` has.
pub fn read_command<'e>(command: &[&str], variable: &dyn Fn(&str) -> Variable<'e>) -> Reading {
    if let Some(why) = programs::cannot_run(command) {
        return failing(why);
    }
    let Ok(outcome) = shell::follow(command, variable) else { return UNKNOWN };
    let nothing = outcome.clock.most == 0 && outcome.stop.is_none();
    if let Some(why) = outcome.broken.filter(|_| nothing && outcome.status == Status::Fails) {
        return failing(why);
    }
    let length = outcome.clock.length();
    let finish = outcome.since.and_then(|since| match (since.least, since.most) {
        (_, FOREVER | 0) => None,
        (_, most) => Some(most),
    });
    Reading {
        only_sleep: outcome.only_sleep && outcome.stop.is_none() && matches!(length, Length::Exact(_) | Length::NoEnd),
        length,
        stop: outcome.stop.map(|stop| Stop {
            after: stop.after.length(),
            certain: stop.certain,
            kind: stop.kind,
            words: stop.words,
        }),
        finish: finish.map(|time| time.div_ceil(SECOND)),
        fails: None,
        known: outcome.known && !outcome.unknown,
        may_be: outcome.may_be,
        steps: outcome.steps,
    }
}

/// Reads the path of an httpGet hook, which may take any time.
pub fn read_request(path: &str) -> Reading {
    let stop = stops::by_request(path).map(|stop| Stop {
        after: Length::Exact(0),
        certain: true,
        kind: stop.kind,
        words: path.to_owned(),
    });
    let known = known::request(path);
    let length = if stop.is_some() { Length::Exact(0) } else { known.map_or(Length::Unknown, |span| span.length()) };
    Reading { length, stop, known: known.is_some(), ..UNKNOWN }
}

/// A hook that cannot run.
pub fn failing(why: &'static str) -> Reading {
    Reading { length: Length::Exact(0), fails: Some(why), ..UNKNOWN }
}

/// A hook of which nothing is known.
pub const UNKNOWN: Reading = Reading {
    length: Length::Unknown,
    stop: None,
    finish: None,
    fails: None,
    only_sleep: false,
    known: false,
    may_be: None,
    steps: Vec::new(),
};

#[cfg(test)]
mod tests {
    use super::{Length, Reading, Variable, read_command};

    fn env(name: &str) -> Variable<'static> {
        match name {
            "DELAY" => Variable::Literal("40"),
            "SECRET" => Variable::Unknown,
            _ => Variable::Unset,
        }
    }

    fn read(command: &[&str]) -> Reading {
        read_command(command, &env)
    }

    fn line(line: &str) -> Reading {
        read(&["/bin/sh", "-c", line])
    }

    #[test]
    fn what_plainly_waits_forty_seconds() {
        for text in [
            "sleep 40",
            "sleep 40 # wait for the LB",
            "exec sleep 40",
            "echo draining; sleep 40",
            "sleep 40 > /dev/null 2>&1",
            "sleep $DELAY",
            "sleep ${DELAY}",
            "sleep \"${DELAY:-10}\"",
            "sleep ${OTHER:-40}",
            "for i in $(seq 40); do sleep 1; done",
            "for i in `seq 1 40`; do sleep 1; done",
            "for i in 1 2 3 4; do\n  echo $i\n  sleep 10\ndone",
            "sleep 20 && sleep 20 || true",
            "(sleep 20; sleep 20)",
            "{ sleep 20; sleep 20; }",
            "sleep 20\n# and again\nsleep 20",
            "set -e; date; sleep 40",
            "set -euo pipefail\nsleep 0.5m\nsleep 10s",
            "sleep 10 20 10",
            "timeout 40 sleep 100",
            "timeout 40 tail -f /dev/null",
            "timeout 60 sleep 40",
            "env A=b sleep 40",
            "sh -c 'sleep 40'",
            "busybox sleep 40",
            "X=40; sleep $X",
            "sleep $((DELAY / 2 + 20))",
            "sleep $((30+10))",
            "if true; then sleep 40; fi",
            "if false; then sleep 5; else sleep 40; fi",
            "[ -f /x ] && sleep 40 || sleep 40",
            "if [ -f /x ]; then sleep 40; else sleep 40; fi",
            "i=0; while [ $i -lt 40 ]; do sleep 1; i=$((i+1)); done",
            "case $DELAY in 40) sleep 40;; *) sleep 1;; esac",
            "trap '' TERM; sleep 40",
            "date; kill -0 1; touch /tmp/x; rm -f /tmp/x; sleep 40",
            "wait_a_bit() { sleep 20; }; wait_a_bit; wait_a_bit",
            "sleep 40 | cat",
            "sleep 40 & wait",
            "sleep 40; exit 0; sleep 5",
            "cat <<EOF\nsleep 5\nEOF\nsleep 40",
            "kill -HUP 1; kill -USR1 1; sleep 40",
            "eval 'sleep 40'",
            "nohup sleep 40",
            "sleep 1.5m && exit 0 || sleep 1; true",
        ] {
            let wanted = if text.contains("1.5m") { 90 } else { 40 };
            assert_eq!(line(text).length, Length::Exact(wanted), "{text}");
            assert_eq!(line(text).stop, None, "{text}");
        }
        for command in [
            &["sleep", "20", "20"][..],
            &["/bin/busybox", "sleep", "40"],
            &["/usr/bin/env", "sleep", "40"],
            &["bash", "-o", "pipefail", "-ec", "sleep 40"],
            &["bash", "-c", "for i in {1..40}; do sleep 1; done"],
            &["sh", "-c", "sleep $1", "sh", "40"],
            &["python", "-c", "import time; time.sleep(40)"],
            &["cmd", "/c", "ping -n 41 127.0.0.1 > nul"],
            &["cmd.exe", "/c", "timeout /t 40 /nobreak"],
            &["powershell", "-Command", "Start-Sleep -s 40"],
            &["pwsh.exe", "-c", "Start-Sleep 40"],
            &["timeout", "60", "sleep", "40"],
        ] {
            assert_eq!(read(command).length, Length::Exact(40), "{command:?}");
        }
    }

    #[test]
    fn what_does_nothing_but_sleep() {
        for text in ["sleep 40", "sleep 20; sleep 20", "exec sleep 40 >/dev/null"] {
            assert!(line(text).only_sleep, "{text}");
        }
        for text in ["sleep 40; echo done", "timeout 60 sleep 40", "sleep 10 && nginx -s quit", "sleep 5 && drain"] {
            assert!(!line(text).only_sleep, "{text}");
        }
    }

    #[test]
    fn bounds() {
        use Length::{AtLeast, Between, Exact, NoEnd, Unknown};
        for (text, length) in [
            ("curl -s -X POST localhost:9901/healthcheck/fail; sleep 40", AtLeast(40)),
            ("curl -s localhost/drain && sleep 40", AtLeast(40)),
            ("drain || sleep 5", Unknown),
            ("sleep 5; drain", AtLeast(5)),
            ("[ -f /x ] && sleep 40", Between(0, 40)),
            ("if [ -f /x ]; then sleep 10; else sleep 20; fi", Between(10, 20)),
            ("timeout 20 drain", Between(0, 20)),
            ("sleep 10; timeout 20 drain", Between(10, 30)),
            ("rabbitmq-upgrade drain -t 604800", Between(0, 604_800)),
            ("drain --timeout=30s", Between(0, 30)),
            ("curl -m 5 localhost/drain; sleep 10", Between(10, 15)),
            ("for i in $(seq 30); do kill -0 1 || break; sleep 1; done", Between(0, 30)),
            ("for i in {1..40}; do sleep 1; done", Between(1, 40)),
            ("while kill -0 1; do sleep 1; done; sleep 5", AtLeast(5)),
            ("until drained; do sleep 1; done", Unknown),
            ("sleep 5 &", Between(0, 5)),
            ("while true; do sleep 1; done", NoEnd),
            ("sleep infinity", NoEnd),
            ("tail -f /dev/null", NoEnd),
            ("sleep 5; tail -f /dev/null; sleep 10", NoEnd),
            ("sleep $SECRET", Unknown),
            ("sleep $OTHER", Unknown),
            ("sleep $(cat /delay)", Unknown),
            ("/app/drain.sh", Unknown),
            ("sleep 10; [ -f /x ] && exit 0; sleep 20", Between(10, 30)),
            ("sleep 0.5; sleep 0.5", Exact(1)),
            ("sleep 5 < <(drain)", Unknown),
            ("echo 'sleep 40'", Exact(0)),
            ("sleep 2592001", Exact(2_592_001)),
            ("sleep 1e3", Unknown),
        ] {
            assert_eq!(line(text).length, length, "{text}");
        }
        assert_eq!(read(&["/app", "sleep", "30"]).length, Unknown);
        assert_eq!(read(&["/app", "sleep", "30"]).may_be, Some(30));
        assert_eq!(read(&["dash", "-c", "for i in {1..40}; do sleep 1; done"]).length, Exact(1));
    }

    #[test]
    fn when_it_stops_its_container() {
        for (text, after, finish) in [
            ("sleep 10 && nginx -s quit && sleep 30", 10, Some(30)),
            ("/usr/sbin/nginx -s quit ; sleep 29", 0, Some(29)),
            ("nginx -s quit; while killall -0 nginx; do sleep 1; done", 0, None),
            ("sleep 10; kill -TERM 1; while kill -0 1; do sleep 1; done", 10, None),
            ("sleep 10 && killall -INT pgbouncer && sleep 20", 10, Some(20)),
            ("kong quit", 0, None),
            ("kong quit --wait=15 --timeout=30", 15, Some(30)),
            ("kong quit -w 15", 15, None),
            ("sleep 5; kill -s QUIT $(cat /run/app.pid); sleep 7", 5, Some(7)),
            ("sleep 5; kill -15 `pidof app`", 5, None),
            ("sleep 5; pgrep -f app | xargs kill -TERM", 5, None),
            ("sleep 5; kill -TERM 1; sleep 20; kill -KILL 1; sleep 100", 5, Some(20)),
            ("kill -QUIT 1; for i in $(seq 30); do kill -0 1 || break; sleep 1; done", 0, Some(30)),
            ("sleep 3; pkill -SIGTERM -f app", 3, None),
            ("(sleep 3; kill 1)", 3, None),
            ("sleep 5; curl -X POST localhost:15000/quitquitquit; sleep 2", 5, Some(2)),
            ("bash -c 'sleep 5; apachectl -k graceful-stop'", 5, None),
        ] {
            let reading = line(text);
            let stop = reading.stop.unwrap_or_else(|| panic!("{text}"));
            assert_eq!((stop.after, stop.certain), (Length::Exact(after), true), "{text}");
            assert_eq!(reading.length, Length::Exact(after), "{text}");
            assert_eq!(reading.finish, finish, "{text}");
        }
        let quit = read(&["nginx", "-s", "quit"]).stop.unwrap();
        assert_eq!((quit.after, quit.certain, quit.words.as_str()), (Length::Exact(0), true, "nginx -s quit"));
        let late = line("curl localhost/drain; nginx -s quit").stop.unwrap();
        assert_eq!((late.after, late.certain), (Length::Unknown, true));
        let perhaps = line("[ -f /run/nginx.pid ] && nginx -s quit; sleep 20");
        assert_eq!(perhaps.length, Length::Exact(20));
        assert!(!perhaps.stop.unwrap().certain);
        for text in
            ["kill -0 1", "kill -HUP 1", "pkill -USR1 app", "nginx -s reload", "kill %1", "kill -l", "echo kill 1"]
        {
            assert_eq!(line(text).stop, None, "{text}");
        }
    }

    #[test]
    fn what_cannot_run() {
        for command in [
            &["sleep 20"][..],
            &["/bin/sh", "-c", "sleep", "20"],
            &["sleep", "$DELAY"],
            &["sleep", "$(DELAY)"],
            &["sleep", "soon"],
            &["sleep"],
            &["exec", "sleep", "5"],
            &["sh", "-c"],
            &["sh", "-c", "sleep $(DELAY)"],
            &["sh", "-c", "sleep 20sec"],
            &["busybox", "sleep", "x"],
            &[],
        ] {
            let reading = read(command);
            assert!(reading.fails.is_some(), "{command:?} {reading:?}");
            assert_eq!(reading.length, Length::Exact(0), "{command:?}");
        }
        for command in [&["sh", "-c", "sleep x; sleep 5"][..], &["sh", "-c", "exit 1"], &["/app/stop"], &["sleep", "5"]]
        {
            assert_eq!(read(command).fails, None, "{command:?}");
        }
    }

    /// Each asks for more than it is given: time, memory or depth.
    #[test]
    fn what_asks_for_too_much_is_not_read() {
        let doubling = format!("A=aaaaaaaa;{}sleep $A", "A=$A$A;".repeat(3_000));
        let words = "echo ".to_owned() + &"{1..99999} ".repeat(1_000);
        let loops = "for i in 1 2 3 4 5 6 7 8 9; do x=$i; ".repeat(20) + "sleep 1;" + &"done;".repeat(20);
        let seq = "for i in $(seq 99999); do sleep $i; done;".repeat(100);
        for text in [&doubling, &words, &loops, &seq, &"$(".repeat(30_000), &"a&&".repeat(20_000), &"{ ".repeat(30_000)]
        {
            assert_eq!(read(&["bash", "-c", text]).length, Length::Unknown, "{}", text.get(..40).unwrap_or(text));
        }
    }

    #[test]
    fn its_parts_are_told_in_order() {
        let steps = line("sleep 10 && nginx -s quit && sleep 20").steps;
        let told: Vec<_> = steps.iter().map(|step| step.words.as_str()).collect();
        assert_eq!(told, ["sleep 10", "nginx -s quit", "sleep 20"]);
    }
}
