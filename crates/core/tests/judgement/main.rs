//! The core alone: the cases, random pods against the kubelet simulator, and what no case says.
#![expect(clippy::disallowed_methods, reason = "tests read files and settings")]

#[cfg(test)]
mod admit;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod fixes;
mod harm;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod json_reader;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod trouble;
