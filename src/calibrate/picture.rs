//! A run as a picture: a lane for each rollout, and in it a line for each pod from its deletion to the last new connection
//! that it answered.

use super::report::Report;
use super::samples::Replaced;
use crate::report::timeline::svg::canvas::{Anchor, Canvas, Type};
use crate::report::timeline::svg::palette::Colour;

const WIDTH: u64 = 900;
const PADDING: u64 = 20;
const NAMES: u64 = 110;
const LINE: u64 = 9;
const BAR: u64 = 6;
const GAP: u64 = 8;
const LEFT: u64 = PADDING + NAMES;
const RIGHT: u64 = WIDTH - PADDING - 60;

/// The picture, as an SVG file.
pub fn svg(report: &Report) -> String {
    let replaced = &report.measured.replaced;
    let longest = replaced.iter().map(|one| one.deleted + one.new).fold(1.0, f64::max);
    let x = |at: f64| LEFT + ((at / longest).clamp(0.0, 1.0) * (RIGHT - LEFT) as f64).round() as u64;
    let mut canvas = Canvas::new(WIDTH, "draingate-calibrate");
    let title = format!("E by {}", report.via);
    let mut y = PADDING + 14;
    canvas.text(PADDING, y, Anchor::Start, Type::TITLE, Colour::Text, &title);
    y += 20;
    let summary = report.summary();
    canvas.text(PADDING, y, Anchor::Start, Type::BODY, Colour::Text, &summary);
    y += 20;
    let top = y;
    let rounds = replaced.iter().map(|one| one.round + 1).max().unwrap_or(0);
    for round in 0..rounds {
        let of_round: Vec<&Replaced> = replaced.iter().filter(|one| one.round == round).collect();
        let height = of_round.len() as u64 * LINE + GAP;
        canvas.open_lane(y, height, LEFT, RIGHT);
        let name = format!("rollout {}", round + 1);
        canvas.text(PADDING, y + 11, Anchor::Start, Type::SMALL, Colour::Muted, &name);
        for (index, one) in of_round.into_iter().enumerate() {
            pod(&mut canvas, one, y + index as u64 * LINE + 2, &x);
        }
        canvas.close();
        y += height;
        canvas.line(LEFT, y - 2, RIGHT, y - 2, Colour::Grid, "");
    }
    let steps = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
    let step = steps.into_iter().find(|step| longest / step <= 14.0).unwrap_or(longest);
    let mut n = 0.0;
    while n * step <= longest {
        canvas.line(x(n * step), top, x(n * step), y + 2, Colour::Grid, "2 4");
        canvas.text(x(n * step), y + 15, Anchor::Middle, Type::SMALL, Colour::Muted, &format!("{} s", n * step));
        n += 1.0;
    }
    y += 34;
    let mut at = PADDING;
    for (colour, text) in [
        (Colour::Hook, "deleted, until the EndpointSlice said so"),
        (Colour::Traffic, "new connections still came"),
        (Colour::Muted, "kept connections, each at its last answer"),
    ] {
        canvas.rect("bar", at, y - 9, 12, 10, colour);
        canvas.text(at + 17, y, Anchor::Start, Type::SMALL, Colour::Muted, text);
        at += 17 + Type::SMALL.room(text) + 14;
    }
    canvas.finish(y + 14, &title, &summary)
}

fn pod(canvas: &mut Canvas, one: &Replaced, y: u64, x: &impl Fn(f64) -> u64) {
    let (from, to) = (x(one.deleted), x(one.deleted + one.new));
    if to > from {
        canvas.rect("bar", from, y, to - from, BAR, Colour::Traffic);
    }
    let told = x(one.deleted + one.endpoint.unwrap_or(0.0));
    canvas.rect("bar", from, y, told.saturating_sub(from).max(2), BAR, Colour::Hook);
    for kept in &one.kept {
        // Those that stayed for ever would be off the picture.
        if kept.end != super::samples::End::Stayed {
            canvas.rect("dot", x(one.deleted + kept.last).saturating_sub(1), y, 2, BAR, Colour::Muted);
        }
    }
    canvas.text(to.max(told) + 5, y + BAR, Anchor::Start, Type::SMALL, Colour::Muted, &format!("{:.2}", one.new));
}

/// The page: the picture, and the words beside it.
pub fn html(report: &Report) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = anstream::adapter::strip_str(&report.text()).to_string();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\nbody {{ font-family: \
         system-ui, sans-serif; margin: 2rem; max-width: 60rem }}\npre {{ overflow-x: auto }}\n@media (prefers-color-scheme: dark) \
         {{ body {{ background: #16181d; color: #e6e6e6 }} }}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n{picture}<pre>{text}</pre>\n</body>\n</html>\n",
        title = escaped(&format!("E by {}", report.via)),
        picture = svg(report),
        text = escaped(&text)
    )
}

#[cfg(test)]
mod tests {
    use super::super::report::{About, Report};
    use super::super::samples::{End, Kept, Measured};
    use super::super::suggest::Suggestion;
    use super::*;

    fn report() -> Report {
        let kept = vec![Kept { last: 1.0, end: End::Moved }, Kept { last: 99.0, end: End::Stayed }];
        let replaced = (0..6).map(|n| Replaced {
            pod: format!("canary-{n}"),
            round: n / 3,
            deleted: 2.0 * n as f64,
            new: 0.5 * n as f64,
            endpoint: Some(0.05),
            kept: kept.clone(),
            ..Replaced::default()
        });
        let measured = Measured { replaced: replaced.collect(), ..Measured::default() };
        let about = About {
            via: "ingress class <b>&amp;".to_owned(),
            namespace: "shop".to_owned(),
            address: "http://10.0.0.1/".to_owned(),
            date: "2026-01-31".to_owned(),
            rounds: 2,
            longest: 180,
            sidecars: vec!["istio-proxy".to_owned()],
        };
        Report::of(about, measured, &Suggestion::NotEnough("6 samples".to_owned()), None)
    }

    #[test]
    fn a_picture_has_a_lane_for_each_rollout() {
        let picture = svg(&report());
        let read = roxmltree::Document::parse(&picture).unwrap();
        let lanes = read.descendants().filter(|node| node.attribute("class") == Some("lane"));
        assert_eq!(lanes.count(), 2);
        let page = html(&report());
        assert!(page.contains("<h1>E by ingress class &lt;b&gt;&amp;amp;</h1>"), "{page}");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn the_text_says_who_ended_kept_connections_and_what_stood_beside() {
        let text = anstream::adapter::strip_str(&report().text()).to_string();
        assert!(text.contains("6 went on to other pods, 6 stayed to the pod's end"), "{text}");
        assert!(text.contains("istio-proxy: what was measured is the way through it"), "{text}");
        assert!(text.contains("not enough: 6 samples"), "{text}");
    }
}
