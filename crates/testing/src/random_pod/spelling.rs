//! Hooks as people write them: lines of shell out of parts that do one thing each, and commands without a shell.

use draingate_core::MAX_SECONDS;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::hooks::{Hook, Length, Stop};
use super::strategy::seconds;

/// Something that a line of shell does.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    does: Does,
    env: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Nothing,
    Waits(u64),
    /// A program or a condition of which nothing is known.
    Something,
    /// The same, for so long at most.
    AtMost(u64),
    NeverEnds,
    /// Tells the container to stop after a wait of its own, and gives it so long; gracefully or not.
    Stops(u64, Option<u64>, bool),
}

impl Part {
    fn new(text: impl Into<String>, does: Does) -> Self {
        Part { text: text.into(), does, env: None }
    }
}

/// The hook that does one part after the other.
fn hook_of(command: &[&str], parts: &[Part]) -> Hook {
    let (mut least, mut most, mut never_ends) = (0, Some(0), false);
    let mut stop: Option<Stop> = None;
    for part in parts {
        match (part.does, &mut stop) {
            (Does::Nothing, _) => {}
            (Does::Waits(seconds), None) => {
                least += seconds;
                most = most.map(|most| most + seconds);
            }
            (Does::Waits(seconds), Some(stop)) => {
                stop.rest = stop.rest.saturating_add(seconds);
                stop.finish = Some(stop.finish.unwrap_or(0) + seconds);
            }
            (Does::Something, None) => most = None,
            (Does::AtMost(seconds), None) => most = most.map(|most| most + seconds),
            (Does::NeverEnds, None) => never_ends = true,
            (_, Some(stop)) => stop.rest = u64::MAX,
            (Does::Stops(wait, finish, graceful), None) => {
                least += wait;
                most = most.map(|most| most + wait);
                stop = Some(Stop { rest: finish.unwrap_or(0), finish, graceful });
            }
        }
    }
    let length = match most {
        _ if never_ends => Length::NoEnd,
        Some(most) if most == least => Length::Exact(least),
        Some(most) => Length::Between(least, most),
        None if least == 0 => Length::Unknown,
        None => Length::AtLeast(least),
    };
    let env = parts.iter().filter_map(|part| part.env.clone()).collect();
    Hook { env, stop, ..exec(command, length) }
}

fn exec(command: &[&str], length: Length) -> Hook {
    with_length(json!({"exec": {"command": command}}), length)
}

fn with_length(handler: Value, length: Length) -> Hook {
    Hook { handler, env: Vec::new(), length, stop: None, fails: false }
}

fn native(seconds: u64) -> Hook {
    with_length(json!({"sleep": {"seconds": seconds}}), Length::Exact(seconds))
}

/// Hooks of every kind, those without an end rarely: one of them, and nothing else in its pod counts.
pub(super) fn hook() -> impl Strategy<Value = Hook> {
    let some = prop_oneof![
        6 => seconds().prop_map(native),
        4 => decimal_sleep(),
        4 => direct_wait(),
        10 => line(),
        2 => direct_stop(),
        3 => unknown(),
        1 => failing(),
    ];
    prop_oneof![50 => some, 1 => endless()]
}

/// What parts are joined with.
const JOINTS: [&str; 7] = ["; ", ";", " ; ", "\n", "\n\n", "\n# a while\n  ", " && "];
/// What stands behind the last of them.
const ENDS: [&str; 7] = ["", "", " ", " ;", "\n", " # for the load balancers", "; exit 0"];

fn line() -> impl Strategy<Value = Hook> {
    let before = prop::collection::vec(part(), 0..=3);
    let stop = prop::option::weighted(0.4, (stop(), after()));
    let joints = prop::collection::vec(0..JOINTS.len(), 8);
    (before, stop, joints, 0..ENDS.len(), 0..10_usize).prop_map(|(mut parts, stop, joints, end, choice)| {
        let stops = stop.is_some();
        if let Some((stop, after)) = stop {
            // The limit of a command and a wait behind it would be two words for one thing.
            let after = after.filter(|_| !matches!(stop.does, Does::Stops(_, Some(_), _)));
            parts.push(stop);
            parts.extend(after);
        }
        if parts.is_empty() {
            parts.push(Part::new("echo stopping", Does::Nothing));
        }
        // Whether a stop comes to pass is not left to a program that may fail.
        let certain = |part: &Part| stops && matches!(part.does, Does::Something);
        let joint = |part: &Part, joint: usize| if certain(part) { "\n" } else { JOINTS[joint] };
        let mut line = parts[0].text.clone();
        for (pair, choice) in parts.windows(2).zip(&joints) {
            line.push_str(joint(&pair[0], *choice));
            line.push_str(&pair[1].text);
        }
        line.push_str(ENDS[end]);
        let shell = shell(choice);
        hook_of(&[&shell[..], &[&line]].concat(), &parts)
    })
}

fn shell(choice: usize) -> Vec<&'static str> {
    match choice {
        0..=2 => vec!["sh", "-c"],
        3 => vec!["/bin/sh", "-c"],
        4 => vec!["/bin/bash", "-c"],
        5 => vec!["bash", "-lc"],
        6 => vec!["bash", "-o", "pipefail", "-c"],
        7 => vec!["/busybox/ash", "-c"],
        8 => vec!["busybox", "sh", "-c"],
        _ => vec!["/usr/bin/env", "sh", "-c"],
    }
}

fn part() -> impl Strategy<Value = Part> {
    let short = prop_oneof![9 => 1..=15_u64, 1 => 1..=120_u64];
    let nothing = vec![
        "echo draining",
        "echo \"it's time; sleep 99\"",
        "echo 'sleep 99' > /dev/null",
        "touch /tmp/draining",
        "rm -f /tmp/ready",
        "date",
        "true",
        ":",
        "export PATH=/usr/bin",
        "kill -0 1 || true",
        "kill -HUP 1",
        "kill -USR1 1",
        "kill -s USR2 1",
    ];
    let something = vec![
        "/opt/drain --all || true",
        "/opt/drain sleep 20",
        "curl -s -X POST localhost:9901/healthcheck/fail || true",
        "wget -qO- http://localhost:8080/drain",
        "while [ -e /tmp/busy ]; do sleep 1; done",
        "until /opt/drained; do sleep 2; done",
    ];
    prop_oneof![
        6 => wait(),
        3 => prop::sample::select(nothing).prop_map(|text| Part::new(text, Does::Nothing)),
        2 => prop::sample::select(something).prop_map(|text| Part::new(text, Does::Something)),
        1 => (short, 0..4_usize).prop_map(|(seconds, spelling)| {
            let text = match spelling {
                0 => format!("timeout {seconds} /opt/drain --all || true"),
                1 => format!("timeout {seconds}s curl -s localhost:8080/drain || :"),
                2 => format!("curl --max-time {seconds} -s localhost:8080/drain || true"),
                _ => format!("timeout -s INT {seconds} /opt/drain || true"),
            };
            Part::new(text, Does::AtMost(seconds))
        }),
    ]
}

fn wait() -> impl Strategy<Value = Part> {
    let short = prop_oneof![9 => 1..=20_u64, 1 => 1..=300_u64];
    (short, 1..=4_u64, 0..25_usize).prop_map(|(seconds, some, spelling)| {
        let named = |text: String| (text, seconds, Some((format!("DELAY_{seconds}"), seconds.to_string())));
        let plain = |text: String| (text, seconds, None);
        let round = |text: String| (text, seconds * some, None);
        let (text, seconds, env) = match spelling {
            0 => plain(format!("/bin/sleep {seconds}")),
            1 => plain(format!("sleep {} {}", seconds / 2, seconds - seconds / 2)),
            2 => plain(format!("sleep '{seconds}'")),
            3 => plain(format!("sleep \"{seconds}s\"")),
            4 => named(format!("sleep $DELAY_{seconds}")),
            5 => named(format!("sleep ${{DELAY_{seconds}}}")),
            6 => named(format!("sleep \"${{DELAY_{seconds}:-1}}\"")),
            7 => plain(format!("sleep ${{NOT_SET:-{seconds}}}")),
            8 => plain(format!("( sleep {seconds} )")),
            9 => plain(format!("{{ sleep {seconds}; }}")),
            10 => plain(format!("sleep {seconds} > /dev/null 2>&1")),
            11 => plain(format!("sleep {seconds} || true")),
            12 => plain(format!("busybox sleep {seconds}")),
            13 => plain(format!("env sleep {seconds}")),
            14 => plain(format!("sh -c 'sleep {seconds}'")),
            15 => plain(format!("python3 -c 'import time; time.sleep({seconds})'")),
            16 => plain(format!("perl -e 'sleep {seconds}'")),
            17 => round(format!("sleep {seconds}; ").repeat(some as usize).trim_end_matches("; ").to_owned()),
            18 => round(format!("for i in $(seq {some}); do sleep {seconds}; done")),
            19 => round(format!("for i in $(seq 1 {some}); do echo $i; sleep {seconds}; done")),
            20 => (format!("for i in a b c; do sleep {seconds}\ndone"), 3 * seconds, None),
            _ => plain(format!("sleep {seconds}")),
        };
        Part { text, does: Does::Waits(seconds), env }
    })
}

fn stop() -> impl Strategy<Value = Part> {
    let graceful = vec![
        "nginx -s quit",
        "kill -s QUIT 1",
        "kill -3 1",
        "apachectl graceful-stop",
        "/wait-shutdown",
        "catalina.sh stop",
        "rabbitmqctl stop_app",
        "nodetool drain",
        "consul leave",
        "kong quit",
    ];
    let at_once = vec!["/usr/sbin/nginx -s stop", "kill 1", "kill -TERM 1", "kill -15 1", "kill -SIGINT 1"];
    let command = |commands, graceful| {
        prop::sample::select(commands).prop_map(move |text| Part::new(text, Does::Stops(0, None, graceful)))
    };
    prop_oneof![
        3 => command(graceful, true),
        2 => command(at_once, false),
        1 => (0..=20_u64, 1..=60_u64, 0..3_usize).prop_map(|(wait, limit, spelling)| match spelling {
            0 => Part::new(format!("kong quit --wait={wait}"), Does::Stops(wait, None, true)),
            1 => Part::new(format!("kong quit --timeout={limit}"), Does::Stops(0, Some(limit), true)),
            _ => Part::new(format!("kong quit --wait={wait} --timeout={limit}"), Does::Stops(wait, Some(limit), true)),
        }),
    ]
}

/// What stands behind a stop, if anything.
fn after() -> impl Strategy<Value = Option<Part>> {
    let others = vec![
        Part::new("while kill -0 1; do sleep 1; done", Does::Something),
        Part::new("/opt/drained", Does::Something),
        Part::new("tail -f /dev/null", Does::NeverEnds),
    ];
    prop_oneof![
        3 => Just(None),
        3 => wait().prop_map(Some),
        1 => prop::sample::select(others).prop_map(Some),
    ]
}

fn direct_stop() -> impl Strategy<Value = Hook> {
    let request = json!({"httpGet": {"path": "/quitquitquit", "port": 15_020}});
    let stop_of_its_own = Some(Stop { rest: 0, finish: None, graceful: true });
    let request = Hook { stop: stop_of_its_own, ..with_length(request, Length::Exact(0)) };
    // Nothing finishes behind it.
    let kill = || Part::new("kill -9 1", Does::Stops(0, None, false));
    let stop = prop_oneof![12 => stop(), 1 => Just(()).prop_map(move |()| kill())];
    let command = (stop, any::<bool>()).prop_map(|(stop, by_shell)| {
        let words: Vec<&str> = if by_shell { vec!["sh", "-c", &stop.text] } else { stop.text.split(' ').collect() };
        hook_of(&words, std::slice::from_ref(&stop))
    });
    prop_oneof![6 => command, 1 => Just(request)]
}

/// A wait without a shell of the usual kind around it.
fn direct_wait() -> impl Strategy<Value = Hook> {
    let seconds = prop_oneof![5 => 0..=30_u64, 1 => 0..=300_u64];
    (seconds, 1..=30_u64, 0..16_usize).prop_map(|(seconds, more, spelling)| {
        let (number, some, least) = (seconds.to_string(), more.to_string(), seconds.min(more));
        let text = |before: &str, behind: &str| format!("{before}{seconds}{behind}");
        let words = |list: &[&str]| exec(list, Length::Exact(seconds));
        match spelling {
            0 => words(&["sleep", &format!("{}s", seconds / 2), &(seconds - seconds / 2).to_string()]),
            1 => words(&["/bin/busybox", "sleep", &number]),
            2 => words(&["env", "sleep", &number]),
            3 => words(&["python", "-c", &text("import time; time.sleep(", ")")]),
            4 => words(&["perl", "-e", &text("sleep ", ";")]),
            5 => words(&["node", "-e", &text("setTimeout(() => {}, ", "000)")]),
            6 => words(&["powershell", "-Command", &text("Start-Sleep -Seconds ", "")]),
            7 => words(&["pwsh", "-c", &text("Start-Sleep -s ", "")]),
            8 => words(&["cmd", "/c", &text("timeout /t ", " /nobreak")]),
            9 => words(&["cmd.exe", "/c", &format!("ping -n {} 127.0.0.1 > nul", seconds + 1)]),
            10 => words(&["sh", "-c", &text("exec sleep ", "")]),
            11 => exec(&["bash", "-c", &text("for i in {1..3}; do sleep ", "; done")], Length::Exact(3 * seconds)),
            12 => exec(&["timeout", &some, "/opt/drain"], Length::Between(0, more)),
            13 => exec(&["timeout", &some, "sleep", &number], Length::Exact(least)),
            14 => exec(&["sh", "-c", &format!("timeout {more} sleep {seconds} || true")], Length::Exact(least)),
            _ => words(&["sleep", &number]),
        }
    })
}

/// Nothing in it says how long it takes.
fn unknown() -> impl Strategy<Value = Hook> {
    let handlers = vec![
        json!({"httpGet": {"path": "/drain", "port": 8080}}),
        json!({"httpGet": {"path": "/drain", "port": "admin", "scheme": "HTTPS"}}),
        json!({"exec": {"command": ["/opt/drain", "--all"]}}),
        json!({"exec": {"command": ["/opt/drain", "sleep", "20"]}}),
        json!({"exec": {"command": ["/bin/sh", "-c", "/opt/drain"]}}),
        json!({"exec": {"command": ["sh", "-c", "sleep $(cat /etc/wait)"]}}),
        json!({"exec": {"command": ["sh", "-c", "while /opt/busy; do sleep 1; done"]}}),
    ];
    prop::sample::select(handlers).prop_map(|handler| with_length(handler, Length::Unknown))
}

/// It cannot run, so SIGTERM comes at once.
fn failing() -> impl Strategy<Value = Hook> {
    let command = |words: &[&str]| json!({"exec": {"command": words}});
    let handlers = vec![
        command(&["sleep 20"]),
        command(&["sleep"]),
        command(&["sleep", "$DELAY"]),
        command(&["sleep", "$(DELAY)"]),
        command(&["sleep", "20 seconds"]),
        command(&["/bin/sh", "-c", "sleep", "20"]),
        json!({"tcpSocket": {"port": 80}}),
        json!({}),
    ];
    prop::sample::select(handlers).prop_map(|handler| Hook { fails: true, ..with_length(handler, Length::Exact(0)) })
}

/// No grace is enough for it.
fn endless() -> impl Strategy<Value = Hook> {
    let line = |line: &str| exec(&["sh", "-c", line], Length::NoEnd);
    prop::sample::select(vec![
        native(MAX_SECONDS + 1),
        native(i64::MAX.unsigned_abs()),
        exec(&["tail", "-f", "/dev/null"], Length::NoEnd),
        exec(&["sleep", "721h"], Length::NoEnd),
        line("sleep infinity"),
        line("echo waiting; while true; do sleep 1; done"),
        line("sleep 99999999999999999999999 && x"),
    ])
}

/// `whole.hundredths` of a unit, rounded up, in one of many spellings.
fn decimal_sleep() -> impl Strategy<Value = Hook> {
    let unit = prop::sample::select(vec![("", 1, 100), ("s", 1, 100), ("m", 60, 4), ("h", 3_600, 1)]);
    let hundredths = prop_oneof![2 => Just(0), 1 => 0..100_u64];
    (unit, 0..=60_u64, hundredths, 0..7_usize).prop_map(|((suffix, unit, most), whole, hundredths, spelling)| {
        let whole = whole % (most + 1);
        let seconds = ((whole * 100 + hundredths) * unit).div_ceil(100);
        let number = match hundredths {
            0 => format!("{whole}{suffix}"),
            _ => format!("{whole}.{hundredths:02}{suffix}"),
        };
        let line = |shell: &str, flag: &str, before: &str, behind: &str| {
            exec(&[shell, flag, &format!("{before}{number}{behind}")], Length::Exact(seconds))
        };
        match spelling {
            0 => exec(&["sleep", &number], Length::Exact(seconds)),
            1 => exec(&["/usr/bin/sleep", &number], Length::Exact(seconds)),
            2 => line("sh", "-c", "sleep ", ";"),
            3 => line("/bin/bash", "-c", "  sleep ", " "),
            4 => line("/usr/bin/dash", "-c", "/bin/sleep ", " ; "),
            5 => line("zsh", "-c", "sleep ", ""),
            _ => line("ksh", "-ec", "sleep ", ""),
        }
    })
}
