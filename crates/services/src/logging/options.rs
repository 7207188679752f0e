//! The `logging` block.

use super::record::Severity;
use component::{Caveat, LogsReceiver};
use value::{Block, FromValue, Type, Value, ValueError};

/// What is logged, how, and where to.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct LoggingArgs {
    /// The least severity that is logged.
    #[arg(default)]
    pub level: Level,
    /// The form of a line.
    #[arg(default)]
    pub format: Format,
    /// Where lines are written.
    #[arg(default)]
    pub destination: Destination,
    /// Receivers that get every line too, as a log entry with the label `component="alloy"`.
    #[arg(default)]
    pub write_to: Vec<LogsReceiver>,
}

impl LoggingArgs {
    /// What becomes of the lines for `write_to`.
    pub fn caveats(&self) -> Vec<Caveat> {
        let text = "never waits for write_to: its lines are dropped and counted while the queue is full";
        vec![Caveat::best_effort(text).at("", "write_to")]
    }
}

/// Defines a choice among texts whose error is Alloy's: `unrecognized log level "x"`.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal, $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            const NAMES: &'static [&'static str] = &[$($text),+];

            /// The text in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
        }

        impl FromValue for $name {
            fn ty() -> Type {
                Type::Choice(Self::NAMES)
            }

            fn zero() -> Self {
                Self::default()
            }

            fn from_value(value: &Value) -> Result<Self, ValueError> {
                let text = String::from_value(value)?;
                match text.as_str() {
                    $($text => Ok($name::$variant),)+
                    _ => Err(ValueError::new(format!(
                        concat!("unrecognized log ", $what, " {:?}; use one of {:?}"), text, Self::NAMES
                    ))),
                }
            }

            fn to_value(&self) -> Value {
                self.as_str().to_owned().to_value()
            }
        }
    };
}

choice! {
    /// The least severity that is logged.
    Level, "level",
    /// Everything.
    Debug = "debug",
    /// What an operator wants to know.
    #[default]
    Info = "info",
    /// What an operator should look at.
    Warn = "warn",
    /// What does not work.
    Error = "error"
}

choice! {
    /// The form of a line.
    Format, "format",
    /// `key=value` pairs.
    #[default]
    Logfmt = "logfmt",
    /// A JSON object.
    Json = "json"
}

choice! {
    /// Where lines are written.
    Destination, "destination",
    /// Standard error.
    #[default]
    Stderr = "stderr",
    /// The event log of Windows.
    WindowsEventLog = "windows_event_log"
}

impl Level {
    pub(super) fn severity(self) -> Severity {
        match self {
            Level::Debug => Severity::Debug,
            Level::Info => Severity::Info,
            Level::Warn => Severity::Warn,
            Level::Error => Severity::Error,
        }
    }
}
