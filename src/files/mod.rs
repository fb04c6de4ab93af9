//! Files: those that a call names, the text of one, and a world out of one, for `--standalone` and the commands that need
//! no cluster.

pub mod input;

use std::path::{Path, PathBuf};

use draingate_core::manifest::{self, Problem};
use draingate_core::objects;
use draingate_core::world::World;

/// The largest file that is read, in bytes.
pub const FILE_LIMIT: u64 = 64 * 1024 * 1024;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is larger than [`FILE_LIMIT`].
    #[error("{}: larger than {FILE_LIMIT} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A document in it is not YAML.
    #[error("{}:{problem}", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: Problem,
    },
    /// A policy in it cannot be read.
    #[error("{}:{line}: {title}: {problem}", path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// The document's line.
        line: usize,
        /// The policy.
        title: String,
        /// Why.
        problem: String,
    },
}

/// Reads a file as text.
///
/// # Errors
/// Where it cannot be read, is too large or is not UTF-8.
pub fn read(path: &Path) -> Result<String, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_LIMIT {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// Adds everything in a file that a judgement may depend on.
///
/// # Errors
/// The first thing that cannot be read: whoever names a policy file wants all of it to count.
pub fn load(world: &mut World, path: &Path) -> Result<(), FileError> {
    let text = read(path)?;
    for document in manifest::documents(&text) {
        let object =
            manifest::parse(&document).map_err(|problem| FileError::Document { path: path.to_owned(), problem })?;
        for object in manifest::objects(&object) {
            objects::add(world, object, None).map_err(|(title, problem)| FileError::Policy {
                path: path.to_owned(),
                line: document.line,
                title,
                problem,
            })?;
        }
    }
    Ok(())
}
