//! Standard output and error.

use std::io::{self, IsTerminal, Write};

/// Writes to standard output. A reader that went away, as `head` does, is no error.
pub fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line to standard error; nothing can be done if that fails.
pub fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether reports on standard error may use colours: on a terminal, unless `NO_COLOR` is set.
pub fn color() -> bool {
    may_color(&io::stderr())
}

/// The same for standard output.
pub fn color_out() -> bool {
    may_color(&io::stdout())
}

fn may_color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
