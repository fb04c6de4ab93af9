//! Which conditions each policy should have. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cluster::policies::{Id, Record, Selects};
use draingate_core::policy::PolicyKind;

/// The longest message; a policy's own text may be part of it.
const MESSAGE_LIMIT: usize = 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

/// The conditions of every policy.
pub(super) fn wanted(records: &BTreeMap<Id, Record>) -> Vec<(Id, Record, [Condition; 2])> {
    let mut groups: BTreeMap<(PolicyKind, &str, &Selects), Vec<&Record>> = BTreeMap::new();
    for (id, record) in records {
        if let Ok(selects) = &record.selects {
            groups.entry((id.kind, &id.key.namespace, selects)).or_default().push(record);
        }
    }
    // With equal selectors, this is the order in which policies win.
    groups.values_mut().for_each(|group| group.sort_by_key(|record| (&record.created, &record.title)));
    let conditions = |(id, record): (&Id, &Record)| {
        let selects = record.selects.as_ref().ok();
        let group = selects.and_then(|selects| groups.get(&(id.kind, id.key.namespace.as_str(), selects)));
        let both = [accepted(record), conflicted(record, group.map(Vec::as_slice).unwrap_or_default())];
        (id.clone(), record.clone(), both)
    };
    records.iter().map(conditions).collect()
}

fn accepted(record: &Record) -> Condition {
    let (status, reason, message) = match &record.selects {
        Ok(_) => ("True", "Readable", "the policy is in force".to_owned()),
        Err(problem) => {
            ("False", "Unreadable", format!("the policy matches nothing, because it cannot be read: {problem}"))
        }
    };
    Condition { kind: "Accepted", status, reason, message: message.chars().take(MESSAGE_LIMIT).collect() }
}

fn conflicted(record: &Record, group: &[&Record]) -> Condition {
    let rival = match group {
        [winner, second, ..] if winner.title == record.title => Some((second, true)),
        [winner, _, ..] => Some((winner, false)),
        _ => None,
    };
    let (status, reason, message) = match rival {
        None => ("False", "NoConflict", "no other policy selects exactly the same".to_owned()),
        Some((other, wins)) => {
            let why = if other.created == record.created { "its name comes first" } else { "it is older" };
            let winner = if wins { "this one" } else { "that one" };
            let message = format!("{} selects exactly the same; {winner} wins, because {why}", other.title);
            ("True", "EqualSelectors", message)
        }
    };
    Condition { kind: "Conflicted", status, reason, message }
}

/// The status to write, or `None` where it is there already, whenever that was.
pub(super) fn status(wanted: &[Condition], generation: i64, present: &Value, now: &str) -> Option<Value> {
    let there = present.get("conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let find = |kind: &str| there.iter().find(|c| c.get("type").is_some_and(|t| t == kind));
    let text = |condition: Option<&Value>, key: &str| Some(condition?.get(key)?.as_str()?.to_owned());
    let ours = wanted.iter().map(|condition| {
        let before = find(condition.kind);
        let stays = text(before, "status").as_deref() == Some(condition.status);
        let since = text(before, "lastTransitionTime").filter(|_| stays).unwrap_or_else(|| now.to_owned());
        json!({
            "type": condition.kind, "status": condition.status, "reason": condition.reason,
            "message": condition.message, "observedGeneration": generation, "lastTransitionTime": since,
        })
    });
    let ours: Vec<Value> = ours.collect();
    let is_ours = |c: &Value| c.get("type").is_some_and(|t| wanted.iter().any(|w| t == w.kind));
    let others = there.iter().filter(|c| !is_ours(c)).cloned();
    let all_there = ours.iter().zip(wanted).all(|(ours, condition)| find(condition.kind) == Some(ours));
    let generation_there = present.get("observedGeneration").and_then(Value::as_i64) == Some(generation);
    if all_there && generation_there {
        return None;
    }
    let conditions: Vec<Value> = ours.iter().cloned().chain(others).collect();
    Some(json!({"observedGeneration": generation, "conditions": conditions}))
}

/// A status without its times.
pub(super) fn essence(status: &Value) -> Value {
    let mut status = status.clone();
    for condition in status.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(condition) = condition.as_object_mut() {
            condition.remove("lastTransitionTime");
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: &'static str) -> [Condition; 1] {
        [Condition { kind: "Accepted", status, reason: "R", message: "m".into() }]
    }

    #[test]
    fn what_is_there_is_not_written_again() {
        let first = status(&condition("True"), 1, &Value::Null, "t1").unwrap();
        assert_eq!(first["conditions"][0]["lastTransitionTime"], "t1");
        assert_eq!(status(&condition("True"), 1, &first, "t2"), None);
    }

    #[test]
    fn the_time_moves_with_the_status_only() {
        let first = status(&condition("True"), 1, &Value::Null, "t1").unwrap();
        let newer = status(&condition("True"), 2, &first, "t2").unwrap();
        assert_eq!(newer["observedGeneration"], 2);
        assert_eq!(newer["conditions"][0]["lastTransitionTime"], "t1");
        let turned = status(&condition("False"), 2, &newer, "t3").unwrap();
        assert_eq!(turned["conditions"][0]["lastTransitionTime"], "t3");
    }

    #[test]
    fn what_others_wrote_stays() {
        let theirs = json!({"conditions": [{"type": "Theirs", "status": "True"}]});
        let both = status(&condition("True"), 1, &theirs, "t1").unwrap();
        assert_eq!(both["conditions"][1], theirs["conditions"][0]);
        assert_eq!(status(&condition("True"), 1, &both, "t2"), None);
    }
}
