//! Lines of Python, Perl, Node.js, Ruby and PHP that plainly wait: `python -c "import time; time.sleep(40)"`.

use super::duration::decimal;
use super::span::{SECOND, Span};

/// Whether a program runs a script that it is given as a word.
pub(super) fn is_interpreter(name: &str) -> bool {
    language(name).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Perl,
    Node,
    Ruby,
    Php,
}

fn language(name: &str) -> Option<Language> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match plain {
        "python" | "pypy" => Some(Language::Python),
        "perl" => Some(Language::Perl),
        "node" | "nodejs" | "bun" => Some(Language::Node),
        "ruby" => Some(Language::Ruby),
        "php" => Some(Language::Php),
        _ => None,
    }
}

/// What a script takes; `None` where it does anything else, too.
pub(super) fn read(name: &str, words: &[&str]) -> Option<Span> {
    let language = language(name)?;
    let flag = match language {
        Language::Python => "-c",
        Language::Perl | Language::Node | Language::Ruby => "-e",
        Language::Php => "-r",
    };
    let at = words.iter().position(|word| *word == flag)?;
    if words.get(..at)?.iter().any(|word| !word.starts_with('-')) {
        return None;
    }
    let script = words.get(at + 1)?;
    let mut total = Span::NONE;
    for statement in script.split([';', '\n']) {
        let statement = statement.trim();
        if statement.is_empty() || brings_in(language, statement) {
            continue;
        }
        total = total.plus(Span::exactly(waits(language, statement)?));
    }
    Some(total)
}

/// A statement that only makes other code known, or prints.
fn brings_in(language: Language, statement: &str) -> bool {
    match language {
        Language::Python => {
            matches!(statement, "import time" | "from time import sleep")
                || (statement.starts_with("print(") && statement.ends_with(')'))
        }
        Language::Perl => statement.starts_with("use ") || statement.starts_with("print "),
        Language::Node | Language::Php => statement.starts_with("console.log(") || statement.starts_with("echo "),
        Language::Ruby => statement.starts_with("puts "),
    }
}

fn waits(language: Language, statement: &str) -> Option<u64> {
    let call = |names: &[&str], unit: u64| {
        let name = names.iter().find(|name| statement.starts_with(**name))?;
        let rest = statement.get(name.len()..)?.trim();
        let inner = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
        decimal(inner.trim(), u128::from(unit))
    };
    match language {
        Language::Python => {
            call(&["time.sleep", "sleep", "__import__('time').sleep", "__import__(\"time\").sleep"], SECOND)
        }
        Language::Perl => match statement.strip_prefix("select") {
            Some(rest) => {
                let last = rest.trim().trim_matches(['(', ')']).rsplit(',').next()?;
                decimal(last.trim(), u128::from(SECOND))
            }
            None => call(&["sleep"], SECOND),
        },
        Language::Ruby => call(&["sleep"], SECOND),
        Language::Php => call(&["usleep"], SECOND / 1_000_000).or_else(|| call(&["sleep"], SECOND)),
        Language::Node => {
            let inner = statement.strip_prefix("setTimeout(")?.strip_suffix(')')?;
            let (code, time) = inner.rsplit_once(',')?;
            let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
            let ends = [
                "()=>{}",
                "function(){}",
                "()=>process.exit(0)",
                "()=>process.exit()",
                "()=>{process.exit(0)}",
                "()=>null",
            ];
            ends.contains(&code.as_str()).then(|| decimal(time.trim(), u128::from(SECOND / 1_000)))?
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::Length;
    use super::read;

    #[test]
    fn what_plainly_waits() {
        for (name, words, seconds) in [
            ("python", ["-c", "import time; time.sleep(40)"], 40),
            ("python3.12", ["-c", "from time import sleep\nsleep(40)"], 40),
            ("perl", ["-e", "sleep 40"], 40),
            ("perl", ["-e", "select(undef, undef, undef, 39.5);"], 40),
            ("node", ["-e", "setTimeout(() => {}, 40000)"], 40),
            ("ruby", ["-e", "sleep(40)"], 40),
            ("php", ["-r", "sleep(20); sleep(20);"], 40),
        ] {
            assert_eq!(read(name, &words).map(|span| span.length()), Some(Length::Exact(seconds)), "{name} {words:?}");
        }
    }

    #[test]
    fn what_does_more_is_not_read() {
        for (name, words) in [
            ("python", ["-c", "import drain; drain.run()"]),
            ("python", ["drain.py", "-c"]),
            ("node", ["-e", "setTimeout(drain, 40000)"]),
            ("perl", ["-e", "sleep $n"]),
        ] {
            assert_eq!(read(name, &words), None, "{name} {words:?}");
        }
    }
}
