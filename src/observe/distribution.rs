//! How often each value was seen, in a bounded memory: an HDR histogram, and the largest value beside it, which that keeps
//! to its precision only.

use hdrhistogram::Histogram;

/// Values are exact up to 255, and to 1 % beyond.
const DIGITS: u8 = 2;

/// Counts by value.
#[derive(Clone, Debug)]
pub struct Distribution {
    counts: Histogram<u32>,
    max: u64,
}

impl Default for Distribution {
    #[expect(clippy::expect_used, reason = "the library knows no histogram that cannot fail")]
    fn default() -> Distribution {
        Distribution { counts: Histogram::new(DIGITS).expect("0 to 5 digits are legal"), max: 0 }
    }
}

impl Distribution {
    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        // It grows with the values; one that is too large for that counts as the largest that is not.
        if self.counts.record(value).is_err() {
            self.counts.saturating_record(value);
        }
        self.max = self.max.max(value);
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.len()
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.counts.is_empty()).then_some(self.max)
    }

    /// The smallest value that at least `percent` of all do not exceed.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<u64> {
        let max = self.max()?;
        Some(self.counts.value_at_quantile(percent as f64 / 100.0).min(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut all = Distribution::default();
        assert_eq!((all.quantile(50), all.max()), (None, None));
        (1..=100).for_each(|value| all.add(value));
        assert_eq!([50, 90, 99, 100].map(|p| all.quantile(p)), [50, 90, 99, 100].map(Some));
        all.add(7001);
        assert_eq!((all.quantile(99), all.max(), all.count()), (Some(100), Some(7001), 101));
    }

    #[test]
    fn memory_is_bounded_by_the_spread() {
        let mut all = Distribution::default();
        (0..100_000).for_each(|value| all.add(value));
        assert!(all.counts.distinct_values() <= 2_000, "{}", all.counts.distinct_values());
        assert_eq!(all.max(), Some(99_999));
        let median = all.quantile(50).unwrap_or_default();
        assert!((49_000..=51_000).contains(&median), "{median}");
    }
}
