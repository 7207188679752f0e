//! From a target to the body of its answer.

use super::args::Arguments;
use super::collect::Scratch;
use super::target::ScrapeTarget;
use component::{EXPORTER_ADDRESS, Error, Exporters, Result};
use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use host::Host;
use net::{Client, HeaderMap, HeaderName, HeaderValue, Line, StatusCode};
use promscrape::Format;
use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

const USER_AGENT: &str = concat!("Invar/", env!("CARGO_PKG_VERSION"));
/// Workspaces that are kept while nobody uses them, and bytes up to which one is worth keeping.
const SPARE: usize = 4;
const SPARE_BYTES: usize = 8 << 20;

/// Memory for one scrape.
#[derive(Default)]
pub(super) struct Workspace {
    /// As it came, where it was compressed.
    raw: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) scratch: Scratch,
    /// Its tables and its window are larger than most bodies, and cleared when they are made.
    inflate: Option<Decompress>,
}

/// Memory that scrapes share.
#[derive(Default)]
pub(super) struct Workspaces(Mutex<Vec<Workspace>>);

impl Workspaces {
    pub(super) fn take(&self) -> Workspace {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_default()
    }

    pub(super) fn give_back(&self, workspace: Workspace) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE && workspace.raw.capacity() + workspace.body.capacity() <= SPARE_BYTES {
            spare.push(workspace);
        }
    }
}

/// Why there is no body.
#[derive(Debug)]
pub(super) enum FetchError {
    /// No answer, or one that broke off.
    Transport(String),
    /// An answer that is no success.
    Status(StatusCode),
    /// The body is as large as the limit, or larger.
    TooLarge(u64),
    /// Its format is not known.
    Format(String),
    /// The configuration says that nothing is scraped.
    Forced(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Transport(message) | FetchError::Format(message) | FetchError::Forced(message) => {
                f.write_str(message)
            }
            FetchError::Status(status) => write!(f, "server returned HTTP status {status}"),
            FetchError::TooLarge(limit) => write!(f, "body size limit exceeded ({limit} bytes)"),
        }
    }
}

/// Asks targets for their metrics.
pub(super) struct Fetcher {
    client: Client,
    headers: HeaderMap,
    /// Most bytes of a body.
    limit: Option<u64>,
    fallback: Option<Format>,
    exporters: Option<Arc<Exporters>>,
}

impl Fetcher {
    pub(super) fn new(args: &Arguments, host: &Host, exporters: Option<Arc<Exporters>>) -> Result<Self> {
        let client = Client::new(&args.http, host.fs.clone())
            .map_err(|error| Error::caused("cannot scrape with these arguments", error))?;
        let mut headers = HeaderMap::new();
        let agent = format!("{USER_AGENT} ({})", std::env::consts::OS);
        let encoding = if args.enable_compression { "gzip" } else { "identity" };
        for (name, value) in [
            ("accept", args.accept().as_str()),
            ("accept-encoding", encoding),
            ("user-agent", agent.as_str()),
        ] {
            let value = HeaderValue::from_str(value).map_err(|error| Error::caused(name, error))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(Fetcher {
            client,
            headers,
            limit: Some(args.body_size_limit.0).filter(|&limit| limit > 0),
            fallback: args.fallback(),
            exporters,
        })
    }

    /// What is asked of a target.
    fn line(&self, target: &ScrapeTarget) -> Line {
        let mut headers = self.headers.clone();
        let seconds = promtext::format_float(target.timeout.as_secs_f64());
        if let Ok(value) = HeaderValue::from_str(&seconds) {
            headers.insert(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), value);
        }
        self.client
            .line(target.url.clone(), headers, target.timeout, target.interval)
    }

    /// Reads the metrics of a target into `workspace.body`, as text of the format that is returned. `line` is made here, for this target and this fetcher.
    pub(super) async fn fetch(
        &self,
        target: &ScrapeTarget,
        line: &mut Option<Line>,
        workspace: &mut Workspace,
    ) -> std::result::Result<Format, FetchError> {
        if target
            .labels
            .get("__address__")
            .is_some_and(|address| address == EXPORTER_ADDRESS)
            && let Some(exporters) = &self.exporters
        {
            return self.ask(exporters, target, workspace).await;
        }
        let line = line.get_or_insert_with(|| self.line(target));
        let limit = self
            .limit
            .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let head = self
            .client
            .ask(line, limit, &mut workspace.raw)
            .await
            .map_err(|error| FetchError::Transport(error.to_string()))?;
        if head.status != StatusCode::OK {
            return Err(FetchError::Status(head.status));
        }
        if let Some(error) = head.broken {
            return Err(FetchError::Transport(format!("the answer broke off: {error}")));
        }
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        if header("content-encoding") == Some("gzip") {
            let Workspace { raw, body, inflate, .. } = workspace;
            gunzip(inflate, raw, limit, body)?;
        } else {
            std::mem::swap(&mut workspace.raw, &mut workspace.body);
        }
        self.check_size(workspace)?;
        let content_type = header("content-type").unwrap_or_default();
        Format::of(content_type).or(self.fallback).ok_or_else(|| {
            FetchError::Format(format!(
                "received Content-Type {content_type:?}, which is not known, and scrape_fallback_protocol names no other"
            ))
        })
    }

    fn check_size(&self, workspace: &Workspace) -> std::result::Result<(), FetchError> {
        match self.limit {
            Some(limit) if workspace.body.len() as u64 >= limit => Err(FetchError::TooLarge(limit)),
            _ => Ok(()),
        }
    }

    /// Asks a component of this process.
    async fn ask(
        &self,
        exporters: &Exporters,
        target: &ScrapeTarget,
        workspace: &mut Workspace,
    ) -> std::result::Result<Format, FetchError> {
        let path = target.url.path();
        let exporter = exporters.at(path).ok_or_else(|| {
            FetchError::Transport(format!("no component of this configuration exposes metrics at {path}"))
        })?;
        let query: Vec<(String, String)> = target.url.query_pairs().into_owned().collect();
        let mut body = std::mem::take(&mut workspace.body);
        let work = tokio::task::spawn_blocking(move || {
            body.clear();
            // It is empty, so it is text.
            let mut text = String::from_utf8(body).unwrap_or_default();
            promtext::encode_into(&exporter.gather(&query)?, promtext::Format::Text, &mut text);
            Ok::<_, String>(text.into_bytes())
        });
        workspace.body = match tokio::time::timeout(target.timeout, work).await {
            Ok(Ok(Ok(body))) => body,
            Ok(Ok(Err(message))) => return Err(FetchError::Transport(message)),
            Ok(Err(error)) => return Err(FetchError::Transport(format!("the exporter failed: {error}"))),
            Err(_) => return Err(FetchError::Transport("the exporter did not answer in time".to_owned())),
        };
        self.check_size(workspace)?;
        Ok(Format::Text)
    }
}

/// Beginning of a gzip member whose header has no optional parts, and its length (RFC 1952, 2.3).
const PLAIN_MEMBER: [u8; 4] = [0x1f, 0x8b, 8, 0];
const PLAIN_HEADER: usize = 10;

/// Unpacks at most `limit` bytes, in place of what is in `body`: memory that is there is not cleared for it.
fn gunzip(
    inflate: &mut Option<Decompress>,
    raw: &[u8],
    limit: usize,
    body: &mut Vec<u8>,
) -> std::result::Result<(), FetchError> {
    if raw.starts_with(&PLAIN_MEMBER)
        && let Some(deflated) = raw.get(PLAIN_HEADER..)
        && inflate_member(inflate, deflated, limit, body)
    {
        return Ok(());
    }
    gunzip_any(raw, limit, body)
}

/// Unpacks the only member there is. False if there is something else about it, damage for example.
fn inflate_member(inflate: &mut Option<Decompress>, deflated: &[u8], limit: usize, body: &mut Vec<u8>) -> bool {
    let inflate = inflate.get_or_insert_with(|| Decompress::new(false));
    inflate.reset(false);
    let (mut length, mut rest) = (0, deflated);
    loop {
        if length == body.len() {
            body.resize(length + deflated.len().max(length / 8) + 1, 0);
        }
        let end = body.len().min(limit);
        if length >= end {
            body.truncate(length);
            return true;
        }
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        // With room for all of it, nothing is kept for later.
        let Ok(status) = inflate.decompress(rest, &mut body[length..end], FlushDecompress::Finish) else {
            return false;
        };
        let (read, written) = (inflate.total_in() - before_in, inflate.total_out() - before_out);
        // Both are lengths of slices.
        (length, rest) = (length + written as usize, &rest[read as usize..]);
        if status == Status::StreamEnd {
            break;
        }
        if read == 0 && written == 0 {
            return false;
        }
    }
    body.truncate(length);
    // Modulo 2^32 (RFC 1952, 2.3.1).
    let amount = body.len() as u32;
    rest == [crc32fast::hash(body).to_le_bytes(), amount.to_le_bytes()].as_flattened()
}

fn gunzip_any(raw: &[u8], limit: usize, body: &mut Vec<u8>) -> std::result::Result<(), FetchError> {
    let mut reader = MultiGzDecoder::new(raw).take(limit as u64);
    let mut length = 0;
    loop {
        if length == body.len() {
            body.resize(length + raw.len().max(length / 8) + 1, 0);
        }
        let read = reader
            .read(&mut body[length..])
            .map_err(|error| FetchError::Transport(format!("the answer is not gzip as it says: {error}")))?;
        if read == 0 {
            body.truncate(length);
            return Ok(());
        }
        length += read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder, write::GzEncoder};
    use std::io::Write;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_of_any_length_are_unpacked_in_the_same_memory() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let two = [packed(b"one"), packed(b" two")].concat();
        let (mut body, mut inflate) = (b"before".to_vec(), None);
        for (raw, expect) in [
            (packed(&text), &text[..]),
            (packed(b"short"), b"short"),
            (packed(b""), b""),
            (two, b"one two"),
            (packed(&text), &text),
        ] {
            gunzip(&mut inflate, &raw, usize::MAX, &mut body).unwrap();
            assert!(body == expect);
            gunzip_any(&raw, usize::MAX, &mut body).unwrap();
            assert!(body == expect);
        }
        let mut raw = Vec::new();
        let named = GzBuilder::new().filename("metrics").comment("named");
        named
            .read(&text[..], Compression::fast())
            .read_to_end(&mut raw)
            .unwrap();
        gunzip(&mut inflate, &raw, usize::MAX, &mut body).unwrap();
        assert!(body == text);
        for limit in [0, 1, 1000, text.len() - 1, text.len(), text.len() + 1] {
            gunzip(&mut inflate, &packed(&text), limit, &mut body).unwrap();
            assert!(body == text[..limit.min(text.len())], "{limit}");
        }
    }

    #[test]
    fn damage_is_found() {
        let (raw, mut inflate) = (packed(&b"some text that is packed ".repeat(50)), None);
        for end in 0..raw.len() {
            assert!(
                gunzip(&mut inflate, &raw[..end], usize::MAX, &mut Vec::new()).is_err(),
                "{end}"
            );
        }
        for at in raw.len() - 8..raw.len() {
            let mut raw = raw.clone();
            raw[at] ^= 1;
            assert!(gunzip(&mut inflate, &raw, usize::MAX, &mut Vec::new()).is_err(), "{at}");
        }
    }
}
