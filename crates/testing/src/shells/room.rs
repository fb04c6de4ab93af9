//! A room: namespaces of its own for processes, mounts, network, users, with a root that holds three shells and stubs.
//!
//! What runs in it can neither see nor reach a process, a file or a network of the machine: they are not there. Nothing
//! takes time in it either: a stub that stands for something long writes that down. It ends when it is dropped.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::lines::{Hook, Shell};

const BUILD: &str = include_str!("room.sh");
const DRIVER: &str = include_str!("driver.sh");
const PROLOGUE: &str = include_str!("prologue.sh");
const START: &str = include_str!("start.sh");
const STUB: &str = include_str!("stub.sh");
/// The programs of a room.
const STUBS: &str = "sleep kill sh bash dash ash busybox env nohup setsid timeout seq tail cat tee rm mkdir touch date \
    logger sync hostname chmod true false echo printf pidof pgrep kong curl wget drainctl drain.sh python3 java node nginx pkill killall \
    apachectl consul nodetool rabbitmqctl catalina.sh wait-shutdown";
/// What a run may take in real time; the stubs' budget ends what is endless long before that.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a run left.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What the stubs wrote down, in order.
    pub record: Vec<String>,
    /// The exit status; without one, it had to be ended from outside.
    pub status: Option<i32>,
}

/// A room whose `sh` is one of the shells.
#[derive(Debug)]
pub struct Room {
    shell: Shell,
    process: Child,
    orders: ChildStdin,
    answers: Receiver<String>,
    runs: u64,
    // Behind the process, which has it as a mount point.
    _place: tempfile::TempDir,
}

/// The words before a command that put it into namespaces of its own: as whoever we are, else as root.
fn namespaces() -> Result<&'static [&'static str], String> {
    const WORDS: [&str; 9] =
        ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork"];
    const ROOTS: [&str; 7] = ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork"];
    static CHOICE: OnceLock<Result<&'static [&'static str], String>> = OnceLock::new();
    let choice = CHOICE.get_or_init(|| {
        let mut why = String::new();
        for words in [&WORDS[..], &ROOTS[..]] {
            // A mount is what is refused where the rest is not.
            let probe = ["sh", "-c", "mount -t tmpfs tmpfs /tmp && mount --bind /dev/null /dev/null"];
            match Command::new(words[0]).args(&words[1..]).args(probe).output() {
                Ok(output) if output.status.success() => return Ok(words),
                Ok(output) => why = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                Err(error) => why = format!("unshare: {error}"),
            }
        }
        Err(why)
    });
    choice.clone()
}

/// Why there can be no rooms here, or the shells that this machine lacks.
pub fn possible() -> Result<Vec<Shell>, String> {
    namespaces()?;
    let here = |shell: Shell| super::super::run(Command::new("which").arg(shell.name()), "").status.success();
    Ok(Shell::ALL.into_iter().filter(|shell| !here(*shell)).collect())
}

/// A word as the driver's shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Room {
    /// Builds one.
    ///
    /// # Panics
    /// Where [`possible`] says that there can be none.
    pub fn new(shell: Shell) -> Room {
        let place = tempfile::tempdir().unwrap();
        let words = namespaces().unwrap();
        let mut process = Command::new(words[0])
            .args(&words[1..])
            // A session of its own: `kill 0` would reach the whole group, also what of it is outside.
            .args(["--kill-child", "setsid", "sh", "-c", BUILD, "room"])
            .args([place.path().as_os_str(), shell.name().as_ref()])
            .env_clear()
            .envs([("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")])
            .envs([("PROLOGUE", PROLOGUE), ("START", START), ("STUB", STUB), ("STUBS", STUBS)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut orders = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        orders.write_all(DRIVER.as_bytes()).unwrap();
        assert_eq!(answers.recv_timeout(PATIENCE).as_deref(), Ok("room ready"), "the room could not be built");
        Room { shell, process, orders, answers, runs: 0, _place: place }
    }

    /// Runs the hook's command. A run that does not end, or ends the room, is the last of it; the next one has a new one.
    pub fn run(&mut self, hook: &Hook) -> Run {
        self.runs += 1;
        let number = self.runs;
        let world = &hook.world;
        let mut order = String::new();
        for file in &world.files {
            order += &format!(": >{}\n", quoted(file));
        }
        let again = world.again.map_or("always".to_owned(), |times| times.to_string());
        order += &format!("run {number} {again} DG_STATUS={} DG_SECONDS={}", world.status, world.seconds);
        for (name, value) in hook.environment() {
            order += &format!(" {}", quoted(&format!("{name}={value}")));
        }
        order += " --";
        for word in &hook.command {
            order += &format!(" {}", quoted(word));
        }
        order += "\n";
        self.orders.write_all(order.as_bytes()).unwrap();
        let mut record = Vec::new();
        let until = Instant::now() + PATIENCE;
        loop {
            let line = match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(_) => {
                    *self = Room::new(self.shell);
                    return Run { record, status: None };
                }
            };
            // What an earlier run left in the background says nothing of this one.
            let Some(entry) = line.strip_prefix(&format!("{number} ")) else { continue };
            match entry.strip_prefix("= ") {
                Some(status) => return Run { record, status: status.parse().ok() },
                None => record.push(entry.to_owned()),
            }
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
