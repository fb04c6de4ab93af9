//! `--baseline`: the findings of an old repository as they were, so that only what is new fails.
//!
//! A finding is the same as long as its code, its workload and its container are; its line, its numbers and the file may
//! change. Where several are the same by that, they are counted. A warning that has become an error is new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::files;
use crate::files::input::Input;
use crate::judged::{JudgedFile, ObjectResult, Suppression};
use crate::report;
use crate::terminal::count;
use draingate_core::finding::{Finding, Severity};
use draingate_core::judge::View;

/// The version of the file.
const VERSION: u32 = 1;
/// How many findings that are gone are named.
const NAMED: usize = 10;

/// A baseline during a run.
pub(super) struct Baseline {
    path: PathBuf,
    judged: &'static str,
    /// What the file had, less what has been found again; none where all of this run goes into a new one.
    known: Option<BTreeMap<Entry, usize>>,
    /// What this run found, by what a new file would hold.
    found: BTreeMap<Entry, usize>,
    /// The workloads of this run.
    seen: BTreeSet<Workload>,
}

/// Whose finding it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Workload {
    namespace: String,
    kind: String,
    name: String,
}

/// What makes a finding the same. A file is sorted by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    workload: Workload,
    container: Option<String>,
    code: String,
    severity: Level,
}

/// The severity of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
}

impl Workload {
    fn of(object: &ObjectResult) -> Workload {
        Workload { namespace: object.namespace.clone(), kind: object.kind.to_string(), name: object.name.clone() }
    }

    fn entry(&self, finding: &Finding) -> Entry {
        Entry {
            workload: self.clone(),
            container: finding.container.clone(),
            code: finding.code.as_str().to_owned(),
            severity: if finding.severity == Severity::Error { Level::Error } else { Level::Warning },
        }
    }
}

impl Entry {
    /// `short-hold of "app" in Deployment shop/web`
    fn told(&self) -> String {
        let Entry { workload: Workload { namespace, kind, name }, container, code, .. } = self;
        let container = container.as_ref().map(|container| format!(" of {container:?}")).unwrap_or_default();
        format!("{code}{container} in {kind} {namespace}/{name}")
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    count: usize,
}

#[derive(Deserialize)]
struct File {
    version: u32,
    judged: String,
    findings: Vec<Line>,
}

impl Baseline {
    /// Reads it; `anew` takes what this run finds instead, as does a file that is not there.
    ///
    /// # Errors
    /// Where it cannot be read, or is about pods that were judged otherwise.
    pub(super) fn open(path: &Path, view: View, anew: bool) -> Result<Baseline> {
        let judged = report::judged(view);
        let known = if path.exists() && !anew { Some(read(path, judged)?) } else { None };
        Ok(Baseline { path: path.to_owned(), judged, known, found: BTreeMap::new(), seen: BTreeSet::new() })
    }

    /// Takes its own file out of the inputs: it holds no manifests.
    pub(super) fn leave_out(&self, inputs: &mut Vec<Input>) {
        if let Ok(own) = self.path.canonicalize() {
            inputs.retain(
                |input| !matches!(input, Input::File(path) if path.canonicalize().is_ok_and(|path| path == own)),
            );
        }
    }

    /// Marks what of a file it has.
    pub(super) fn mark(&mut self, file: &mut JudgedFile) {
        for object in &mut file.objects {
            let workload = Workload::of(object);
            object.suppress(|finding| self.has(workload.entry(finding)).then_some(Suppression::Baseline));
            self.seen.insert(workload);
        }
        file.recount();
    }

    /// Whether it has a finding, once more.
    fn has(&mut self, entry: Entry) -> bool {
        *self.found.entry(entry.clone()).or_default() += 1;
        let Some(known) = &mut self.known else { return true };
        let mut take = |entry: &Entry| known.get_mut(entry).filter(|left| **left > 0).map(|left| *left -= 1).is_some();
        // What was an error and is a warning now has not got worse.
        take(&entry) || take(&Entry { severity: Level::Error, ..entry })
    }

    /// Writes it where it is new; what there is to say, line by line.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn close(self, problems: usize) -> Result<Vec<String>> {
        let path = self.path.display();
        let Some(known) = self.known else {
            if problems > 0 {
                bail!("{path} is not written: what could not be read may have findings, too");
            }
            let text = render(self.judged, &self.found);
            std::fs::write(&self.path, text).with_context(|| format!("cannot write {path}"))?;
            let findings = count(self.found.values().sum(), "finding", "findings");
            return Ok(vec![format!(
                "{path} is written, with the {findings} of this run: from now on only new ones fail"
            )]);
        };
        let left = known.into_iter().filter(|(_, left)| *left > 0);
        let (gone, elsewhere): (Vec<_>, Vec<_>) = left.partition(|(entry, _)| self.seen.contains(&entry.workload));
        let sum = |entries: &[(Entry, usize)]| count(entries.iter().map(|(_, left)| left).sum(), "finding", "findings");
        let mut lines: Vec<_> =
            gone.iter().take(NAMED).map(|(entry, _)| format!("{path}: gone: {}", entry.told())).collect();
        if !gone.is_empty() {
            lines.push(format!("{path} has {} too many; --update-baseline takes what is gone out of it", sum(&gone)));
        }
        if !elsewhere.is_empty() {
            lines.push(format!("{path} has {} of workloads that are not among the inputs", sum(&elsewhere)));
        }
        Ok(lines)
    }
}

fn read(path: &Path, judged: &str) -> Result<BTreeMap<Entry, usize>> {
    let text = files::read(path)?;
    let file: File = serde_json::from_str(&text).with_context(|| format!("{} is no baseline", path.display()))?;
    if file.version != VERSION {
        bail!("{}: version {} of a baseline is not known here", path.display(), file.version);
    }
    if file.judged != judged {
        bail!("{} is about pods that were judged {}, these are judged {judged}", path.display(), file.judged);
    }
    let mut known = BTreeMap::new();
    for Line { entry, count } in file.findings {
        *known.entry(entry).or_default() += count;
    }
    Ok(known)
}

/// One finding a line, so that a change of it reads well.
fn render(judged: &str, found: &BTreeMap<Entry, usize>) -> String {
    let line = |(entry, count): (&Entry, &usize)| {
        let line = Line { entry: entry.clone(), count: *count };
        // Texts and a number always have a JSON.
        serde_json::to_string(&line).unwrap_or_default()
    };
    let lines: Vec<_> = found.iter().map(line).collect();
    let lines = if lines.is_empty() { String::new() } else { format!("\n{}\n", lines.join(",\n")) };
    format!("{{\"version\":{VERSION},\"judged\":\"{judged}\",\"findings\":[{lines}]}}\n")
}
