//! The quick JSON reader beside serde_json: what that reads, it reads to the same.

use draingate_core::json::{self, Read, Reader, Unread};
use draingate_core::subject::{Kind, PodTemplate, Subject};
use draingate_core::text::Text;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// One of everything that can be asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Asked<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow)]
    absent: Option<Text<'a>>,
    owned: Option<String>,
    number: Option<i64>,
    real: Option<f64>,
    flag: Option<bool>,
    sort: Option<Sort>,
    #[serde(borrow)]
    raw: Option<&'a RawValue>,
    whatever: Option<Value>,
    pair: Option<(u8, Option<bool>)>,
    #[serde(default, borrow)]
    list: Vec<Asked<'a>>,
}

impl<'a> Read<'a> for Asked<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Unread> {
        fn strict<'a, T: Deserialize<'a>>(reader: &mut Reader<'a>, field: &mut Option<T>) -> Result<(), Unread> {
            if field.is_some() {
                return Err(Unread);
            }
            *field = Some(reader.strict()?);
            Ok(())
        }
        let (mut text, mut absent, mut number, mut flag, mut list) = (None, None, None, None, None);
        let (mut owned, mut real, mut sort, mut raw, mut whatever, mut pair) = (None, None, None, None, None, None);
        reader.object(|reader, key| match key {
            "text" => reader.once(&mut text),
            "absent" => reader.once(&mut absent),
            "owned" => strict(reader, &mut owned),
            "number" => reader.once(&mut number),
            "real" => strict(reader, &mut real),
            "flag" => reader.once(&mut flag),
            "sort" => strict(reader, &mut sort),
            "raw" => strict(reader, &mut raw),
            "whatever" => strict(reader, &mut whatever),
            "pair" => strict(reader, &mut pair),
            "list" => reader.once(&mut list),
            _ => reader.pass(),
        })?;
        Ok(Asked {
            text: text.unwrap_or_default(),
            absent: absent.flatten(),
            owned: owned.flatten(),
            number: number.flatten(),
            real: real.flatten(),
            flag: flag.flatten(),
            sort: sort.flatten(),
            raw: raw.flatten(),
            whatever: whatever.flatten(),
            pair: pair.flatten(),
            list: list.unwrap_or_default(),
        })
    }
}

#[derive(Debug, Deserialize)]
enum Sort {
    Small,
    #[serde(other)]
    Other,
}

/// Holds if both read the same; gives whether they could.
fn same(text: &str) -> Result<bool, TestCaseError> {
    let (quick, strict) = (json::read::<Asked>(text), serde_json::from_str::<Asked>(text));
    if let Ok(strict) = &strict {
        prop_assert_eq!(quick.as_ref().map(|asked| format!("{asked:?}")), Some(format!("{strict:?}")), "{}", text);
    }
    Ok(strict.is_ok())
}

/// Strings with all that could be taken for the end of something.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        r#"["\\{}\[\],: /a]{0,80}"#,
        prop::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        string().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((string(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Objects with fields that are asked for, of the right sort, and others.
fn document() -> impl Strategy<Value = Value> {
    let fields = |list: BoxedStrategy<Value>| {
        let field = prop_oneof![
            ("[b-k]{1,5}", any_value()),
            (Just("text".to_owned()), string().prop_map(Value::from)),
            (Just("absent".to_owned()), prop::option::of(string()).prop_map(|text| json!(text))),
            (Just("owned".to_owned()), string().prop_map(Value::from)),
            (Just("number".to_owned()), any::<i64>().prop_map(Value::from)),
            (Just("real".to_owned()), any::<f64>().prop_map(Value::from)),
            (Just("flag".to_owned()), any::<bool>().prop_map(Value::from)),
            (Just("sort".to_owned()), prop::sample::select(&["Small", "Large"][..]).prop_map(Value::from)),
            (Just("raw".to_owned()), any_value()),
            (Just("whatever".to_owned()), any_value()),
            (Just("pair".to_owned()), prop::option::of(any::<bool>()).prop_map(|flag| json!([7, flag]))),
            (Just("list".to_owned()), list),
        ];
        prop::collection::vec(field, 0..12).prop_map(|fields| Value::Object(fields.into_iter().collect())).boxed()
    };
    let inner = prop::collection::vec(fields(Just(json!([])).boxed()), 0..4).prop_map(Value::from);
    fields(inner.boxed())
}

fn reviews() -> Vec<String> {
    let folder = draingate_testing::root().join("benches/reviews");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert!(texts.len() >= 4, "{} reviews", texts.len());
    texts
}

/// What an object may have instead of what it has.
const VALUES: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "7",
    "-1",
    "01",
    "1e2",
    "30.0",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "\"\"",
    "\"Always\"",
    "\"a\\u0041\"",
    "\"\\ud800\"",
    "\"\u{e9}\"",
    "{}",
    "[]",
    "[null]",
    "[{}]",
    "{\"a\": null}",
    "{\"port\": \"http\", \"port\": 80}",
    " [ 1 , \"]\" ] ",
];

/// Damage to the bytes, whatever they are.
const PIECES: [&str; 12] = ["\"", "\\", "{", "}", "[", "]", ",", ":", " \n\t", "\\u006e", "\u{1}", "null"];

/// Random numbers that depend on nothing but where they begin (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most.max(1) as u64) as usize
    }

    fn of<'a>(&mut self, some: &[&'a str]) -> &'a str {
        some[self.below(some.len())]
    }

    /// One thing done to a text.
    fn damage(&mut self, text: &mut String) {
        let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
        let place = |dice: &mut Dice, text: &str| {
            let at = dice.below(text.len() + 1);
            (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap()
        };
        match self.below(8) {
            // Most often a whole value for another, so that the text stays JSON.
            0..=4 if !colons.is_empty() => {
                let from = colons[self.below(colons.len())];
                let mut value = serde_json::Deserializer::from_str(&text[from..]).into_iter::<IgnoredAny>();
                if let Some(Ok(_)) = value.next() {
                    let to = from + value.byte_offset();
                    text.replace_range(from..to, self.of(&VALUES));
                }
            }
            // A field twice.
            5 => {
                if let Some(comma) = text.find(',') {
                    let start = text.find('{').map_or(0, |brace| brace + 1);
                    let field = text.get(start..=comma).unwrap_or_default().to_owned();
                    text.insert_str(start, &field);
                }
            }
            6 => {
                let at = place(self, text);
                text.insert_str(at, self.of(&PIECES));
            }
            _ => {
                let (from, to) = (place(self, text), place(self, text));
                let (from, to) = (from.min(to), from.max(to));
                if to - from < 40 {
                    text.replace_range(from..to, "");
                }
            }
        }
    }
}

/// Pods of every shape: the captured ones, and the seeds of the fuzzer.
fn pods() -> Vec<String> {
    let of_review = |review: String| serde_json::from_str::<Value>(&review).unwrap()["request"]["object"].to_string();
    let seeds = std::fs::read_dir(draingate_testing::root().join("fuzz/seeds/pod")).unwrap();
    let mut seeds: Vec<_> = seeds.map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    let seeds = seeds.into_iter().map(|path| std::fs::read_to_string(path).unwrap());
    let mut reviews = reviews();
    reviews.sort_by_key(String::len);
    seeds.chain(reviews.into_iter().map(of_review)).collect()
}

/// Both readers on as many inputs, each told by its number alone; how many serde_json could read, and how many of those were
/// left to it, such as a struct that is written as a list.
fn compare(seed: u64, numbers: std::ops::Range<u64>) -> (u64, u64) {
    let (pods, mut read, mut left, begin) = (pods(), 0, 0, numbers.start);
    for number in numbers {
        let mut dice = Dice(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(number));
        // The largest takes as long as twenty others.
        let most = if number % 64 == 0 { pods.len() } else { pods.len() - 1 };
        let mut text = pods[dice.below(most)].clone();
        for _ in 0..dice.below(4) {
            dice.damage(&mut text);
        }
        if let Ok(strict) = serde_json::from_str::<PodTemplate>(&text) {
            read += 1;
            match json::read::<PodTemplate>(&text) {
                Some(quick) => assert_eq!(format!("{quick:?}"), format!("{strict:?}"), "input {number}: {text}"),
                None => left += 1,
            }
        }
        if (number + 1 - begin) % 100_000 == 0 {
            println!(
                "agreed up to {}: SEED={seed} START={} goes on; {read} could be read, {left} of them by serde_json alone",
                number + 1,
                number + 1
            );
        }
    }
    (read, left)
}

#[test]
fn both_readers_agree_on_damaged_pods() {
    let (read, left) = compare(1, 0..2_000);
    assert!(read > 200 && left < read / 20, "{left} of {read}");
}

/// `make readers`: from START on, COUNT of them, of SEED.
#[test]
#[ignore = "as long as one likes"]
fn both_readers_agree_on_many() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let (seed, start, count) = (number("SEED", 1), number("START", 0), number("COUNT", 1_000_000));
    let (read, left) = compare(seed, start..start + count);
    println!(
        "agreed on {count} inputs, SEED={seed} from {start}; {read} could be read, {left} of them by serde_json alone"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_the_same_text(text in "(?s).{0,50}|[\"\\\\\n\u{1}é ]{0,50}") {
        let mut written = Vec::new();
        json::write(&mut written, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
    }

    #[test]
    fn what_serde_json_reads_it_reads_to_the_same(document in document(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        // All of it can be read but for a list within a list, of which nothing is asked.
        prop_assert!(same(&text.unwrap())?);
    }

    /// A byte somewhere becomes another, or is left out, or all that follows is.
    #[test]
    fn damage_is_never_read_to_something_else(
        document in document(), at in any::<prop::sample::Index>(), with in r#"["\\{}\[\],: 0a\u{1}\u{e9}]{0,2}"#, cut in any::<bool>(),
    ) {
        let text: Vec<char> = document.to_string().chars().collect();
        let at = at.index(text.len());
        let rest = if cut { &[] } else { &text[at + 1..] };
        same(&text[..at].iter().copied().chain(with.chars()).chain(rest.iter().copied()).collect::<String>())?;
    }
}

#[test]
fn reviews_of_an_api_server_are_read_and_none_of_their_beginnings() {
    for review in reviews() {
        let value: Value = serde_json::from_str(&review).unwrap();
        let object = value["request"]["object"].to_string();
        let (quick, strict) = (json::read::<PodTemplate>(&object), serde_json::from_str::<PodTemplate>(&object));
        assert_eq!(format!("{:?}", quick.unwrap()), format!("{:?}", strict.unwrap()));
        let step = 1 + object.len() / 5_000;
        for end in (0..object.len()).step_by(step).filter(|end| object.is_char_boundary(*end)) {
            assert!(json::read::<PodTemplate>(&object[..end]).is_none(), "{}", &object[..end]);
        }
    }
}

/// Each of these at each place of a block, in what is passed over.
#[test]
fn what_is_passed_over_ends_where_it_ends() {
    let backslashes = (0..70).map(|count| "\\".repeat(2 * count));
    let quotes = (0..70).map(|count| "\\\"".repeat(count));
    let both = (0..70).map(|count| format!("{}\\\"", "\\\\".repeat(count)));
    let brackets = ["{", "[{", "}", "]}", "\\\"}", "\\\\"].map(str::to_owned);
    for inside in backslashes.chain(quotes).chain(both).chain(brackets) {
        for shift in 0..64 {
            let space = " ".repeat(shift);
            let text = format!("{{\"b\":[{space}{{\"c\":\"{inside}\"}},[[\"{inside}\"]]],\"text\":\"here\"}}");
            assert_eq!(json::read::<Asked>(&text).expect(&text).text.as_str(), "here", "{text}");
        }
    }
    let deep = format!("{{\"b\":{}{},\"text\":\"here\"}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert_eq!(json::read::<Asked>(&deep).unwrap().text.as_str(), "here");
}

#[test]
fn what_is_no_json_is_not_read() {
    for text in [
        "",
        " ",
        "nul",
        "{",
        "}",
        "[]",
        "\"\"",
        "{} x",
        "{}}",
        "{,}",
        "{,\"b\":1}",
        "{\"b\":}",
        "{\"b\":1,}",
        "{\"b\" 1}",
        "{\"b\":1 \"text\":\"\"}",
        "{\"b\":[1,2}",
        "{b:1}",
        "{1:1}",
        "{\"text\":\"a\nb\"}",
        "{\"text\":\"\\x\"}",
        "{\"text\":\"\\ud800\"}",
        "{\"text\":'a'}",
        "{\"text\":1}",
        "{\"number\":1x}",
        "{\"number\":01}",
        "{\"number\":1.5}",
        "{\"number\":9223372036854775808}",
        "{\"flag\":truex}",
        "{\"absent\":nullx}",
        "{\"list\":[{},]}",
        "{\"list\":[,{}]}",
        "{\"list\":[{} {}]}",
        "{\"list\":[{}}",
        "{\"pair\":[7,null,1]}",
        "{\"text\":\"a\",\"text\":\"b\"}",
    ] {
        assert!(serde_json::from_str::<Asked>(text).is_err(), "{text:?}");
        assert!(json::read::<Asked>(text).is_none(), "{text:?}");
    }
}

/// It says nothing itself: the sentence is serde_json's, with the field's path.
#[test]
fn an_error_is_told_as_before() {
    let text = r#"{"metadata": {"name": "web"}, "spec": {"terminationGracePeriodSeconds": "soon"}}"#;
    let problem = Subject::parse(Kind::Pod, text).unwrap_err().to_string();
    assert!(
        problem.starts_with("spec.terminationGracePeriodSeconds: invalid type: string \"soon\", expected i64"),
        "{problem}"
    );
}

/// Its parts are known; nobody has to cut them out of the sentence, whatever stands in a key.
#[test]
fn an_error_knows_its_field_and_its_place() {
    let text = r#"{"metadata": {"labels": {"a: b at line 9": []}}, "spec": {}}"#;
    let unreadable = Subject::parse(Kind::Pod, text).unwrap_err();
    assert_eq!(unreadable.field, "metadata.labels.a: b at line 9");
    assert_eq!(unreadable.problem, "invalid type: sequence, expected a string");
    let (line, column) = unreadable.place.unwrap();
    let said = format!("{}: {}", unreadable.field, unreadable.problem);
    assert_eq!(unreadable.without_place(), said);
    assert_eq!(unreadable.to_string(), format!("{said} at line {line} column {column}"));
    let pod = json!({"spec": {"containers": [{"name": "a", "ports": 1}]}});
    let unreadable = Subject::of_value(Kind::Pod, &pod).unwrap_err();
    assert_eq!(unreadable.pointer(), "/spec/containers/0/ports");
    assert_eq!(Subject::parse(Kind::Pod, "nonsense").unwrap_err().pointer(), "");
}
