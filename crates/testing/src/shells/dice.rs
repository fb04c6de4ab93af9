//! Throws that are kept, so that what they made can be made again, and smaller.

/// Numbers that look random, the same for the same seed; or those of an earlier throw.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
    /// What is thrown again; after its end only zeros, the plainest choice everywhere.
    given: Option<Vec<u32>>,
    thrown: Vec<u32>,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice {
            state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D,
            given: None,
            thrown: Vec::new(),
        }
    }

    pub(super) fn again(throws: &[u32]) -> Dice {
        Dice { given: Some(throws.to_vec()), ..Dice::new(0) }
    }

    pub(super) fn thrown(self) -> Vec<u32> {
        self.thrown
    }

    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let raw = match &self.given {
            Some(given) => given.get(self.thrown.len()).copied().unwrap_or(0),
            None => {
                self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                u32::try_from((self.state >> 33) % u64::from(bound)).unwrap_or(0)
            }
        };
        let throw = raw.min(bound - 1);
        self.thrown.push(throw);
        throw
    }

    /// True in so many of a hundred throws.
    pub(super) fn percent(&mut self, share: u32) -> bool {
        // The smallest throw says no: what is left out is plainer.
        self.below(100) >= 100 - share
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u32) as usize]
    }

    /// An index, by weight.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut throw = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if throw < *weight {
                return index;
            }
            throw -= weight;
        }
        0
    }
}

/// The shortest throws, as far as they are found by leaving out and lowering, that `still` holds of.
pub(super) fn shrink(mut throws: Vec<u32>, budget: usize, still: &mut dyn FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut tries = 0;
    loop {
        let before = throws.clone();
        for width in [16, 8, 4, 2, 1] {
            let mut at = throws.len();
            while at > 0 && tries < budget {
                at -= 1;
                if at + width > throws.len() {
                    continue;
                }
                let mut fewer = throws.clone();
                fewer.drain(at..at + width);
                tries += 1;
                if still(&fewer) {
                    throws = fewer;
                }
            }
        }
        for at in 0..throws.len() {
            for lower in [0, throws[at] / 2, throws[at].saturating_sub(1)] {
                if lower < throws[at] && tries < budget {
                    let mut less = throws.clone();
                    less[at] = lower;
                    tries += 1;
                    if still(&less) {
                        throws = less;
                        break;
                    }
                }
            }
        }
        if throws == before || tries >= budget {
            return throws;
        }
    }
}
