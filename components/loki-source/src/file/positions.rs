//! The positions file.
//!
//! Its `positions` are Alloy's, so that either program can go on where the other stopped. What else is needed to find a file
//! again after it was rotated stands in comments: Alloy's parser is strict and refuses keys that it does not know.

use host::Fs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use tail::{FileKey, Head, Mark, State};

/// A file and the labels under which it is read, as Alloy writes them: `{a="b", c="d"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Key {
    /// Path of the file.
    pub path: String,
    /// Its labels.
    pub labels: String,
}

/// A position as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// Everything that is needed to go on.
    State(State),
    /// Something that is no number.
    Unreadable(String),
}

/// What begins a line that only Invar reads.
const COMMENT: &str = "# ";

/// All positions, by file.
pub type Positions = BTreeMap<Key, Position>;

/// What a positions file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saved {
    /// The positions.
    pub positions: Positions,
    /// When every file that was followed had a position in here, in nanoseconds since the Unix epoch: one that has none and was followed
    /// all the same began later.
    pub complete_at: Option<i64>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    positions: BTreeMap<Key, String>,
    #[serde(default, rename = "invar_complete_at")]
    complete_at: Option<i64>,
    #[serde(default)]
    invar: Vec<Extra>,
}

#[derive(Deserialize)]
struct Legacy {
    #[serde(default)]
    positions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Extra {
    path: String,
    labels: String,
    state: String,
}

/// A [`State`] as JSON.
#[derive(Serialize, Deserialize)]
struct StateForm {
    since: i64,
    files: Vec<FileForm>,
    seen: Vec<(u32, u64)>,
}

#[derive(Serialize, Deserialize)]
struct FileForm {
    path: PathBuf,
    key: Option<(u64, u64, Option<i64>)>,
    head: (u32, u64),
    offset: u64,
    check: (u64, u32, u64),
}

impl From<&State> for StateForm {
    fn from(state: &State) -> Self {
        StateForm {
            since: state.since,
            files: state
                .files
                .iter()
                .map(|saved| FileForm {
                    path: saved.path.clone(),
                    key: saved.key.map(|key| (key.dev, key.ino, key.birth)),
                    head: (saved.head.len, saved.head.hash),
                    offset: saved.offset,
                    check: (saved.check.at, saved.check.len, saved.check.hash),
                })
                .collect(),
            seen: state.seen.iter().map(|head| (head.len, head.hash)).collect(),
        }
    }
}

impl From<StateForm> for State {
    fn from(form: StateForm) -> Self {
        State {
            since: form.since,
            files: form
                .files
                .into_iter()
                .map(|file| tail::Saved {
                    path: file.path,
                    key: file.key.map(|(dev, ino, birth)| FileKey { dev, ino, birth }),
                    head: Head {
                        len: file.head.0,
                        hash: file.head.1,
                    },
                    offset: file.offset,
                    check: Mark {
                        at: file.check.0,
                        len: file.check.1,
                        hash: file.check.2,
                    },
                })
                .collect(),
            seen: form.seen.into_iter().map(|(len, hash)| Head { len, hash }).collect(),
        }
    }
}

/// A state as bytes that another process reads.
pub fn state_to_json(state: &State) -> Option<Vec<u8>> {
    serde_json::to_vec(&StateForm::from(state)).ok()
}

/// The state that another process wrote.
pub fn state_from_json(json: &[u8]) -> Result<State, String> {
    let form: StateForm = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    Ok(State::from(form))
}

/// Reads a positions file; one that is missing or empty holds nothing.
pub fn load(fs: &dyn Fs, path: &Path) -> Result<Saved, String> {
    let text = match fs.read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
        Err(error) => return Err(error.to_string()),
    };
    parse(&text)
}

fn parse(text: &[u8]) -> Result<Saved, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Ok(Saved::default());
    }
    let document: Document = serde_saphyr::from_str(&uncommented(text)).map_err(|error| error.to_string())?;
    let mut positions: Positions = document
        .positions
        .into_iter()
        .map(|(key, offset)| {
            let position = match offset.parse() {
                Ok(offset) => Position::State(State::of_offset(&key.path, offset)),
                Err(_) => Position::Unreadable(offset),
            };
            (key, position)
        })
        .collect();
    for extra in document.invar {
        let key = Key {
            path: extra.path,
            labels: extra.labels,
        };
        let form: StateForm = serde_json::from_str(&extra.state).map_err(|error| error.to_string())?;
        let state = State::from(form);
        // If another program went on with the file meanwhile, its offset is the newer one.
        let same = match positions.get(&key) {
            Some(Position::State(plain)) => offset_of(plain, &key.path) == offset_of(&state, &key.path),
            _ => true,
        };
        if same {
            positions.insert(key, Position::State(state));
        }
    }
    Ok(Saved {
        positions,
        complete_at: document.complete_at,
    })
}

/// The document with what stands in comments from the first line of Invar's on.
fn uncommented(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut ours = false;
    for line in text.lines() {
        ours |= line.starts_with("# invar");
        plain.push_str(line.strip_prefix(COMMENT).filter(|_| ours).unwrap_or(line));
        plain.push('\n');
    }
    plain
}

/// Reads a positions file of Promtail or the static Agent: offsets by path.
pub fn load_legacy(fs: &dyn Fs, path: &Path) -> Result<Positions, String> {
    let text = match fs.read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Positions::new()),
        Err(error) => return Err(error.to_string()),
    };
    let text = std::str::from_utf8(&text).map_err(|error| error.to_string())?;
    let legacy: Legacy = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    Ok(legacy
        .positions
        .into_iter()
        .filter_map(|(path, offset)| {
            let state = State::of_offset(&path, offset.parse().ok()?);
            let key = Key {
                path,
                labels: "{}".to_owned(),
            };
            Some((key, Position::State(state)))
        })
        .collect())
}

/// Offset of the file at the path itself.
fn offset_of(state: &State, path: &str) -> u64 {
    let current = state.files.last().filter(|saved| saved.path == Path::new(path));
    // All of it was read under another name: whoever reads only this entry begins anew.
    current.map_or(0, |saved| if saved.offset == u64::MAX { 0 } else { saved.offset })
}

/// The text of a positions file.
pub fn render(saved: &Saved) -> String {
    let positions = &saved.positions;
    let mut text = String::from("positions:");
    if positions.is_empty() {
        text.push_str(" {}");
    }
    text.push('\n');
    for (key, position) in positions {
        let offset = match position {
            Position::State(state) => offset_of(state, &key.path).to_string(),
            Position::Unreadable(text) => text.clone(),
        };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  ? path: {}\n    labels: {}\n  : {}\n",
            scalar(&key.path),
            scalar(&key.labels),
            quoted(&offset)
        );
    }
    let mut first = true;
    for (key, position) in positions {
        let Position::State(state) = position else { continue };
        let Ok(form) = serde_json::to_string(&StateForm::from(state)) else {
            continue;
        };
        if std::mem::take(&mut first) {
            let _ = writeln!(text, "{COMMENT}invar:");
        }
        let _ = write!(
            text,
            "{COMMENT}  - path: {}\n{COMMENT}    labels: {}\n{COMMENT}    state: {}\n",
            scalar(&key.path),
            scalar(&key.labels),
            scalar(&form)
        );
    }
    if let Some(at) = saved.complete_at {
        let _ = writeln!(text, "{COMMENT}invar_complete_at: {at}");
    }
    text
}

/// What ends a line in YAML and is no control character of JSON.
const BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// A YAML scalar: in single quotes, or double-quoted if it holds control characters.
fn scalar(text: &str) -> String {
    if text.chars().any(|c| c.is_control() || BREAKS.contains(&c)) {
        quoted(text)
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// A double-quoted YAML scalar. JSON strings are YAML's, too.
fn quoted(text: &str) -> String {
    let mut quoted = serde_json::Value::from(text).to_string();
    for c in BREAKS {
        if quoted.contains(c) {
            quoted = quoted.replace(c, &format!("\\u{:04x}", u32::from(c)));
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str, labels: &str) -> Key {
        Key {
            path: path.to_owned(),
            labels: labels.to_owned(),
        }
    }

    #[test]
    fn alloys_file_is_read() {
        let text = b"positions:\n  ? path: /tmp/random.log\n    labels: '{job=\"tmp\"}'\n  : \"17623\"\n  ? path: /tmp/b\n    labels: '{}'\n  : \"x\"\nother: 1\n";
        let positions = parse(text).unwrap().positions;
        assert_eq!(
            positions[&key("/tmp/random.log", "{job=\"tmp\"}")],
            Position::State(State::of_offset("/tmp/random.log", 17623))
        );
        assert_eq!(positions[&key("/tmp/b", "{}")], Position::Unreadable("x".to_owned()));
        assert_eq!(parse(b" \n").unwrap(), Saved::default());
        assert!(parse(b"positions: [").is_err());
    }

    #[test]
    fn what_is_written_is_read_back_and_is_alloys_where_alloy_looks() {
        let file = |path: &str, offset| tail::Saved {
            path: PathBuf::from(path),
            key: Some(FileKey {
                dev: 1,
                ino: 2,
                birth: Some(3),
            }),
            head: Head::of(b"abc"),
            offset,
            check: Mark::of(offset, b"abc"),
        };
        let state = State {
            files: vec![file("/log/it's \"odd\".1", 5), file("/log/a", 7)],
            since: 9,
            seen: vec![Head::of(b"old")],
        };
        let positions = Positions::from([
            (key("/log/a", "{job=\"it's\"}"), Position::State(state)),
            (key("/log/tab\there", "{}"), Position::Unreadable("?".to_owned())),
            (
                key("/log/line\u{2028}\u{85}\n# invar", "{}"),
                Position::State(State::of_offset("/log/line\u{2028}\u{85}\n# invar", 1)),
            ),
        ]);
        let saved = Saved {
            positions,
            complete_at: Some(11),
        };
        let text = render(&saved);
        assert_eq!(parse(text.as_bytes()).unwrap(), saved, "{text}");
        assert!(
            text.starts_with("positions:\n  ? path: '/log/a'\n    labels: '{job=\"it''s\"}'\n  : \"7\"\n"),
            "{text}"
        );
        // Alloy refuses keys that it does not know, and comments end where lines do.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Strict {
            positions: BTreeMap<Key, String>,
        }
        let strict: Strict = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(strict.positions.len(), 3);
        let breaks = |c: char| BREAKS.contains(&c);
        assert!(!text.contains(breaks), "{text}");
        // As it was written before.
        assert_eq!(parse(text.replace("\n# ", "\n").as_bytes()).unwrap(), saved, "{text}");
        assert_eq!(parse(render(&Saved::default()).as_bytes()).unwrap(), Saved::default());
    }

    #[test]
    fn an_offset_that_another_program_moved_wins() {
        let state = State {
            files: vec![tail::Saved {
                path: PathBuf::from("/log/a"),
                offset: 7,
                ..tail::Saved::default()
            }],
            ..State::default()
        };
        let positions = Positions::from([(key("/log/a", "{}"), Position::State(state))]);
        let saved = Saved {
            positions,
            complete_at: None,
        };
        let text = render(&saved).replace(": \"7\"", ": \"70\"");
        assert_eq!(
            parse(text.as_bytes()).unwrap().positions[&key("/log/a", "{}")],
            Position::State(State::of_offset("/log/a", 70))
        );
    }
}
