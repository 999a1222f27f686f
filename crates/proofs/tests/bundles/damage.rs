//! Whatever happens to the events of a bundle is found, and told with its place.

use proofs::bundle::EventLine;

use crate::sample::{ACCOUNT, Bundle, History, STAFF, commit, hash};
use crate::script::{all_refused, proved, refused};

type Change = fn(&mut EventLine);

fn stream() -> Bundle {
    History::sample().stream_bundle(ACCOUNT)
}

fn log() -> Bundle {
    History::sample().log_bundle()
}

fn at(sequence: u64, position: u64, what: &str) -> String {
    format!("{ACCOUNT}, sequence {sequence}, position {position}: {what}")
}

#[track_caller]
fn both_find(damage: impl Fn(&mut Vec<EventLine>), of_stream: &str, of_log: &str) {
    let cases = [(stream(), of_stream), (log(), of_log)].map(|(mut bundle, words)| {
        damage(&mut bundle.events);
        (bundle.bytes(), words.to_owned())
    });
    all_refused(&cases, &[]);
}

#[test]
fn a_bundle_of_a_stream_is_proved() {
    let report = proved(&stream().bytes(), &[]);
    assert_eq!((report.events, report.streams), (6, 1));
    assert_eq!((report.revealed, report.concealed), (2, 1));
    assert_eq!(report.checkpoint, History::sample().checkpoint());
    assert!(!report.own_keys);
    proved(&History::sample().stream_bundle(STAFF).bytes(), &[]);
}

#[test]
fn a_bundle_of_the_log_is_proved() {
    let report = proved(&log().bytes(), &[]);
    assert_eq!((report.events, report.streams), (9, 2));
    assert_eq!((report.revealed, report.concealed), (2, 1));
    assert_eq!(
        proved(&History::default().log_bundle().bytes(), &[]).events,
        0
    );
}

#[test]
fn a_changed_field_of_an_event_is_found() {
    let changes: [Change; 6] = [
        |event| event.event_type.push('!'),
        |event| event.version = "2".to_owned(),
        |event| event.recorded_at = "2026-01-31T12:00:02.000001Z".to_owned(),
        |event| event.payload.push(' '),
        |event| event.metadata.push(' '),
        |event| event.hash[31] ^= 1,
    ];
    for change in changes {
        let damage = |events: &mut Vec<EventLine>| {
            let third = events.iter_mut().find(|event| event.position == 3);
            change(third.unwrap());
        };
        let words = at(3, 3, "its hash does not fit");
        both_find(damage, &words, &words);
    }
}

#[test]
fn a_changed_place_of_an_event_is_found() {
    let find = |events: &mut Vec<EventLine>, change: fn(&mut EventLine)| {
        change(events.iter_mut().find(|event| event.position == 3).unwrap());
    };
    let words = at(4, 3, "it follows sequence 2");
    both_find(
        |events| find(events, |event| event.sequence = 4),
        &words,
        &words,
    );
    both_find(
        |events| find(events, |event| event.position = 4),
        &at(3, 4, "its proof does not lead to the checkpoint's root"),
        &at(3, 4, "it does not follow the position before it"),
    );
    let words = at(3, 9, "it lies beyond the checkpoint");
    both_find(
        |events| find(events, |event| event.position = 9),
        &words,
        &words,
    );
    let moved = format!("{STAFF}, sequence 3, position 3: ");
    both_find(
        |events| find(events, |event| event.stream = STAFF.to_owned()),
        &format!("{moved}it is of another stream"),
        &format!("{moved}it follows sequence 1"),
    );
    both_find(
        |events| find(events, |event| event.stream = format!("{ACCOUNT}\n3")),
        &format!("{ACCOUNT}\u{fffd}3, sequence 3, position 3: this is no name of a stream"),
        &format!("{ACCOUNT}\u{fffd}3, sequence 3, position 3: this is no name of a stream"),
    );
}

#[test]
fn a_dropped_event_is_found() {
    both_find(
        |events| drop(events.remove(0)),
        &at(2, 2, "it follows sequence 0"),
        &format!("{STAFF}, sequence 1, position 1: it does not follow the position before it"),
    );
    both_find(
        |events| events.retain(|event| event.position != 3),
        &at(4, 5, "it follows sequence 2"),
        &format!("{STAFF}, sequence 2, position 4: it does not follow the position before it"),
    );
    both_find(
        |events| drop(events.pop()),
        "the stream's head is not to be trusted: account/01890000-0000-7000-8000-000000000001 ends with sequence 6, the bundle with 5",
        "the bundle ends after 8 events of 9",
    );
    both_find(
        Vec::clear,
        "the stream's head is not to be trusted: the bundle holds no event",
        "the bundle ends after 0 events of 9",
    );
}

#[test]
fn swapped_events_are_found() {
    let swap = |events: &mut Vec<EventLine>| {
        let last = events.len() - 1;
        events.swap(0, last);
    };
    let words = at(6, 8, "it follows sequence 0");
    both_find(swap, &words, &words);
}

#[test]
fn an_inserted_event_is_found() {
    let insert = |events: &mut Vec<EventLine>| {
        let mut inserted = events[0].clone();
        (inserted.sequence, inserted.position) = (2, 1);
        inserted.hash = hash(&inserted, &events[0].hash);
        events.insert(1, inserted);
    };
    both_find(
        insert,
        &at(2, 1, "its proof does not lead to the checkpoint's root"),
        &format!("{STAFF}, sequence 1, position 1: it does not follow the position before it"),
    );
    let repeat = |events: &mut Vec<EventLine>| events.insert(1, events[0].clone());
    let words = at(1, 0, "it follows sequence 1");
    both_find(repeat, &words, &words);
}

#[test]
fn a_tail_written_anew_with_its_chain_is_found() {
    let mut history = History::sample();
    history.events[8].payload = r#"{"Done":[1]}"#.to_owned();
    history.chain();
    let mut bundle = log();
    bundle.events = history.events.clone();
    refused(
        &bundle.bytes(),
        &[],
        "the events do not lead to the checkpoint's root",
    );
    let mut bundle = stream();
    bundle.events[5].payload = history.events[8].payload.clone();
    bundle.events[5].hash = history.events[8].hash;
    let words = at(6, 8, "its proof does not lead to the checkpoint's root");
    refused(&bundle.bytes(), &[], &words);
}

#[test]
fn a_changed_proof_is_found() {
    let words = at(2, 2, "its proof does not lead to the checkpoint's root");
    let changes: [fn(&mut Vec<EventLine>); 5] = [
        |events| events[1].proof = events[0].proof.clone(),
        |events| events[1].proof.as_mut().unwrap().insert(0, [0; 32]),
        |events| events[1].proof.as_mut().unwrap()[0][0] ^= 1,
        |events| events[1].proof.as_mut().unwrap().truncate(1),
        |events| events[1].proof.as_mut().unwrap().push([0; 32]),
    ];
    for change in changes {
        let mut bundle = stream();
        change(&mut bundle.events);
        refused(&bundle.bytes(), &[], &words);
    }
    let mut bundle = stream();
    bundle.events[1].proof = None;
    refused(&bundle.bytes(), &[], &at(2, 2, "it has no proof"));
    let mut bundle = log();
    bundle.events[2].proof = Some(Vec::new());
    refused(&bundle.bytes(), &[], &at(2, 2, "it has a proof of its own"));
}

#[test]
fn an_event_that_the_log_has_twice_is_not_shown_out_of_order() {
    let mut history = History::sample();
    history.events.swap(0, 2);
    let (first, second) = (history.events[2].clone(), history.events[0].clone());
    (history.events[0].position, history.events[2].position) = (0, 2);
    let mut bundle = history.stream_bundle(ACCOUNT);
    bundle.events.swap(0, 1);
    assert_eq!((first.sequence, second.sequence), (1, 2));
    let words = at(
        2,
        0,
        "its position is not after that of the event before it",
    );
    refused(&bundle.bytes(), &[], &words);
}

#[test]
fn a_stream_that_the_log_itself_does_not_count_is_refused() {
    let mut history = History::sample();
    let before = history.events[2].hash;
    let third = &mut history.events[3];
    third.sequence = 4;
    third.hash = hash(third, &before);
    history.events.truncate(4);
    let words = at(4, 3, "it follows sequence 2");
    let bundles = [history.stream_bundle(ACCOUNT), history.log_bundle()];
    all_refused(&bundles.map(|bundle| (bundle.bytes(), words.clone())), &[]);
}

#[test]
fn a_stream_that_the_log_itself_misnames_is_refused() {
    let cases = [
        "account/1",
        "Account/01890000-0000-7000-8000-000000000001",
        "account/01890000000070008000000000000001",
        "account/{01890000-0000-7000-8000-000000000001}",
        "account/01890000-0000-7000-8000-00000000000A",
        "/01890000-0000-7000-8000-000000000001",
        "account/01890000-0000-7000-8000-000000000001 ",
        "account//01890000-0000-7000-8000-000000000001",
    ]
    .map(|name| {
        let mut history = History::default();
        history.append(name, "{}", "{}");
        let words = format!("{name}, sequence 1, position 0: this is no name of a stream");
        (history.log_bundle().bytes(), words)
    });
    all_refused(&cases, &[]);
}

#[test]
fn a_personal_value_that_was_not_hashed_is_found() {
    let changes: [(Change, &str); 7] = [
        (
            |event| event.revealed[0].salt[0] ^= 1,
            "/payload/address is not what was hashed",
        ),
        (
            |event| event.revealed[0].value.push('x'),
            "/payload/address is not what was hashed",
        ),
        (
            |event| event.revealed[0].pointer.push('x'),
            "/payload/addressx is no personal field",
        ),
        (
            |event| event.revealed[0].pointer.push_str("/commit"),
            "/payload/address/commit is no personal field",
        ),
        (
            |event| event.revealed[0].pointer = "/payload/n".to_owned(),
            "/payload/n is no personal field",
        ),
        (
            |event| event.revealed[0].pointer = String::new(),
            " is no personal field",
        ),
        (
            |event| event.revealed.push(event.revealed[0].clone()),
            "/payload/address is shown twice",
        ),
    ];
    for (change, words) in changes {
        both_find(
            |events| change(&mut events[0]),
            &at(1, 0, words),
            &at(1, 0, words),
        );
    }
    let mut bundle = stream();
    bundle.events[0].revealed.clear();
    let report = proved(&bundle.bytes(), &[]);
    assert_eq!((report.revealed, report.concealed), (1, 2));
}

#[test]
fn one_personal_field_has_one_pointer() {
    let mut history = History::default();
    let field = format!(r#"{{"commit":"{}","sealed":""}}"#, commit([2; 32], "v"));
    history.append(ACCOUNT, &format!(r#"{{"~2":{field},"l":[{field}]}}"#), "{}");
    let mut bundle = history.log_bundle();
    let mut reveal = |pointer: &str| {
        let mut revealed = History::sample().events[0].revealed[0].clone();
        (revealed.pointer, revealed.value) = (pointer.to_owned(), "v".to_owned());
        bundle.events[0].revealed = vec![revealed];
        bundle.bytes()
    };
    proved(&reveal("/payload/~02"), &[]);
    proved(&reveal("/payload/l/0"), &[]);
    for pointer in [
        "/payload/~2",
        "/payload/l/00",
        "/payload/l/-",
        "/payload/l/+0",
        "payload/l/0",
    ] {
        refused(&reveal(pointer), &[], &at(1, 0, pointer));
    }
}

#[test]
fn text_that_two_readers_could_understand_differently_is_refused() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (deepest, too_deep, far_too_deep) = (deep(127), deep(128), deep(100_000));
    for good in [
        "1e308",
        "\"\\ud83d\\ude00\"",
        "123456789012345678901234567890",
        "-0",
        &deepest,
    ] {
        let mut history = History::default();
        history.append(ACCOUNT, good, good);
        proved(&history.log_bundle().bytes(), &[]);
    }
    let mut cases = Vec::new();
    for bad in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"[{"commit":"","commit":""}]"#,
        r#""\ud800""#,
        r#"{"\udc00":1}"#,
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "01",
        "\u{feff}1",
        "\"\u{1}\"",
        "",
        "{} {}",
        &too_deep,
        &far_too_deep,
        &"9".repeat(400),
        &"9".repeat(5000),
    ] {
        for (payload, metadata, name) in [(bad, "{}", "payload"), ("{}", bad, "metadata")] {
            let mut history = History::default();
            history.append(ACCOUNT, payload, metadata);
            let words = at(1, 0, &format!("its {name}: "));
            cases.push((history.log_bundle().bytes(), words));
        }
    }
    all_refused(&cases, &[]);
}
