//! The files that a call names: files, folders (recursive, `.gitignore` respected), standard input.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ignore::WalkBuilder;

use super::FileError;

/// What a folder is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Standard input, already read.
    Stdin(String),
    /// A file.
    File(PathBuf),
}

impl Input {
    /// The path as given, `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Input::Stdin(_) => "-".to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }

    /// Its text; a file is read each time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn text(&self) -> Result<Cow<'_, str>, FileError> {
        match self {
            Input::Stdin(text) => Ok(Cow::Borrowed(text)),
            Input::File(path) => super::read(path).map(Cow::Owned),
        }
    }
}

/// Everything that `paths` name, in their order; the files of a folder sorted.
///
/// # Errors
/// A path that is not there, a folder that cannot be read or holds nothing to read, or no standard input.
pub fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let text = std::io::read_to_string(std::io::stdin().lock()).context("standard input")?;
            inputs.push(Input::Stdin(text));
        } else if path.is_dir() {
            let files = folder(path)?;
            if files.is_empty() {
                bail!("{}: no {} file in this folder", path.display(), EXTENSIONS.join(", "));
            }
            inputs.extend(files.into_iter().map(Input::File));
        } else if path.exists() {
            inputs.push(Input::File(path.clone()));
        } else {
            bail!("{}: there is no such file or folder", path.display());
        }
    }
    Ok(inputs)
}

fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkBuilder::new(path).require_git(false).build() {
        let entry = entry.with_context(|| path.display().to_string())?;
        let wanted = entry.path().extension().and_then(|e| e.to_str()).is_some_and(|e| EXTENSIONS.contains(&e));
        if wanted && entry.file_type().is_some_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}
