//! pprof's format: <https://github.com/google/pprof/blob/main/proto/profile.proto>, gzipped.

use super::mappings::Mapping;
use flate2::Compression;
use flate2::write::GzEncoder;
use protowire::{push_bytes, push_message, push_uint, push_varint};
use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One stack and how often it was met.
pub(crate) struct Stack {
    /// Name of the thread.
    pub(crate) thread: String,
    /// Where it was, then where each caller goes on.
    pub(crate) addresses: Vec<u64>,
    /// How often.
    pub(crate) count: u64,
}

/// What was met.
pub(crate) struct Samples {
    /// The stacks.
    pub(crate) stacks: Vec<Stack>,
    /// CPU time between two looks.
    pub(crate) period: Duration,
    /// When it began.
    pub(crate) started: SystemTime,
    /// How long it took.
    pub(crate) duration: Duration,
}

/// A function at an address, and the line.
pub(crate) struct Line {
    /// Its name for people.
    pub(crate) name: String,
    /// Its name for linkers.
    pub(crate) system_name: String,
    /// The file that it is in; empty if that is not known.
    pub(crate) file: String,
    /// The line; 0 if that is not known.
    pub(crate) line: u32,
}

/// A profile of this process.
pub(crate) fn profile(samples: &Samples) -> std::io::Result<Vec<u8>> {
    let mappings = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let ids = build_ids();
    let profile = encode(samples, &Mapping::all(&mappings), &ids, lines);
    // Symbols of all that was looked up stay mapped otherwise.
    backtrace::clear_symbol_cache();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::default());
    zipped.write_all(&profile)?;
    zipped.finish()
}

/// The functions at an address, the innermost of those that were put into each other first.
fn lines(address: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    // It takes what it is given for where a caller goes on, and looks at the instruction before.
    let after = std::ptr::with_exposed_provenance_mut((address as usize).wrapping_add(1));
    backtrace::resolve(after, |symbol| {
        if let Some(name) = symbol.name() {
            lines.push(Line {
                name: format!("{name:#}"),
                system_name: name.as_str().unwrap_or_default().to_owned(),
                file: symbol
                    .filename()
                    .map(|file| file.display().to_string())
                    .unwrap_or_default(),
                line: symbol.lineno().unwrap_or(0),
            });
        }
    });
    lines
}

/// What tells builds of a file apart, and where its code begins in memory.
fn build_ids() -> Vec<(u64, String)> {
    use findshlibs::{Segment, SharedLibrary, SharedLibraryId, TargetSharedLibrary};
    let mut ids = Vec::new();
    TargetSharedLibrary::each(|library| {
        if let Some(SharedLibraryId::GnuBuildId(id)) = library.id() {
            let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let code = library.segments().filter(|segment| segment.is_code());
            ids.extend(code.map(|segment| {
                let start = segment.actual_virtual_memory_address(library);
                (start.0 as u64, hex.clone())
            }));
        }
    });
    ids
}

/// Texts, each once. The first is empty.
struct Texts<'a> {
    list: Vec<std::borrow::Cow<'a, str>>,
    numbers: HashMap<std::borrow::Cow<'a, str>, u64>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: impl Into<std::borrow::Cow<'a, str>>) -> u64 {
        let text = text.into();
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = self.list.len() as u64;
        self.list.push(text.clone());
        self.numbers.insert(text, number);
        number
    }
}

/// Numbers of fields of messages, by message.
mod number {
    pub(super) const PROFILE_SAMPLE_TYPE: u64 = 1;
    pub(super) const PROFILE_SAMPLE: u64 = 2;
    pub(super) const PROFILE_MAPPING: u64 = 3;
    pub(super) const PROFILE_LOCATION: u64 = 4;
    pub(super) const PROFILE_FUNCTION: u64 = 5;
    pub(super) const PROFILE_TEXT: u64 = 6;
    pub(super) const PROFILE_TIME: u64 = 9;
    pub(super) const PROFILE_DURATION: u64 = 10;
    pub(super) const PROFILE_PERIOD_TYPE: u64 = 11;
    pub(super) const PROFILE_PERIOD: u64 = 12;
    pub(super) const SAMPLE_LOCATION: u64 = 1;
    pub(super) const SAMPLE_VALUE: u64 = 2;
    pub(super) const SAMPLE_LABEL: u64 = 3;
    pub(super) const LOCATION_LINE: u64 = 4;
    pub(super) const MAPPING_BUILD_ID: u64 = 6;
    pub(super) const MAPPING_HAS_FUNCTIONS: u64 = 7;
    pub(super) const MAPPING_HAS_INLINE: u64 = 10;
}

fn encode<'a>(
    samples: &'a Samples,
    mappings: &'a [Mapping],
    build_ids: &'a [(u64, String)],
    lines: impl Fn(u64) -> Vec<Line>,
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut texts = Texts {
        list: Vec::new(),
        numbers: HashMap::new(),
    };
    texts.number("");
    let (kind, count) = (texts.number("samples"), texts.number("count"));
    let (cpu, nanoseconds) = (texts.number("cpu"), texts.number("nanoseconds"));
    let value_type = |out: &mut Vec<u8>, number, kind, unit| {
        push_message(out, number, |out| {
            push_uint(out, 1, kind);
            push_uint(out, 2, unit);
        });
    };
    value_type(&mut out, number::PROFILE_SAMPLE_TYPE, kind, count);
    value_type(&mut out, number::PROFILE_SAMPLE_TYPE, cpu, nanoseconds);

    let period = nanos(samples.period);
    let thread = texts.number("thread");
    let mut locations: HashMap<u64, u64> = HashMap::new();
    let mut addresses = Vec::new();
    for stack in &samples.stacks {
        let label = texts.number(stack.thread.as_str());
        push_message(&mut out, number::PROFILE_SAMPLE, |out| {
            push_message(out, number::SAMPLE_LOCATION, |out| {
                for (at, address) in stack.addresses.iter().enumerate() {
                    // A caller goes on behind the call, which may be another line, or another function.
                    let address = if at == 0 { *address } else { address.saturating_sub(1) };
                    let location = *locations.entry(address).or_insert_with(|| {
                        addresses.push(address);
                        addresses.len() as u64
                    });
                    push_varint(out, location);
                }
            });
            push_message(out, number::SAMPLE_VALUE, |out| {
                push_varint(out, stack.count);
                push_varint(out, stack.count.saturating_mul(period));
            });
            push_message(out, number::SAMPLE_LABEL, |out| {
                push_uint(out, 1, thread);
                push_uint(out, 2, label);
            });
        });
    }

    let mut functions: HashMap<(u64, u64, u64), u64> = HashMap::new();
    let mut named = vec![false; mappings.len()];
    for (at, address) in addresses.into_iter().enumerate() {
        let lines = lines(address);
        let mapping = mappings.iter().position(|mapping| mapping.range().contains(&address));
        let mut found = Vec::new();
        for line in &lines {
            let key = (
                texts.number(line.name.clone()),
                texts.number(line.system_name.clone()),
                texts.number(line.file.clone()),
            );
            let next = functions.len() as u64 + 1;
            found.push((*functions.entry(key).or_insert(next), line.line));
        }
        push_message(&mut out, number::PROFILE_LOCATION, |out| {
            push_uint(out, 1, at as u64 + 1);
            if let Some(mapping) = mapping {
                named[mapping] |= !lines.is_empty();
                push_uint(out, 2, mapping as u64 + 1);
            }
            push_uint(out, 3, address);
            for (function, line) in found {
                push_message(out, number::LOCATION_LINE, |out| {
                    push_uint(out, 1, function);
                    push_uint(out, 2, line.into());
                });
            }
        });
    }
    for ((name, system_name, file), id) in functions {
        push_message(&mut out, number::PROFILE_FUNCTION, |out| {
            push_uint(out, 1, id);
            push_uint(out, 2, name);
            push_uint(out, 3, system_name);
            push_uint(out, 4, file);
        });
    }
    for (at, mapping) in mappings.iter().enumerate() {
        let file = texts.number(mapping.file.as_str());
        let id = build_ids.iter().find(|(start, _)| mapping.range().contains(start));
        let id = id.map(|(_, id)| texts.number(id.as_str()));
        push_message(&mut out, number::PROFILE_MAPPING, |out| {
            push_uint(out, 1, at as u64 + 1);
            push_uint(out, 2, mapping.start);
            push_uint(out, 3, mapping.end);
            push_uint(out, 4, mapping.offset);
            push_uint(out, 5, file);
            if let Some(id) = id {
                push_uint(out, number::MAPPING_BUILD_ID, id);
            }
            if named[at] {
                // Functions, files, lines, functions in others: who reads it need not look for them.
                (number::MAPPING_HAS_FUNCTIONS..=number::MAPPING_HAS_INLINE).for_each(|flag| push_uint(out, flag, 1));
            }
        });
    }
    let started = samples.started.duration_since(UNIX_EPOCH).unwrap_or_default();
    push_uint(&mut out, number::PROFILE_TIME, nanos(started));
    push_uint(&mut out, number::PROFILE_DURATION, nanos(samples.duration));
    value_type(&mut out, number::PROFILE_PERIOD_TYPE, cpu, nanoseconds);
    push_uint(&mut out, number::PROFILE_PERIOD, period);
    for text in &texts.list {
        push_bytes(&mut out, number::PROFILE_TEXT, text.as_bytes());
    }
    out
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
