//! The judgement: what a pod's shutdown needs, what Draingate does to it, and what it says about it.
//!
//! Nothing here waits, reads a file or a clock, or talks to a cluster: the same bytes and the same
//! [`world::World`] always give the same [`judge::Judgement`]. The webhook, the command line and the
//! tests all call [`judge::judge`].
//!
//! Reading order:
//!
//! 1. [`subject`]: a pod, or an object that carries a pod template, out of its raw JSON, read by [`json`].
//! 2. [`policy`] and [`settings`]: the policy layers, merged; each value remembers its source.
//! 3. [`pod`]: the subject's containers with their roles and the lengths of their hooks.
//! 4. [`budget`]: the grace-budget inequality.
//! 5. [`plan`]: the hooks and the grace to inject, all or nothing; [`patch`] writes them down.
//! 6. [`rules`]: the findings. **The line that decides a denial is `grace_budget` there.**
//! 7. [`judge`]: all of the above, once, in order.

pub mod budget;
pub mod finding;
pub mod helpers;
pub mod json;
pub mod judge;
pub mod keys;
pub mod mode;
pub mod patch;
pub mod plan;
pub mod pod;
pub mod policy;
pub mod rules;
pub mod selector;
pub mod settings;
pub mod sleep;
pub mod subject;
pub mod text;
pub mod world;

/// The longest setting or hook that is believed, in seconds: one day.
pub const MAX_SECONDS: u64 = 86_400;
