//! The forms of hooks that are read, each by an example: the docs print what is read of it.

/// One form.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What is special about it.
    pub what: &'static str,
    /// A command of that form.
    pub command: &'static [&'static str],
}

const fn form(what: &'static str, command: &'static [&'static str]) -> Form {
    Form { what, command }
}

const fn line(what: &'static str, command: &'static [&'static str; 3]) -> Form {
    Form { what, command }
}

/// The forms, in the order in which the docs print them. `DELAY` is 40 in the container's own `env`.
pub const FORMS: [Form; 44] = [
    form("a sleep, by any path", &["/bin/sleep", "40"]),
    form("the suffixes s, m, h, d; fractions, rounded up", &["sleep", "0.65m"]),
    form("several operands", &["sleep", "20", "20"]),
    form("a sleep without an end", &["sleep", "infinity"]),
    line("the line of a shell", &["/bin/sh", "-c", "sleep 40"]),
    form("a shell's other options", &["bash", "-eo", "pipefail", "-c", "sleep 40"]),
    form("a shell's parameters", &["sh", "-c", "sleep $1", "sh", "40"]),
    form("busybox, env, nohup, nice", &["/bin/busybox", "sleep", "40"]),
    line("exec", &["sh", "-c", "exec sleep 40"]),
    line("a bound by timeout", &["sh", "-c", "timeout 40 drain"]),
    line("comments, quotes, redirections", &["sh", "-c", "'sleep' 40 > /dev/null 2>&1 # wait"]),
    line("commands that take no time", &["sh", "-c", "echo draining; touch /tmp/draining; sleep 40"]),
    line("all sleeps, one after the other", &["sh", "-c", "sleep 20 && sleep 15; sleep 5"]),
    line("several lines", &["sh", "-c", "set -e\nsleep 20\nsleep 20"]),
    line("`||` after what succeeds", &["sh", "-c", "sleep 40 || true"]),
    line("subshells and groups", &["sh", "-c", "(sleep 20); { sleep 20; }"]),
    line("a literal variable of the container", &["sh", "-c", "sleep $DELAY"]),
    line("a default", &["sh", "-c", "sleep ${OTHER:-40}"]),
    line("a variable of the line, a sum", &["sh", "-c", "N=4; sleep $((N * 10))"]),
    line("a loop over a list", &["sh", "-c", "for i in 1 2 3 4; do sleep 10; done"]),
    line("seq", &["sh", "-c", "for i in $(seq 1 40); do sleep 1; done"]),
    form("braces, in a shell that expands them", &["bash", "-c", "for i in {1..40}; do sleep 1; done"]),
    line("braces, where `sh` may be another", &["sh", "-c", "for i in {1..40}; do sleep 1; done"]),
    line("a loop that counts", &["sh", "-c", "i=0; while [ $i -lt 8 ]; do sleep 5; i=$((i+1)); done"]),
    line("a loop without an end", &["sh", "-c", "while true; do sleep 1; done"]),
    line("a loop on a condition", &["sh", "-c", "sleep 5; while busy; do sleep 1; done"]),
    line("a bounded loop on a condition", &["sh", "-c", "for i in $(seq 30); do busy || break; sleep 1; done"]),
    line("a condition", &["sh", "-c", "if [ -f /slow ]; then sleep 40; else sleep 10; fi"]),
    line("functions, eval, nested shells", &["sh", "-c", "hold() { sh -c 'sleep 20'; }; hold; eval hold"]),
    line("in the background, and waited for", &["sh", "-c", "sleep 40 & wait"]),
    line("a program that nobody knows", &["sh", "-c", "drain; sleep 40"]),
    line("its own bound", &["sh", "-c", "drain --timeout=40s"]),
    form("a program with `sleep N` among its words", &["/app", "sleep", "40"]),
    form("tail -f", &["tail", "-f", "/dev/null"]),
    form("Python, Perl, Ruby, PHP, Node.js", &["python3", "-c", "import time; time.sleep(40)"]),
    form("PowerShell", &["powershell", "-Command", "Start-Sleep -Seconds 40"]),
    form("cmd", &["cmd", "/c", "timeout /t 40 /nobreak"]),
    form("cmd's ping: a second between two", &["cmd", "/c", "ping -n 41 127.0.0.1 > nul"]),
    line("a stop", &["sh", "-c", "sleep 10 && nginx -s quit && sleep 30"]),
    line("a stop by a signal", &["sh", "-c", "sleep 10; kill -TERM 1; while kill -0 1; do sleep 1; done"]),
    form("a stop with a wait and a limit of its own", &["kong", "quit", "--wait=10", "--timeout=30"]),
    line("a stop on a condition", &["sh", "-c", "[ -f /run/nginx.pid ] && nginx -s quit; sleep 20"]),
    form("one word with a blank", &["sleep 40"]),
    form("an operand that is lost", &["sh", "-c", "sleep", "40"]),
];
