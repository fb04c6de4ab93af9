//! One line for each row, with its setting as its documentation writes it, and what must not be read.
//!
//! A line of `lines.txt` is a row's name, an image, arguments, variables, and what is found.

use std::collections::BTreeSet;

use super::{Facts, Found, Mark, Setting, find, rows};
use crate::hooks::Variable;
use crate::text::Text;

/// What was found, in short: `A=10 T=30* Peer! Drains`, where `*` is a default, and `!` stands in the container.
fn told(found: &Found) -> String {
    let time = |letter: &str, setting: &Option<Setting>| match setting {
        Some(Setting { seconds, stated, .. }) => format!("{letter}={seconds}{} ", if *stated { "" } else { "*" }),
        None => String::new(),
    };
    let by_flag = if found.work_by_flag { "!" } else { "" };
    let (accept, finish) = (time("A", &found.accept), time("T", &found.finish));
    format!("{accept}{finish}{:?}{by_flag} {:?}", found.work, found.sigterm)
}

/// `variables` are `NAME=value; NAME=value`; the value `?` comes from somewhere else.
fn look(image: &str, command: &[&str], args: &[&str], variables: &str) -> Option<Found> {
    let variable = |name: &str| {
        let value = variables.split("; ").find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
        value.map_or(Variable::Unset, |value| if value == "?" { Variable::Unknown } else { Variable::Literal(value) })
    };
    let names = variables.split("; ").filter_map(|entry| entry.split_once('=')).map(|(name, _)| name);
    fn texts<'a>(words: &[&'a str]) -> Vec<Text<'a>> {
        words.iter().map(|word| Text::from(*word)).collect()
    }
    find(Facts { image, command: &texts(command), args: &texts(args), variable: &variable, names })
}

/// `lines.txt`.
fn lines() -> impl Iterator<Item = [&'static str; 5]> {
    include_str!("lines.txt").lines().map(|line| {
        let columns: Vec<_> = line.split('|').map(str::trim).collect();
        columns.try_into().unwrap_or_else(|columns: Vec<_>| panic!("{columns:?} are not five columns"))
    })
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

#[test]
fn each_row_is_read_as_its_documentation_writes_it() {
    for [name, image, args, variables, expected] in lines() {
        // As a command and as arguments it is the same.
        for (command, args) in [(words(args), vec![]), (vec![], words(args))] {
            let found = look(image, &command, &args, variables);
            let found = found.unwrap_or_else(|| panic!("{name}: {image} {command:?} {args:?} is not found"));
            assert_eq!((found.server.name, &*told(&found)), (name, expected), "{image} {command:?} {args:?}");
        }
    }
    let tested: BTreeSet<_> = lines().map(|[name, ..]| name).collect();
    let all: BTreeSet<_> = rows().map(|row| row.name).collect();
    assert_eq!(tested, all);
}

#[test]
fn a_row_has_a_source_and_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for row in rows() {
        assert!(names.insert(row.name), "{} is there twice", row.name);
        assert!(!row.marks.is_empty(), "{}", row.name);
        assert_eq!(row.assumed, row.source.starts_with("assumed: "), "{}", row.name);
        assert!(row.assumed || row.source.contains(['/', '@']), "{}: {}", row.name, row.source);
        for mark in row.marks {
            let (Mark::Image(name) | Mark::ImageWord(name, _) | Mark::Program(name) | Mark::ProgramWord(name, _)) =
                mark
            else {
                continue;
            };
            let last = name.rsplit('/').next().unwrap().split(':').next().unwrap();
            assert!(last.find('*').is_none_or(|at| at >= 3 && at == last.len() - 1), "{}: {name}", row.name);
        }
    }
    let assumed = rows().filter(|row| row.assumed).count();
    assert!(assumed * 10 <= rows().count(), "{assumed} rows of {} are assumed", rows().count());
}

#[test]
fn the_line_of_a_shell_is_read_where_it_is_plain() {
    for (line, expected) in [
        ("exec gunicorn app:app --graceful-timeout 45", Some("T=45 Sent Drains")),
        ("python manage.py migrate && exec gunicorn app:app --graceful-timeout=45", Some("T=45 Sent Drains")),
        ("set -e\nexec gunicorn app:app \\\n  --graceful-timeout 45\n", Some("T=45 Sent Drains")),
        ("cd /app; PORT=80 gunicorn app:app --graceful-timeout \"45\"", Some("T=45 Sent Drains")),
        ("gunicorn app:app --graceful-timeout $TIMEOUT", Some("Sent Drains")),
        ("exec airflow celery worker", Some("Fetched! Drains")),
        ("exec /usr/bin/weed -logdir=/logs -v 1 volume -preStopSeconds=30", Some("A=30 T=300* Peer! Drains")),
        ("gunicorn app:app; sleep 5", None),
        ("", None),
        ("&&", None),
    ] {
        for shell in
            [&["sh", "-c", line][..], &["/bin/bash", "-o", "pipefail", "-ec", line], &["tini", "--", "sh", "-c", line]]
        {
            let found = look("shop/app", shell, &[], "").map(|found| told(&found));
            assert_eq!(found.as_deref(), expected, "{shell:?}");
        }
    }
}

#[test]
fn what_cannot_be_read_says_nothing() {
    for (args, variables) in [
        ("gunicorn a:b --graceful-timeout", ""),
        ("gunicorn a:b --graceful-timeout soon", ""),
        ("gunicorn a:b --graceful-timeout -1", ""),
        ("gunicorn a:b --graceful-timeout=", ""),
        ("gunicorn a:b --graceful-timeout=$(SECRET)", "SECRET=?"),
        ("gunicorn a:b --graceful-timeout=$(NOWHERE)", ""),
        ("gunicorn a:b --graceful-timeout 99999999999999999999", ""),
        ("gunicorn a:b", "GUNICORN_CMD_ARGS=?"),
    ] {
        let found = look("shop/app", &words(args), &[], variables).unwrap();
        assert_eq!(told(&found), "Sent Drains", "{args}");
    }
    let found = look("shop/app", &words("gunicorn a:b --graceful-timeout=$(TIMEOUT)"), &[], "TIMEOUT=45").unwrap();
    let stated = Setting { seconds: 45, stated: true, words: "--graceful-timeout".to_owned() };
    assert_eq!(found.finish, Some(stated));
}

#[test]
fn nobody_knows_these() {
    for (image, args) in [
        ("shop/nginxish", ""),
        ("shop/registry", ""),
        ("bitnami/wordpress:6", ""),
        ("bitnami/kong:3", ""),
        ("busybox", "busybox httpd -f"),
        ("shop/app", "/bin/app --config=/etc/nginx"),
        ("shop/app", "--path /usr/sbin/nginx"),
        ("shop/app", "celery -A shop flower"),
        ("shop/app", "python app.py"),
        ("shop/queue-worker", ""),
        ("", ""),
        (":", "- -- -m"),
        ("@/:", "java -jar"),
        ("shop/app", "java -jar app.jar"),
        ("shop/app", "node server.js"),
    ] {
        let found = look(image, &words(args), &[], "PORT=80").map(|found| found.server.name);
        assert_eq!(found, None, "{image} {args}");
    }
}

#[test]
fn times() {
    use super::Bare::{Millis, Refused, Seconds};
    use super::values::seconds;
    for (text, bare, expected) in [
        ("30", Seconds, Some(30)),
        ("30", Millis, Some(1)),
        ("30", Refused, None),
        ("0", Refused, Some(0)),
        ("0s", Refused, Some(0)),
        ("1m30s", Refused, Some(90)),
        ("1.5h", Refused, Some(5_400)),
        ("1500ms", Refused, Some(2)),
        ("100us", Refused, Some(1)),
        ("2d", Seconds, Some(172_800)),
        ("PT1M30S", Millis, Some(90)),
        ("pt20s", Millis, Some(20)),
        (" 30s ", Millis, Some(30)),
        ("", Seconds, None),
        ("PT", Seconds, None),
        ("s", Seconds, None),
        ("5x", Seconds, None),
        ("-5", Seconds, None),
        ("-5s", Seconds, None),
        ("soon", Seconds, None),
        ("99999999999999999999h", Seconds, None),
    ] {
        assert_eq!(seconds(text, bare), expected, "{text}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::{lines, look, told, words};

    const OTHERS: [&str; 13] =
        ["sh", "-c", "--", "java", "-cp", "python", "-m", "env", "bundle", "exec", "é=", "=", "-"];

    /// Words of the table among others.
    fn word() -> impl Strategy<Value = String> {
        let known: Vec<&str> = lines().flat_map(|[_, _, args, ..]| words(args)).collect();
        prop_oneof![
            3 => prop::sample::select(known).prop_map(str::to_owned),
            1 => prop::sample::select(&OTHERS[..]).prop_map(str::to_owned),
            1 => "\\PC{0,12}",
            1 => "[-a-z;&\\n\\\\ =$()0-9.]{0,20}",
        ]
    }

    fn column(at: usize) -> impl Strategy<Value = String> {
        prop::sample::select(lines().map(|line| line[at].to_owned()).collect::<Vec<_>>())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_panics(
            image in prop_oneof!["\\PC{0,20}", column(1)],
            command in prop::collection::vec(word(), 0..6),
            args in prop::collection::vec(word(), 0..8),
            variables in prop_oneof!["\\PC{0,20}", column(3)],
        ) {
            let command: Vec<_> = command.iter().map(String::as_str).collect();
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            if let Some(found) = look(&image, &command, &args, &variables) {
                prop_assert!(!told(&found).is_empty());
                let lasting = [&found.accept, &found.finish].into_iter().flatten().all(|time| time.seconds < 1 << 40);
                prop_assert!(lasting);
            }
        }
    }
}
