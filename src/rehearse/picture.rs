//! A run as a picture over time: requests and errors above, a lane for each pod below.

use crate::report::timeline::svg::canvas::{Anchor, Canvas, Type};
use crate::report::timeline::svg::palette::Colour;
use crate::traffic::recording::{PodLife, Run};

const WIDTH: u64 = 900;
const PADDING: u64 = 20;
const NAMES: u64 = 210;
const REQUESTS: u64 = 90;
const LANE: u64 = 18;
const BAR: u64 = 12;
/// Shown at most; a rollout of hundreds would be no picture.
const MOST_PODS: usize = 40;
/// Bars of requests.
const BUCKETS: usize = 150;

/// Seconds to pixels.
struct Scale {
    from: f64,
    seconds: f64,
}

impl Scale {
    const LEFT: u64 = PADDING + NAMES;
    const RIGHT: u64 = WIDTH - PADDING;

    fn x(&self, at: f64) -> u64 {
        let share = ((at - self.from) / self.seconds).clamp(0.0, 1.0);
        Self::LEFT + (share * (Self::RIGHT - Self::LEFT) as f64).round() as u64
    }
}

/// The picture, as an SVG file.
pub fn svg(run: &Run) -> String {
    let (from, to) = run.span().unwrap_or((0.0, 1.0));
    let scale = Scale { from, seconds: (to - from).max(1.0) };
    let mut canvas = Canvas::new(WIDTH, "draingate-run");
    let mut y = PADDING + 14;
    canvas.text(PADDING, y, Anchor::Start, Type::TITLE, Colour::Text, &run.title);
    y += 20;
    let said = words(run);
    let failed = run.samples.iter().any(|sample| sample.error.is_some());
    canvas.text(PADDING, y, Anchor::Start, Type::BODY, if failed { Colour::Bad } else { Colour::Good }, &said);
    y += 14;
    let top = y;
    requests(&mut canvas, run, &scale, y);
    y += REQUESTS + 10;
    let mut pods: Vec<&PodLife> = run.pods.iter().filter(|pod| pod.gone.is_none_or(|gone| gone >= from)).collect();
    pods.sort_by(|a, b| {
        let key = |pod: &PodLife| (pod.deleted.unwrap_or(f64::MAX), pod.created.unwrap_or(f64::MIN));
        key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1))
    });
    for pod in pods.iter().take(MOST_PODS) {
        lane(&mut canvas, pod, &scale, y, to);
        y += LANE;
    }
    if let Some(more) = pods.len().checked_sub(MOST_PODS).filter(|more| *more > 0) {
        y += LANE;
        let said = format!("and {more} more pods");
        canvas.text(PADDING, y - 5, Anchor::Start, Type::SMALL, Colour::Muted, &said);
    }
    for at in run.window.into_iter().flat_map(|(from, to)| [from, to]) {
        canvas.line(scale.x(at), top, scale.x(at), y, Colour::Text, "3 3");
    }
    y = ticks(&mut canvas, run, &scale, top, y);
    y = legend(&mut canvas, y + 18);
    canvas.finish(y + 14, &run.title, &said)
}

/// What there is to see, in a sentence.
fn words(run: &Run) -> String {
    let (inside, outside) = run.split();
    let Some((from, to)) = run.window else {
        return format!("no rollout: {} sent, {} failed", outside.sent, outside.failed);
    };
    format!(
        "in the deploy window of {:.1} s: {} sent, {} failed{}; outside: {} sent, {} failed",
        to - from,
        inside.sent,
        inside.failed,
        inside.kinds(),
        outside.sent,
        outside.failed
    )
}

/// Bars of requests by when they ended; what failed stands on top, and is never too small to be seen.
fn requests(canvas: &mut Canvas, run: &Run, scale: &Scale, top: u64) {
    let mut buckets = vec![(0_u64, 0_u64); BUCKETS];
    for sample in &run.samples {
        let place = ((sample.end() - scale.from) / scale.seconds * BUCKETS as f64) as usize;
        if let Some((fine, failed)) = buckets.get_mut(place.min(BUCKETS - 1)) {
            *if sample.error.is_some() { failed } else { fine } += 1;
        }
    }
    let most = buckets.iter().map(|(fine, failed)| fine + failed).max().unwrap_or(0).max(1);
    let label = format!("{:.0}/s", most as f64 * BUCKETS as f64 / scale.seconds);
    canvas.text(PADDING, top + 12, Anchor::Start, Type::NAME, Colour::Text, "requests");
    canvas.text(Scale::LEFT - 8, top + 12, Anchor::End, Type::SMALL, Colour::Muted, &label);
    let width = (Scale::RIGHT - Scale::LEFT) / BUCKETS as u64;
    let bottom = top + REQUESTS;
    for (index, (fine, failed)) in buckets.into_iter().enumerate() {
        let x = Scale::LEFT + (Scale::RIGHT - Scale::LEFT) * index as u64 / BUCKETS as u64;
        let height = fine * REQUESTS / most;
        if fine > 0 {
            canvas.rect("bar", x, bottom - height.max(1), width, height.max(1), Colour::Traffic);
        }
        if failed > 0 {
            let tall = (failed * REQUESTS / most).max(4);
            canvas.rect("bar", x, bottom.saturating_sub(height + tall).max(top), width, tall, Colour::Bad);
        }
    }
    canvas.line(Scale::LEFT, bottom, Scale::RIGHT, bottom, Colour::Grid, "");
}

fn lane(canvas: &mut Canvas, pod: &PodLife, scale: &Scale, y: u64, end: f64) {
    canvas.open_lane(y, LANE, Scale::LEFT, Scale::RIGHT);
    let name: String = pod.name.chars().rev().take(27).collect::<Vec<_>>().into_iter().rev().collect();
    canvas.text(PADDING, y + 12, Anchor::Start, Type::SMALL, Colour::Muted, &name);
    let gone = pod.gone.unwrap_or(end);
    let deleted = pod.deleted.unwrap_or(gone).min(gone);
    let ready = pod.ready.unwrap_or(deleted).min(deleted);
    let mut bar = |from: f64, to: f64, colour: Colour| {
        let (left, right) = (scale.x(from), scale.x(to));
        if right > left {
            canvas.rect("bar", left, y + 3, right - left, BAR, colour);
        }
    };
    bar(pod.created.unwrap_or(scale.from), ready, Colour::Serving);
    bar(ready, deleted, Colour::Margin);
    let first = pod.sigterm.iter().copied().fold(f64::INFINITY, f64::min);
    let held = if first.is_finite() { first.clamp(deleted, gone) } else { deleted };
    bar(deleted, held, Colour::Injected);
    bar(held, gone, Colour::Stop);
    for at in &pod.sigterm {
        canvas.pin(scale.x(*at), y + 3, BAR, Colour::Text);
    }
    canvas.close();
}

/// Seconds after the rollout began, or after the start; gives where they end.
fn ticks(canvas: &mut Canvas, run: &Run, scale: &Scale, top: u64, bottom: u64) -> u64 {
    let zero = run.window.map_or(scale.from, |(from, _)| from);
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
    let step = steps.into_iter().find(|step| scale.seconds / step <= 12.0).unwrap_or(scale.seconds);
    let mut n = ((scale.from - zero) / step).ceil();
    while zero + n * step <= scale.from + scale.seconds {
        let x = scale.x(zero + n * step);
        canvas.line(x, top, x, bottom + 4, Colour::Grid, "2 4");
        canvas.text(x, bottom + 16, Anchor::Middle, Type::SMALL, Colour::Muted, &format!("{:.0} s", n * step));
        n += 1.0;
    }
    bottom + 18
}

fn legend(canvas: &mut Canvas, y: u64) -> u64 {
    let entries = [
        (Colour::Traffic, "answered"),
        (Colour::Bad, "failed"),
        (Colour::Serving, "starting"),
        (Colour::Margin, "ready"),
        (Colour::Injected, "deleted, before SIGTERM"),
        (Colour::Stop, "stopping"),
    ];
    let mut x = PADDING;
    for (colour, text) in entries {
        canvas.rect("bar", x, y - 9, 12, 10, colour);
        canvas.text(x + 17, y, Anchor::Start, Type::SMALL, Colour::Muted, text);
        x += 17 + Type::SMALL.room(text) + 14;
    }
    canvas.pin(x + 5, y - 9, 10, Colour::Text);
    canvas.text(x + 15, y, Anchor::Start, Type::SMALL, Colour::Muted, "SIGTERM");
    y
}
