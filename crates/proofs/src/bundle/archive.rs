//! The archive: ustar in exactly one form, so that no two programs see different files in it.

use std::io::{self, ErrorKind, Read};

use super::BundleError;

/// No file of a bundle is larger.
pub(super) const FILE_MAX: u64 = 4 << 20;
const BLOCK: usize = 512;

/// The only header that a file of this name and size can have.
pub(super) fn header(name: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

pub(super) fn chunk_name(number: u32) -> String {
    format!("events/{number:06}.ndjson")
}

pub(super) struct File {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
}

/// Reads one file at a time.
pub(super) struct Reader<R> {
    from: R,
}

impl<R: Read> Reader<R> {
    pub(super) const fn new(from: R) -> Self {
        Self { from }
    }

    /// The next file, which must have this name.
    pub(super) fn expect(&mut self, name: &str) -> Result<Vec<u8>, BundleError> {
        match self.next()? {
            Some(file) if file.name == name => Ok(file.content),
            Some(file) => Err(misplaced(&file.name, name)),
            None => Err(BundleError::NotABundle(format!("it has no {name}"))),
        }
    }

    /// As [`Self::expect`], of UTF-8.
    pub(super) fn expect_text(&mut self, name: &str) -> Result<String, BundleError> {
        let text = String::from_utf8(self.expect(name)?);
        text.map_err(|_| BundleError::NotABundle(format!("{name} is no text")))
    }

    /// None after the last file, where the archive must end as well.
    pub(super) fn next(&mut self) -> Result<Option<File>, BundleError> {
        let block = self.block()?;
        if is_zero(&block) {
            return self.end().map(|()| None);
        }
        let (name, size) = read_header(&block)?;
        let mut content = Vec::new();
        (&mut self.from).take(size).read_to_end(&mut content)?;
        if content.len() as u64 != size {
            return Err(cut_off());
        }
        self.padding(content.len())?;
        Ok(Some(File { name, content }))
    }

    fn padding(&mut self, size: usize) -> Result<(), BundleError> {
        let mut padding = vec![0; size.next_multiple_of(BLOCK) - size];
        self.fill(&mut padding)?;
        if is_zero(&padding) {
            Ok(())
        } else {
            Err(BundleError::NotABundle(
                "something is hidden between its files".to_owned(),
            ))
        }
    }

    fn end(&mut self) -> Result<(), BundleError> {
        let last = self.block()?;
        let mut beyond = Vec::new();
        (&mut self.from).take(1).read_to_end(&mut beyond)?;
        if is_zero(&last) && beyond.is_empty() {
            Ok(())
        } else {
            Err(BundleError::NotABundle(
                "something follows its end".to_owned(),
            ))
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK], BundleError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        Ok(block)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), BundleError> {
        self.from
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => cut_off(),
                _ => error.into(),
            })
    }
}

fn read_header(block: &[u8; BLOCK]) -> Result<(String, u64), BundleError> {
    let odd = || {
        BundleError::NotABundle("it is no archive of plain files in the form of bundles".to_owned())
    };
    let found = tar::Header::from_byte_slice(block);
    let size = found.entry_size().map_err(|_| odd())?;
    let name = String::from_utf8(found.path_bytes().into_owned()).map_err(|_| odd())?;
    let only = header(&name, size).map_err(|_| odd())?;
    if only.as_bytes() != block {
        return Err(odd());
    }
    if size > FILE_MAX {
        return Err(BundleError::NotABundle(format!("{name} is too large")));
    }
    Ok((name, size))
}

pub(super) fn misplaced(found: &str, expected: &str) -> BundleError {
    BundleError::NotABundle(format!("{found} stands where {expected} belongs"))
}

fn cut_off() -> BundleError {
    BundleError::NotABundle("it is cut off".to_owned())
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
