//! What came out of judging, with the core's own types. It stands below whoever judges and whoever reports, so that
//! neither has to know the other; words and versions are the formats' business.

mod origin;
mod problem;
mod result;
mod summary;

use std::borrow::Cow;
use std::sync::Arc;

use draingate_core::manifest::{self, Document};

pub use origin::{Location, Origin, Source};
pub use problem::{Cause, IdleIgnore, Problem, Unjudged};
pub use result::{ContainerResult, FindingResult, Hold, ObjectResult, Suppression, Term, Terms};
pub use summary::Summary;

/// What is reported as one: a file, or a workload of a cluster.
#[derive(Clone, Copy, Debug)]
pub enum Judged<'a> {
    /// A file.
    File(&'a JudgedFile<'a>),
    /// A workload that runs.
    Workload(&'a ObjectResult),
}

impl<'a> Judged<'a> {
    /// The file's path, or what stands for one: `cluster/NAMESPACE/KIND/NAME`.
    pub fn path(self) -> Cow<'a, str> {
        match self {
            Judged::File(file) => Cow::Borrowed(&file.name),
            Judged::Workload(object) => object.path(),
        }
    }

    /// The objects that carry a pod.
    pub fn objects(self) -> &'a [ObjectResult] {
        match self {
            Judged::File(file) => &file.objects,
            Judged::Workload(object) => std::slice::from_ref(object),
        }
    }

    /// What could not be read.
    pub fn problems(self) -> &'a [Problem] {
        match self {
            Judged::File(file) => &file.problems,
            Judged::Workload(_) => &[],
        }
    }

    /// What seems to hold pods, and was not judged.
    pub fn unjudged(self) -> &'a [Unjudged] {
        match self {
            Judged::File(file) => &file.unjudged,
            Judged::Workload(_) => &[],
        }
    }

    /// The text of an object's document with a finding's fix; none where it is not certain, or a person's to make.
    pub fn fixed(self, object: &ObjectResult, finding: &FindingResult) -> Option<String> {
        manifest::edited(self.document(object)?, &object.in_document(&finding.finding.edits))
    }

    /// The document in which an object of it is written.
    pub fn document(self, object: &ObjectResult) -> Option<&'a Document<'a>> {
        match (self, &object.origin) {
            (Judged::File(file), Origin::File(source)) => file.documents.get(source.document),
            _ => None,
        }
    }
}

/// Everything about one file.
#[derive(Debug)]
pub struct JudgedFile<'t> {
    /// The path as given, `-` for standard input.
    pub name: Arc<str>,
    /// Its documents.
    pub documents: Vec<Document<'t>>,
    /// The objects that carry a pod.
    pub objects: Vec<ObjectResult>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What seems to hold pods, and was not judged.
    pub unjudged: Vec<Unjudged>,
    /// Comments that ignore nothing.
    pub idle_ignores: Vec<IdleIgnore>,
    /// Counts.
    pub summary: Summary,
}

impl JudgedFile<'_> {
    /// Counts the results again: some of their findings have been suppressed since.
    pub fn recount(&mut self) {
        let Summary { objects, unjudged, mended, .. } = self.summary;
        self.summary = Summary { objects, unjudged, mended, ..Summary::default() };
        self.objects.iter().for_each(|object| self.summary.count(object));
    }
}
