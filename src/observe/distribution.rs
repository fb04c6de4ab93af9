//! How often each value was seen: exact counts of rounded values, so that memory is bounded by how far the values
//! spread and not by how many there are.

use std::collections::BTreeMap;

/// Counts by value.
#[derive(Clone, Debug)]
pub struct Distribution {
    counts: BTreeMap<u64, u64>,
    count: u64,
    max: u64,
    /// Values are kept to so many digits.
    digits: u32,
}

impl Distribution {
    /// An empty one of values that are kept to `digits` digits.
    #[must_use]
    pub fn new(digits: u32) -> Distribution {
        Distribution { counts: BTreeMap::new(), count: 0, max: 0, digits }
    }

    /// Adds a value.
    pub fn add(&mut self, value: u64) {
        *self.counts.entry(rounded(value, self.digits)).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The smallest value that at least `percent` of all do not exceed.
    #[must_use]
    pub fn quantile(&self, percent: u64) -> Option<u64> {
        let wanted = self.count.saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (value, count) in &self.counts {
            seen += count;
            if seen >= wanted {
                return Some((*value).min(self.max));
            }
        }
        None
    }
}

/// `value` with all but its first `digits` digits rounded away, half up.
fn rounded(value: u64, digits: u32) -> u64 {
    let places = value.checked_ilog10().map_or(1, |log| log + 1);
    let unit = 10_u64.saturating_pow(places.saturating_sub(digits));
    (value.saturating_add(unit / 2) / unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let mut all = Distribution::new(3);
        assert_eq!((all.quantile(50), all.max()), (None, None));
        (1..=100).for_each(|value| all.add(value));
        assert_eq!([50, 90, 99, 100].map(|p| all.quantile(p)), [50, 90, 99, 100].map(Some));
        all.add(7000);
        assert_eq!((all.quantile(99), all.max(), all.count()), (Some(100), Some(7000), 101));
    }

    #[test]
    fn memory_is_bounded_by_the_spread() {
        let mut all = Distribution::new(2);
        (0..100_000).for_each(|value| all.add(value));
        assert!(all.counts.len() <= 500, "{}", all.counts.len());
        assert_eq!(all.max(), Some(99_999));
        let median = all.quantile(50).unwrap_or_default();
        assert!((49_000..=51_000).contains(&median), "{median}");
    }

    #[test]
    fn rounding_keeps_the_first_digits() {
        assert_eq!([0, 9, 99, 104, 105, 999, 12_345].map(|v| rounded(v, 2)), [0, 9, 99, 100, 110, 1000, 12_000]);
    }
}
