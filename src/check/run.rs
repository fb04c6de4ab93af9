//! The `check` command, from its arguments to its exit code.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

use super::file::Judge;
use super::fix;
use super::input::{Input, inputs};
use crate::cli::{CheckArgs, CheckFormat, FailOn, FixMode};
use crate::files;
use crate::judged::{Judged, JudgedFile, Summary};
use crate::report::Format;
use crate::report::github::Github;
use crate::report::human::Human;
use crate::report::json::Json;
use crate::report::junit::Junit;
use crate::report::sarif::Sarif;
use draingate_core::judge::View;
use draingate_core::manifest;
use draingate_core::objects;
use draingate_core::versions;
use draingate_core::world::World;

/// Files read, judged and written out together: what bounds memory.
const BATCH: usize = 256;
/// A progress bar appears only where the work lasts.
const PATIENCE: Duration = Duration::from_millis(700);

/// The exit code of a clean run.
pub const CLEAN: u8 = 0;
/// The exit code where there are findings at or above `--fail-on`.
pub const FINDINGS: u8 = 1;
/// The exit code where the input or the call is bad.
pub const BAD: u8 = 2;

/// Checks what the arguments name; gives the exit code.
///
/// # Errors
/// A call that cannot be carried out at all. A document that cannot be read is reported, not an error here.
pub fn run(args: &CheckArgs) -> Result<u8> {
    let inputs = inputs(&args.paths)?;
    let mut check = Check { bar: bar(inputs.len()), unreadable: 0 };
    let world = check.world(args, &inputs)?;
    let view = if args.as_written { View::AsWritten } else { View::AsAdmitted };
    let judge = Judge { world: &world, namespace: &args.namespace, view };
    let code = match args.fix {
        Some(mode) => check.fix(&judge, &inputs, mode)?,
        None => check.report(&judge, &inputs, args)?,
    };
    check.bar.finish_and_clear();
    Ok(if check.unreadable > 0 { BAD } else { code })
}

struct Check {
    bar: ProgressBar,
    unreadable: usize,
}

/// What was read of one input, with its name.
type Text = (String, Result<String, String>);

fn read(input: &Input) -> Text {
    match input {
        Input::Stdin(text) => ("-".to_owned(), Ok(text.clone())),
        Input::File(path) => (name(path), files::read(path).map_err(|error| error.to_string())),
    }
}

fn name(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}

impl Check {
    /// Policies, Namespaces and Services: from `--policy`, and from among the inputs.
    fn world(&mut self, args: &CheckArgs, inputs: &[Input]) -> Result<World> {
        let mut world = World::default();
        if let Some(version) = &args.kubernetes_version {
            world.sleep = versions::sleep_support(version, [] as [&str; 0], false);
        }
        for batch in inputs.chunks(BATCH) {
            let found: Vec<Vec<serde_json::Value>> = batch.par_iter().map(|input| worldly(&read(input))).collect();
            for object in found.into_iter().flatten() {
                // One that cannot be read is reported where it stands.
                let _ = objects::add(&mut world, &object, Some(&args.namespace));
            }
        }
        for path in &args.policy {
            files::load(&mut world, path)?;
        }
        Ok(world)
    }

    fn report(&mut self, judge: &Judge, inputs: &[Input], args: &CheckArgs) -> Result<u8> {
        // Only people's output has colours to take away; what machines read goes out byte by byte.
        let stdout = io::stdout().lock();
        let colours =
            if args.format == CheckFormat::Human { AutoStream::choice(&stdout) } else { ColorChoice::AlwaysAnsi };
        let mut out = io::BufWriter::new(AutoStream::new(stdout, colours));
        let mut format = format(args.format, judge.view);
        let mut summary = Summary::default();
        let mut problems = 0;
        out.write_all(format.head().as_bytes())?;
        for batch in inputs.chunks(BATCH) {
            let texts: Vec<Text> = batch.par_iter().map(read).collect();
            let files: Vec<Option<(JudgedFile, String)>> = texts
                .par_iter()
                .map(|(name, text)| {
                    let file = judge.file(name, text.as_ref().ok()?);
                    let written = format.text(Judged::File(&file));
                    Some((file, written))
                })
                .collect();
            for ((_, text), file) in texts.iter().zip(files) {
                self.bar.inc(1);
                if let Err(error) = text {
                    self.complain(error);
                    problems += 1;
                }
                let Some((file, written)) = file else { continue };
                summary.add(file.summary);
                problems += file.problems.len();
                self.unreadable += file.problems.len();
                let written = format.add(Judged::File(&file), written);
                self.bar.suspend(|| out.write_all(written.as_bytes()))?;
            }
        }
        self.bar.finish_and_clear();
        out.write_all(format.tail(&summary, problems).as_bytes())?;
        out.flush()?;
        let failed = match args.fail_on {
            FailOn::Error => summary.errors > 0,
            FailOn::Warning => summary.errors + summary.warnings > 0,
        };
        Ok(if failed { FINDINGS } else { CLEAN })
    }

    /// Writes fixes into the files, or their diff to standard output.
    fn fix(&mut self, judge: &Judge, inputs: &[Input], mode: FixMode) -> Result<u8> {
        let mut out = io::stdout().lock();
        let (mut edited, mut left) = (0, 0);
        for input in inputs {
            self.bar.inc(1);
            let (name, text) = read(input);
            let text = match text {
                Ok(text) => text,
                Err(error) => {
                    self.complain(&error);
                    continue;
                }
            };
            let fixed = fix::fix(judge, &name, &text);
            self.unreadable += fixed.problems;
            edited += fixed.edits;
            left += fixed.left;
            match (mode, input) {
                _ if fixed.text == text => {}
                (FixMode::Write, Input::File(path)) => {
                    std::fs::write(path, &fixed.text).with_context(|| path.display().to_string())?;
                }
                (FixMode::Write, Input::Stdin(_)) => out.write_all(fixed.text.as_bytes())?,
                (FixMode::Diff, _) => {
                    let diff = similar::TextDiff::from_lines(&text, &fixed.text);
                    write!(out, "{}", diff.unified_diff().header(&name, &name))?;
                }
            }
        }
        let done = if mode == FixMode::Write { "made" } else { "shown" };
        writeln!(
            io::stderr(),
            "{edited} edits {done}, {left} left that are not safe to make; check again without --fix for what remains"
        )?;
        Ok(CLEAN)
    }

    fn complain(&mut self, error: &str) {
        self.unreadable += 1;
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr(), "draingate: {error}");
        });
    }
}

/// The objects of a text that are about the world. Most documents are passed over unparsed.
fn worldly((_, text): &Text) -> Vec<serde_json::Value> {
    let Ok(text) = text else { return Vec::new() };
    let mut found = Vec::new();
    for document in manifest::documents(text) {
        if ["Namespace", "Service", "DrainPolicy"].iter().any(|kind| document.text.contains(kind)) {
            let Ok(value) = manifest::parse(&document) else { continue };
            found.extend(
                manifest::objects(&value).into_iter().filter(|object| objects::is_context_object(object)).cloned(),
            );
        }
    }
    found
}

fn format(format: CheckFormat, view: View) -> Box<dyn Format> {
    match format {
        CheckFormat::Human => Box::new(Human::new(view)),
        CheckFormat::Json => Box::new(Json::default()),
        CheckFormat::Sarif => Box::new(Sarif::default()),
        CheckFormat::Junit => Box::new(Junit::default()),
        CheckFormat::Github => Box::new(Github::default()),
    }
}

fn bar(files: usize) -> ProgressBar {
    if !io::stderr().is_terminal() || files < BATCH {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files {elapsed}") {
        bar.set_style(style);
    }
    let late = bar.clone();
    std::thread::spawn(move || {
        std::thread::sleep(PATIENCE);
        if !late.is_finished() {
            late.set_draw_target(ProgressDrawTarget::stderr());
        }
    });
    bar
}
