//! The timelines as text: 80 columns, plain characters, so that a log without colour shows all of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::builder::styling::{AnsiColor, Effects, Style};

use super::axis::Axis;
use super::words::{self, CUT, INJECTED, arithmetic, balance, heading, labels, meaning, plain, shortened, wrapped};
use super::{Explanation, Lane, LaneKind, Segment, View, What};
use draingate_core::judge::Verdict;

/// The widest line, in columns.
pub const COLUMNS: usize = 80;
const INDENT: usize = 2;
const LEAST_NAME: usize = 9;
const MOST_NAME: usize = 26;
/// Behind the plot: the mark for what goes on beyond it.
const EDGE: usize = 1;

/// All of them, one after the other; with colours for a terminal.
pub fn render(explanations: &[Explanation], colour: bool) -> String {
    let paint = Paint { colour };
    let parts: Vec<_> = explanations.iter().map(|explanation| object(explanation, &paint)).collect();
    parts.join("\n")
}

fn object(explanation: &Explanation, paint: &Paint) -> String {
    let mut out = String::new();
    let result = &explanation.result;
    let title =
        format!("{} ({}): {}", words::title(explanation), words::place(explanation), words::verdict(explanation));
    for line in lines(&title, 0) {
        let _ = writeln!(out, "{}", paint.bold(&line));
    }
    if let Some(skip) = &result.skipped {
        paragraph(&mut out, &format!("skipped: {}", skip.reason()), INDENT);
        return out;
    }
    let timelines = || explanation.views.iter().map(|view| &view.timeline);
    let names = timelines().flat_map(|timeline| &timeline.lanes).map(|lane| width(&name(lane))).max().unwrap_or(0);
    let column = names.clamp(LEAST_NAME, MOST_NAME);
    let plot = COLUMNS - INDENT - column - 1 - EDGE;
    let axis = Axis::of(timelines(), (plot / 7) as u64);
    let mut used = Used::default();
    for view in &explanation.views {
        out.push('\n');
        picture(&mut out, view, &axis, column, plot, &mut used, paint);
    }
    out.push('\n');
    used.legend(&mut out, paint);
    out
}

fn picture(out: &mut String, view: &View, axis: &Axis, column: usize, plot: usize, used: &mut Used, paint: &Paint) {
    let timeline = &view.timeline;
    let balance = format!("{}: {}", heading(view.view), balance(timeline));
    for line in lines(&balance, INDENT) {
        let _ = writeln!(out, "{:INDENT$}{}", "", paint.verdict(&line, view));
    }
    let gutter = |text: &str| format!("{:INDENT$}{text:<column$} ", "");
    let _ = writeln!(out, "{}{}", gutter("seconds"), scale(axis, plot).trim_end());
    let grace = axis.shows(Some(timeline.grace)).then(|| axis.at(timeline.grace, plot as u64) as usize);
    let mut top = Row::new(plot);
    for tick in axis.ticks() {
        top.put(axis.at(tick, plot as u64) as usize, ':', Ink::Faint);
    }
    match grace {
        Some(at) => top.put(at, 'G', Ink::Bold),
        None => top.write(
            plot.saturating_sub(format!("grace {}", timeline.grace).len()),
            &format!("grace {}", timeline.grace),
            Ink::Bold,
        ),
    }
    let _ = writeln!(out, "{}{}", gutter(""), top.print(paint, grace.is_none()));
    for lane in &timeline.lanes {
        let label = shortened(&name(lane), column as u64, words::columns);
        let mut row = Row::new(plot);
        let beyond = draw(&mut row, lane, axis, used);
        if let Some(at) = grace {
            row.line(at);
        }
        let label = format!("{label}{:1$}", "", column.saturating_sub(width(&label)));
        let _ = writeln!(out, "{:INDENT$}{label} {}", "", row.print(paint, beyond).trim_end());
    }
    paragraph(out, &arithmetic(view), INDENT);
    words::stories(view).iter().for_each(|story| paragraph(out, story, INDENT));
    for result in &view.findings {
        paragraph(out, &words::finding(result), INDENT);
        words::remedy(view, result).iter().for_each(|line| paragraph(out, line, 4));
    }
}

/// The numbers above the ticks.
fn scale(axis: &Axis, plot: usize) -> String {
    let mut row = Row::new(plot);
    let mut free = 0;
    for tick in axis.ticks() {
        let number = tick.to_string();
        let at = axis.at(tick, plot as u64) as usize;
        let at = at.min((plot + EDGE).saturating_sub(number.len()));
        if at >= free {
            row.write(at, &number, Ink::Plain);
            free = at + number.len() + 1;
        }
    }
    row.cells.into_iter().map(|(c, _)| c).collect()
}

/// A container's name with its role.
fn name(lane: &Lane) -> String {
    match lane.kind {
        LaneKind::Traffic | LaneKind::App => plain(&lane.name),
        kind => {
            let tag = match kind {
                LaneKind::Helper => " (helper)",
                LaneKind::Auxiliary => " (auxiliary)",
                _ => " (sidecar)",
            };
            shortened(&plain(&lane.name), (MOST_NAME - tag.len()) as u64, words::columns) + tag
        }
    }
}

/// Draws a lane; says whether it goes on beyond the right edge.
fn draw(row: &mut Row, lane: &Lane, axis: &Axis, used: &mut Used) -> bool {
    let plot = row.plot as u64;
    let mut free = 0;
    let mut beyond = false;
    for segment in &lane.segments {
        let from = (axis.at(segment.from, plot) as usize).max(free);
        let to = segment.to.map_or(row.plot, |to| axis.at(to, plot) as usize).max(from + 1).min(row.plot);
        beyond |= !axis.shows(segment.to);
        let glyph = Glyph::of(segment);
        if from < to {
            used.glyphs.insert(glyph);
            row.bar(from, to, glyph, &labels(segment));
        }
        free = to.max(free);
    }
    if let Some(note) = lane.note.filter(|_| lane.segments.is_empty()) {
        row.write(0, note, Ink::Faint);
    }
    if let Some(at) = lane.sigterm.filter(|t| axis.shows(Some(*t))) {
        used.sigterm = true;
        row.put((axis.at(at, plot) as usize).min(row.plot - 1), 'T', Ink::Bold);
    }
    if let Some(at) = lane.sigkill.filter(|t| axis.shows(Some(*t))) {
        used.sigkill = true;
        row.put(axis.at(at, plot) as usize, 'K', Ink::Bold);
    }
    beyond
}

/// How a segment is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Glyph {
    Of(What),
    Injected,
    Cut,
}

impl Glyph {
    fn of(segment: &Segment) -> Glyph {
        match segment {
            _ if segment.cut => Glyph::Cut,
            _ if segment.is_injected() => Glyph::Injected,
            _ => Glyph::Of(segment.what),
        }
    }

    fn fill(self) -> char {
        match self {
            Glyph::Of(What::Traffic) => '>',
            Glyph::Of(What::Hook) => '=',
            Glyph::Of(What::Refusing | What::Leaving) => '!',
            Glyph::Of(What::Serving) => '.',
            Glyph::Of(What::Request) => '#',
            Glyph::Of(What::Stop) => '-',
            Glyph::Of(What::Margin) => '~',
            Glyph::Injected => '+',
            Glyph::Cut => 'x',
        }
    }

    fn meaning(self) -> String {
        match self {
            Glyph::Of(what) => meaning(what).to_owned(),
            Glyph::Injected => format!("preStop hook {INJECTED}"),
            Glyph::Cut => CUT.to_owned(),
        }
    }
}

/// What the legend has to explain.
#[derive(Default)]
struct Used {
    glyphs: BTreeSet<Glyph>,
    sigterm: bool,
    sigkill: bool,
}

impl Used {
    fn legend(&self, out: &mut String, paint: &Paint) {
        let mut entries: Vec<(String, Ink, String)> = Vec::new();
        for glyph in &self.glyphs {
            entries.push((glyph.fill().to_string().repeat(2), Ink::Fill(*glyph), glyph.meaning()));
        }
        let mut mark = |shown: bool, mark: &str, meaning: &str| {
            if shown {
                entries.push((format!(" {mark}"), Ink::Bold, meaning.to_owned()));
            }
        };
        mark(self.sigterm, "T", "SIGTERM");
        mark(self.sigkill, "K", "SIGKILL");
        mark(true, "G", "the grace period ends");
        const WIDE: usize = 38;
        for pair in entries.chunks(2) {
            let mut line = " ".repeat(INDENT);
            for (index, (sign, ink, meaning)) in pair.iter().enumerate() {
                line.push_str(&paint.ink(sign, *ink));
                let _ = write!(line, " {meaning}");
                if index + 1 < pair.len() {
                    let _ = write!(line, "{:1$}", "", WIDE.saturating_sub(sign.len() + 1 + meaning.len()));
                }
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// How a cell looks on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Plain,
    Faint,
    Bold,
    Fill(Glyph),
}

/// One line of a plot.
struct Row {
    plot: usize,
    cells: Vec<(char, Ink)>,
}

impl Row {
    fn new(plot: usize) -> Row {
        Row { plot, cells: vec![(' ', Ink::Plain); plot + EDGE] }
    }

    fn put(&mut self, at: usize, c: char, ink: Ink) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = (c, ink);
        }
    }

    fn write(&mut self, at: usize, text: &str, ink: Ink) {
        text.chars().enumerate().for_each(|(offset, c)| self.put(at + offset, c, ink));
    }

    /// A bar with the longest label that fits into it, between two characters of its fill on each side.
    fn bar(&mut self, from: usize, to: usize, glyph: Glyph, labels: &[String]) {
        for at in from..to {
            self.put(at, glyph.fill(), Ink::Fill(glyph));
        }
        let room = (to - from).saturating_sub(4);
        if let Some(label) = labels.iter().map(|l| l.trim_start_matches("+ ")).find(|l| width(l) + 2 <= room) {
            let start = from + 2 + (room - width(label) - 2) / 2;
            self.write(start, &format!(" {label} "), Ink::Fill(glyph));
        }
    }

    /// The grace's end, where nothing is drawn.
    fn line(&mut self, at: usize) {
        if let Some(cell) = self.cells.get_mut(at).filter(|(c, _)| *c == ' ') {
            *cell = ('|', Ink::Faint);
        }
    }

    fn print(mut self, paint: &Paint, beyond: bool) -> String {
        if beyond {
            self.put(self.plot, '»', Ink::Bold);
        }
        let mut out = String::new();
        for run in self.cells.chunk_by(|a, b| a.1 == b.1) {
            let text: String = run.iter().map(|(c, _)| c).collect();
            out.push_str(&paint.ink(&text, run.first().map_or(Ink::Plain, |(_, ink)| *ink)));
        }
        out.trim_end().to_owned()
    }
}

struct Paint {
    colour: bool,
}

impl Paint {
    fn style(&self, text: &str, style: Style) -> String {
        if self.colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.style(text, Style::new().effects(Effects::BOLD))
    }

    fn verdict(&self, text: &str, view: &View) -> String {
        let style = match (view.timeline.fits(), view.verdict) {
            (false, _) => AnsiColor::Red.on_default(),
            (true, Verdict::Fail) => Style::new(),
            (true, _) => AnsiColor::Green.on_default(),
        };
        self.style(text, style)
    }

    fn ink(&self, text: &str, ink: Ink) -> String {
        let style = match ink {
            Ink::Plain => Style::new(),
            Ink::Faint => Style::new().effects(Effects::DIMMED),
            Ink::Bold => Style::new().effects(Effects::BOLD),
            Ink::Fill(glyph) => match glyph {
                Glyph::Cut | Glyph::Of(What::Refusing | What::Leaving) => AnsiColor::Red.on_default(),
                Glyph::Injected => AnsiColor::Green.on_default(),
                Glyph::Of(What::Hook) => AnsiColor::Blue.on_default(),
                Glyph::Of(What::Request) => AnsiColor::Magenta.on_default(),
                Glyph::Of(What::Stop) => AnsiColor::Yellow.on_default(),
                Glyph::Of(What::Margin) => AnsiColor::Cyan.on_default(),
                Glyph::Of(What::Traffic | What::Serving) => Style::new(),
            },
        };
        self.style(text, style)
    }
}

fn width(text: &str) -> usize {
    text.chars().map(words::columns).sum::<u64>() as usize
}

fn lines(text: &str, indent: usize) -> Vec<String> {
    wrapped(&plain(text), (COLUMNS - indent) as u64, words::columns)
}

/// Wrapped text; further lines are indented a little more.
fn paragraph(out: &mut String, text: &str, indent: usize) {
    for (number, line) in lines(text, indent + INDENT).iter().enumerate() {
        let indent = if number == 0 { indent } else { indent + INDENT };
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
}

#[cfg(test)]
mod tests {
    use json_patch::Patch;

    use super::super::{Timeline, Which};
    use super::*;

    #[test]
    fn a_timeline_of_any_size_is_80_columns_wide() {
        let segment = Segment { from: 0, to: None, what: What::Hook, cut: false, seconds: None, source: None };
        let lane = |name: &str| Lane {
            kind: LaneKind::Helper,
            name: name.repeat(90),
            sigterm: Some(0),
            sigkill: Some(u64::MAX),
            segments: vec![segment],
            note: None,
            injected_by: None,
            story: None,
        };
        for (grace, needed) in [(0, None), (u64::MAX, Some(1)), (1, Some(u64::MAX)), (u64::MAX, None)] {
            let lanes = vec![lane("x"), lane("\u{1b}[31m")];
            let timeline = Timeline { grace, raised_from: None, needed, hold: 0, lanes };
            let arithmetic = "y".repeat(300);
            let view = View {
                view: Which::Unchanged,
                verdict: Verdict::Fail,
                timeline,
                required_grace: needed,
                arithmetic,
                findings: Vec::new(),
                patch: Patch::default(),
            };
            let axis = Axis::of([&view.timeline], 8);
            let mut out = String::new();
            picture(&mut out, &view, &axis, MOST_NAME, 50, &mut Used::default(), &Paint { colour: false });
            assert!(out.lines().all(|line| width(line) <= COLUMNS), "{out}");
            assert!(!out.contains('\u{1b}'));
        }
    }
}
