//! Bytes of a plain or a compressed file by their offset.

use bzip2::read::MultiBzDecoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use host::{File, FileKind, Fs, Meta};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// How a file is compressed. Offsets in a compressed file count decompressed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// gzip (RFC 1952), one or several members.
    Gzip,
    /// zlib (RFC 1950).
    Zlib,
    /// bzip2, one or several streams.
    Bzip2,
}

impl Format {
    /// The compression that a file name announces, and the name without its suffix.
    pub fn of_name(name: &str) -> Option<(Format, &str)> {
        [
            (".gz", Format::Gzip),
            (".bz2", Format::Bzip2),
            (".z", Format::Zlib),
            (".zz", Format::Zlib),
        ]
        .into_iter()
        .find_map(|(suffix, format)| Some((format, name.strip_suffix(suffix).filter(|stem| !stem.is_empty())?)))
    }

    /// Whether a file that begins with `bytes` may have this format.
    pub fn fits(self, bytes: &[u8]) -> bool {
        match self {
            Format::Gzip => bytes.starts_with(&[0x1f, 0x8b]),
            Format::Bzip2 => bytes.starts_with(b"BZh"),
            // RFC 1950: deflate, and the first two bytes are a multiple of 31.
            Format::Zlib => match bytes {
                [method, flags, ..] => method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0,
                _ => false,
            },
        }
    }
}

struct Stream {
    file: Arc<dyn File>,
    at: u64,
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

struct Packed {
    format: Format,
    reader: Option<Box<dyn Read + Send>>,
    /// Decompressed bytes that `reader` has given.
    at: u64,
}

/// An open file.
pub(crate) struct Source {
    file: Arc<dyn File>,
    packed: Option<Packed>,
}

impl Source {
    /// Opens a regular file. `format` is what it is compressed with.
    pub(crate) fn open(fs: &dyn Fs, path: &Path, format: Option<Format>) -> io::Result<(Source, Meta)> {
        let file: Arc<dyn File> = fs.open(path)?.into();
        let meta = file.meta()?;
        if meta.kind != FileKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let packed = format.map(|format| Packed {
            format,
            reader: None,
            at: 0,
        });
        Ok((Source { file, packed }, meta))
    }

    /// Opens a file whose name may announce a compression; the file's first bytes decide.
    pub(crate) fn sniff(fs: &dyn Fs, path: &Path) -> io::Result<(Source, Meta)> {
        let (mut source, meta) = Source::open(fs, path, None)?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((format, _)) = Format::of_name(name)
            && format.fits(&source.raw(0, 4)?)
        {
            source.packed = Some(Packed {
                format,
                reader: None,
                at: 0,
            });
        }
        Ok((source, meta))
    }

    /// The same file, to be read independently.
    pub(crate) fn again(&self) -> Source {
        Source {
            file: self.file.clone(),
            packed: self.packed.as_ref().map(|packed| Packed {
                format: packed.format,
                reader: None,
                at: 0,
            }),
        }
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    pub(crate) fn meta(&self) -> io::Result<Meta> {
        self.file.meta()
    }

    /// Up to `len` bytes of the file as it is on disk.
    /// Bytes of the file as they were at one moment: what took several reads, between which the file may have been truncated and
    /// written anew, counts when it reads the same once more.
    fn raw(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut parts) = self.fill(offset, len)?;
        while parts > 1 {
            let (again, n) = self.fill(offset, len)?;
            if again == bytes {
                break;
            }
            (bytes, parts) = (again, n);
        }
        Ok(bytes)
    }

    /// Reads until there is no more; the number says in how many parts it came.
    fn fill(&self, offset: u64, len: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut buf = vec![0; len];
        let (mut filled, mut parts) = (0, 0);
        while filled < len {
            match self.file.read_at(&mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    parts += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buf.truncate(filled);
        Ok((buf, parts))
    }

    fn decoder(&self, format: Format) -> Box<dyn Read + Send> {
        let stream = Stream {
            file: self.file.clone(),
            at: 0,
        };
        match format {
            Format::Gzip => Box::new(MultiGzDecoder::new(stream)),
            Format::Zlib => Box::new(ZlibDecoder::new(stream)),
            Format::Bzip2 => Box::new(MultiBzDecoder::new(stream)),
        }
    }

    /// Up to `len` bytes at `offset`, fewer only at the end. On a compressed file this decompresses from the start, so it is
    /// for its head only.
    pub(crate) fn peek(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.peek_at(offset, len)?.0)
    }

    /// The same, and whether the end of compressed data is missing behind these bytes.
    pub(crate) fn peek_at(&self, offset: u64, len: usize) -> io::Result<(Vec<u8>, bool)> {
        let Some(packed) = &self.packed else {
            return Ok((self.raw(offset, len)?, false));
        };
        let mut reader = self.decoder(packed.format);
        let mut bytes = Vec::new();
        let read = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())
            .and_then(|_| reader.take(len as u64).read_to_end(&mut bytes));
        match read {
            // A file that is still being written: what is there counts.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok((bytes, true)),
            Err(error) => Err(error),
            Ok(_) => Ok((bytes, false)),
        }
    }

    /// Fills `buf` from `offset`; fewer bytes only at the end. [`io::ErrorKind::UnexpectedEof`] means that the end of
    /// compressed data is missing, because it is cut off or not yet written; nothing was read then.
    pub(crate) fn read(&mut self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let Some(mut packed) = self.packed.take() else {
            let mut filled = 0;
            while filled < buf.len() {
                match self.file.read_at(&mut buf[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(filled);
        };
        let result = self.read_packed(&mut packed, buf, offset);
        self.packed = Some(packed);
        result
    }

    fn read_packed(&self, packed: &mut Packed, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut reader = match packed.reader.take() {
            Some(reader) if packed.at == offset => reader,
            _ => {
                let mut reader = self.decoder(packed.format);
                let skipped = io::copy(&mut reader.by_ref().take(offset), &mut io::sink())?;
                if skipped < offset {
                    return Ok(0);
                }
                reader
            }
        };
        let mut filled = 0;
        while filled < buf.len() {
            match reader.read(&mut buf[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What was read before the bad place counts; the next call starts over and meets it again.
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
        }
        packed.at = offset + filled as u64;
        // At the end the decoder is dropped: another member may be appended, and it is large.
        packed.reader = (filled > 0).then_some(reader);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use host::{ManualClock, MemFs};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory does not fail");
        encoder.finish().expect("memory does not fail")
    }

    #[test]
    fn compressed_bytes_are_read_by_their_decompressed_offset() -> io::Result<()> {
        let fs = MemFs::new(Arc::new(ManualClock::at(1)));
        let mut whole = gzip(b"hello ");
        whole.extend(gzip(b"world"));
        fs.create("/a.gz", &whole);
        let (mut source, _) = Source::sniff(&fs, Path::new("/a.gz"))?;
        assert!(source.is_packed());
        let mut buf = [0; 4];
        assert_eq!(source.read(&mut buf, 4)?, 4);
        assert_eq!(&buf, b"o wo");
        assert_eq!(source.read(&mut buf, 8)?, 3);
        assert_eq!(source.read(&mut buf, 11)?, 0);
        assert_eq!(source.peek(0, 5)?, b"hello");
        // The end is missing.
        fs.create("/b.gz", &gzip(&[b'x'; 10_000])[..20]);
        let (mut source, _) = Source::sniff(&fs, Path::new("/b.gz"))?;
        let mut read = 0;
        let error = loop {
            match source.read(&mut [0; 100], read) {
                Ok(n) => read += n as u64,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        Ok(())
    }

    #[test]
    fn a_plain_file_with_a_misleading_name_is_plain() -> io::Result<()> {
        let fs = MemFs::new(Arc::new(ManualClock::at(1)));
        fs.create("/a.gz", b"not compressed\n");
        let (source, _) = Source::sniff(&fs, Path::new("/a.gz"))?;
        assert!(!source.is_packed());
        Ok(())
    }
}
