//! `stage.truncate`: cuts what is too long.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::{Extracted, Seen};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use promtext::Counter;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use value::{Block, ByteSize};

/// Cuts lines, labels, structured metadata and extracted values that are too long.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// What is cut.
    #[arg(block, many, name = "rule")]
    pub rules: Vec<Rule>,
}

/// What is cut, and where.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Rule {
    /// Most bytes, with the suffix.
    #[arg]
    pub limit: ByteSize,
    /// Appended to what was cut.
    #[arg(default)]
    pub suffix: String,
    /// Names of labels, structured metadata or extracted values; all if there are none.
    #[arg(default)]
    pub sources: Vec<String>,
    /// `line`, `label`, `structured_metadata` or `extracted`.
    #[arg(default = "line".to_owned())]
    pub source_type: String,
}

/// Name of the extracted value that lists what was cut.
const MARK: &str = "truncated";

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        for rule in self.rules.iter().filter(|rule| rule.source_type == "extracted") {
            rule.sources.iter().for_each(|source| reads.name(source));
            if rule.sources.is_empty() {
                reads.all();
            }
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.rules.is_empty() {
            return Err(Error::new("at least one rule is required"));
        }
        let mut rules = Vec::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let wrong = |error: Error| error.inside("rule", number);
            let Some(keep) = usize::try_from(rule.limit.0).ok().filter(|limit| *limit > 0) else {
                return Err(wrong(Error::about("limit", "must be more than 0")));
            };
            let Some(keep) = keep.checked_sub(rule.suffix.len()) else {
                return Err(wrong(Error::about("suffix", "is longer than limit").with("limit")));
            };
            let of = match rule.source_type.as_str() {
                "line" if !rule.sources.is_empty() => {
                    return Err(wrong(
                        Error::about("sources", "need another source_type than \"line\"").with("source_type"),
                    ));
                }
                "line" => Of::Line,
                "label" => Of::Labels,
                "structured_metadata" => Of::Metadata,
                "extracted" => Of::Extracted(rule.sources.iter().map(|source| compiler.read(source)).collect()),
                other => {
                    let message =
                        format!("must be \"line\", \"label\", \"structured_metadata\" or \"extracted\", not {other:?}");
                    return Err(wrong(Error::about("source_type", message)));
                }
            };
            if let Of::Extracted(slots) = &of {
                slots.iter().for_each(|slot| {
                    compiler.write(&slot.name);
                });
            }
            rules.push(Cut {
                keep,
                suffix: rule.suffix.clone(),
                sources: rule.sources.clone(),
                kind: match of {
                    Of::Line => "line",
                    Of::Labels => "label",
                    Of::Metadata => "structured_metadata",
                    Of::Extracted(_) => "extracted",
                },
                of,
            });
        }
        let counters = compiler
            .metrics()
            .truncated()
            .map_err(|error| Error::caused("cannot register metrics", error))?;
        let stage = Truncate {
            mark: compiler.write(MARK),
            rules,
            count: Box::new(move |kind| counters.with(&[kind])),
        };
        compiler.step("stage.truncate", stage);
        Ok(())
    }
}

enum Of {
    Line,
    Labels,
    Metadata,
    Extracted(Vec<Slot>),
}

struct Cut {
    /// Bytes that stay in front of the suffix.
    keep: usize,
    suffix: String,
    sources: Vec<String>,
    kind: &'static str,
    of: Of,
}

struct Truncate {
    rules: Vec<Cut>,
    mark: Option<Slot>,
    count: Box<dyn Fn(&str) -> Counter + Send + Sync>,
}

impl Cut {
    /// The text cut, if it is too long. May split a character.
    fn bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        (text.len() > self.keep).then(|| [&text[..self.keep], self.suffix.as_bytes()].concat())
    }

    /// The same for text that has to stay text: what a cut leaves of a character becomes U+FFFD.
    fn text(&self, text: &str) -> Option<SmolStr> {
        self.bytes(text.as_bytes())
            .map(|cut| SmolStr::new(String::from_utf8_lossy(&cut)))
    }

    fn takes(&self, name: &str) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|source| source == name)
    }

    /// Cuts; whether there was anything to cut.
    fn cut(&self, record: &mut Record, cx: &Cx<'_>) -> bool {
        match &self.of {
            Of::Line => {
                let cut = self.bytes(&record.line);
                let any = cut.is_some();
                if let Some(cut) = cut {
                    record.line = cut.into();
                }
                any
            }
            Of::Labels => {
                let long = record.labels.iter().filter(|(name, _)| self.takes(name));
                let cut: Vec<(SmolStr, SmolStr)> = long
                    .filter_map(|(name, value)| Some((name.clone(), self.text(value)?)))
                    .collect();
                if cut.is_empty() {
                    return false;
                }
                let mut labels = record.labels.edit();
                cut.into_iter().for_each(|(name, value)| labels.set(name, value));
                record.labels = labels.build();
                true
            }
            Of::Metadata => {
                let long = |(name, value): &(SmolStr, SmolStr)| self.takes(name).then(|| self.text(value)).flatten();
                if !record.metadata.pairs().iter().any(|pair| long(pair).is_some()) {
                    return false;
                }
                for pair in record.metadata.edit() {
                    if let Some(cut) = long(pair) {
                        pair.1 = cut;
                    }
                }
                true
            }
            Of::Extracted(slots) => {
                let cut = |seen: Seen<'_>| match seen {
                    Seen::Text(text) => self.bytes(text),
                    _ => None,
                };
                let mut any = false;
                if slots.is_empty() {
                    let all: Vec<(SmolStr, Vec<u8>)> = record
                        .all(cx.names)
                        .into_iter()
                        .filter_map(|(name, seen)| Some((SmolStr::new(name), cut(seen)?)))
                        .collect();
                    for (name, text) in all {
                        any = true;
                        record.set_named(cx.names, &name, Extracted::Text(text.into()));
                    }
                }
                for slot in slots {
                    if let Some(text) = cut(record.get(slot)) {
                        any = true;
                        record.set(slot, Extracted::Text(text.into()));
                    }
                }
                any
            }
        }
    }
}

impl Step for Truncate {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let mut kinds: BTreeSet<String> = BTreeSet::new();
        for rule in &self.rules {
            if rule.cut(record, cx) {
                (self.count)(rule.kind).inc();
                kinds.insert(rule.kind.to_owned());
            }
        }
        if let Some(mark) = &self.mark
            && !kinds.is_empty()
        {
            let before = record
                .text(mark)
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .unwrap_or_default();
            kinds.extend(before.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned));
            let list: Vec<String> = kinds.into_iter().collect();
            record.set(mark, Extracted::Text(list.join(",").into()));
        }
        Flow::Next
    }
}
