//! Draingate as it runs: a real API server asks it, and the objects that come out are looked at.

#[cfg(test)]
mod account;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod cluster_side;
#[cfg(test)]
mod denials;
#[cfg(test)]
mod events;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod field;
#[cfg(test)]
mod fixes;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod neighbours;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod numbers;
#[cfg(test)]
mod observe;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod ping;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod untouched;
