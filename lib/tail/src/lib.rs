//! Follows files that grow, are rotated, truncated, compressed, rewritten and deleted, and loses and repeats nothing.
//!
//! A [`Follower`] is a synchronous state machine over [`host::Fs`]: its owner calls [`observe`](Follower::observe) when something may
//! have happened (a timer, a [`Watcher`]) and [`next`](Follower::next) as long as it wants to read. There is no thread and no
//! clock in here.
//!
//! # Generations
//!
//! What is at a path over time are *generations*. A rename starts a new one; so does truncating in place, even though the
//! file stays the same. Generations are read strictly one after the other. A chunk names its generation and the range of bytes, and
//! [`ack`](Follower::ack) says that they are safe. [`state`](Follower::state) is what has to be saved: every generation with
//! something left to read or acknowledge. After a restart each is found again under whatever name it has, compressed or not.
//!
//! # Identity
//!
//! A file is known by device, inode and birth time; its content by a hash of the first 1024 bytes and by hashes of the 256 bytes
//! before some of the positions that were read. Every read checks that the bytes before it are still the same, so that a file which was
//! truncated and has grown beyond the old position is noticed.
//!
//! - **Rename**: the old file stays open until it is read to its end and acknowledged, and 30 quiet seconds more for late writers.
//!   Generations that came and went between two looks are found among the files beside the path ([names](#names)).
//! - **Copy and truncate**: the copy is recognised by its content; what was not read before the truncation is read from it.
//! - **Compression**: gzip, zlib and bzip2 files are read decompressed; one that holds what is known is not read again.
//! - **Rewriting**, as editors do: a new file that begins with everything that was read goes on from there.
//!
//! What cannot be seen: a file that is truncated and grows again with exactly the same bytes around the position; lines that were
//! written between the copying and the truncation by others; files compressed with zstd, xz or lz4 before they were opened.
//!
//! # Names
//!
//! Files count as rotated generations of `app.log` if they are named `app.log` or `app` + a number, a date or `old`, `bak`, `prev`,
//! with or without the suffix of a compression. They are looked for beside the path and, if it is a symbolic link, beside what it leads to.

mod chunk;
mod encoding;
mod end;
mod event;
mod family;
mod follower;
mod generation;
mod identity;
mod registry;
mod source;
mod state;
mod survey;
mod watch;

pub use chunk::{Chunk, Lines};
pub use encoding::Encoding;
pub use event::Event;
pub use follower::{Follower, Options};
pub use identity::{CHECK, FileKey, HEAD, Head, Mark};
pub use registry::Registry;
pub use source::Format;
pub use state::{Saved, State};
pub use watch::{Backoff, Signals, Watch, Watcher};
