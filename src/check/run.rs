//! The `check` command, from its arguments to its exit code.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Result};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::baseline::Baseline;
use super::fix;
use crate::cli::{BAD, CLEAN, CheckArgs, FINDINGS, FailOn, FixMode};
use crate::files::input::{Input, inputs};
use crate::files::{self, FileError};
use crate::judged::{Judged, JudgedFile, Summary};
use crate::report;
use crate::report::CheckFormat;
use crate::report::human::Human;
use crate::report::timeline::words::plain;
use crate::terminal;
use crate::walk::Walk;
use crate::walk::context::{self, ContextObject};
use draingate_core::judge::View;
use draingate_core::objects;
use draingate_core::versions;
use draingate_core::world::World;

/// Files read, judged and written out together: what bounds memory.
const BATCH: usize = 256;

/// Checks what the arguments name; gives the exit code.
///
/// # Errors
/// A call that cannot be carried out at all. A document that cannot be read is reported, not an error here.
pub fn run(args: &CheckArgs) -> Result<u8> {
    if args.as_written {
        writeln!(io::stderr(), "draingate: --as-written says nothing any more: it is what check does by itself")?;
    }
    let view = if args.admitted { View::AsAdmitted } else { View::AsWritten };
    let baseline = args.baseline.as_ref().map(|path| Baseline::open(path, view, args.update_baseline)).transpose()?;
    let mut inputs = inputs(&args.paths)?;
    if let Some(baseline) = &baseline {
        baseline.leave_out(&mut inputs);
    }
    let bar = if inputs.len() < BATCH { ProgressBar::hidden() } else { terminal::file_bar(inputs.len()) };
    let mut check = Check { view, bar, unreadable: 0 };
    let world = check.world(args, &inputs)?;
    let walk = Walk { world: &world, namespace: &args.namespace };
    let code = match args.fix {
        Some(mode) => check.fix(&walk, &inputs, mode)?,
        None => check.report(&walk, &inputs, args, baseline)?,
    };
    check.bar.finish_and_clear();
    Ok(if check.unreadable > 0 { BAD } else { code })
}

struct Check {
    view: View,
    bar: ProgressBar,
    unreadable: usize,
}

/// An input's name and text.
type Text<'i> = (String, Result<Cow<'i, str>, FileError>);

impl Check {
    /// Policies, Namespaces, Services and what else is known: from `--policy`, and from among the inputs.
    fn world(&mut self, args: &CheckArgs, inputs: &[Input]) -> Result<World> {
        let mut world = World::default();
        if let Some(version) = &args.kubernetes_version {
            world.sleep = versions::sleep_support(version, [] as [&str; 0], false);
        }
        let owned = AtomicBool::new(false);
        let objects_of = |text: &str| {
            owned.fetch_or(context::has_owned_pods(text), Ordering::Relaxed);
            context::objects(text)
        };
        add_all(&mut world, inputs, &args.namespace, objects_of);
        if owned.into_inner() {
            add_all(&mut world, inputs, &args.namespace, context::owners);
        }
        for path in &args.policy {
            files::load(&mut world, path)?;
        }
        Ok(world)
    }

    fn report(
        &mut self,
        walk: &Walk,
        inputs: &[Input],
        args: &CheckArgs,
        mut baseline: Option<Baseline>,
    ) -> Result<u8> {
        // Only people's output has colours to take away; what machines read goes out byte by byte.
        let stdout = io::stdout().lock();
        let colours =
            if args.format == CheckFormat::Human { AutoStream::choice(&stdout) } else { ColorChoice::AlwaysAnsi };
        let mut out = io::BufWriter::new(AutoStream::new(stdout, colours));
        let people = || Box::new(Human::new(self.view, args.fail_on == FailOn::Warning)) as Box<dyn report::Format>;
        let mut format = report::for_machines(args.format, self.view).unwrap_or_else(people);
        let mut summary = Summary::default();
        let mut problems = 0;
        out.write_all(format.head().as_bytes())?;
        for batch in inputs.chunks(BATCH) {
            let texts = read(batch);
            let mut files: Vec<Option<JudgedFile>> =
                texts.par_iter().map(|(name, text)| Some(walk.file(name, text.as_ref().ok()?, self.view))).collect();
            if let Some(baseline) = &mut baseline {
                // One after the other: which of two that are the same is the new one depends on their order.
                files.iter_mut().flatten().for_each(|file| baseline.mark(file));
            }
            let write = |file: &Option<JudgedFile>| file.as_ref().map(|file| format.text(Judged::File(file)));
            let written: Vec<Option<String>> = files.par_iter().map(write).collect();
            for (((_, text), file), written) in texts.iter().zip(files).zip(written) {
                self.bar.inc(1);
                if let Err(error) = text {
                    self.complain(error);
                    problems += 1;
                }
                let (Some(file), Some(written)) = (file, written) else { continue };
                summary.add(file.summary);
                self.note(&file);
                problems += file.problems.len();
                self.unreadable += file.problems.len();
                let written = format.add(Judged::File(&file), written);
                self.bar.suspend(|| out.write_all(written.as_bytes()))?;
            }
        }
        self.bar.finish_and_clear();
        out.write_all(format.tail(&summary, problems).as_bytes())?;
        out.flush()?;
        if let Some(baseline) = baseline {
            self.tell(&baseline.close(problems)?);
        }
        let failed = match args.fail_on {
            FailOn::Error => summary.errors > 0,
            FailOn::Warning => summary.errors + summary.warnings > 0,
        };
        Ok(if failed { FINDINGS } else { CLEAN })
    }

    /// Writes fixes into the files, or their diff to standard output.
    fn fix(&mut self, walk: &Walk, inputs: &[Input], mode: FixMode) -> Result<u8> {
        let mut out = io::stdout().lock();
        let (mut edited, mut left) = (0, 0);
        for input in inputs {
            self.bar.inc(1);
            let name = name(input);
            let text = match input.text() {
                Ok(text) => text,
                Err(error) => {
                    self.complain(&error);
                    continue;
                }
            };
            let fixed = fix::fix(walk, self.view, &name, &text);
            self.unreadable += fixed.problems;
            edited += fixed.edits;
            left += fixed.left;
            match (mode, input) {
                _ if fixed.text == *text => {}
                (FixMode::Write, Input::File(path)) => {
                    std::fs::write(path, &fixed.text).with_context(|| path.display().to_string())?;
                }
                (FixMode::Write, Input::Stdin(_)) => out.write_all(fixed.text.as_bytes())?,
                (FixMode::Diff, _) => {
                    let diff = similar::TextDiff::from_lines(&*text, &fixed.text);
                    write!(out, "{}", diff.unified_diff().header(&name, &name))?;
                }
            }
        }
        let done = if mode == FixMode::Write { "made" } else { "shown" };
        writeln!(
            io::stderr(),
            "{edited} fixes {done}, {left} left that are not safe to write; check again without --fix for what remains"
        )?;
        Ok(CLEAN)
    }

    /// Says what nobody judged, and which comments ignore nothing, whatever the format: that is no finding, and must not
    /// look like a clean result either.
    fn note(&self, file: &JudgedFile) {
        let unjudged = file.unjudged.iter().map(ToString::to_string);
        let notes: Vec<_> = unjudged.chain(file.idle_ignores.iter().map(ToString::to_string)).collect();
        self.tell(&notes);
    }

    fn tell(&self, notes: &[String]) {
        if !notes.is_empty() {
            self.bar.suspend(|| {
                for note in notes {
                    let _ = writeln!(io::stderr(), "draingate: {}", plain(note));
                }
            });
        }
    }

    fn complain(&mut self, error: &FileError) {
        self.unreadable += 1;
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "draingate: {error}");
        });
    }
}

/// Adds what `look` finds in the inputs' texts.
fn add_all(world: &mut World, inputs: &[Input], namespace: &str, look: impl Fn(&str) -> Vec<ContextObject> + Sync) {
    for batch in inputs.chunks(BATCH) {
        // A file that cannot be read is complained about once its turn comes.
        let look = |input: &Input| input.text().map(|text| look(&text)).unwrap_or_default();
        let found: Vec<Vec<ContextObject>> = batch.par_iter().map(look).collect();
        for object in found.into_iter().flatten() {
            // One that cannot be read is reported where it stands.
            let _ = objects::add(world, &object.value, Some(namespace));
        }
    }
}

/// A batch's inputs with their texts, or why there is none.
fn read(batch: &[Input]) -> Vec<Text<'_>> {
    batch.par_iter().map(|input| (name(input), input.text())).collect()
}

/// As other tools name it.
fn name(input: &Input) -> String {
    let name = input.name();
    name.strip_prefix("./").map(str::to_owned).unwrap_or(name)
}
