//! Clients and a server of OTLP for benchmarks: over gRPC and HTTP, cheap, and honest about what came.

mod load;
mod requests;
mod sink;

pub use load::{Load, LoadOptions, Sent};
pub use requests::request;
pub use sink::{OtlpSink, SinkOptions};

use bytes::Bytes;
use otlp_wire::Signal;
use std::io::{self, Read, Write};
use std::str::FromStr;

/// What requests come over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/2, many calls on one connection.
    Grpc,
    /// HTTP/1.1, one request at a time on a connection.
    Http,
}

/// How bodies and messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Transport {
    /// `grpc`, `http`.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Grpc => "grpc",
            Transport::Http => "http",
        }
    }
}

impl Coding {
    /// `none`, `gzip`, `zstd`.
    pub fn as_str(self) -> &'static str {
        match self {
            Coding::None => "none",
            Coding::Gzip => "gzip",
            Coding::Zstd => "zstd",
        }
    }

    /// By its name in `content-encoding` and `grpc-encoding`, which is empty or `identity` for none.
    fn named(name: &str) -> Option<Coding> {
        match name {
            "" | "identity" => Some(Coding::None),
            name => name.parse().ok(),
        }
    }

    /// The bytes as they are sent, with what clients use if nobody tells them otherwise: gzip at level 6, zstd at level 3.
    fn compress(self, plain: &Bytes) -> io::Result<Bytes> {
        match self {
            Coding::None => Ok(plain.clone()),
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
                encoder.write_all(plain)?;
                Ok(encoder.finish()?.into())
            }
            Coding::Zstd => Ok(zstd::stream::encode_all(&plain[..], 3)?.into()),
        }
    }

    fn decompress(self, body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Coding::None => out.extend_from_slice(body),
            Coding::Gzip => {
                flate2::read::MultiGzDecoder::new(body).read_to_end(out)?;
            }
            Coding::Zstd => {
                zstd::stream::read::Decoder::new(body)?.read_to_end(out)?;
            }
        }
        Ok(())
    }
}

impl FromStr for Transport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Transport::Grpc, Transport::Http]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("{text:?} is neither \"grpc\" nor \"http\""))
    }
}

impl FromStr for Coding {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Coding::None, Coding::Gzip, Coding::Zstd]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("{text:?} is none of \"none\", \"gzip\" and \"zstd\""))
    }
}

/// The signal of a path of either kind.
fn signal_of(path: &str) -> Option<Signal> {
    Signal::ALL
        .into_iter()
        .find(|signal| [signal.http_path(), signal.grpc_path()].contains(&path))
}

/// Bytes in front of a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_is_sent_is_counted_over_either_transport() {
        for transport in [Transport::Grpc, Transport::Http] {
            for coding in [Coding::None, Coding::Gzip, Coding::Zstd] {
                for signal in Signal::ALL {
                    let options = SinkOptions {
                        check_every: 2,
                        attribute: Some("code.line"),
                    };
                    let sink = OtlpSink::start(options).await.unwrap();
                    let load = Load::start(LoadOptions {
                        addr: sink.addr(),
                        signal,
                        transport,
                        coding,
                        records: 100,
                        connections: 2,
                        in_flight: 2,
                        rate: None,
                    });
                    let load = load.await.unwrap();
                    while load.sent().requests < 20 {
                        tokio::task::yield_now().await;
                    }
                    let sent = load.stop().await;
                    let what = format!("{transport:?} {coding:?} {signal:?}: {sent:?}");
                    assert_eq!((sent.refused, &sent.failed), (0, &None), "{what}");
                    assert_eq!(sent.records, sent.requests * 100, "{what}");
                    assert_eq!(
                        (sink.records(), sink.requests().0),
                        (sent.records, sent.requests),
                        "{what}"
                    );
                    assert_eq!(sink.wrong(), None, "{what}");
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_sink_says_what_is_wrong() {
        let options = SinkOptions {
            check_every: 1,
            attribute: Some("nobody.sets.this"),
        };
        let sink = OtlpSink::start(options).await.unwrap();
        let load = Load::start(LoadOptions {
            addr: sink.addr(),
            signal: Signal::Logs,
            transport: Transport::Grpc,
            coding: Coding::None,
            records: 3,
            connections: 1,
            in_flight: 1,
            rate: None,
        });
        let load = load.await.unwrap();
        while load.sent().failed.is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(load.stop().await.records, 0);
        assert!(sink.wrong().is_some_and(|why| why.contains("nobody.sets.this")));
    }
}
