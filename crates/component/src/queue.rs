//! How sinks queue on disk.

use std::time::Duration;

/// When what was appended to a queue counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueSync {
    /// When it survives a power failure.
    Always,
    /// When the operating system has it; it survives a power failure within this time.
    Every(Duration),
    /// When the operating system has it; it survives the end of the process.
    Never,
}

/// How sinks queue on disk what a destination does not take in time. A service: the command line decides it for all sinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Bytes that the queue of one component may take on disk; 0 for no queue: sources wait for destinations.
    pub max_bytes: u64,
    /// When what was appended counts as durable.
    pub sync: QueueSync,
}

impl Default for QueuePolicy {
    /// 10 GiB, durable.
    fn default() -> Self {
        QueuePolicy {
            max_bytes: 10 << 30,
            sync: QueueSync::Always,
        }
    }
}
