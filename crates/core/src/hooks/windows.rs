//! Waits as Windows containers write them: `timeout /t`, `ping -n`, `Start-Sleep`.

use super::duration::decimal;
use super::programs::{Does, file_name};
use super::span::{SECOND, Span};
use super::stops;

/// `cmd /c LINE` and `powershell -Command LINE`, where each command in it is plainly a wait, says something, or stops
/// the container.
pub(super) fn look(name: &str, words: &[&str]) -> Option<Does> {
    let line = if name == "cmd" { cmd_line(words)? } else { powershell_line(words)? };
    let mut total = Span::NONE;
    for command in line.split(['&', ';', '\n']).map(str::trim).filter(|command| !command.is_empty()) {
        let command = command.split('>').next().unwrap_or_default();
        let words: Vec<&str> = command.split_whitespace().collect();
        let (program, arguments) = words.split_first()?;
        let program = file_name(program).to_ascii_lowercase();
        if let Some(stop) = stops::find(&program, arguments) {
            let wait = total.plus(stop.wait);
            return Some(Does::Stops(super::programs::Stops { wait, ..stop }));
        }
        total = total.plus(match program.as_str() {
            "timeout" => timeout(arguments)?,
            "ping" => match ping(arguments, "-n")? {
                Does::Waits(span) => span,
                _ => return None,
            },
            "start-sleep" | "sleep" => start_sleep(arguments)?,
            "echo" | "rem" | "write-host" | "write-output" | "@echo" | "exit" => Span::NONE,
            "powershell" | "pwsh" | "cmd" => match look(&program, arguments)? {
                Does::Waits(span) => span,
                other => return (total == Span::NONE).then_some(other),
            },
            _ => return None,
        });
    }
    Some(Does::Waits(total))
}

fn cmd_line(words: &[&str]) -> Option<String> {
    let at = words.iter().position(|word| matches!(word.to_ascii_lowercase().as_str(), "/c" | "/s/c" | "/k"))?;
    Some(words.get(at + 1..)?.join(" "))
}

fn powershell_line(words: &[&str]) -> Option<String> {
    let mut at = 0;
    while let Some(flag) = words.get(at).filter(|word| word.starts_with(['-', '/'])) {
        at += 1;
        match flag.trim_start_matches(['-', '/']).to_ascii_lowercase().as_str() {
            "command" | "c" => break,
            "executionpolicy" | "ep" | "windowstyle" => at += 1,
            "noprofile" | "nop" | "noninteractive" | "nologo" => {}
            _ => return None,
        }
    }
    Some(words.get(at..)?.join(" "))
}

/// `timeout /t 40 /nobreak`
fn timeout(words: &[&str]) -> Option<Span> {
    let at = words.iter().position(|word| word.eq_ignore_ascii_case("/t")).map(|at| at + 1);
    let number = words.get(at.unwrap_or(0))?;
    Some(Span::exactly(decimal(number, u128::from(SECOND))?))
}

/// `Start-Sleep 40`, `-s 40`, `-Seconds 40`, `-Milliseconds 40000`
fn start_sleep(words: &[&str]) -> Option<Span> {
    let (number, unit) = match words {
        [number] => (number, SECOND),
        [flag, number] => match flag.to_ascii_lowercase().as_str() {
            "-s" | "-seconds" | "-sec" => (number, SECOND),
            "-m" | "-milliseconds" | "-ms" => (number, SECOND / 1_000),
            _ => return None,
        },
        _ => return None,
    };
    Some(Span::exactly(decimal(number.trim_matches(['\'', '"']), u128::from(unit))?))
}

/// A ping of this machine: one second between two of them.
pub(super) fn ping(words: &[&str], count: &str) -> Option<Does> {
    let at = words.iter().position(|word| word.eq_ignore_ascii_case(count))?;
    let times: u64 = words.get(at + 1)?.parse().ok()?;
    let here = words.iter().any(|word| matches!(*word, "127.0.0.1" | "localhost" | "::1"));
    let paced = words.iter().any(|word| matches!(*word, "-i" | "-w" | "-W" | "-f" | "-A"));
    (here && !paced).then(|| Does::Waits(Span::seconds(times.saturating_sub(1))))
}
