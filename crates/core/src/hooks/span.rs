//! Stretches of time of which two bounds are known.

use super::reading::Length;

/// In nanoseconds: `sleep 0.1` fifteen times is 1.5 s.
pub(super) const SECOND: u64 = 1_000_000_000;

/// Without an end, or not known.
pub(super) const FOREVER: u64 = u64::MAX;

/// At least so many nanoseconds, and at most so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub least: u64,
    pub most: u64,
}

impl Span {
    pub(in crate::hooks) const NONE: Span = Span { least: 0, most: 0 };
    pub(in crate::hooks) const UNKNOWN: Span = Span { least: 0, most: FOREVER };
    pub(in crate::hooks) const ENDLESS: Span = Span { least: FOREVER, most: FOREVER };

    pub(in crate::hooks) fn exactly(nanoseconds: u64) -> Span {
        Span { least: nanoseconds, most: nanoseconds }
    }

    pub(in crate::hooks) fn seconds(seconds: u64) -> Span {
        Span::exactly(seconds.saturating_mul(SECOND))
    }

    pub(in crate::hooks) fn at_most(nanoseconds: u64) -> Span {
        Span { least: 0, most: nanoseconds }
    }

    pub(in crate::hooks) fn plus(self, more: Span) -> Span {
        Span { least: self.least.saturating_add(more.least), most: self.most.saturating_add(more.most) }
    }

    pub(in crate::hooks) fn times(self, count: u64) -> Span {
        Span { least: self.least.saturating_mul(count), most: self.most.saturating_mul(count) }
    }

    /// What was added since `before`.
    pub(in crate::hooks) fn since(self, before: Span) -> Span {
        let grown = |now: u64, was: u64| if now == FOREVER { FOREVER } else { now.saturating_sub(was) };
        Span { least: grown(self.least, before.least), most: grown(self.most, before.most) }
    }

    pub(in crate::hooks) fn capped(self, most: u64) -> Span {
        Span { least: self.least.min(most), most: self.most.min(most) }
    }

    /// One or the other.
    pub(in crate::hooks) fn or(self, other: Span) -> Span {
        Span { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Both at once.
    pub(in crate::hooks) fn and(self, other: Span) -> Span {
        Span { least: self.least.max(other.least), most: self.most.max(other.most) }
    }

    /// In whole seconds, rounded up.
    pub(in crate::hooks) fn length(self) -> Length {
        let (least, most) = (self.least.div_ceil(SECOND), self.most.div_ceil(SECOND));
        match self {
            Span { least: FOREVER, .. } => Length::NoEnd,
            Span { least: 0, most: FOREVER } => Length::Unknown,
            Span { most: FOREVER, .. } => Length::AtLeast(least),
            _ if least == most => Length::Exact(least),
            _ => Length::Between(least, most),
        }
    }
}
