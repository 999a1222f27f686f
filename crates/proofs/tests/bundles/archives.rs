//! An archive that two programs could read differently is refused.

use crate::sample::{ACCOUNT, Files, History, header};
use crate::script::{all_refused, proved, refused};

const NO_BUNDLE: &str = "the file is no bundle: ";
const ODD: &str = "the file is no bundle: it is no archive of plain files in the form of bundles";

fn stream() -> Files {
    History::sample().stream_bundle(ACCOUNT).files()
}

#[track_caller]
fn none(files: &Files, words: &str) {
    refused(&files.bytes(), &[], &format!("{NO_BUNDLE}{words}"));
}

#[test]
fn a_bundle_packed_again_in_the_documented_form_is_the_same() {
    let bundle = History::sample().stream_bundle(ACCOUNT);
    assert_eq!(stream().bytes(), bundle.bytes());
    let other_words = stream().with("README.md", b"\xffanything".to_vec());
    proved(&other_words.bytes(), &[]);
}

#[test]
fn a_missing_file_is_named() {
    for (n, next) in (0..5).zip([
        "bundle.json",
        "keys",
        "checkpoint",
        "head",
        "events/000000.ndjson",
    ]) {
        let mut files = stream();
        let (name, _) = files.0.remove(n);
        none(&files, &format!("{next} stands where {name} belongs"));
        files.0.truncate(n);
        none(&files, &format!("it has no {name}"));
    }
}

#[test]
fn an_extra_doubled_or_moved_file_is_named() {
    let last = stream().0.len();
    let mut cases = Vec::new();
    for at in 0..=last {
        let mut files = stream();
        files.0.insert(at, ("extra".to_owned(), b"x".to_vec()));
        cases.push((files.bytes(), format!("{NO_BUNDLE}extra stands where ")));
    }
    for at in 0..last {
        let mut files = stream();
        let twice = files.0[at].clone();
        files.0.insert(at, twice);
        cases.push((files.bytes(), NO_BUNDLE.to_owned()));
    }
    for at in 1..last {
        let mut files = stream();
        files.0.swap(at - 1, at);
        cases.push((files.bytes(), NO_BUNDLE.to_owned()));
    }
    all_refused(&cases, &[]);
    let mut log = History::sample().log_bundle().files();
    log.0.insert(4, stream().0[4].clone());
    none(&log, "head stands where events/000000.ndjson belongs");
}

#[test]
fn files_of_events_are_numbered_and_hold_whole_lines() {
    let split = |at: usize, second: &str| {
        let mut files = stream();
        let (_, events) = &mut files.0[5];
        let rest = events.split_off(at);
        files.0.push((second.to_owned(), rest));
        files
    };
    let events = stream().0[5].1.clone();
    let line = events.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    proved(&split(line, "events/000001.ndjson").bytes(), &[]);
    none(
        &split(line, "events/000002.ndjson"),
        "events/000002.ndjson stands where events/000001.ndjson belongs",
    );
    none(
        &split(line - 1, "events/000001.ndjson"),
        "events/000000.ndjson does not end with a line",
    );
    none(
        &split(events.len(), "events/000001.ndjson"),
        "events/000001.ndjson does not end with a line",
    );
    none(
        &split(0, "events/000001.ndjson"),
        "events/000000.ndjson does not end with a line",
    );
    none(
        &stream().with("events/000000.ndjson", [&events[..], b"\n"].concat()),
        "event 7: ",
    );
}

#[test]
fn the_manifest_has_one_form() {
    let cases = [
        ("bundle/1", "bundle/2"),
        (":", ": "),
        ("}", "}\n"),
        ("}", ",\"more\":1}"),
        ("}", ",\"about\":\"stream\"}"),
        ("\"stream\",", "\"log\","),
        ("\"stream\",", "\"both\","),
        ("account/", "account//"),
        ("account/", "Account/"),
        ("0001\"", "0001\\n\""),
        ("account", "\\u0061ccount"),
        ("{", "[{"),
    ]
    .map(|(from, to)| {
        let changed = stream().replacing("bundle.json", from, to);
        (changed.bytes(), format!("{NO_BUNDLE}bundle.json: "))
    });
    all_refused(&cases, &[]);
    none(&stream().with("bundle.json", "null"), "bundle.json: ");
    none(
        &stream().with("bundle.json", b"\xff".to_vec()),
        "bundle.json: ",
    );
}

#[test]
fn the_keys_stand_in_order() {
    let two = History::sample().stream_bundle(ACCOUNT);
    let (a, b) = (two.keys[0].clone(), crate::sample::Key(2).public());
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    let files = |keys: String| stream().with("keys", keys);
    proved(&files(format!("{first}\n{second}\n")).bytes(), &[]);
    for keys in [
        format!("{second}\n{first}\n"),
        format!("{first}\n{first}\n{second}\n"),
        format!("{first}\n{second}"),
        format!("{first}\r\n{second}\r\n"),
    ] {
        none(&files(keys), "its keys are not in order");
    }
    let none_at_all = files(String::new());
    refused(
        &none_at_all.bytes(),
        &[],
        "the checkpoint is not to be trusted: no known key",
    );
}

#[test]
fn a_line_has_one_form() {
    let name = "events/000000.ndjson";
    let cases = [
        ("{\"position\":0", "{ \"position\":0"),
        ("\"position\":0", "\"position\":0.0"),
        ("\"position\":0", "\"position\":-0"),
        ("\"position\":0", "\"position\":00"),
        ("\"position\":0", "\"position\":0e0"),
        ("\"position\":0", "\"position\":\"0\""),
        ("\"position\":0", "\"position\":null"),
        ("\"position\":0", "\"position\":false"),
        ("\"position\":0", "\"position\":18446744073709551616"),
        ("\"position\":0,", ""),
        ("\"position\":0", "\"position\":0,\"position\":0"),
        ("\"position\":0", "\"position\":1,\"position\":0"),
        ("\"position\":0", "\"position\":0,\"more\":0"),
        ("\"version\":\"1\"", "\"version\":\"\\u0031\""),
        ("\"version\":\"1\"", "\"version\":1"),
        ("\"revealed\":[{", "\"revealed\":[{\"more\":1,"),
        ("a@b", "a\\u0040b"),
        ("/payload/address", "\\/payload\\/address"),
        ("}]}\n", "}],\"revealed\":[]}\n"),
        ("}]}\n", "}]} \n"),
        ("}]}\n", "}]}\r\n"),
        ("}]}\n", "}]}\n\n"),
        ("\"proof\":[", "\"proof\":null,\"x\":["),
    ]
    .map(|(from, to)| (stream().replacing(name, from, to).bytes(), String::new()));
    all_refused(&cases, &[]);
    let hash = data_encoding::HEXLOWER.encode(&History::sample().events[0].hash);
    let upper = stream().replacing(name, &hash, &hash.to_uppercase());
    none(&upper, "event 1: not 32 bytes in hex");
    none(
        &stream().replacing(name, &hash, &hash[2..]),
        "event 1: not 32 bytes in hex",
    );
    let empty = "\"proof\":[],\"revealed\":[]}\n";
    let events = stream().text(name).replace("]}\n", "],\"revealed\":[]}\n");
    none(&stream().with(name, events), "event 1: ");
    assert!(!stream().text(name).contains(empty));
    let latin = stream().text(name).replacen("caf\u{e9}", "cafX", 1);
    let latin = latin
        .bytes()
        .map(|byte| if byte == b'X' { 0xe9 } else { byte });
    none(&stream().with(name, latin.collect::<Vec<_>>()), "event 2: ");
}

#[test]
fn tricks_of_tar_are_refused() {
    let tricks: [fn(&mut tar::Header); 12] = [
        |header| header.set_entry_type(tar::EntryType::Symlink),
        |header| header.set_entry_type(tar::EntryType::Link),
        |header| header.set_entry_type(tar::EntryType::Directory),
        |header| header.set_entry_type(tar::EntryType::GNUSparse),
        |header| header.set_entry_type(tar::EntryType::GNULongName),
        |header| header.set_entry_type(tar::EntryType::XHeader),
        |header| header.set_entry_type(tar::EntryType::XGlobalHeader),
        |header| header.set_entry_type(tar::EntryType::Continuous),
        |header| header.set_mode(0o755),
        |header| header.set_mtime(1),
        |header| header.as_ustar_mut().unwrap().prefix[0] = b'a',
        |header| header.as_ustar_mut().unwrap().linkname[0] = b'a',
    ];
    let bundle = stream().bytes();
    let cases = tricks.map(|trick| {
        let mut changed = bundle.clone();
        let mut header = tar::Header::from_byte_slice(&bundle[..512]).clone();
        trick(&mut header);
        header.set_cksum();
        changed[..512].copy_from_slice(header.as_bytes());
        (changed, ODD.to_owned())
    });
    all_refused(&cases, &[]);
    for name in [
        "../README.md",
        "/README.md",
        "./README.md",
        "a/../README.md",
        "README.md/",
        "README\n.md",
    ] {
        let mut files = stream();
        files.0[0].0 = name.to_owned();
        none(&files, "");
    }
    let mut gnu = tar::Builder::new(Vec::new());
    for (name, content) in &stream().0 {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        gnu.append_data(&mut header, name, content.as_slice())
            .unwrap();
    }
    refused(&gnu.into_inner().unwrap(), &[], ODD);
}

#[test]
fn a_file_of_another_length_or_without_end_is_refused() {
    refused(&[], &[], &format!("{NO_BUNDLE}it is cut off"));
    refused(&[0; 1024], &[], &format!("{NO_BUNDLE}it has no README.md"));
    refused(b"no archive at all", &[], NO_BUNDLE);
    refused(&[b'x'; 2048], &[], ODD);
    let bundle = stream().bytes();
    for length in [
        1,
        511,
        512,
        513,
        bundle.len() / 2,
        bundle.len() - 1024,
        bundle.len() - 512,
        bundle.len() - 1,
    ] {
        refused(&bundle[..length], &[], &format!("{NO_BUNDLE}it is cut off"));
    }
    let longer = [&bundle[..], &[0]].concat();
    refused(
        &longer,
        &[],
        &format!("{NO_BUNDLE}something follows its end"),
    );
    let mut hidden = bundle.clone();
    let readme = stream().0[0].1.len();
    assert_ne!(readme % 512, 0);
    hidden[512 + readme] = b'x';
    refused(
        &hidden,
        &[],
        &format!("{NO_BUNDLE}something is hidden between its files"),
    );
    let end = bundle.len() - 512;
    hidden = bundle.clone();
    hidden[end] = 1;
    refused(
        &hidden,
        &[],
        &format!("{NO_BUNDLE}something follows its end"),
    );
}

#[test]
fn a_file_that_claims_to_be_huge_is_refused_before_it_is_read() {
    let mut huge = header("README.md", (4 << 20) + 1).as_bytes().to_vec();
    huge.extend_from_slice(b"but it is short");
    refused(&huge, &[], &format!("{NO_BUNDLE}README.md is too large"));
    let largest = stream().with("README.md", vec![b'x'; 4 << 20]);
    proved(&largest.bytes(), &[]);
    let larger = stream().with("README.md", vec![b'x'; (4 << 20) + 1]);
    none(&larger, "README.md is too large");
}
