//! What the colours and marks of a picture mean: only those that are in it.

use std::collections::BTreeMap;

use super::canvas::{Anchor, Canvas, Type};
use super::palette::Colour;
use super::{LINE, PADDING};
use crate::report::timeline::words::{CUT, INJECTED, meaning};
use crate::report::timeline::{Segment, What};

/// The legend of what was drawn.
#[derive(Default)]
pub(super) struct Legend {
    bars: BTreeMap<(Colour, What), &'static str>,
    pub(super) sigterm: bool,
    pub(super) sigkill: bool,
    pub(super) grace: bool,
}

const SWATCH: u64 = 16;
const GAP: u64 = 18;

impl Legend {
    /// A bar that was drawn.
    pub(super) fn add(&mut self, segment: &Segment) {
        let colour = Colour::of(segment);
        let (what, words) = match colour {
            Colour::Cut => (What::Traffic, CUT),
            Colour::Injected => (What::Hook, INJECTED),
            _ => (segment.what, meaning(segment.what)),
        };
        self.bars.insert((colour, what), words);
    }

    /// Draws it in lines; gives where it ends.
    pub(super) fn draw(&self, canvas: &mut Canvas, y: u64) -> u64 {
        let mut at = (PADDING, y + LINE);
        for ((colour, _), words) in &self.bars {
            let hook = if *colour == Colour::Injected { format!("preStop hook, {words}") } else { (*words).to_owned() };
            place(canvas, &mut at, &hook, |canvas, x, y| {
                canvas.rect("swatch", x, y - 10, SWATCH, 11, *colour);
                if let Some(hatch) = colour.hatch() {
                    canvas.hatch(x, y - 10, SWATCH, 11, hatch);
                }
            });
        }
        if self.sigterm {
            place(canvas, &mut at, "SIGTERM", |canvas, x, y| canvas.pin(x + 8, y - 5, 7, Colour::Text));
        }
        if self.sigkill {
            place(canvas, &mut at, "SIGKILL", |canvas, x, y| canvas.cross(x + 8, y - 4, Colour::Bad));
        }
        if self.grace {
            place(canvas, &mut at, "the grace period ends", |canvas, x, y| {
                canvas.line(x + 8, y - 12, x + 8, y + 2, Colour::Text, "4 3");
            });
        }
        at.1
    }
}

/// Puts one entry where there is room.
fn place(canvas: &mut Canvas, at: &mut (u64, u64), words: &str, sign: impl Fn(&mut Canvas, u64, u64)) {
    let wide = SWATCH + 6 + Type::SMALL.room(words);
    if at.0 > PADDING && at.0 + wide > canvas.width - PADDING {
        *at = (PADDING, at.1 + LINE + 2);
    }
    sign(canvas, at.0, at.1);
    canvas.text(at.0 + SWATCH + 6, at.1, Anchor::Start, Type::SMALL, Colour::Muted, words);
    at.0 += wide + GAP;
}
