//! What is larger than one file of events.

use std::io::ErrorKind;

use proofs::bundle::{Cover, Writer};

use crate::sample::{ACCOUNT, History, keys};
use crate::script::proved;

#[test]
fn many_and_large_events_take_several_files() {
    let mut history = History::default();
    let (long, longer) = ("x".repeat(300_000), "x".repeat(1_500_000));
    for payload in [&long, &long, &long, &long, &longer, &long] {
        history.append(ACCOUNT, &format!("\"{payload}\""), "{}");
    }
    for bundle in [history.log_bundle(), history.stream_bundle(ACCOUNT)] {
        assert_eq!(bundle.files().0.last().unwrap().0, "events/000003.ndjson");
        assert_eq!(proved(&bundle.bytes(), &[]).events, 6);
    }
}

#[test]
fn an_event_that_no_verifier_would_read_is_not_written() {
    let bundle = History::sample().log_bundle();
    let cover = Cover {
        about: bundle.about,
        checkpoint: bundle.checkpoint,
        keys: keys(&bundle.keys),
        head: None,
    };
    let mut writer = Writer::begin(Vec::new(), &cover).unwrap();
    let mut event = bundle.events[0].clone();
    event.payload = "x".repeat(4 << 20);
    let written = writer.event(&event).and_then(|()| writer.finish());
    assert_eq!(written.unwrap_err().kind(), ErrorKind::FileTooLarge);
}
