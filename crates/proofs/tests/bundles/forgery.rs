//! Nobody else's signature, and no signature for something else, makes a bundle.

use ed25519_dalek::SigningKey;
use proofs::bundle::{About, StreamHead};
use proofs::checkpoint::{Checkpoint, Origin, VerifierKeys};
use signed_note::new_ed25519_verifier_key;

use crate::sample::{ACCOUNT, Bundle, History, Key, LOG, STAFF, origin};
use crate::script::{all_refused, exit_code, proved, refused};

const UNKNOWN: &str = "the checkpoint is not to be trusted: no known key has signed it";
const WRONG: &str = "the checkpoint is not to be trusted: a signature of it is wrong";
const MALFORMED: &str = "the checkpoint is not to be trusted: this is no checkpoint";
const HEAD: &str = "the stream's head is not to be trusted: ";

type Change = fn(&mut StreamHead);

fn stream() -> Bundle {
    History::sample().stream_bundle(ACCOUNT)
}

fn head(change: impl Fn(&mut StreamHead)) -> String {
    let history = History::sample();
    let mut head = StreamHead::of(&history.checkpoint(), ACCOUNT, (6, history.events[8].hash));
    change(&mut head);
    head.text()
}

#[test]
fn the_verifiers_own_key_decides() {
    let bundle = stream().bytes();
    let report = proved(&bundle, &[Key(1).public()]);
    assert!(report.own_keys);
    assert_eq!(report.keys, [Key(1).public()]);
    proved(&bundle, &[Key(1).public(), Key(2).public()]);
    refused(&bundle, &[Key(2).public()], UNKNOWN);
    refused(&bundle, &[Key(1).public_as("countersign/another")], UNKNOWN);
}

#[test]
fn a_bundle_made_up_with_its_keys_is_refused_by_the_verifiers_own() {
    let mut bundle = stream();
    let history = History::sample();
    bundle.keys = vec![Key(9).public()];
    bundle.checkpoint = Key(9).sign(&history.checkpoint().text());
    bundle.head = Some(Key(9).sign(&head(|_| {})));
    assert!(!proved(&bundle.bytes(), &[]).own_keys);
    refused(&bundle.bytes(), &[Key(1).public()], UNKNOWN);
}

#[test]
fn a_key_of_another_log_does_not_sign_for_this_one() {
    let mut bundle = stream();
    let name = "countersign/01890000-0000-7000-8000-0000000000bb";
    bundle.keys.push(Key(3).public_as(name));
    bundle.checkpoint = Key(3).sign_as(name, &History::sample().checkpoint().text());
    refused(&bundle.bytes(), &[], UNKNOWN);
    let mut bundle = stream();
    bundle.keys.push(Key(3).public_as(name));
    bundle.head = Some(Key(3).sign_as(name, &head(|_| {})));
    refused(&bundle.bytes(), &[], HEAD);
}

#[test]
fn a_forged_signature_is_refused() {
    let bundle = stream();
    let own = Key(1).public();
    let forged = |text: &str, note: &str| {
        let signature = note.rsplit_once("\n\n").unwrap().1;
        format!("{text}\n{signature}")
    };
    let mut other = bundle.clone();
    let larger = Checkpoint {
        size: 10,
        ..History::sample().checkpoint()
    };
    other.checkpoint = forged(&larger.text(), &bundle.checkpoint);
    refused(&other.bytes(), std::slice::from_ref(&own), WRONG);
    let mut other = bundle.clone();
    let last = head(|head| head.sequence = 5);
    other.head = Some(forged(&last, bundle.head.as_deref().unwrap()));
    refused(
        &other.bytes(),
        &[own],
        &format!("{HEAD}a signature of it is wrong"),
    );
}

#[test]
fn of_the_keys_that_signed_one_known_is_enough_and_none_may_be_wrong() {
    let two = |note: &str, second: &str| {
        let signature = second.rsplit_once("\n\n").unwrap().1;
        format!("{note}{signature}")
    };
    let text = History::sample().checkpoint().text();
    let mut bundle = stream();
    bundle.checkpoint = two(&Key(1).sign(&text), &Key(2).sign(&text));
    proved(&bundle.bytes(), &[]);
    bundle.head = Some(two(
        &Key(1).sign(&head(|_| {})),
        &Key(2).sign(&head(|_| {})),
    ));
    proved(&bundle.bytes(), &[Key(2).public()]);
    bundle.checkpoint = two(&Key(1).sign(&text), &Key(2).sign("something else\n"));
    proved(&bundle.bytes(), &[Key(1).public()]);
    refused(&bundle.bytes(), &[Key(1).public(), Key(2).public()], WRONG);
    let twice = "the checkpoint is not to be trusted: a key has signed it twice";
    bundle.checkpoint = two(&Key(1).sign(&text), &Key(1).sign("something else\n"));
    refused(&bundle.bytes(), &[], twice);
    bundle.checkpoint = two(&Key(1).sign(&text), &Key(1).sign(&text));
    refused(&bundle.bytes(), &[], twice);
    bundle.checkpoint = two(&Key(1).sign(&text), &Key(3).sign(&text));
    proved(&bundle.bytes(), &[]);
    bundle.checkpoint = two(&bundle.checkpoint, &Key(3).sign(&text));
    refused(&bundle.bytes(), &[], twice);
}

#[test]
fn a_checkpoint_of_another_log_epoch_size_or_root_is_not_this_one() {
    let good = History::sample().checkpoint();
    let changes: [fn(&mut Checkpoint); 3] = [
        |checkpoint| checkpoint.origin = origin(2),
        |checkpoint| checkpoint.size = 10,
        |checkpoint| checkpoint.root[0] ^= 1,
    ];
    for change in changes {
        let mut other = good;
        change(&mut other);
        let mut bundle = stream();
        bundle.checkpoint = Key(1).sign(&other.text());
        let error = if other.origin == good.origin {
            ACCOUNT
        } else {
            HEAD
        };
        refused(&bundle.bytes(), &[], error);
        bundle = stream();
        let other = StreamHead::of(&other, ACCOUNT, (6, History::sample().events[8].hash));
        bundle.head = Some(Key(1).sign(&other.text()));
        refused(
            &bundle.bytes(),
            &[],
            &format!("{HEAD}it was signed for another checkpoint"),
        );
    }
}

#[test]
fn another_head_is_not_that_of_this_stream() {
    let changes: [(Change, &str); 4] = [
        (
            |head| head.stream = STAFF.to_owned(),
            "it is that of staff/",
        ),
        (
            |head| head.sequence = 7,
            "account/01890000-0000-7000-8000-000000000001 ends with sequence 7, the bundle with 6",
        ),
        (
            |head| head.hash[0] ^= 1,
            "it names another event as sequence 6",
        ),
        (
            |head| head.stream.push_str("\n6"),
            "it is no head of a stream",
        ),
    ];
    for (change, words) in changes {
        let mut bundle = stream();
        bundle.head = Some(Key(1).sign(&head(change)));
        refused(&bundle.bytes(), &[], &format!("{HEAD}{words}"));
    }
    let nothing = History::sample().checkpoint();
    let mut bundle = stream();
    bundle.events.clear();
    bundle.head = Some(Key(1).sign(&StreamHead::of(&nothing, ACCOUNT, (0, [0; 32])).text()));
    refused(
        &bundle.bytes(),
        &[],
        &format!("{HEAD}the bundle holds no event"),
    );
}

#[test]
fn a_checkpoint_is_no_head_and_a_head_no_checkpoint() {
    let mut bundle = stream();
    bundle.head = Some(bundle.checkpoint.clone());
    refused(
        &bundle.bytes(),
        &[],
        &format!("{HEAD}it is no head of a stream"),
    );
    let mut bundle = stream();
    bundle.checkpoint = bundle.head.clone().unwrap();
    refused(&bundle.bytes(), &[], MALFORMED);
}

#[test]
fn a_bundle_of_a_stream_is_none_of_the_log() {
    let (stream, log) = (stream(), History::sample().log_bundle());
    let mut as_log = stream.clone();
    (as_log.about, as_log.head) = (About::Log, None);
    refused(
        &as_log.bytes(),
        &[],
        &format!("{ACCOUNT}, sequence 1, position 0: it has a proof"),
    );
    for event in &mut as_log.events {
        event.proof = None;
    }
    refused(
        &as_log.bytes(),
        &[],
        &format!("{ACCOUNT}, sequence 2, position 2: it does not"),
    );
    let mut as_stream = log;
    (as_stream.about, as_stream.head) = (stream.about.clone(), stream.head.clone());
    refused(
        &as_stream.bytes(),
        &[],
        &format!("{ACCOUNT}, sequence 1, position 0: it has no proof"),
    );
}

#[test]
fn a_checkpoint_has_one_form() {
    let good = History::sample().checkpoint();
    let text = good.text();
    let root = data_encoding::BASE64.encode(&good.root);
    let mut cases = Vec::new();
    for malformed in [
        format!("{text}an extension\n"),
        text.replace("\n9\n", "\n09\n"),
        text.replace("\n9\n", "\n+9\n"),
        text.replace("\n9\n", "\n 9\n"),
        text.replace("\n9\n", "\n9223372036854775808\n"),
        text.replace("\n9\n", "\n99999999999999999999\n"),
        text.replace("/1\n", "/01\n"),
        text.replace("/1\n", "/4294967296\n"),
        text.replace("/1\n", "\n"),
        text.replace("0189", "{0189"),
        text.replace("00aa", "00AA"),
        text.replace(&root, &root[..40]),
        text.replace(&root, root.trim_end_matches('=')),
        format!("{text}\n"),
        format!("\n{text}"),
        "\n".to_owned(),
    ] {
        let mut bundle = stream();
        bundle.checkpoint = Key(1).sign(&malformed);
        cases.push((bundle.bytes(), MALFORMED.to_owned()));
    }
    let many = (0..100).map(|n| format!("\u{2014} {n} AAAAAAA="));
    let many = many.collect::<Vec<_>>().join("\n");
    for malformed in [
        text.clone(),
        format!("{text}\n"),
        bundle_note().trim_end().to_owned(),
        bundle_note().replace('\n', "\r\n"),
        bundle_note().replace("\u{2014} ", "- "),
        bundle_note().replace("\u{2014} ", "\u{2014}  "),
        bundle_note().replace("\u{2014} countersign", "\u{2014} counter+sign"),
        format!("{}\u{2014} a AAAA\n", bundle_note()),
        format!("{}\u{2014} a AAAAAAB=\n", bundle_note()),
        format!("{}\u{2014} a\u{a0}b AAAAAAA=\n", bundle_note()),
        format!("{}{many}\n", bundle_note()),
        bundle_note().trim_end().trim_end_matches('=').to_owned() + "\n",
    ] {
        let mut bundle = stream();
        bundle.checkpoint = malformed;
        cases.push((bundle.bytes(), MALFORMED.to_owned()));
    }
    all_refused(&cases, &[]);
    let mut bundle = stream();
    bundle.checkpoint = format!("{}\u{2014} a AAAAAAA=\n", bundle_note());
    proved(&bundle.bytes(), &[]);
}

fn bundle_note() -> String {
    stream().checkpoint
}

#[test]
fn a_key_may_have_a_plus_in_its_base64() {
    let keys = (0..64).map(|seed| Key(seed).public());
    let (with, without): (Vec<_>, Vec<_>) = keys.partition(|key| key.matches('+').count() > 2);
    assert!(!with.is_empty() && !without.is_empty());
    for key in with.iter().chain(&without) {
        assert!(VerifierKeys::parse([key.as_str()]).is_ok(), "{key}");
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let good = Key(1).public();
    let name = Origin::key_name(LOG);
    let weak = |point: [u8; 32]| {
        let key = [&[1][..], &point].concat();
        let id = signed_note::key_id(&name, &key);
        format!("{name}+{id:08x}+{}", data_encoding::BASE64.encode(&key))
    };
    let (mut one, mut off_the_curve) = ([0; 32], [0; 32]);
    (one[0], off_the_curve[0]) = (1, 2);
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let order_8 = data_encoding::HEXLOWER.decode(order_8.as_bytes()).unwrap();
    let id = good.split('+').nth(1).unwrap();
    for key in [
        String::new(),
        name.clone(),
        good.replacen(&id[..1], "0", 9),
        good.replace(id, &id.to_uppercase()),
        good.replace('/', " "),
        good[..good.len() - 4].to_owned(),
        format!("{good}="),
        Key(3).public_as("\u{1b}[2A\u{1b}[JChecked\u{1b}[Cagainst"),
        Key(3).public_as("clear\u{9b}31m"),
        Key(3).public_as("split\u{1c}here"),
        Key(3).public_as("turned\u{202e}round"),
        weak([0; 32]),
        weak(one),
        weak(off_the_curve),
        weak(order_8.try_into().unwrap()),
    ] {
        assert!(VerifierKeys::parse([key.as_str()]).is_err(), "{key}");
        assert_eq!(
            exit_code(&["--key", &key, "/dev/null"], b""),
            Some(2),
            "{key}"
        );
        let bundle = stream().files().with("keys", format!("{key}\n"));
        refused(&bundle.bytes(), &[], &format!("{key:?} is no public key"));
    }
}

/// Found by trying: the id has 32 bits.
#[test]
fn two_keys_that_no_signature_tells_apart_are_refused() {
    let twins = [881_u32, 116_783].map(|number| {
        let mut seed = [0; 32];
        seed[28..].copy_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_bytes(&seed).verifying_key();
        new_ed25519_verifier_key(&Origin::key_name(LOG), &key)
    });
    let [one, other] = &twins;
    assert_ne!(one, other);
    assert_eq!(one.split('+').nth(1), other.split('+').nth(1));
    for key in &twins {
        VerifierKeys::parse([key.as_str(), key]).unwrap();
    }
    VerifierKeys::parse([one.as_str(), other]).unwrap_err();
    let own = ["--key", one, "--key", other, "/dev/null"];
    assert_eq!(exit_code(&own, b""), Some(2));
    let mut keys = [Key(1).public(), one.clone(), other.clone()];
    keys.sort();
    let bundle = stream().files().with("keys", keys.join("\n") + "\n");
    refused(&bundle.bytes(), &[], &format!("{one:?} has name and id"));
}
