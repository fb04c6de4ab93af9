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
/// Room for the longest entry.
const COLUMN: u64 = 260;

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
        let mut grid = Grid { y: y + LINE, count: 0 };
        for ((colour, _), words) in &self.bars {
            let hook = if *colour == Colour::Injected { format!("preStop hook, {words}") } else { (*words).to_owned() };
            grid.place(canvas, &hook, |canvas, x, y| {
                canvas.rect("swatch", x, y - 10, SWATCH, 11, *colour);
                if let Some(hatch) = colour.hatch() {
                    canvas.hatch(x, y - 10, SWATCH, 11, hatch);
                }
            });
        }
        if self.sigterm {
            grid.place(canvas, "SIGTERM", |canvas, x, y| canvas.pin(x + 8, y - 5, 7, Colour::Text));
        }
        if self.sigkill {
            grid.place(canvas, "SIGKILL", |canvas, x, y| canvas.cross(x + 8, y - 4, Colour::Bad));
        }
        if self.grace {
            grid.place(canvas, "the grace period ends", |canvas, x, y| {
                canvas.line(x + 8, y - 12, x + 8, y + 2, Colour::Text, "4 3");
            });
        }
        grid.y + 4
    }
}

/// Entries in columns of the same width.
struct Grid {
    /// The line of the last entry.
    y: u64,
    count: u64,
}

impl Grid {
    fn place(&mut self, canvas: &mut Canvas, words: &str, sign: impl Fn(&mut Canvas, u64, u64)) {
        let room = canvas.width - 2 * PADDING;
        let columns = (room / COLUMN).max(1);
        if self.count > 0 && self.count.is_multiple_of(columns) {
            self.y += LINE + 2;
        }
        let x = PADDING + self.count % columns * (room / columns);
        self.count += 1;
        sign(canvas, x, self.y);
        canvas.text(x + SWATCH + 6, self.y, Anchor::Start, Type::SMALL, Colour::Muted, words);
    }
}
