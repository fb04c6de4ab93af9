//! `draingate explain`: the stop of each pod in a manifest, or of an object of a cluster, as a picture, before and after
//! admission.
//!
//! It judges as `check` does, and shows what the judgement knows instead of saying it.

pub mod live;

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use kube::Client;

use self::live::{Live, LiveName};
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::files;
use crate::files::input::{Input, inputs};
use crate::judged::{Cause, Origin, Problem};
use crate::report::timeline::words::{plain, title};
use crate::report::timeline::{Explanation, View, Which, html, json, svg, text};
use crate::terminal;
use crate::walk::{Found, Walk, context};
use draingate_core::judge::View as Pods;
use draingate_core::manifest;
use draingate_core::objects;
use draingate_core::versions;
use draingate_core::world::{SleepSupport, World};

/// Reads, judges, draws.
///
/// # Errors
/// Where something cannot be read, or there is nothing to draw. What could be read is drawn all the same.
pub fn run(args: &ExplainArgs) -> Result<()> {
    let files = read(args)?;
    tell_all(args, explanations(&files, world(args)?, args.namespace.as_deref().unwrap_or("default")))
}

/// The same of an object of a cluster.
///
/// # Errors
/// What cannot be read, and why.
pub async fn run_live(client: Client, args: &ExplainArgs, name: &LiveName) -> Result<()> {
    let Live { file, world, namespace } = live::read(client, args, name).await?;
    let mut explained = explanations(&[file], world, &namespace);
    for Explanation { result, views } in &mut explained.0 {
        // Its text was never seen by anybody, so it has no lines.
        result.origin = Origin::Cluster { pods: None };
        let findings = views.iter_mut().flat_map(|view| &mut view.findings).chain(&mut result.findings);
        findings.for_each(|finding| finding.location = None);
    }
    tell_all(args, explained)
}

fn tell_all(args: &ExplainArgs, (mut explanations, problems, notes): Explained) -> Result<()> {
    if let Some(filter) = &args.object {
        explanations.retain(|explanation| is_named(explanation, filter));
    }
    problems.iter().for_each(tell);
    for note in &notes {
        let _ = writeln!(std::io::stderr(), "draingate: {}", plain(note));
    }
    match &args.object {
        Some(filter) if explanations.is_empty() => bail!("no object named {filter:?} carries a pod"),
        None if explanations.is_empty() && problems.is_empty() => bail!("no object here carries a pod"),
        _ => {}
    }
    if !explanations.is_empty() {
        write(args, &render(args, &explanations)?)?;
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("one document could not be read"),
        count => bail!("{count} documents could not be read"),
    }
}

/// A file and its text. A pipe can be read only once.
#[derive(Clone, Debug)]
pub struct File {
    /// The path as given, `-` for standard input.
    pub name: Arc<str>,
    /// All of it.
    pub text: String,
}

/// What there is to draw, what could not be read, and what was not judged, or could not be ignored.
pub type Explained = (Vec<Explanation>, Vec<Problem>, Vec<String>);

/// Every object in the files that carries a pod, in their order, what could not be read, and what was not judged. What else is
/// among them is added to `world` first; objects that name no namespace are in `namespace`.
pub fn explanations(files: &[File], mut world: World, namespace: &str) -> Explained {
    let (mut explanations, mut problems, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for File { name, text } in files {
        for object in context::objects(text) {
            if let Err((title, problem)) = objects::add(&mut world, &object.value, Some(namespace)) {
                let cause = Cause::Policy { title, problem };
                problems.push(Problem { file: Arc::clone(name), line: object.line, column: 1, cause });
            }
        }
    }
    if files.iter().any(|file| context::has_owned_pods(&file.text)) {
        for object in files.iter().flat_map(|file| context::owners(&file.text)) {
            // An owner that cannot be read is absent.
            let _ = objects::add(&mut world, &object.value, Some(namespace));
        }
    }
    let walk = Walk { world: &world, namespace };
    for File { name, text } in files {
        for document in manifest::documents(text) {
            let passed = walk.document(name, &document, |found| explanations.push(explain(found)));
            // The policies were told about when the world got to know them.
            let news = |problem: &Problem| !matches!(problem.cause, Cause::Policy { .. });
            problems.extend(passed.problems.into_iter().filter(news));
            notes.extend(passed.unjudged.iter().map(ToString::to_string));
            notes.extend(passed.idle_ignores.iter().map(ToString::to_string));
        }
    }
    (explanations, problems, notes)
}

/// An object as written and, where admission makes a difference, as admitted.
fn explain(found: &Found) -> Explanation {
    let written = found.candidate.judge(Pods::AsWritten);
    let result = found.result(&written);
    let mut views = Vec::new();
    if written.skipped.is_none() {
        let admitted = found.candidate.judge(Pods::AsAdmitted);
        let same = admitted.patch.is_empty()
            && (admitted.required, admitted.pod.hold) == (written.required, written.pod.hold)
            && admitted.findings == written.findings;
        let which = if same { Which::Unchanged } else { Which::AsWritten };
        views.push(View::of(which, &written, result.clone()));
        if !same {
            views.push(View::of(Which::AsAdmitted, &admitted, found.result(&admitted)));
        }
    }
    Explanation { result, views }
}

fn read(args: &ExplainArgs) -> Result<Vec<File>> {
    let inputs = inputs(std::slice::from_ref(&args.path))?;
    let file = |input: &Input| Ok(File { name: input.name().into(), text: input.text()?.into_owned() });
    inputs.iter().map(file).collect()
}

/// What is known besides the files.
fn world(args: &ExplainArgs) -> Result<World> {
    let mut world = World::default();
    for path in &args.policy {
        files::load(&mut world, path)?;
    }
    if let Some(version) = &args.kubernetes_version {
        world.sleep = sleep_support(version);
    }
    Ok(world)
}

fn sleep_support(version: &str) -> SleepSupport {
    versions::sleep_support(version, [] as [&str; 0], false)
}

/// Whether an object is the one that `NAME` or `KIND/NAME` names; the kind in any case.
fn is_named(explanation: &Explanation, filter: &str) -> bool {
    let result = &explanation.result;
    match filter.split_once('/') {
        Some((kind, name)) => result.kind.eq_ignore_ascii_case(kind) && result.name == name,
        None => result.name == filter,
    }
}

fn render(args: &ExplainArgs, explanations: &[Explanation]) -> Result<String> {
    Ok(match args.format {
        ExplainFormat::Text => text::render(explanations, args.output.is_none() && terminal::has_colours()),
        ExplainFormat::Json => json::render(explanations)?,
        ExplainFormat::Html => html::render(explanations),
        ExplainFormat::Svg => match explanations {
            [explanation] => svg::render(explanation),
            _ => {
                let some: Vec<_> = explanations.iter().take(10).map(|e| format!("  {}", title(e))).collect();
                let count = explanations.len();
                bail!(
                    "{count} objects carry a pod and an SVG shows one: name it, or use --format html\n{}",
                    some.join("\n")
                )
            }
        },
    })
}

fn write(args: &ExplainArgs, text: &str) -> Result<()> {
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => Ok(std::io::stdout().lock().write_all(text.as_bytes())?),
    }
}

fn tell(problem: &Problem) {
    let Problem { file, line, cause, .. } = problem;
    let said = match cause {
        Cause::Document(_) => problem.to_string(),
        Cause::Policy { .. } => format!("{file}:{line}: {cause}"),
        Cause::Object { kind, line, unreadable } => format!("{file}:{line}: {kind}: {unreadable}"),
    };
    let _ = writeln!(std::io::stderr(), "draingate: {}", plain(&said));
}
