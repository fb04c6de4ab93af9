//! The model of a pod after a fix of it: its grace, and the hooks that are longer or a native sleep now.

use serde_json::Value;

use super::{Container, Hook, Length, RandomPod, Written};

impl RandomPod {
    /// The pod as `json` has it, which is its own JSON with a fix. Panics on a hook that is neither a native sleep nor the
    /// old one with a longer wait.
    #[must_use]
    pub fn fixed(&self, json: &Value) -> RandomPod {
        let mut fixed = self.clone();
        fixed.grace = json["spec"]["terminationGracePeriodSeconds"].as_i64();
        let annotations = &json["metadata"]["annotations"];
        for container in fixed.containers.iter_mut().chain(&mut fixed.inits) {
            let raw = self.raw(json, container).pointer("/lifecycle/preStop").filter(|hook| !hook.is_null()).cloned();
            let declared = &annotations[format!("prestop-seconds.draingate.dev/{}", container.name)];
            match (declared.as_str().map(str::parse), &container.declared) {
                (None, _) => container.declared = Written::Absent,
                (Some(Ok(seconds)), Written::Seconds(_)) => container.declared = Written::Seconds(seconds),
                _ => {}
            }
            set(container, raw);
        }
        fixed
    }
}

fn set(container: &mut Container, now: Option<Value>) {
    match (&mut container.hook, now) {
        (Some(hook), Some(now)) if hook.handler == now => {}
        (hook, Some(now)) => {
            let env = hook.as_ref().map(|hook| hook.env.clone()).unwrap_or_default();
            // Where the cluster has no native one.
            let command = now["exec"]["command"].as_array();
            let plain = command.filter(|words| words.len() == 2 && words[0] == "sleep");
            let plain = plain.filter(|_| hook.as_ref().is_none_or(|hook| hook.fails));
            let plain = plain.and_then(|words| words[1].as_str()?.parse().ok());
            if let Some(seconds) = now["sleep"]["seconds"].as_u64().or(plain) {
                *hook = Some(Hook { handler: now, env, length: Length::Exact(seconds), stop: None, fails: false });
                return;
            }
            let was = hook.as_ref().unwrap_or_else(|| panic!("a hook out of nothing: {now}"));
            let by = longer_by(&was.handler["exec"]["command"], &now["exec"]["command"]);
            *hook = Some(Hook { length: was.length.later(by), handler: now, ..was.clone() });
        }
        (hook, None) => *hook = None,
    }
}

/// How much longer a command waits: one number is larger, or a sleep stands before all else.
fn longer_by(was: &Value, now: &Value) -> u64 {
    let words = |command: &Value| command.as_array().unwrap_or_else(|| panic!("{command}")).clone();
    let (was, now) = (words(was), words(now));
    assert_eq!(was.len(), now.len(), "{was:?} {now:?}");
    let mut changed = was.iter().zip(&now).filter(|(was, now)| was != now);
    let (was, now) = changed.next().unwrap();
    assert_eq!(changed.next(), None);
    let (was, now) = (was.as_str().unwrap(), now.as_str().unwrap());
    let sleep = now.trim_start().strip_prefix("sleep ").and_then(|rest| rest.split_once(|c: char| !c.is_ascii_digit()));
    if let Some((seconds, rest)) = sleep
        && rest.strip_suffix(was.trim_start()).is_some_and(|joint| matches!(joint.trim(), "&&" | "" | ";"))
    {
        return seconds.parse().unwrap();
    }
    let same = |(a, b): &(char, char)| a == b;
    let before = was.chars().zip(now.chars()).take_while(same).count();
    let is_number = |c: &char| c.is_ascii_digit() || *c == '.';
    let start = was.chars().collect::<Vec<_>>()[..before].iter().rev().take_while(|c| is_number(c)).count();
    let seconds = |text: &str| {
        let rest: Vec<char> = text.chars().skip(before - start).collect();
        let number: String = rest.iter().take_while(|c| is_number(c)).collect();
        let unit = match rest.get(number.len()) {
            Some('m') => 60.0,
            Some('h') => 3_600.0,
            Some('d') => 86_400.0,
            _ => 1.0,
        };
        number.parse::<f64>().unwrap_or_else(|_| panic!("{was:?} {now:?}")) * unit
    };
    (seconds(now) - seconds(was)).round() as u64
}
