//! What can be put into an SVG file; everything foreign is escaped here.

use std::fmt::Write;

use super::palette::Colour;
use crate::report::timeline::words::room;

/// How text is set.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    class: &'static str,
    /// In pixels.
    pub(crate) size: u64,
    weight: &'static str,
    mono: bool,
}

const MONO: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const SANS: &str = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";

impl Type {
    pub(crate) const TITLE: Type = Type { class: "title", size: 15, weight: "600", mono: true };
    pub(crate) const HEADING: Type = Type { class: "heading", size: 14, weight: "600", mono: false };
    pub(crate) const BODY: Type = Type { class: "body", size: 12, weight: "400", mono: false };
    pub(crate) const NAME: Type = Type { class: "name", size: 13, weight: "500", mono: true };
    pub(crate) const LABEL: Type = Type { class: "label", size: 11, weight: "400", mono: false };
    pub(crate) const SMALL: Type = Type { class: "small", size: 11, weight: "400", mono: false };

    /// How wide `text` is at most, in pixels.
    pub(crate) fn room(self, text: &str) -> u64 {
        text.chars().map(room).sum::<u64>() * self.size / 100 + 1
    }
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A picture that grows downwards.
pub(crate) struct Canvas {
    pub(crate) width: u64,
    id: String,
    body: String,
}

impl Canvas {
    pub(crate) fn new(width: u64, id: &str) -> Canvas {
        Canvas { width, id: escaped(id), body: String::new() }
    }

    pub(crate) fn rect(&mut self, role: &str, x: u64, y: u64, width: u64, height: u64, colour: Colour) {
        let radius = if role == "stripe" { 4 } else { 2 };
        let (class, fill) = (colour.class(), colour.light());
        let _ = writeln!(
            self.body,
            r#"<rect class="{role} {class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}" fill="{fill}"/>"#
        );
    }

    pub(crate) fn hatch(&mut self, x: u64, y: u64, width: u64, height: u64, hatch: &str) {
        let id = &self.id;
        let _ = writeln!(
            self.body,
            r#"<rect class="hatch" x="{x}" y="{y}" width="{width}" height="{height}" rx="2" fill="url(#{id}-{hatch})"/>"#
        );
    }

    pub(crate) fn line(&mut self, x1: u64, y1: u64, x2: u64, y2: u64, colour: Colour, dashes: &str) {
        let (class, stroke) = (colour.class(), colour.light());
        let dashes = if dashes.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{dashes}""#) };
        let _ = writeln!(
            self.body,
            r#"<line class="{class}-line" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{stroke}"{dashes}/>"#
        );
    }

    /// SIGTERM: a pin through the bar.
    pub(crate) fn pin(&mut self, x: u64, top: u64, height: u64, colour: Colour) {
        let (class, fill) = (colour.class(), colour.light());
        let (left, right, tip) = (x.saturating_sub(4), x + 4, top);
        let above = top.saturating_sub(6);
        let _ =
            writeln!(self.body, r#"<path class="pin {class}" d="M{left} {above}H{right}L{x} {tip}Z" fill="{fill}"/>"#);
        self.line(x, top, x, top + height, colour, "");
    }

    /// SIGKILL: a cross.
    pub(crate) fn cross(&mut self, x: u64, y: u64, colour: Colour) {
        let (class, stroke) = (colour.class(), colour.light());
        let (left, right, top, bottom) = (x.saturating_sub(4), x + 4, y.saturating_sub(4), y + 4);
        let _ = writeln!(
            self.body,
            r#"<path class="{class}-line" d="M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}" stroke="{stroke}" stroke-width="2" stroke-linecap="round"/>"#
        );
    }

    /// A label on a hatched bar, with a rim of the bar's own colour.
    pub(crate) fn text_over(&mut self, x: u64, y: u64, colour: Colour, text: &str, bar: Colour) {
        let (class, fill, rim) = (colour.class(), colour.light(), bar.light());
        let (rim_class, size, text) = (bar.class(), Type::LABEL.size, escaped(text));
        let _ = writeln!(
            self.body,
            r#"<text class="label {class} {rim_class}-line" x="{x}" y="{y}" text-anchor="middle" font-size="{size}" fill="{fill}" stroke="{rim}" stroke-width="5" stroke-linejoin="round" paint-order="stroke">{text}</text>"#
        );
    }

    pub(crate) fn text(&mut self, x: u64, y: u64, anchor: Anchor, style: Type, colour: Colour, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let Type { class: style, size, weight, mono } = style;
        let (class, fill) = (colour.class(), colour.light());
        let font = if mono { format!(r#" font-family="{MONO}""#) } else { String::new() };
        let weight = if weight == "400" { String::new() } else { format!(r#" font-weight="{weight}""#) };
        let text = escaped(text);
        let _ = writeln!(
            self.body,
            r#"<text class="{style} {class}" x="{x}" y="{y}"{anchor} font-size="{size}"{weight}{font} fill="{fill}">{text}</text>"#
        );
    }

    /// What follows belongs to one lane.
    pub(crate) fn open_lane(&mut self, top: u64, height: u64, left: u64, right: u64) {
        let bottom = top + height;
        let _ = writeln!(
            self.body,
            r#"<g class="lane" data-top="{top}" data-bottom="{bottom}" data-left="{left}" data-right="{right}">"#
        );
    }

    pub(crate) fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// The file.
    pub(crate) fn finish(self, height: u64, title: &str, description: &str) -> String {
        let Canvas { width, id, body } = self;
        let (title, description) = (escaped(title), escaped(description));
        let paper = Colour::Paper.light();
        let mut out = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="dg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-labelledby="{id}-title {id}-desc" font-family="{SANS}">
<title id="{id}-title">{title}</title>
<desc id="{id}-desc">{description}</desc>
<style>
{}</style>
<defs>
"#,
            style()
        );
        for (name, colour, opacity) in [("cut", Colour::Bad, "0.55"), ("danger", Colour::Bad, "0.28")] {
            let (class, stroke) = (colour.class(), colour.light());
            let _ = writeln!(
                out,
                r#"<pattern id="{id}-{name}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="{class}-line" x1="0" y1="0" x2="0" y2="6" stroke="{stroke}" stroke-width="2" stroke-opacity="{opacity}"/></pattern>"#
            );
        }
        let class = Colour::Paper.class();
        let _ = writeln!(out, "</defs>");
        let _ = writeln!(out, r#"<rect class="{class}" width="{width}" height="{height}" rx="8" fill="{paper}"/>"#);
        out.push_str(&body);
        out.push_str("</svg>\n");
        out
    }
}

/// The dark set; the light one is in the attributes.
fn style() -> String {
    let mut style = String::from("@media (prefers-color-scheme: dark) {\n");
    for colour in Colour::ALL {
        let (class, dark) = (colour.class(), colour.dark());
        let _ = writeln!(style, ".dg .{class} {{ fill: {dark} }}");
        if matches!(colour, Colour::Text | Colour::Grid | Colour::Bad | Colour::Danger | Colour::Cut) {
            let _ = writeln!(style, ".dg .{class}-line {{ stroke: {dark} }}");
        }
    }
    style.push_str("}\n");
    style
}

/// Text as XML, and as HTML, may carry it.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
