//! Draingate on a real node: the chart, the image and the kubelet, as a person would install them.
//!
//! Needs root (containers). The node has no way out of its network: what asks its API server runs inside, as this same
//! program started there.

#[cfg(test)]
mod calibrate;
#[cfg(test)]
mod clusters;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod install;
#[cfg(test)]
mod propagation;
