//! Where a judged object comes from, and where in it a finding is.

use std::ops::Range;
use std::sync::Arc;

/// Where an object was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From a file.
    File(Source),
    /// From a cluster.
    Cluster {
        /// How many of its pods run, of a workload that was found by them.
        pods: Option<usize>,
    },
}

/// An object's place among the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as given, `-` for standard input.
    pub file: Arc<str>,
    /// The document, counted from 0.
    pub document: usize,
    /// The line of the object's first key, counted from 1.
    pub line: usize,
    /// The object's JSON pointer in its document; empty but for an item of a `List`.
    pub pointer: String,
}

/// Where in a file a finding is: of what its pointer names, or of the nearest parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The line of the file, counted from 1.
    pub line: usize,
    /// Bytes of the document's text.
    pub span: Range<usize>,
}
