//! What came out: files with the raw samples, pictures, and one table.

use std::fmt::Write as _;
use std::path::Path;

use draingate::rehearse::picture;
use draingate::traffic::recording::{Count, Run, quantile};
use draingate_testing::written;
use serde::{Deserialize, Serialize};

use crate::scenarios::Saved;

/// Which run of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    /// Nothing happens.
    Control,
    /// Without Draingate.
    Before,
    /// With it.
    After,
}

impl Variant {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Variant::Control => "control",
            Variant::Before => "before",
            Variant::After => "after",
        }
    }
}

/// One run, as it is written to a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) scenario: String,
    pub(crate) title: String,
    pub(crate) event: String,
    pub(crate) variant: Variant,
    /// `course` is what files of earlier labs call it.
    #[serde(alias = "course")]
    pub(crate) run: Run,
}

impl Outcome {
    fn count(&self) -> Count {
        Count::of(&self.run.samples)
    }

    /// The longest stop of a pod, in seconds.
    fn longest_stop(&self) -> Option<f64> {
        let mut stops: Vec<f64> = self.run.pods.iter().filter_map(|pod| pod.stop_seconds()).collect();
        stops.sort_by(f64::total_cmp);
        quantile(&stops, 1.0)
    }

    /// Whether it came out as it should: nothing is lost but without Draingate, or where nobody stands in.
    pub(crate) fn as_expected(&self, saved: Saved) -> bool {
        let count = self.count();
        let is_lossy = match self.variant {
            Variant::Control => false,
            Variant::Before => true,
            Variant::After => saved == Saved::Outage,
        };
        count.sent > 0 && (count.failed > 0) == is_lossy
    }

    /// `3 of 100 (eof 3)`
    pub(crate) fn lost(&self) -> String {
        let count = self.count();
        format!("{} of {}{}", count.failed, count.sent, count.kinds())
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let count = self.count();
        format!("{} ({}): {} of {} lost{}", self.scenario, self.variant.name(), count.failed, count.sent, count.kinds())
    }

    pub(crate) fn write(&self, folder: &Path) {
        let name = format!("{}-{}", self.scenario, self.variant.name());
        std::fs::write(folder.join(format!("{name}.json")), serde_json::to_vec(self).unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.svg")), picture::svg(&self.run)).unwrap();
    }
}

/// The table, as Markdown.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !names.contains(&outcome.scenario.as_str()) {
            names.push(&outcome.scenario);
        }
    }
    let mut text = String::from(
        "| scenario | event | no rollout | without Draingate: lost | with Draingate: lost | p99 in the window | longest stop |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for name in names {
        let of = |variant| outcomes.iter().find(|one| one.scenario == name && one.variant == variant);
        let Some(any) = outcomes.iter().find(|one| one.scenario == name) else { continue };
        let lost = |variant| of(variant).map_or_else(String::new, Outcome::lost);
        let pair = |value: &dyn Fn(&Outcome) -> Option<String>| {
            let shown = |variant| of(variant).and_then(value).unwrap_or_else(|| "-".to_owned());
            format!("{} / {}", shown(Variant::Before), shown(Variant::After))
        };
        let p99 = pair(&|one| one.run.split().0.p99.map(|p99| format!("{:.0} ms", p99 * 1000.0)));
        let stop = pair(&|one| one.longest_stop().map(|stop| format!("{stop:.1} s")));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {p99} | {stop} |",
            any.title,
            any.event,
            lost(Variant::Control),
            lost(Variant::Before),
            lost(Variant::After)
        );
    }
    text
}

/// All that lie in a folder, in the order of the scenarios.
fn read(folder: &Path) -> Vec<Outcome> {
    let variants = [Variant::Control, Variant::Before, Variant::After];
    let names =
        crate::scenarios::all().into_iter().flat_map(|one| variants.map(|v| format!("{}-{}.json", one.name, v.name())));
    names.filter_map(|name| serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok()).collect()
}

/// Writes docs/lab.md and docs/lab/*.svg; what the page has of scenarios without results stays.
pub(crate) fn publish(folder: &Path, root: &Path) {
    let outcomes = read(folder);
    let pictures = root.join("docs/lab");
    std::fs::create_dir_all(&pictures).unwrap();
    let page = root.join("docs/lab.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (old_table, old_gallery) = (written::between(&text, "table"), written::between(&text, "pictures"));

    let (mut rows, mut gallery) = (table(&[]), String::new());
    for scenario in crate::scenarios::all() {
        let of_it: Vec<Outcome> = outcomes.iter().filter(|one| one.scenario == scenario.name).cloned().collect();
        if of_it.is_empty() {
            let row = format!("| {} |", scenario.title);
            rows.extend(old_table.split_inclusive('\n').filter(|line| line.starts_with(&row)));
            let pictures =
                [Variant::Before, Variant::After].map(|v| format!("(lab/{}-{}.svg)", scenario.name, v.name()));
            let kept = |line: &&str| pictures.iter().any(|name| line.trim_end().ends_with(name));
            gallery.extend(old_gallery.split_inclusive('\n').filter(kept).map(|line| format!("{line}\n")));
            continue;
        }
        rows.extend(table(&of_it).split_inclusive('\n').skip(2));
        for outcome in of_it.iter().filter(|one| one.variant != Variant::Control) {
            let name = format!("{}-{}.svg", outcome.scenario, outcome.variant.name());
            std::fs::copy(folder.join(&name), pictures.join(&name)).unwrap();
            let _ = writeln!(gallery, "![{}](lab/{name})\n", outcome.line());
        }
    }
    let text = written::with_between(&written::with_between(&text, "table", &rows), "pictures", &gallery);
    std::fs::write(&page, text).unwrap();
    println!("lab: wrote {}", page.display());
}
