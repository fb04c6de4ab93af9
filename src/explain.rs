//! `draingate explain`: the stop of each pod in a manifest as a picture, before and after admission.
//!
//! It judges as `check` does, and shows what the judgement knows instead of saying it.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::check::input::{self, Input};
use crate::cli::{ExplainArgs, ExplainFormat};
use crate::files;
use crate::judged::{Location, ObjectResult, Origin, Source};
use crate::report::timeline::words::{plain, title};
use crate::report::timeline::{Explanation, View, Which, html, json, svg, text};
use draingate_core::judge::{self, View as Pods};
use draingate_core::manifest::{self, Document, Node};
use draingate_core::objects;
use draingate_core::subject::{Kind, Subject};
use draingate_core::versions;
use draingate_core::world::World;

/// Reads, judges, draws.
///
/// # Errors
/// Where something cannot be read, or there is nothing to draw. What could be read is drawn all the same.
pub fn run(args: &ExplainArgs) -> Result<()> {
    let files = read(args)?;
    let (mut explanations, problems) = explanations(&files, world(args)?, &args.namespace);
    if let Some(filter) = &args.object {
        explanations.retain(|explanation| is_named(explanation, filter));
    }
    problems.iter().for_each(|problem| tell(problem));
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

/// A file and its text.
#[derive(Clone, Debug)]
pub struct File {
    /// The path as given, `-` for standard input.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// Every object in the files that carries a pod, in their order, and what could not be read. Policies, Namespaces
/// and Services in them are added to `world` first; objects that name no namespace are in `namespace`.
pub fn explanations(files: &[File], mut world: World, namespace: &str) -> (Vec<Explanation>, Vec<String>) {
    let (mut explanations, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        learn(file, &mut world, namespace, &mut problems);
    }
    for file in files {
        explain(file, &world, namespace, &mut explanations, &mut problems);
    }
    (explanations, problems)
}

fn read(args: &ExplainArgs) -> Result<Vec<File>> {
    let inputs = input::inputs(std::slice::from_ref(&args.path))?;
    let file = |input| {
        Ok(match input {
            Input::Stdin(text) => File { name: "-".into(), text },
            Input::File(path) => File { text: files::read(&path)?, name: path.display().to_string() },
        })
    };
    inputs.into_iter().map(file).collect()
}

/// What is known besides the files.
fn world(args: &ExplainArgs) -> Result<World> {
    let mut world = World::default();
    for path in &args.policy {
        files::load(&mut world, path)?;
    }
    if let Some(version) = &args.kubernetes_version {
        world.sleep = versions::sleep_support(version, [] as [&str; 0], false);
    }
    Ok(world)
}

/// Adds a file's policies, Namespaces and Services to the world.
fn learn(file: &File, world: &mut World, namespace: &str, problems: &mut Vec<String>) {
    for document in manifest::documents(&file.text) {
        // One that cannot be parsed is told about when its pods are looked for.
        let Ok(value) = manifest::parse(&document) else { continue };
        for object in manifest::objects(&value) {
            if let Err((title, problem)) = objects::add(world, object, Some(namespace)) {
                problems.push(format!("{}:{}: {title}: {problem}", file.name, document.first_line()));
            }
        }
    }
}

/// Adds every object of a file that carries a pod.
fn explain(
    file: &File,
    world: &World,
    namespace: &str,
    explanations: &mut Vec<Explanation>,
    problems: &mut Vec<String>,
) {
    for (index, document) in manifest::documents(&file.text).iter().enumerate() {
        let value = match manifest::parse(document) {
            Ok(value) => value,
            Err(problem) => {
                problems.push(format!("{}:{problem}", file.name));
                continue;
            }
        };
        let places = manifest::parse_with_places(document).ok();
        for (at, object) in manifest::objects_at(&value) {
            let lines = Lines { document, places: places.as_ref(), at: &at };
            let source =
                Source { file: file.name.as_str().into(), document: index, at: at.clone(), line: lines.first() };
            match one(object, Origin::File(source), &lines, world, namespace) {
                Ok(Some(explanation)) => explanations.push(explanation),
                Ok(None) => {}
                Err(message) => problems.push(format!("{}:{}: {message}", file.name, lines.first())),
            }
        }
    }
}

/// The lines of one object.
struct Lines<'d, 't> {
    document: &'d Document<'t>,
    places: Option<&'d Node>,
    at: &'d str,
}

impl Lines<'_, '_> {
    fn first(&self) -> usize {
        let line = if self.at.is_empty() { None } else { self.location("").map(|location| location.line) };
        line.unwrap_or(self.document.first_line())
    }

    fn location(&self, pointer: &str) -> Option<Location> {
        let place = self.places?.find(&format!("{}{pointer}", self.at));
        Some(Location { line: self.document.line + place.line - 1, span: place.span })
    }
}

/// An object that carries a pod, judged as written and as admitted.
fn one(
    object: &Value,
    origin: Origin,
    lines: &Lines,
    world: &World,
    namespace: &str,
) -> Result<Option<Explanation>, String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = Kind::of_object(text("/apiVersion"), text("/kind")) else { return Ok(None) };
    let json = object.to_string();
    let subject = Subject::parse(kind, &json).map_err(|message| format!("{kind}: {message}"))?;
    let namespace = subject.namespace.as_deref().unwrap_or(namespace).to_owned();
    let context = world.context(&namespace);
    let judged = |pods| {
        let judgement = judge::judge(&subject, &context, pods);
        let locate = |pointer: &str| lines.location(pointer);
        let result = ObjectResult::new(origin.clone(), &namespace, &subject, &judgement, locate);
        (judgement, result)
    };
    let (admitted, result) = judged(Pods::AsAdmitted);
    let mut views = Vec::new();
    if admitted.skipped.is_none() {
        let same = admitted.patch.is_empty();
        if !same {
            let (written, before) = judged(Pods::AsWritten);
            views.push(View::of(Which::AsWritten, &written, before.findings));
        }
        let which = if same { Which::Unchanged } else { Which::AsAdmitted };
        views.push(View::of(which, &admitted, result.findings.clone()));
    }
    Ok(Some(Explanation { result, views }))
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
        ExplainFormat::Text => text::render(explanations, args.output.is_none() && colours()),
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

/// On a terminal, unless the environment says otherwise.
fn colours() -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && unset("NO_COLOR") && !dumb
}

fn write(args: &ExplainArgs, text: &str) -> Result<()> {
    match &args.output {
        Some(path) => std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display())),
        None => Ok(std::io::stdout().lock().write_all(text.as_bytes())?),
    }
}

fn tell(problem: &str) {
    let _ = writeln!(std::io::stderr(), "draingate: {}", plain(problem));
}
