//! The scale of a picture: what is far beyond the rest is clipped with a mark, so that a grace of 2^63 s or a
//! hook without an end leaves the rest readable.

use super::Timeline;

/// Beyond this many times the grace, what is needed is clipped.
const MOST_GRACES: u64 = 20;
/// Beyond this many times what is needed, the grace is clipped.
const MOST_NEEDS: u64 = 8;

/// From 0 to the right edge, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The right edge; at least 1.
    pub end: u64,
    /// Between two ticks.
    pub step: u64,
}

impl Axis {
    /// The scale that suits all of them, with at most `ticks` ticks.
    pub fn of<'t>(timelines: impl IntoIterator<Item = &'t Timeline>, ticks: u64) -> Axis {
        let end = timelines.into_iter().map(end).max().unwrap_or(1).max(1);
        Axis { end, step: step(end, ticks) }
    }

    /// Where `t` is on a line of this length; the right edge for what is beyond it.
    pub fn at(&self, t: u64, length: u64) -> u64 {
        let place = u128::from(t.min(self.end)) * u128::from(length) / u128::from(self.end.max(1));
        u64::try_from(place).unwrap_or(length)
    }

    /// Whether `t` is on the picture.
    pub fn shows(&self, t: Option<u64>) -> bool {
        t.is_some_and(|t| t <= self.end)
    }

    /// The ticks, in seconds.
    pub fn ticks(&self) -> impl Iterator<Item = u64> {
        (0..=self.end / self.step.max(1)).map(|n| n.saturating_mul(self.step))
    }
}

fn end(timeline: &Timeline) -> u64 {
    let grace = timeline.grace;
    let most = grace.max(30).saturating_mul(MOST_GRACES);
    let ends = timeline.lanes.iter().flat_map(|lane| &lane.segments);
    let known =
        ends.flat_map(|segment| [Some(segment.from), segment.to]).flatten().filter(|t| *t <= most && *t != grace);
    let known = known.max().unwrap_or(0);
    let clipped = timeline.needed.is_none_or(|needed| needed > most);
    if grace > known.max(10).saturating_mul(MOST_NEEDS) {
        // The grace is far away: room to say so.
        return known.max(10).saturating_mul(8) / 5;
    }
    let all = known.max(grace);
    if clipped { all.max(10).saturating_mul(13) / 10 } else { all.saturating_add(all / 50) }
}

fn step(end: u64, ticks: u64) -> u64 {
    const STEPS: [u64; 18] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200];
    let fits = |step: &u64| end / step <= ticks;
    let larger = || (1..=50).map(|n| 86_400_u64.saturating_mul(1 << n)).find(fits);
    STEPS.into_iter().find(fits).or_else(larger).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(grace: u64, needed: Option<u64>) -> Axis {
        let lanes = Vec::new();
        Axis::of([&Timeline { grace, raised_from: None, needed, hold: 0, lanes }], 8)
    }

    #[test]
    fn an_axis_ends_somewhere() {
        assert_eq!(axis(30, Some(30)), Axis { end: 30, step: 5 });
        assert_eq!(axis(0, Some(0)), Axis { end: 1, step: 1 });
        assert_eq!(axis(30, None).end, 39);
        let far = axis(i64::MAX as u64, Some(30));
        assert_eq!((far.end, far.at(u64::MAX, 500), far.shows(Some(far.end + 1))), (16, 500, false));
        assert!(axis(86_400, Some(86_400)).ticks().count() <= 9);
    }

    #[test]
    fn every_length_has_few_ticks() {
        for end in [1, 7, 30, 1_000, 86_400, 10_000_000, u64::MAX] {
            let axis = Axis { end, step: step(end, 8) };
            assert!(axis.ticks().count() <= 9, "{axis:?}");
        }
    }
}
