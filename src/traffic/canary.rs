//! What a canary answers, and where it is asked: known to it, and to whoever measures by it.

use serde::{Deserialize, Serialize};

/// Where its preStop hook asks.
pub const STOP: &str = "/draingate-canary/stop";
/// Where its readiness probe asks: nobody's request.
pub const READY: &str = "/draingate-canary/ready";
/// Where the hook is ended: nobody measures any more.
pub const RELEASE: &str = "/draingate-canary/release";
/// The port that it serves on in a pod.
pub const PORT: u16 = 8080;

/// The answer, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its pod's name.
    pub pod: String,
    /// Whether it was told to stop.
    pub stopping: bool,
}
