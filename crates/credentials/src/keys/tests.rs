use super::*;
use crate::SystemRandom;

fn line(id: &str, byte: u8) -> String {
    format!("{id} {}\n", BASE64URL_NOPAD.encode(&[byte; 32]))
}

#[test]
fn what_is_written_is_read_again() {
    let written = MasterKeys::generate(&SystemRandom).unwrap();
    let read = MasterKeys::parse(&written.to_file_text()).unwrap();
    assert_eq!(read.0.current, KeyId(1));
    assert_eq!(*read.0.newest, *written.0.newest);
    let two = format!("{}{}", line("1", 7), line("2", 8));
    let again = MasterKeys::parse(&MasterKeys::parse(&two).unwrap().to_file_text()).unwrap();
    assert_eq!(*again.0.older[&KeyId(1)], [7; 32]);
}

#[test]
fn the_highest_id_is_current_wherever_it_stands() {
    let keys = MasterKeys::parse(&format!("# a\n{}\n{}", line("7", 1), line("3", 2))).unwrap();
    assert_eq!(keys.0.current, KeyId(7));
    assert_eq!(keys.0.ids().collect::<Vec<_>>(), [KeyId(3), KeyId(7)]);
}

#[test]
fn a_damaged_file_is_refused_with_the_number_of_its_line() {
    for (text, error) in [
        (String::new(), KeyFileError::Empty),
        ("# only\n".to_owned(), KeyFileError::Empty),
        ("# a\nonly\n".to_owned(), KeyFileError::Shape(2)),
        (line("0", 1), KeyFileError::Id(1)),
        (line("-1", 1), KeyFileError::Id(1)),
        (line("2147483648", 1), KeyFileError::Id(1)),
        ("1 c2hvcnQ\n".to_owned(), KeyFileError::Key(1)),
        (line("1", 1).replace("E\n", "F\n"), KeyFileError::Key(1)),
        (
            format!("{}{}", line("1", 1), line("1", 2)),
            KeyFileError::Repeated(2),
        ),
        (line("1 standby", 1), KeyFileError::Standby(1)),
        (
            format!("{}{}", line("1 standby", 1), line("2", 2)),
            KeyFileError::Standby(1),
        ),
        (
            [line("1", 1), line("2 standby", 1), line("3 standby", 1)].concat(),
            KeyFileError::Standby(2),
        ),
        (line("1 later", 1), KeyFileError::Key(1)),
        ("1 standby\n".to_owned(), KeyFileError::Key(1)),
    ] {
        assert_eq!(MasterKeys::parse(&text).err(), Some(error), "{text:?}");
    }
}

#[test]
fn a_key_on_standby_is_read_with_and_written_with_once_it_is_promoted() {
    let before = MasterKeys::parse(&line("1", 7)).unwrap();
    let waiting = before.with_standby(&SystemRandom).unwrap();
    let text = waiting.to_file_text();
    assert!(text.contains("\n2 standby "), "{}", *text);
    let read = MasterKeys::parse(&text).unwrap();
    assert_eq!((read.current(), read.standby()), (KeyId(1), Some(KeyId(2))));
    let key = read.0.standby.as_ref().unwrap().1.clone();
    assert_eq!(**read.0.get(KeyId(2)).unwrap(), *key);
    assert_eq!(read.0.ids().collect::<Vec<_>>(), [KeyId(1)]);
    let promoted = read.promoted();
    assert_eq!((promoted.current(), promoted.standby()), (KeyId(2), None));
    let again = MasterKeys::parse(&promoted.to_file_text()).unwrap();
    assert_eq!(*again.0.newest, *key);
    assert_eq!(*again.0.older[&KeyId(1)], [7; 32]);
    assert_eq!(again.promoted().current(), KeyId(2));
}

#[test]
fn there_is_one_key_on_standby_and_an_id_for_it() {
    let waiting = MasterKeys::parse(&line("1", 7)).unwrap();
    let waiting = waiting.with_standby(&SystemRandom).unwrap();
    let another = waiting.with_standby(&SystemRandom).err();
    assert_eq!(another, Some(NoFurtherKey::Waiting(KeyId(2))));
    let last = MasterKeys::parse(&line("2147483647", 7)).unwrap();
    let further = last.with_standby(&SystemRandom).err();
    assert_eq!(further, Some(NoFurtherKey::UsedUp));
}

#[test]
fn a_key_id_goes_through_sql_and_back() {
    assert_eq!(
        KeyId::try_from(i32::try_from(KeyId(5)).unwrap()),
        Ok(KeyId(5))
    );
    assert!(KeyId::try_from(0).is_err());
    assert!(i32::try_from(KeyId(u32::MAX)).is_err());
}

#[test]
fn debug_shows_no_key() {
    let keys = MasterKeys::parse(&line("1", 65)).unwrap();
    assert_eq!(format!("{keys:?}"), "MasterKeys { current: KeyId(1), .. }");
}
