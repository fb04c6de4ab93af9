//! All that needs no cluster. `mod`s are under `cfg(test)`, so that lints know helpers of tests for what they are.

#[cfg(test)]
mod chart;
#[cfg(test)]
mod check;
#[cfg(test)]
mod ci;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod field;
#[cfg(test)]
mod fixes;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod fuzzed;
#[cfg(test)]
mod house;
#[cfg(test)]
mod image;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod release;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod standalone;
#[cfg(test)]
mod threats;
#[cfg(test)]
mod tls;
