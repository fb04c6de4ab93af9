//! The timelines as SVG: real text, no scripts, nothing to fetch. Light colours are attributes, for renderers
//! without styles; a style sheet inside turns them dark where the reader's system is.

use super::axis::Axis;
use super::words::{self, arithmetic, balance, heading, room, shortened, wrapped};
use super::{Explanation, Lane, Segment, View};
use draingate_core::judge::Verdict;

pub(crate) mod canvas;
mod legend;
pub(crate) mod palette;

pub(super) use canvas::escaped;
use canvas::{Anchor, Canvas, Type};
use legend::Legend;
use palette::Colour;

const PADDING: u64 = 20;
const NAMES: u64 = 158;
const LANE: u64 = 40;
const BAR_TOP: u64 = 9;
const BAR: u64 = 22;
/// Above the lanes: where the grace's end is written.
const HEAD: u64 = 24;
const TICKS: u64 = 22;
const LINE: u64 = 17;
const WIDTH: u64 = 820;
const PANEL_WIDTH: u64 = 640;

/// One object as a picture of its own, before and after one above the other.
pub fn render(explanation: &Explanation) -> String {
    let axis = axis(explanation, WIDTH);
    let mut canvas = Canvas::new(WIDTH, "draingate");
    let mut y = PADDING + 14;
    let title = words::title(explanation);
    let most = (WIDTH - 2 * PADDING) * 100 / Type::TITLE.size;
    canvas.text(PADDING, y, Anchor::Start, Type::TITLE, Colour::Text, &shortened(&title, most, room));
    y += 12;
    if let Some(skip) = &explanation.result.skipped {
        y = paragraph(&mut canvas, y + 8, &format!("skipped: {}", skip.reason()));
    }
    let mut legend = Legend::default();
    for view in &explanation.views {
        y = panel(&mut canvas, y, view, &axis, &mut legend);
        y = paragraph(&mut canvas, y, &arithmetic(view));
        y = words::stories(view).iter().fold(y, |y, story| paragraph(&mut canvas, y, story));
        for result in &view.findings {
            y = paragraph(&mut canvas, y, &words::finding(result));
        }
        y += 10;
    }
    y = legend.draw(&mut canvas, y + 6);
    canvas.finish(y + PADDING - 6, &title, &description(explanation, &explanation.views))
}

/// One picture of an object, to stand in a page; `id` is unique there.
pub fn panel_of(explanation: &Explanation, view: &View, id: &str) -> String {
    let mut canvas = Canvas::new(PANEL_WIDTH, id);
    let mut legend = Legend::default();
    let y = panel(&mut canvas, 0, view, &axis(explanation, PANEL_WIDTH), &mut legend);
    let y = legend.draw(&mut canvas, y + 6);
    let title = format!("{}: {}", words::title(explanation), heading(view.view));
    canvas.finish(y + PADDING - 6, &title, &description(explanation, std::slice::from_ref(view)))
}

fn axis(explanation: &Explanation, width: u64) -> Axis {
    Axis::of(explanation.views.iter().map(|view| &view.timeline), (width - NAMES) / 75)
}

/// The picture for those who cannot see it.
fn description(explanation: &Explanation, views: &[View]) -> String {
    let mut text = Vec::new();
    for view in views {
        text.push(format!("{}: {}.", heading(view.view), balance(&view.timeline)));
        for lane in &view.timeline.lanes {
            let parts: Vec<_> =
                lane.segments.iter().filter_map(|segment| words::labels(segment).into_iter().next()).collect();
            let parts = if parts.is_empty() { lane.note.unwrap_or("nothing").to_owned() } else { parts.join(", ") };
            text.push(format!("{} ({}): {parts}.", words::plain(&lane.name), lane.kind.as_str()));
        }
        text.push(format!("{}.", arithmetic(view)));
        text.extend(words::stories(view).iter().map(|story| format!("{story}.")));
    }
    if let Some(skip) = &explanation.result.skipped {
        text.push(format!("Skipped: {}.", words::plain(&skip.reason())));
    }
    text.join(" ")
}

/// The frame of one picture's plot.
struct Plot<'a> {
    axis: &'a Axis,
    left: u64,
    right: u64,
    top: u64,
    bottom: u64,
    grace: Option<u64>,
}

impl Plot<'_> {
    fn x(&self, t: u64) -> u64 {
        self.left + self.axis.at(t, self.right - self.left)
    }
}

/// Draws one picture from `y` on; gives where it ends.
fn panel(canvas: &mut Canvas, y: u64, view: &View, axis: &Axis, legend: &mut Legend) -> u64 {
    let width = canvas.width;
    let timeline = &view.timeline;
    let y = y + 22;
    canvas.text(PADDING, y, Anchor::Start, Type::HEADING, Colour::Text, heading(view.view));
    let colour = match (timeline.fits(), view.verdict) {
        (false, _) => Colour::Bad,
        (true, Verdict::Fail) => Colour::Text,
        (true, _) => Colour::Good,
    };
    canvas.text(PADDING, y + LINE, Anchor::Start, Type::BODY, colour, &balance(timeline));
    let top = y + LINE + 8 + HEAD;
    let bottom = top + LANE * timeline.lanes.len() as u64;
    let (left, right) = (PADDING + NAMES, width - PADDING - 14);
    let mut plot = Plot { axis, left, right, top, bottom, grace: None };
    let shown = axis.shows(Some(timeline.grace));
    plot.grace = shown.then(|| plot.x(timeline.grace));
    for (index, _) in timeline.lanes.iter().enumerate() {
        let at = top + LANE * index as u64;
        canvas.rect("stripe", PADDING - 8, at + 2, width - 2 * PADDING + 16, LANE - 4, Colour::Stripe);
    }
    ticks(canvas, &plot);
    for (index, lane) in timeline.lanes.iter().enumerate() {
        draw(canvas, &plot, lane, top + LANE * index as u64, legend);
    }
    grace(canvas, &plot, timeline.grace);
    legend.grace |= shown;
    bottom + TICKS
}

/// Wrapped text; gives where it ends.
fn paragraph(canvas: &mut Canvas, mut y: u64, text: &str) -> u64 {
    let most = (canvas.width - 2 * PADDING) * 100 / Type::BODY.size;
    for line in wrapped(&words::plain(text), most, room) {
        y += LINE;
        canvas.text(PADDING, y, Anchor::Start, Type::BODY, Colour::Muted, &line);
    }
    y
}

fn ticks(canvas: &mut Canvas, plot: &Plot) {
    let mut free = 0;
    for tick in plot.axis.ticks() {
        let x = plot.x(tick);
        canvas.line(x, plot.top, x, plot.bottom + 4, Colour::Grid, "");
        let label = if tick == 0 { "0 s".to_owned() } else { tick.to_string() };
        let half = Type::SMALL.room(&label) / 2 + 1;
        if x >= free + half && x + half <= canvas.width {
            canvas.text(x, plot.bottom + 17, Anchor::Middle, Type::SMALL, Colour::Muted, &label);
            free = x + half + 6;
        }
    }
}

/// The line at which everything is killed.
fn grace(canvas: &mut Canvas, plot: &Plot, seconds: u64) {
    let y = plot.top - 8;
    match plot.grace {
        Some(x) => {
            canvas.line(x, plot.top - 4, x, plot.bottom + 4, Colour::Text, "4 3");
            let label = format!("grace ends at {seconds} s");
            let room = Type::LABEL.room(&label);
            let half = room / 2 + 1;
            let x = x.clamp(PADDING + half, canvas.width - PADDING.min(8) - half);
            canvas.text(x, y, Anchor::Middle, Type::LABEL, Colour::Text, &label);
        }
        None => {
            let label = format!("grace ends at {seconds} s, beyond the picture ▸");
            canvas.text(plot.right + 10, y, Anchor::End, Type::LABEL, Colour::Text, &label);
        }
    }
}

fn draw(canvas: &mut Canvas, plot: &Plot, lane: &Lane, top: u64, legend: &mut Legend) {
    canvas.open_lane(top, LANE, plot.left, plot.right);
    let most = (NAMES - 12) * 100 / Type::NAME.size;
    let name = shortened(&words::plain(&lane.name), most, room);
    canvas.text(PADDING, top + 18, Anchor::Start, Type::NAME, Colour::Text, &name);
    canvas.text(PADDING, top + 31, Anchor::Start, Type::SMALL, Colour::Muted, lane.kind.as_str());
    let mut free = plot.left;
    let mut beyond = false;
    for segment in &lane.segments {
        let from = plot.x(segment.from).max(free);
        let to = segment.to.map_or(plot.right, |to| plot.x(to)).clamp(from.min(plot.right), plot.right);
        free = free.max(to);
        beyond |= !plot.axis.shows(segment.to);
        let killed = lane.sigkill.filter(|t| plot.axis.shows(Some(*t))).map(|t| plot.x(t) + 5);
        bar(canvas, segment, (from, to), killed.unwrap_or(0), top + BAR_TOP, legend);
    }
    if beyond {
        canvas.text(plot.right + 3, top + BAR_TOP + 15, Anchor::Start, Type::LABEL, Colour::Muted, "▸");
    }
    if let (true, Some(note)) = (lane.segments.is_empty(), lane.note) {
        canvas.text(plot.left + 6, top + BAR_TOP + 15, Anchor::Start, Type::LABEL, Colour::Muted, note);
    }
    beside(canvas, plot, lane, free, top);
    if let Some(t) = lane.sigterm.filter(|t| plot.axis.shows(Some(*t))) {
        legend.sigterm = true;
        canvas.pin(plot.x(t), top + BAR_TOP, BAR, Colour::Text);
    }
    if let Some(t) = lane.sigkill.filter(|t| plot.axis.shows(Some(*t))) {
        legend.sigkill = true;
        canvas.cross(plot.x(t), top + BAR_TOP + BAR / 2, Colour::Bad);
    }
    canvas.close();
}

/// One bar; its label keeps clear of the cross at `killed`.
fn bar(canvas: &mut Canvas, segment: &Segment, (from, to): (u64, u64), killed: u64, top: u64, legend: &mut Legend) {
    if from >= to {
        return;
    }
    let colour = Colour::of(segment);
    legend.add(segment);
    canvas.rect("bar", from, top, to - from, BAR, colour);
    if let Some(hatch) = colour.hatch() {
        canvas.hatch(from, top, to - from, BAR, hatch);
    }
    if segment.cut {
        canvas.line(from, top, from, top + BAR, Colour::Bad, "");
    }
    let from = if segment.cut { from.max(killed).min(to) } else { from };
    let room = (to - from).saturating_sub(10);
    if let Some(label) = words::labels(segment).into_iter().find(|label| Type::LABEL.room(label) <= room) {
        let ink = if segment.cut { Colour::Bad } else { Colour::Ink };
        let middle = from + (to - from) / 2;
        match colour.hatch() {
            Some(_) => canvas.text_over(middle, top + 15, ink, &label, colour),
            None => canvas.text(middle, top + 15, Anchor::Middle, Type::LABEL, ink, &label),
        }
    }
}

/// Where a lane that is not cut ends, to the right of its last bar; left out where the grace's end is close.
fn beside(canvas: &mut Canvas, plot: &Plot, lane: &Lane, free: u64, top: u64) {
    let Some(Segment { to: Some(end), cut: false, .. }) = lane.segments.last() else { return };
    let label = format!("{end} s");
    let (from, room) = (free + 6, Type::SMALL.room(&label));
    let clear = plot.grace.is_none_or(|grace| from + room + 4 <= grace || grace + 4 <= from);
    if from + room <= plot.right && clear {
        canvas.text(from, top + BAR_TOP + 15, Anchor::Start, Type::SMALL, Colour::Muted, &label);
    }
}
