//! A bundle written event by event, in memory a chunk at a time.

use std::io::{self, Write};

use super::archive::{FILE_MAX, chunk_name, header};
use super::{Cover, EventLine, Manifest};

/// How large a file of events grows, unless one event alone is larger.
const CHUNK: usize = 1 << 20;
const README: &str = include_str!("README.md");

/// Writes a tar archive.
pub struct Writer<W: Write> {
    archive: tar::Builder<W>,
    chunk: Vec<u8>,
    chunks: u32,
}

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl<W: Write> Writer<W> {
    pub fn begin(to: W, cover: &Cover) -> io::Result<Self> {
        let mut writer = Self {
            archive: tar::Builder::new(to),
            chunk: Vec::new(),
            chunks: 0,
        };
        writer.file("README.md", README.as_bytes())?;
        writer.file("bundle.json", &Manifest::of(&cover.about).to_bytes()?)?;
        writer.file("keys", cover.keys.to_text().as_bytes())?;
        writer.file("checkpoint", cover.checkpoint.as_bytes())?;
        if let Some(head) = &cover.head {
            writer.file("head", head.as_bytes())?;
        }
        Ok(writer)
    }

    /// Of a stream in the order of its sequence, of the log in the order of positions.
    pub fn event(&mut self, event: &EventLine) -> io::Result<()> {
        let mut line = event.to_bytes()?;
        line.push(b'\n');
        if self.chunk.len() + line.len() > CHUNK {
            self.flush_chunk()?;
        }
        self.chunk.extend_from_slice(&line);
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<W> {
        self.flush_chunk()?;
        self.archive.into_inner()
    }

    fn flush_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        self.file(&chunk_name(self.chunks), &chunk)?;
        self.chunks += 1;
        Ok(())
    }

    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let size = content.len() as u64;
        if size > FILE_MAX {
            let what = format!("{name} is larger than a bundle can hold");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        self.archive.append(&header(name, size)?, content)
    }
}
