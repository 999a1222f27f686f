//! A bundle written event by event, in memory a chunk at a time.

use std::io::{self, Write};

use super::{Cover, EventLine, FORMAT, Manifest};

/// How large a file of events may grow.
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
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            about: cover.about.clone(),
        };
        let keys = cover.keys.iter().map(|key| format!("{key}\n"));
        writer.file("README.md", README.as_bytes())?;
        writer.file("bundle.json", &serde_json::to_vec(&manifest)?)?;
        writer.file("keys", keys.collect::<String>().as_bytes())?;
        writer.file("checkpoint", cover.checkpoint.as_bytes())?;
        if let Some(head) = &cover.head {
            writer.file("head", head.as_bytes())?;
        }
        Ok(writer)
    }

    /// Of a stream in the order of its sequence, of the log in the order of positions.
    pub fn event(&mut self, event: &EventLine) -> io::Result<()> {
        serde_json::to_writer(&mut self.chunk, event)?;
        self.chunk.push(b'\n');
        if self.chunk.len() >= CHUNK {
            self.flush_chunk()?;
        }
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
        self.file(&format!("events/{:06}.ndjson", self.chunks), &chunk)?;
        self.chunks += 1;
        Ok(())
    }

    fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        self.archive.append_data(&mut header, path, content)
    }
}
