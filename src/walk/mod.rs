//! The one way from a document to its judgement. `check`, its fixer and `explain` go all of it, `scan` and who else looks
//! at running pods the last part; what is said where it fails is the same for all.
//!
//! 1. `context`: what the texts say about the world. It is known before anything is judged.
//! 2. `parsed`: a document, the objects in it, and where each of their fields is written. One of a kind that is known to carry
//!    no pod is only read to see whether it can be, and nothing is built of it; one of an unknown kind is looked into.
//! 3. `candidate`: a subject in its namespace, judged in the view that is asked for.
//! 4. `ignores`: what of that a comment of the document ignores.

pub(crate) mod candidate;
pub(crate) mod context;
mod ignores;
mod parsed;

use std::sync::Arc;

use self::candidate::Candidate;
use self::ignores::Ignore;
use self::parsed::{Object, Parsed};
use crate::judged::{IdleIgnore, JudgedFile, ObjectResult, Problem, Summary, Suppression, Unjudged};
use draingate_core::judge::{Judgement, View};
use draingate_core::manifest::{self, Document};
use draingate_core::objects;
use draingate_core::world::World;

/// What the way needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'w> {
    /// Policies, Namespaces, Services, and what else is known.
    pub world: &'w World,
    /// The namespace of objects that name none.
    pub namespace: &'w str,
}

/// An object that carries a pod.
pub(crate) struct Found<'a> {
    /// What is to be judged.
    pub(crate) candidate: Candidate<'a>,
    object: &'a Object<'a>,
    ignores: Vec<&'a Ignore>,
}

impl Found<'_> {
    /// The result of a judgement of it, with what a comment ignores marked so.
    pub(crate) fn result(&self, judgement: &Judgement) -> ObjectResult {
        let locate = |pointer: &str| Some(self.object.location(pointer));
        let mut result = self.candidate.result(self.object.origin(), judgement, locate);
        if !self.ignores.is_empty() {
            result.suppress(|finding| {
                let reason = self.ignores.iter().find_map(|ignore| ignore.reason_for(finding.code))?;
                Some(Suppression::Ignored { reason: reason.to_owned() })
            });
        }
        result
    }

    /// The comments that find nothing to ignore in a result.
    fn idle_ignores(&self, result: &ObjectResult) -> Vec<IdleIgnore> {
        let idle = |ignore: &&Ignore| {
            let (code, _) = ignore.what.as_ref().ok()?;
            let is_there = result.findings.iter().any(|found| found.finding.code == *code);
            (!is_there).then(|| self.object.parsed.idle(ignore, &format!("there is no {code} here")))
        };
        self.ignores.iter().filter_map(idle).collect()
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
    /// Comments that cannot ignore anything.
    pub(crate) idle_ignores: Vec<IdleIgnore>,
}

impl Walk<'_> {
    /// Hands over each object of a document that carries a pod.
    pub(crate) fn document(&self, file: &Arc<str>, document: &Document, mut each: impl FnMut(&Found)) -> Passed {
        let mut passed = Passed::default();
        if !ignores::may_have(document) && is_podless(document) {
            // It says nothing here but whether it can be read.
            match manifest::problem(document) {
                Some(problem) => passed.problems.push(parsed::problem(file, problem)),
                None => passed.objects += 1,
            }
            return passed;
        }
        let parsed = match Parsed::read(file, document) {
            Ok(parsed) => parsed,
            Err(problem) => {
                passed.problems.push(problem);
                return passed;
            }
        };
        let objects: Vec<_> = parsed.objects().collect();
        let ignores = parsed.ignores();
        for (index, object) in objects.iter().enumerate() {
            passed.objects += 1;
            let ignores = own(&ignores, &objects, index);
            match object.subject(self.namespace) {
                Ok(Some(mut subject)) => {
                    object.give(&mut subject, self.world, self.namespace);
                    let candidate = Candidate::new(&subject, self.world, self.namespace);
                    each(&Found { candidate, object, ignores });
                }
                Ok(None) => {
                    passed.unjudged.extend(object.unjudged(self.namespace));
                    let good = ignores.iter().filter(|ignore| ignore.what.is_ok());
                    passed.idle_ignores.extend(good.map(|ignore| parsed.idle(ignore, "it stands where no pod is")));
                }
                Err(problem) => passed.problems.push(problem),
            }
        }
        passed.idle_ignores.extend(ignores.iter().filter_map(|i| Some(parsed.idle(i, i.what.as_ref().err()?))));
        passed
    }

    /// Judges a file's text in one view.
    pub fn file<'t>(&self, name: &str, text: &'t str, view: View) -> JudgedFile<'t> {
        let name: Arc<str> = name.into();
        let documents = manifest::documents(text);
        let (mut objects, mut problems, mut unjudged, mut idle_ignores) = <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
        let mut summary = Summary::default();
        for document in &documents {
            let passed = self.document(&name, document, |found| {
                let result = found.result(&found.candidate.judge(view));
                summary.count(&result);
                if view == View::AsWritten {
                    // As admitted, much of what is ignored is not found in the first place.
                    idle_ignores.extend(found.idle_ignores(&result));
                    let is_mended = || !found.result(&found.candidate.judge(View::AsAdmitted)).is_hurt();
                    summary.mended += usize::from(result.is_hurt() && is_mended());
                }
                objects.push(result);
            });
            summary.objects += passed.objects;
            summary.unjudged += passed.unjudged.len();
            problems.extend(passed.problems);
            unjudged.extend(passed.unjudged);
            idle_ignores.extend(passed.idle_ignores);
        }
        JudgedFile { name, documents, objects, problems, unjudged, idle_ignores, summary }
    }
}

fn is_podless(document: &Document) -> bool {
    manifest::glance(document).is_some_and(|(api_version, kind)| objects::is_podless(api_version, kind))
}

/// The comments that stand in an object, which ends where the next one begins; those above all are the first one's.
fn own<'i>(ignores: &'i [Ignore], objects: &[Object], index: usize) -> Vec<&'i Ignore> {
    if ignores.is_empty() {
        return Vec::new();
    }
    let start = objects.get(index).filter(|_| index > 0).map_or(0, Object::start);
    let end = objects.get(index + 1).map_or(usize::MAX, Object::start);
    ignores.iter().filter(|ignore| (start..end).contains(&ignore.at)).collect()
}
