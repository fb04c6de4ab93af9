//! Settings in the files that ConfigMaps give a container: which of them counts, and what it says.

use std::collections::BTreeMap;

use crate::config_maps::File;

use super::files::{Config, Format, InFile, UNKNOWN};
use super::row::{Bare, Place};
use super::values::{Places, Read, go_flag, seconds, strip_prefix};

impl<'a, 'f> Read<'a, 'f> {
    /// A time in a file.
    pub(super) fn in_file(value: &str, bare: Bare, file: &'f File<'f>, place: &'static Place) -> Read<'a, 'f> {
        match seconds(value, bare) {
            Some(seconds) => Read::Value { seconds, words: place.name(), in_file: Some(InFile { file, place }) },
            None => Read::Unreadable,
        }
    }
}

impl<'a, 'f> Places<'a, 'f> {
    /// The value of a key that stands in a ConfigMap, and in which file.
    pub(super) fn in_file(&self, place: &Place) -> Option<(String, &'f File<'f>)> {
        match place {
            Place::Key(config, key) => self.chosen(config).into_iter().find_map(|files| {
                let mut values = files.into_iter().filter_map(|file| Some((config.value(file, key)?, file)));
                let (first, file) = values.next()?;
                let agreed = values.all(|(value, _)| value == first);
                Some((if agreed { first } else { UNKNOWN.to_owned() }, file))
            }),
            Place::MapKey(flag, key) => {
                let one_dash = flag.strip_prefix('-').filter(|name| name.starts_with('-')).unwrap_or(flag);
                let map = go_flag(self.words.iter(), one_dash)?.rsplit('/').next()?;
                let is = |file: &&File| file.path.is_empty() && file.map == map && file.key == *key;
                self.files.iter().find(is).map(|file| (file.text.to_owned(), file))
            }
            _ => None,
        }
    }

    /// The files of a kind, those that win first: what the command names, what is of an active profile, what is called so.
    fn chosen(&self, config: &Config) -> [Vec<&'f File<'f>>; 3] {
        let mounted = || self.files.iter().filter(|file| !file.path.is_empty());
        let profiles = if config.format == Format::Spring && !self.files.is_empty() { self.profiles() } else { "" };
        let active = |profile: &str| profiles.split(',').any(|active| active.trim() == profile);
        [
            mounted().filter(|file| self.words.iter().any(|word| word.ends_with(&file.path))).collect(),
            mounted().filter(|file| config.profile(file).is_some_and(active)).collect(),
            mounted().filter(|file| config.is(file)).collect(),
        ]
    }

    /// Spring's active profiles, where they stand in the pod.
    fn profiles(&self) -> &'a str {
        let named = self.property("spring.profiles.active");
        self.literal(named.unwrap_or_else(|| (self.variable)("SPRING_PROFILES_ACTIVE"))).unwrap_or_default()
    }

    /// A setting of Traefik's entry points in its file, beside which Traefik reads no flag; `None` where there is no file.
    pub(super) fn entry_points_in_file(
        &self,
        place: &'static Place,
        config: &Config,
        key: &str,
        smallest: bool,
    ) -> Option<Read<'a, 'f>> {
        let file = self.chosen(config).into_iter().flatten().find(|file| config.has(file, "entryPoints"))?;
        let mut points: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut aside = vec!["traefik".to_owned(), "metrics".to_owned()];
        config.each(file, &mut |path, value| {
            let point = strip_prefix(path, "entrypoints.").and_then(|rest| rest.split_once('.'));
            let Some((name, setting)) = point else { return };
            let point = points.entry(name.to_owned()).or_default();
            if strip_prefix(setting, "transport.lifecycle.").is_some_and(|name| name.eq_ignore_ascii_case(key)) {
                *point = Some(value.to_owned());
            } else if setting.eq_ignore_ascii_case("address") && value.ends_with("/udp") {
                aside.push(name.to_owned());
            }
        });
        points.retain(|name, _| !aside.contains(name));
        // One without the setting takes no more work at once.
        let values: Option<Vec<String>> = match smallest {
            true => points.into_values().collect(),
            false => Some(points.into_values().flatten().collect()),
        };
        let times: Option<Vec<u64>> =
            values.unwrap_or_default().iter().map(|value| seconds(value, Bare::Seconds)).collect();
        let Some(times) = times else { return Some(Read::Unreadable) };
        let seconds = if smallest { times.into_iter().min() } else { times.into_iter().max() };
        let value = |seconds| Read::Value { seconds, words: place.name(), in_file: Some(InFile { file, place }) };
        Some(seconds.map_or(Read::Absent, value))
    }
}
