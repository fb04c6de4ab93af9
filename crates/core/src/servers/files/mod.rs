//! Configuration files of servers: what they are called, how they are written, and the value of one key.
//!
//! A reader tells every key that it comes by, with the blocks around it, and its value as it is written. It is as
//! forgiving as a person who looks for one line: what it cannot read it passes over.

mod blocks;
mod lines;
#[cfg(test)]
mod tests;
mod toml;
mod tree;

use std::fmt;

use crate::config_maps::File;

use super::row::Place;

/// Where a setting stands in a ConfigMap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFile<'f> {
    pub(super) file: &'f File<'f>,
    pub(super) place: &'static Place,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let File { map, key, .. } = self.file;
        match self.place {
            Place::MapKey(..) => write!(f, "ConfigMap {map}: {key}"),
            place => write!(f, "ConfigMap {map}, {key}: {}", place.name()),
        }
    }
}

/// A kind of configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How it is written.
    pub format: Format,
    /// What it is called, by the last part of its path; a name may have a `*`. One that the command names counts
    /// whatever it is called.
    pub names: &'static [&'static str],
}

/// How a configuration file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Directives that end in `;`, and blocks in braces: nginx.
    Nginx,
    /// Directives that end with their line, and blocks in braces: Caddy and CoreDNS.
    Caddy,
    /// A name and its value in a line: Redis, Apache httpd.
    Lines,
    /// The same, in the section `global`.
    Haproxy,
    /// A program: the one literal that is given to the key.
    Program,
    /// YAML or JSON, TOML or Java's properties, by the end of its name.
    Tree,
    /// The same for Spring Boot: documents for one profile only, and files for one.
    Spring,
}

/// Stands for a value that depends on what is not known.
pub(super) const UNKNOWN: &str = "?";

impl Config {
    /// Whether a file is called so.
    pub(super) fn is(&self, file: &File) -> bool {
        let name = crate::text::base(&file.path);
        self.names.iter().any(|pattern| match pattern.split_once('*') {
            None => *pattern == name,
            Some((begins, ends)) => name.strip_prefix(begins).is_some_and(|rest| rest.ends_with(ends)),
        })
    }

    /// The profile that a file is for: `application-PROFILE.yaml`.
    pub(super) fn profile<'f>(&self, file: &'f File) -> Option<&'f str> {
        let (name, extension) = crate::text::base(&file.path).rsplit_once('.')?;
        let known = self.format == Format::Spring && matches!(extension, "yaml" | "yml" | "properties");
        name.strip_prefix("application-").filter(|_| known)
    }

    /// Whether a key is in a file, or a block of this name.
    pub(super) fn has(&self, file: &File, key: &str) -> bool {
        let mut has = false;
        self.each(file, &mut |path, _| {
            has |= is(key, path) || path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
        });
        has
    }

    /// The value of a key, the last one where there are several.
    pub(super) fn value(&self, file: &File, key: &str) -> Option<String> {
        let mut value = None;
        if self.format == Format::Program {
            return lines::literal(file.text, key);
        }
        self.each(file, &mut |path, written| {
            if is(key, path) {
                value = Some(written.to_owned());
            }
        });
        value
    }

    /// Tells every key with its value.
    pub(super) fn each(&self, file: &File, tell: &mut dyn FnMut(&str, &str)) {
        match self.format {
            Format::Nginx => blocks::each(file.text, true, tell),
            Format::Caddy => blocks::each(file.text, false, tell),
            Format::Lines => lines::each(file.text, tell),
            Format::Haproxy => lines::global(file.text, tell),
            Format::Program => {}
            Format::Tree => tree::each(&file.path, file.text, tell),
            Format::Spring => tree::spring(&file.path, file.text, tell),
        }
    }
}

/// Whether a key is meant: in capitals or not, with dashes or without, as Spring takes them. Other servers refuse, or
/// pass over, what is not written as they write it.
fn is(key: &str, written: &str) -> bool {
    letters(key).eq(letters(written))
}

fn letters(key: &str) -> impl Iterator<Item = u8> {
    key.bytes().filter(|byte| !matches!(byte, b'-' | b'_' | b':')).map(|byte| byte.to_ascii_lowercase())
}
