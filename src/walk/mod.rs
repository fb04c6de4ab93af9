//! The one way from a document to its judgement. `check`, its fixer and `explain` go all of it, `scan` and who else looks
//! at running pods the last part; what is said where it fails is the same for all.
//!
//! 1. `context`: what the texts say about the world. It is known before anything is judged.
//! 2. `parsed`: a document, the objects in it, and where each of their fields is written.
//! 3. `candidate`: a subject in its namespace, judged in the view that is asked for.

pub(crate) mod candidate;
pub(crate) mod context;
mod parsed;

use std::sync::Arc;

use self::candidate::Candidate;
use self::parsed::{Object, Parsed};
use crate::judged::{JudgedFile, ObjectResult, Problem, Summary, Unjudged};
use draingate_core::judge::{Judgement, View};
use draingate_core::manifest::{self, Document};
use draingate_core::world::World;

/// What the way needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'w> {
    /// Policies, Namespaces, Services and ConfigMaps.
    pub world: &'w World,
    /// The namespace of objects that name none.
    pub namespace: &'w str,
}

/// An object that carries a pod.
pub(crate) struct Found<'a> {
    /// What is to be judged.
    pub(crate) candidate: Candidate<'a>,
    object: &'a Object<'a>,
}

impl Found<'_> {
    /// The result of a judgement of it.
    pub(crate) fn result(&self, judgement: &Judgement) -> ObjectResult {
        let locate = |pointer: &str| Some(self.object.location(pointer));
        self.candidate.result(self.object.origin(), judgement, locate)
    }

    /// A pointer into the object as one into its document.
    pub(crate) fn pointer(&self, pointer: &str) -> String {
        self.object.pointer(pointer)
    }
}

/// What a document held besides what was found.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Objects of any kind.
    pub(crate) objects: usize,
    /// What could not be read. It takes nothing else with it.
    pub(crate) problems: Vec<Problem>,
    /// What seems to hold pods where nobody looks.
    pub(crate) unjudged: Vec<Unjudged>,
}

impl Walk<'_> {
    /// Hands over each object of a document that carries a pod.
    pub(crate) fn document(&self, file: &Arc<str>, document: &Document, mut each: impl FnMut(&Found)) -> Passed {
        let mut passed = Passed::default();
        let parsed = match Parsed::read(file, document) {
            Ok(parsed) => parsed,
            Err(problem) => {
                passed.problems.push(problem);
                return passed;
            }
        };
        for object in parsed.objects() {
            passed.objects += 1;
            match object.subject(self.namespace) {
                Ok(Some(mut subject)) => {
                    object.give(&mut subject, self.world, self.namespace);
                    let candidate = Candidate::new(&subject, self.world, self.namespace);
                    each(&Found { candidate, object: &object });
                }
                Ok(None) => passed.unjudged.extend(object.unjudged(self.namespace)),
                Err(problem) => passed.problems.push(problem),
            }
        }
        passed
    }

    /// Judges a file's text in one view.
    pub fn file<'t>(&self, name: &str, text: &'t str, view: View) -> JudgedFile<'t> {
        let name: Arc<str> = name.into();
        let documents = manifest::documents(text);
        let (mut objects, mut problems, mut unjudged) = (Vec::new(), Vec::new(), Vec::new());
        let mut summary = Summary::default();
        for document in &documents {
            let passed = self.document(&name, document, |found| {
                let result = found.result(&found.candidate.judge(view));
                summary.count(&result);
                objects.push(result);
            });
            summary.objects += passed.objects;
            summary.unjudged += passed.unjudged.len();
            problems.extend(passed.problems);
            unjudged.extend(passed.unjudged);
        }
        JudgedFile { name, documents, objects, problems, unjudged, summary }
    }
}
