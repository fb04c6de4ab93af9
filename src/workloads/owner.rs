//! Whose pod it is, in the words of whoever keeps its manifest.

use draingate_core::subject::Subject;

/// Kind and name of what a person would edit.
pub(crate) fn workload(subject: &Subject) -> (String, String) {
    match (&subject.controller, subject.deployment()) {
        (_, Some(deployment)) => ("Deployment".to_owned(), deployment.to_owned()),
        (Some(owner), None) => (owner.kind.to_string(), owner.name.to_string()),
        (None, None) => ("Pod".to_owned(), subject.name.to_string()),
    }
}
