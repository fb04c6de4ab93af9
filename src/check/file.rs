//! One file: its documents, judged one by one. A broken one is a problem of its own and takes no other
//! with it.

use serde_json::Value;

use crate::report::result::{ObjectResult, Source, Summary};
use draingate_core::finding::{Edit, Finding};
use draingate_core::judge::{self, View};
use draingate_core::manifest::{self, Document, Node, Place, Problem};
use draingate_core::objects;
use draingate_core::subject::{Kind, Subject};
use draingate_core::world::World;

/// What judging needs to know.
#[derive(Debug)]
pub struct Judge<'w> {
    /// Policies, Namespaces and Services.
    pub world: &'w World,
    /// The namespace of objects that name none.
    pub namespace: &'w str,
    /// After the plan, or with nothing injected.
    pub view: View,
}

/// A judged object with the place of each of its findings.
#[derive(Debug)]
pub struct Judged {
    /// What came out.
    pub result: ObjectResult,
    /// Of each finding, in their order: in the document's text.
    pub places: Vec<Place>,
    /// Of each finding, in their order: what would fix it, from the document as given.
    pub edits: Vec<Option<Edit>>,
    /// The document: an index into the file's.
    pub document: usize,
}

/// Everything about one file.
#[derive(Debug)]
pub struct JudgedFile<'t> {
    /// The path as given, `-` for standard input.
    pub name: String,
    /// Its documents.
    pub documents: Vec<Document<'t>>,
    /// The objects that carry a pod.
    pub objects: Vec<Judged>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Counts.
    pub summary: Summary,
}

impl Judge<'_> {
    /// Judges a file's text.
    pub fn file<'t>(&self, name: &str, text: &'t str) -> JudgedFile<'t> {
        let mut file = JudgedFile {
            name: name.to_owned(),
            documents: manifest::documents(text),
            objects: Vec::new(),
            problems: Vec::new(),
            summary: Summary::default(),
        };
        for (index, document) in file.documents.iter().enumerate() {
            match manifest::parse(document) {
                Ok(value) => {
                    let mut lazy = Lazy { document, node: None };
                    for (pointer, object) in manifest::objects_at(&value) {
                        file.summary.objects += 1;
                        match self.object(name, index, &pointer, object, &mut lazy) {
                            Ok(Some(judged)) => {
                                file.summary.count(&judged.result);
                                file.objects.push(judged);
                            }
                            Ok(None) => {}
                            Err(problem) => file.problems.push(problem),
                        }
                    }
                }
                Err(problem) => file.problems.push(problem),
            }
        }
        file
    }

    /// Judges one object; `None` where it carries no pod. `at` is its pointer in the document, for the items
    /// of a `List`.
    fn object(
        &self,
        name: &str,
        document: usize,
        at: &str,
        object: &Value,
        lazy: &mut Lazy,
    ) -> Result<Option<Judged>, Problem> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let kind = Kind::of_object(text("/apiVersion").unwrap_or_default(), text("/kind").unwrap_or_default());
        let Some(kind) = kind else {
            // Reported where it stands; it is in the world already.
            return match objects::add(&mut World::default(), object, Some(self.namespace)) {
                Ok(_) => Ok(None),
                Err((title, problem)) => Err(lazy.problem(at, format!("{title}: {problem}"))),
            };
        };
        let json = object.to_string();
        let subject = Subject::parse(kind, &json).map_err(|message| {
            // The message begins with the field's path, where there is one.
            let field = message.split(": ").next().map(pointer_of).unwrap_or_default();
            let message = message.split(" at line ").next().unwrap_or_default();
            lazy.problem(&format!("{at}{field}"), format!("{kind}: {message}"))
        })?;
        let namespace = subject.namespace.as_deref().unwrap_or(self.namespace).to_owned();
        let context = self.world.context(&namespace);
        let judgement = judge::judge(&subject, &context, self.view);
        let places: Vec<_> =
            judgement.findings.iter().map(|finding| lazy.place(&format!("{at}{}", finding.pointer))).collect();
        let first = if at.is_empty() { lazy.document.first_line() } else { lazy.line(at) };
        let source = Source { file: name.to_owned(), document, line: first };
        let lines: Vec<usize> = places.iter().map(|place| lazy.document.line + place.line - 1).collect();
        let mut result = ObjectResult::new(source, &namespace, &subject, &judgement, |_| first);
        for (finding, line) in result.findings.iter_mut().zip(lines) {
            finding.line = line;
        }
        let edit = |finding: &Finding| {
            let Edit { pointer, value } = finding.edit.as_ref()?;
            Some(Edit { pointer: format!("{at}{pointer}"), value: value.clone() })
        };
        let edits = judgement.findings.iter().map(edit).collect();
        Ok(Some(Judged { result, places, edits, document }))
    }
}

/// The places of a document, worked out only for those that are asked about.
struct Lazy<'d, 't> {
    document: &'d Document<'t>,
    node: Option<Option<Node>>,
}

impl Lazy<'_, '_> {
    fn place(&mut self, pointer: &str) -> Place {
        let document = self.document;
        let node = self.node.get_or_insert_with(|| manifest::parse_with_places(document).ok());
        match node {
            Some(node) => node.find(pointer),
            None => Place { span: 0..0, line: 1, exact: false },
        }
    }

    fn line(&mut self, pointer: &str) -> usize {
        self.document.line + self.place(pointer).line - 1
    }

    fn problem(&mut self, pointer: &str, message: String) -> Problem {
        let place = self.place(pointer);
        let before = self.document.text.get(..place.span.start).unwrap_or_default();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Problem { line: self.document.line + place.line - 1, column, message }
    }
}

/// `spec.containers[0].name` as a JSON pointer.
fn pointer_of(path: &str) -> String {
    let tokens = path.split(['.', '[']).map(|token| token.trim_end_matches(']'));
    tokens.map(|token| format!("/{token}")).collect()
}
