//! The four times of the inequality, a line each: its key, its lock, and what is stricter.

use crate::keys;
use crate::policy::{BudgetSpec, Lock};

/// Which of two numbers is stricter.
#[derive(Clone, Copy)]
pub(super) enum Stricter {
    Larger,
    Lower,
}

/// The four times of the inequality.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    EndpointPropagation,
    DrainDelay,
    WorstCaseRequest,
    SafetyMargin,
}

/// How the layers write a time, and what a lock makes of it.
pub(super) struct TimeSetting {
    pub(super) time: Time,
    pub(super) annotation: &'static str,
    pub(super) in_policy: fn(&BudgetSpec) -> Option<u64>,
    pub(super) lock: Lock,
    pub(super) stricter: Stricter,
}

pub(super) const ENDPOINT_PROPAGATION: TimeSetting = TimeSetting {
    time: Time::EndpointPropagation,
    annotation: keys::ENDPOINT_PROPAGATION,
    in_policy: |budget| budget.endpoint_propagation_seconds,
    lock: Lock::EndpointPropagation,
    stricter: Stricter::Larger,
};

pub(super) const TIMES: [TimeSetting; 4] = [
    ENDPOINT_PROPAGATION,
    TimeSetting {
        time: Time::DrainDelay,
        annotation: keys::DRAIN_DELAY,
        in_policy: |budget| budget.drain_delay_seconds,
        lock: Lock::DrainDelay,
        stricter: Stricter::Larger,
    },
    TimeSetting {
        time: Time::WorstCaseRequest,
        annotation: keys::WORST_CASE_REQUEST,
        in_policy: |budget| budget.worst_case_request_seconds,
        lock: Lock::WorstCaseRequest,
        stricter: Stricter::Larger,
    },
    TimeSetting {
        time: Time::SafetyMargin,
        annotation: keys::SAFETY_MARGIN,
        in_policy: |budget| budget.safety_margin_seconds,
        lock: Lock::SafetyMargin,
        stricter: Stricter::Larger,
    },
];
