//! The judgement: what a pod's shutdown needs, what Draingate does to it, and what it says about it.
//!
//! Nothing here waits, reads a file or a clock, or talks to a cluster: the same bytes and the same
//! [`world::World`] always give the same [`judge::Judgement`]. The webhook, the command line and the
//! tests all call [`judge::judge`]. The compiler sees to it: no dependency brings a runtime, a client or a log, and
//! `clippy.toml` beside this crate forbids what the standard library has of them.
//!
//! Reading order:
//!
//! 1. [`review`]: an admission review's bytes in, a response's bytes out; [`admit`] is what lies between.
//! 2. [`subject`]: a pod, or an object that carries a pod template, out of its raw JSON, read by [`json`]; or why it is
//!    [`unreadable`].
//! 3. [`policy`] and [`settings`]: the policy layers, merged; each value remembers its source. [`objects`] fills a
//!    [`world::World`] with them, out of what [`manifest`] reads. [`nodes`]: what they grant a pod that asks for Spot;
//!    [`owner`]: whether another pod can take over.
//! 4. [`pod`]: the subject's containers with their roles and the lengths of their hooks, which [`hooks`] reads; [`servers`]
//!    knows what their servers say of themselves, also in the ConfigMaps that [`config_maps`] finds for them, [`shutdown`] who
//!    overrules that, [`injectors`] what a pod tells those who write containers into it.
//! 5. [`budget`]: the grace-budget inequality.
//! 6. [`plan`]: the hooks and the grace to inject, all or nothing; [`patch`] writes them down.
//! 7. [`rules`]: the findings, a file for each. **The line that decides a denial is in `rules/grace_budget.rs`.** What they say
//!    to write is made in `mend`.
//! 8. [`judge`]: all of the above, once, in order; [`messages`] words it.

pub mod admit;
pub mod budget;
pub mod config_maps;
pub mod finding;
pub mod helpers;
pub mod hooks;
pub mod injectors;
pub mod json;
pub mod judge;
pub mod keys;
mod kind;
pub mod manifest;
pub mod measured;
mod mend;
pub mod messages;
pub mod mode;
pub mod node_shutdown;
pub mod nodes;
pub mod objects;
pub mod owner;
pub mod patch;
pub mod plan;
pub mod pod;
pub mod policy;
pub mod review;
pub mod rules;
pub mod selector;
pub mod servers;
pub mod serving;
pub mod settings;
pub mod shutdown;
pub mod subject;
pub mod text;
pub mod unreadable;
pub mod versions;
pub mod world;

/// The longest setting or hook that is believed, in seconds: 30 days, since RabbitMQ's own operator writes a week.
pub const MAX_SECONDS: u64 = 2_592_000;
