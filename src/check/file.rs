//! One file: its documents, judged one by one. A broken one is a problem of its own and takes no other
//! with it.

use std::cell::RefCell;
use std::sync::Arc;

use serde_json::Value;

use crate::judged::{JudgedFile, Location, ObjectResult, Origin, Source, Summary};
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

impl Judge<'_> {
    /// Judges a file's text.
    pub fn file<'t>(&self, name: &str, text: &'t str) -> JudgedFile<'t> {
        let mut file = JudgedFile {
            name: name.into(),
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
                        match self.object(&file.name, index, &pointer, object, &mut lazy) {
                            Ok(Some(result)) => {
                                file.summary.count(&result);
                                file.objects.push(result);
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
        name: &Arc<str>,
        document: usize,
        at: &str,
        object: &Value,
        lazy: &mut Lazy,
    ) -> Result<Option<ObjectResult>, Problem> {
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
        let line = if at.is_empty() { lazy.document.first_line() } else { lazy.line(at) };
        let origin = Origin::File(Source { file: Arc::clone(name), document, at: at.to_owned(), line });
        let lazy = RefCell::new(lazy);
        let locate = |pointer: &str| Some(lazy.borrow_mut().location(&format!("{at}{pointer}")));
        Ok(Some(ObjectResult::new(origin, &namespace, &subject, &judgement, locate)))
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

    fn location(&mut self, pointer: &str) -> Location {
        let place = self.place(pointer);
        Location { line: self.document.line + place.line - 1, span: place.span }
    }

    fn line(&mut self, pointer: &str) -> usize {
        self.location(pointer).line
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
