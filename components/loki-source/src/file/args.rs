//! Arguments.

use component::prelude::*;
use component::{ClusteringArgs, Target};
use std::path::PathBuf;
use tail::{Encoding, Format};
use value::{Choice, GoDuration};

/// Reads lines from files and follows them through rotation.
///
/// Each target is a file, `__path__`, and the labels of its lines. A position is committed only when the lines before it were delivered,
/// or dropped by a rule of the configuration.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = check)]
pub struct Arguments {
    /// Files to read: `__path__` is the path; labels that do not begin with `__` become labels of the lines.
    #[arg]
    pub targets: Vec<Target>,
    /// Where lines go.
    #[arg]
    pub forward_to: Vec<LogsReceiver>,
    /// Encoding of the files by its IANA name; a byte order mark overrides it. Empty means UTF-8, unchanged.
    #[arg(default)]
    pub encoding: String,
    /// Read a file that has no position yet from its end.
    #[arg(default)]
    pub tail_from_end: bool,
    /// Positions file of Promtail or the static Agent to import, once.
    #[arg(default)]
    pub legacy_positions_file: PathBuf,
    /// What to do about a file whose position cannot be read: `restart_from_beginning`, `restart_from_end` or `skip`.
    #[arg(default = OnPositionsError::Beginning)]
    pub on_positions_file_error: OnPositionsError,
    /// Files are compressed.
    #[arg(block)]
    pub decompression: Option<Decompression>,
    /// How often to look at files.
    #[arg(block, default = FileWatch::defaults())]
    pub file_watch: FileWatch,
    /// Take `__path__` as a pattern.
    #[arg(block, default = FileMatch::defaults())]
    pub file_match: FileMatch,
    /// Share files that several members of a cluster can reach, below the same paths: each is read by one of them, and who takes a file
    /// over goes on where the other stopped.
    #[arg(block, default)]
    pub clustering: ClusteringArgs,
}

/// What to do about a position that cannot be read.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPositionsError {
    /// Read the file from its beginning.
    #[choice("restart_from_beginning")]
    Beginning,
    /// Read the file from its end.
    #[choice("restart_from_end")]
    End,
    /// Leave the file alone.
    #[choice("skip")]
    Skip,
}

/// Compressed files.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Decompression {
    /// Whether files are compressed.
    #[arg]
    pub enabled: bool,
    /// Format: `gz`, `z` or `bz2`.
    #[arg]
    pub format: CompressionFormat,
    /// How long to wait before a new file is read.
    #[arg(default)]
    pub initial_delay: GoDuration,
}

/// Compression formats.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionFormat {
    /// gzip
    #[choice("gz")]
    Gzip,
    /// zlib
    #[choice("z")]
    Zlib,
    /// bzip2
    #[choice("bz2")]
    Bzip2,
}

/// Intervals between looks at a file; they grow while nothing happens.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct FileWatch {
    /// Shortest interval.
    #[arg(default = GoDuration::millis(250))]
    pub min_poll_frequency: GoDuration,
    /// Longest interval.
    #[arg(default = GoDuration::millis(250))]
    pub max_poll_frequency: GoDuration,
}

/// Patterns.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct FileMatch {
    /// Whether `__path__` is a pattern.
    #[arg(default)]
    pub enabled: bool,
    /// How often to look for files.
    #[arg(default = GoDuration::seconds(10))]
    pub sync_period: GoDuration,
    /// Leave out files that were not modified for this long; 0 leaves out none.
    #[arg(default)]
    pub ignore_older_than: GoDuration,
}

fn check(args: &Arguments) -> Result<(), value::Invalid> {
    component::first(problems(args))
}

/// What is wrong with the arguments.
pub(super) fn problems(args: &Arguments) -> Vec<Error> {
    let mut found = Vec::new();
    if Encoding::named(&args.encoding).is_none() {
        let message = format!("is not an encoding: {:?}", args.encoding);
        found.push(Error::about("encoding", message));
    }
    if args.file_match.enabled && args.file_match.sync_period.0 <= 0 {
        let error = Error::about("sync_period", "must be greater than 0").with("enabled");
        found.push(error.inside("file_match", 0));
    }
    found
}

impl Arguments {
    /// What the arguments make of the promise that lines arrive.
    pub(super) fn caveats(&self) -> Vec<Caveat> {
        let text = "keeps the order of each file's lines, and sends those again that were not acknowledged at a crash";
        let mut found = vec![Caveat::note(text)];
        if self.tail_from_end {
            let text = "skips the lines that a file has when it is seen for the first time, by tail_from_end";
            found.push(Caveat::note(text).at("", "tail_from_end"));
        }
        let text = match self.on_positions_file_error {
            OnPositionsError::Beginning => return found,
            OnPositionsError::End => "skips the lines that a file has when its position cannot be read",
            OnPositionsError::Skip => "leaves a file alone whose position cannot be read",
        };
        found.push(Caveat::note(text).at("", "on_positions_file_error"));
        found
    }

    /// How to read files.
    pub(super) fn reading(&self) -> Reading {
        let format = self
            .decompression
            .as_ref()
            .filter(|one| one.enabled)
            .map(|one| match one.format {
                CompressionFormat::Gzip => Format::Gzip,
                CompressionFormat::Zlib => Format::Zlib,
                CompressionFormat::Bzip2 => Format::Bzip2,
            });
        Reading {
            encoding: Encoding::named(&self.encoding).unwrap_or(Encoding::RAW),
            from_end: self.tail_from_end,
            format,
            delay: self
                .decompression
                .as_ref()
                .map(|one| one.initial_delay)
                .unwrap_or_default(),
            watch: self.file_watch.clone(),
        }
    }
}

/// How a file is read; a change begins its reading anew, from the committed position.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) encoding: Encoding,
    pub(super) from_end: bool,
    pub(super) format: Option<Format>,
    pub(super) delay: GoDuration,
    pub(super) watch: FileWatch,
}
