//! The words of a container's command and the parts of its image's name.

use crate::text::{Text, base, before};

/// What an image is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'a> {
    /// Without tag and digest.
    path: &'a str,
    /// The last part of the path.
    pub last: &'a str,
    tag: &'a str,
}

impl<'a> Image<'a> {
    pub(super) fn of(image: &'a str) -> Image<'a> {
        let named = before(image, b'@');
        // A colon before the last slash is a registry's port.
        let last = base(named);
        let (name, tag) = last.split_once(':').unwrap_or((last, ""));
        let path = named.get(..named.len() - last.len() + name.len()).unwrap_or_default();
        Image { path, last: name, tag }
    }

    pub(super) fn is(&self, pattern: &str) -> bool {
        let (path, tag) = pattern.split_once(':').unwrap_or((pattern, ""));
        let is = match path.rsplit_once('/') {
            None => matches(path, self.last),
            Some((before, last)) => {
                let (repository, name) = self.path.rsplit_once('/').unwrap_or(("library", self.path));
                let repository = if repository == "docker.io" { "library" } else { repository };
                let ends = repository.strip_suffix(before);
                matches(last, name) && ends.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            }
        };
        is && self.tag.contains(tag)
    }
}

/// Whether a name is this, or begins with it where it ends in `*`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begins) => name.starts_with(begins),
        None => name == pattern,
    }
}

/// The words of a command and its arguments; of a shell's line, those of its last command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    command: &'a [Text<'a>],
    args: &'a [Text<'a>],
    line: Option<&'a str>,
    /// The program that runs in the end, by the last part of its path.
    pub program: Option<&'a str>,
    /// A Java virtual machine runs it.
    pub java: bool,
}

impl<'a> Words<'a> {
    pub(super) fn of(command: &'a [Text<'a>], args: &'a [Text<'a>]) -> Words<'a> {
        let mut words = Words { command, args, line: None, program: None, java: false };
        words.line = words.shell_line();
        (words.program, words.java) = program(words.iter());
        words
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let (command, args) = if self.line.is_some() { (&[][..], &[][..]) } else { (self.command, self.args) };
        let line = self.line.unwrap_or_default();
        let of_line = line.split_whitespace().filter(|word| *word != "\\").map(|word| word.trim_matches(['"', '\'']));
        command.iter().chain(args).map(Text::as_str).chain(of_line)
    }

    /// Whether this word is among them, other than as the value of a flag.
    pub(super) fn has(&self, wanted: &str) -> bool {
        let mut before = "";
        self.iter().any(|word| {
            let value = before.len() > 1 && before.starts_with('-') && !before.contains('=');
            before = word;
            word == wanted && !value
        })
    }

    /// The last command of a shell's line.
    fn shell_line(&self) -> Option<&'a str> {
        let mut words = self.command.iter().chain(self.args).map(Text::as_str).skip_while(|word| passes_on(base(word)));
        let shell = words.next().map(base)?;
        if !matches!(shell, "sh" | "bash" | "ash" | "dash" | "zsh" | "ksh") {
            return None;
        }
        let is_c = |word: &str| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
        words.by_ref().take(4).find(|word| is_c(word))?;
        words.next().map(last_command)
    }
}

fn last_command(line: &str) -> &str {
    let line = line.trim_end_matches(|c: char| c.is_whitespace() || c == ';' || c == '&');
    let goes_on = |at: usize| line.get(..at).is_some_and(|before| before.trim_end_matches('\r').ends_with('\\'));
    let newline = line.rmatch_indices('\n').find(|(at, _)| !goes_on(*at));
    let ends = [line.rfind("&&").map(|at| at + 2), line.rfind(';').map(|at| at + 1), newline.map(|(at, _)| at + 1)];
    ends.into_iter().flatten().max().and_then(|at| line.get(at..)).unwrap_or(line)
}

/// A program that runs the rest of its words.
fn passes_on(name: &str) -> bool {
    matches!(
        name,
        "tini"
            | "dumb-init"
            | "catatonit"
            | "exec"
            | "nohup"
            | "env"
            | "--"
            | "-s"
            | "-g"
            | "-v"
            | "-w"
            | "entrypoint"
            | "entrypoint.sh"
            | "docker-entrypoint.sh"
            | "ddtrace-run"
            | "opentelemetry-instrument"
    )
}

/// The program that runs in the end, and whether a Java virtual machine runs it.
fn program<'a>(mut words: impl Iterator<Item = &'a str>) -> (Option<&'a str>, bool) {
    while let Some(word) = words.next() {
        let name = base(word);
        if passes_on(name) || (word.contains('=') && !word.starts_with('-')) {
            continue;
        }
        return match name {
            _ if word.starts_with('-') => (None, false),
            "bundle" | "poetry" | "uv" | "pipenv" | "pdm" | "rye" | "hatch" => match words.next() {
                Some("exec" | "run") => continue,
                _ => (Some(name), false),
            },
            "java" => (class(words), true),
            "ruby" | "php" => (script(words), false),
            _ if name.starts_with("python") => (script(words), false),
            _ => (Some(name), false),
        };
    }
    (None, false)
}

/// What an interpreter runs: a module or a file.
fn script<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    while let Some(word) = words.next() {
        match word {
            "-m" => return words.next(),
            "-c" => return None,
            _ if word.starts_with('-') => {}
            _ => return Some(base(word)),
        }
    }
    None
}

/// What a Java virtual machine runs: an archive or a class.
fn class<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    while let Some(word) = words.next() {
        match word {
            "-cp" | "-classpath" | "--class-path" | "-p" | "--module-path" => drop(words.next()),
            _ if word.starts_with('-') || word.starts_with('$') => {}
            _ => return Some(base(word)),
        }
    }
    None
}
