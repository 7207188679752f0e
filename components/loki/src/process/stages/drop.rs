//! `stage.drop`: drops records.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use goregex::Regex;
use value::{Block, ByteSize, GoDuration};

/// Drops records that meet all of the given conditions.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of extracted values, separated by commas. Alone: all of them are there.
    #[arg(default)]
    pub source: String,
    /// The values of the sources, joined, are this text.
    #[arg(default)]
    pub value: String,
    /// The values of the sources, joined, match this expression; without sources the line does.
    #[arg(default)]
    pub expression: String,
    /// What the values are joined with.
    #[arg(default = ";".to_owned())]
    pub separator: String,
    /// The time of the record is further back than this.
    #[arg(default)]
    pub older_than: GoDuration,
    /// The line is longer than this.
    #[arg(default)]
    pub longer_than: ByteSize,
    /// Name of the rule in metrics.
    #[arg(default = "drop_stage".to_owned())]
    pub drop_counter_reason: String,
}

impl Config {
    fn sources(&self) -> impl Iterator<Item = &str> {
        self.source.split(',').filter(|_| !self.source.is_empty())
    }
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        self.sources().for_each(|source| reads.name(source));
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let wanted = if !self.value.is_empty() {
            Some(Wanted::Equal(self.value.as_bytes().to_vec()))
        } else if !self.expression.is_empty() {
            compiler.note(searched(&self.expression).map(Wanted::Match))
        } else {
            Some(Wanted::Present)
        };
        let conditions = [
            !self.source.is_empty(),
            !self.expression.is_empty(),
            self.older_than.0 != 0,
            self.longer_than.0 != 0,
        ];
        if !conditions.contains(&true) {
            return Err(Error::new(
                "one of source, expression, older_than and longer_than is required",
            ));
        }
        if !self.value.is_empty() && !self.expression.is_empty() {
            return Err(Error::about("value", "excludes expression").with("expression"));
        }
        if !self.value.is_empty() && self.source.is_empty() {
            return Err(Error::about("value", "needs source").with("source"));
        }
        let Some(wanted) = wanted else { return Ok(()) };
        let stage = Drop {
            sources: self.sources().map(|source| compiler.read(source)).collect(),
            wanted,
            separator: self.separator.as_bytes().to_vec(),
            older_than: self.older_than.0,
            longer_than: usize::try_from(self.longer_than.0).unwrap_or(usize::MAX),
            rule: compiler.rule(&self.drop_counter_reason),
            room: compiler.room(Vec::<u8>::new),
        };
        compiler.step("stage.drop", stage);
        Ok(())
    }
}

/// An expression of which only whether it matches is of interest. A `.*` at either end changes nothing then, but would keep
/// the engine from looking for the text between them first.
fn searched(pattern: &str) -> Result<Regex, Error> {
    let whole = expression("expression", pattern)?;
    if pattern.contains(['|', '(']) || pattern.contains("\\Q") {
        return Ok(whole);
    }
    let mut core = pattern;
    if let Some(rest) = core
        .strip_prefix(".*")
        .filter(|rest| !rest.starts_with(['?', '*', '+', '{']))
    {
        core = rest;
    }
    if let Some(rest) = core.strip_suffix(".*").filter(|rest| !rest.ends_with('\\')) {
        core = rest;
    }
    // What is left may be no expression of its own.
    Ok(Regex::new(core).unwrap_or(whole))
}

enum Wanted {
    Present,
    Equal(Vec<u8>),
    Match(Regex),
}

impl Wanted {
    fn accepts(&self, text: &[u8]) -> bool {
        match self {
            Wanted::Present => true,
            Wanted::Equal(wanted) => wanted == text,
            Wanted::Match(regex) => regex.is_match(text),
        }
    }
}

struct Drop {
    sources: Vec<Slot>,
    wanted: Wanted,
    separator: Vec<u8>,
    /// Nanoseconds; 0 for any age.
    older_than: i64,
    /// Bytes; 0 for any length.
    longer_than: usize,
    rule: RuleId,
    room: usize,
}

impl Step for Drop {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let long = self.longer_than == 0 || record.line.len() > self.longer_than;
        let old = self.older_than == 0 || record.timestamp < cx.now.saturating_sub(self.older_than);
        if long && old && self.says_drop(record, cx) {
            Flow::Drop(self.rule)
        } else {
            Flow::Next
        }
    }
}

impl Drop {
    fn says_drop(&self, record: &Record, cx: &mut Cx<'_>) -> bool {
        match (self.sources.as_slice(), &self.wanted) {
            ([], Wanted::Present) => true,
            ([], wanted) => wanted.accepts(&record.line),
            (sources, Wanted::Present) => sources.iter().all(|source| record.get(source).is_present()),
            ([source], wanted) => match record.get(source) {
                seen if !seen.is_present() => wanted.accepts(b""),
                seen => seen.text().is_some_and(|text| wanted.accepts(&text)),
            },
            (sources, wanted) => {
                let joined = cx.tools.room::<Vec<u8>>(self.room);
                joined.clear();
                let mut first = true;
                for source in sources {
                    let seen = record.get(source);
                    if !seen.is_present() {
                        continue;
                    }
                    let Some(text) = seen.text() else { return false };
                    if !std::mem::take(&mut first) {
                        joined.extend_from_slice(&self.separator);
                    }
                    joined.extend_from_slice(&text);
                }
                wanted.accepts(joined)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_searched_without_what_matches_anything() {
        for (pattern, core) in [
            (".*noise.*", "noise"),
            (".*noise", "noise"),
            ("noise.*", "noise"),
            ("noise\\.*", "noise\\.*"),
            (".*?noise", ".*?noise"),
            (".*a|b.*", ".*a|b.*"),
            ("(?i).*x.*", "(?i).*x.*"),
            (".*", ""),
            ("^a.*", "^a"),
        ] {
            let searched = searched(pattern).unwrap();
            assert_eq!(searched.as_str(), core);
            let whole = Regex::new(pattern).unwrap();
            for text in ["", "noise", "a noise b", "noise.", "x\nnoise", "X", "b", "ab"] {
                assert_eq!(
                    searched.is_match(text.as_bytes()),
                    whole.is_match(text.as_bytes()),
                    "{pattern} {text}"
                );
            }
        }
    }
}
