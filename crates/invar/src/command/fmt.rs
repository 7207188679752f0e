//! `invar fmt [FILE|DIR|PATTERN]...`

mod find;
mod save;

use super::{Failure, Outcome};
use crate::cli::Fmt;
use crate::output;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Formats files or standard input.
pub fn run(options: &Fmt) -> Outcome {
    let mode = Mode::of(options)?;
    let is_stdin = |path: &PathBuf| path == Path::new("-");
    let stdin = options.files.is_empty() || options.files.iter().any(is_stdin);
    if stdin && mode == Mode::Write {
        return Err("cannot use -w with standard input".into());
    }
    if stdin && options.files.len() > 1 {
        return Err("cannot format standard input together with files".into());
    }
    let stdin = [Input::Stdin];
    let (inputs, missing) = match options.files.as_slice() {
        [] => (stdin.into(), 0),
        [only] if is_stdin(only) => (stdin.into(), 0),
        // One file that is named, as Alloy takes it: what is wrong with it is all that there is to say.
        [only] if !find::is_many(only) => (vec![Input::File(only.clone())], 0),
        all if mode == Mode::Print => return Err(find::needs_mode(all).into()),
        all => {
            let found = find::files(all);
            for error in &found.errors {
                output::complain(error);
            }
            (found.files.into_iter().map(Input::File).collect(), found.errors.len())
        }
    };
    if let ([only], 0) = (inputs.as_slice(), missing)
        && options.files.iter().all(|path| !find::is_many(path))
    {
        return alone(only, mode);
    }
    let mut tally = Tally {
        files: inputs.len(),
        faulty: missing,
        changed: 0,
    };
    for input in &inputs {
        match handle(input, mode) {
            Ok(Done::Clean) => {}
            Ok(Done::Changed) => tally.changed += 1,
            Err(faults) => {
                faults.iter().for_each(|fault| output::complain(fault));
                tally.faulty += 1;
            }
        }
    }
    tally.outcome(mode)
}

/// What to do with formatted text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Print,
    Write,
    /// Name the file if it is not formatted; before that print the difference if `diff` is set, and do not name it unless `name` is.
    Compare {
        name: bool,
        diff: bool,
    },
}

impl Mode {
    fn of(options: &Fmt) -> Result<Mode, &'static str> {
        match (options.write, options.test, options.diff) {
            (true, true, _) => Err("cannot use -w/--write and -t/--test at the same time"),
            (true, _, true) => Err("cannot use -w/--write and --diff at the same time"),
            (true, false, false) => Ok(Mode::Write),
            (false, false, false) => Ok(Mode::Print),
            (false, name, diff) => Ok(Mode::Compare { name, diff }),
        }
    }
}

enum Input {
    Stdin,
    File(PathBuf),
}

impl Input {
    fn name(&self) -> String {
        match self {
            Input::Stdin => "<stdin>".to_owned(),
            Input::File(path) => path.display().to_string(),
        }
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        let Input::File(path) = self else {
            let mut text = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut text);
            return read.map(|_| text).map_err(|error| format!("<stdin>: {error}"));
        };
        fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// What became of a file.
enum Done {
    /// It is formatted, or was printed or written.
    Clean,
    /// It is not formatted; which was said if that was asked for.
    Changed,
}

/// What [`handle`] does, with the messages that Alloy has for one file.
fn alone(input: &Input, mode: Mode) -> Outcome {
    let text = input.read()?;
    let Some(formatted) = format(input, &text) else {
        return Err("encountered errors during formatting".into());
    };
    match compare(input, mode, &text, &formatted)? {
        Done::Clean => Ok(()),
        Done::Changed => match mode {
            Mode::Compare { name: true, .. } => Err(Failure::Message(unformatted(input))),
            _ => Err(Failure::Reported),
        },
    }
}

/// Formats one of several files; what goes wrong with it concerns no other.
fn handle(input: &Input, mode: Mode) -> Result<Done, Vec<String>> {
    let text = input.read().map_err(|error| vec![error])?;
    // What is wrong with the text was said.
    let formatted = format(input, &text).ok_or_else(Vec::new)?;
    let done = compare(input, mode, &text, &formatted).map_err(|error| vec![error])?;
    if let (Done::Changed, Mode::Compare { name: true, .. }) = (&done, mode) {
        output::complain(&unformatted(input));
    }
    Ok(done)
}

fn unformatted(input: &Input) -> String {
    format!("file {} is not formatted correctly", input.name())
}

/// The formatted text, or `None` after its errors were reported.
fn format(input: &Input, text: &[u8]) -> Option<Vec<u8>> {
    match syntax::format::format(&input.name(), text) {
        Ok(mut formatted) => {
            formatted.push(b'\n');
            Some(formatted)
        }
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                output::complain(&diagnostic.to_string());
            }
            None
        }
    }
}

/// Prints or writes the formatted text, or says whether it differs.
fn compare(input: &Input, mode: Mode, text: &[u8], formatted: &[u8]) -> Result<Done, String> {
    match (mode, input) {
        (Mode::Print, _) => output::write(formatted).map_err(|error| error.to_string())?,
        _ if text == formatted => {}
        (Mode::Write, Input::File(path)) => {
            save::save(path, text, formatted).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        (Mode::Write, Input::Stdin) => return Err("cannot use -w with standard input".to_owned()),
        (Mode::Compare { diff, .. }, _) => {
            if diff {
                let text = difference(&input.name(), text, formatted, output::color_out());
                output::write(text.as_bytes()).map_err(|error| error.to_string())?;
            }
            return Ok(Done::Changed);
        }
    }
    Ok(Done::Clean)
}

/// A unified diff with three lines of context, as `patch` takes it.
fn difference(name: &str, text: &[u8], formatted: &[u8], color: bool) -> String {
    // What was formatted is UTF-8. Lines end with a newline only, as everywhere else that counts them.
    let lossy = |text| String::from_utf8_lossy(text).into_owned();
    let (old, new) = (lossy(text), lossy(formatted));
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let diff = similar::TextDiff::configure()
        .newline_terminated(true)
        .timeout(std::time::Duration::from_secs(5))
        .diff_slices(&old, &new);
    let text = diff.unified_diff().context_radius(3).header(name, name).to_string();
    if !color {
        return text;
    }
    let paint = |(i, line): (usize, &str)| {
        let code = match line.bytes().next() {
            _ if i < 2 => "1",
            Some(b'-') => "31",
            Some(b'+') => "32",
            Some(b'@') => "36",
            _ => return line.to_owned(),
        };
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        format!("\x1b[{code}m{line}\x1b[0m{end}")
    };
    text.split_inclusive('\n').enumerate().map(paint).collect()
}

/// What became of several files.
struct Tally {
    files: usize,
    /// Files with errors, and arguments that name none.
    faulty: usize,
    changed: usize,
}

impl Tally {
    fn outcome(&self, mode: Mode) -> Outcome {
        let mut said = Vec::new();
        let of = self.files;
        match (self.changed, mode) {
            (0, _) => {}
            (1, _) => said.push(format!("1 of {of} files is not formatted correctly")),
            (n, _) => said.push(format!("{n} of {of} files are not formatted correctly")),
        }
        match self.faulty {
            0 => {}
            1 => said.push("encountered 1 error during formatting".to_owned()),
            n => said.push(format!("encountered {n} errors during formatting")),
        }
        if said.is_empty() {
            return Ok(());
        }
        Err(Failure::Message(said.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn differences_are_coloured_on_a_terminal_only() {
        let plain = difference("f", b"a=1\n", b"a = 1\n", false);
        assert_eq!(plain, "--- f\n+++ f\n@@ -1 +1 @@\n-a=1\n+a = 1\n");
        let painted = difference("f", b"a=1\n", b"a = 1\n", true);
        assert_eq!(
            painted,
            "\x1b[1m--- f\x1b[0m\n\x1b[1m+++ f\x1b[0m\n\x1b[36m@@ -1 +1 @@\x1b[0m\n\x1b[31m-a=1\x1b[0m\n\x1b[32m+a = 1\x1b[0m\n"
        );
    }

    #[test]
    fn only_newlines_end_lines() {
        let diff = difference("f", b"// a\rb\r\nc = 1", b"// ab\nc = 1\n", false);
        assert_eq!(
            diff,
            "--- f\n+++ f\n@@ -1,2 +1,2 @@\n-// a\rb\r\n-c = 1\n\\ No newline at end of file\n+// ab\n+c = 1\n"
        );
    }
}
