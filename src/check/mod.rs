//! `draingate check`: manifests judged as they are written, or as they would be admitted, without a cluster.
//!
//! Two passes over the inputs. The first takes what is about the world (policies, Namespaces, Services),
//! the second judges each file on its own and writes it out at once, so that memory does not grow with the
//! number of files. Files are judged in parallel and reported in their order.

mod baseline;
pub mod fix;
pub mod run;
