//! The counters of network protocols.

use crate::error::{Error, Failure};
use crate::filter;
use crate::options::Options;
use crate::paths::Paths;
use crate::read;
use crate::sink::Sink;
use goregex::Regex;
use std::path::Path;

/// `netstat`
pub(super) struct Netstat {
    fields: Regex,
}

impl Netstat {
    pub(super) fn new(options: &Options) -> Result<Netstat, Error> {
        let fields = filter::regex("netstat.fields", &options.netstat_fields)?;
        Ok(Netstat { fields })
    }

    pub(super) fn collect(&self, paths: &Paths, sink: &mut Sink) -> Result<(), Failure> {
        for file in ["net/netstat", "net/snmp"] {
            self.pairs(&paths.proc(file), sink)?;
        }
        let path = paths.proc("net/snmp6");
        // A kernel without IPv6 has no such file.
        let Some(text) = read::optional(read::text(&path))? else {
            return Ok(());
        };
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(name), Some(value)) = (words.next(), words.next()) else {
                continue;
            };
            // Ip6InReceives, Icmp6InMsgs, Udp6NoPorts: the protocol ends with the 6.
            if let Some(end) = name.find('6') {
                let (protocol, field) = name.split_at(end + 1);
                self.field(&path, protocol, field, value, sink)?;
            }
        }
        Ok(())
    }

    /// Two lines each: `Tcp: ActiveOpens PassiveOpens`, `Tcp: 1 2`.
    fn pairs(&self, path: &Path, sink: &mut Sink) -> Result<(), Failure> {
        let text = read::text(path)?;
        let mut lines = text.lines();
        while let Some(names) = lines.next() {
            let values = lines.next().unwrap_or_default();
            let malformed = || Failure::parse(path, names);
            let (protocol, names) = names.split_once(':').ok_or_else(malformed)?;
            let (_, values) = values.split_once(':').ok_or_else(malformed)?;
            if names.split_ascii_whitespace().count() != values.split_ascii_whitespace().count() {
                return Err(malformed());
            }
            for (field, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
                self.field(path, protocol, field, value, sink)?;
            }
        }
        Ok(())
    }

    fn field(&self, path: &Path, protocol: &str, field: &str, value: &str, sink: &mut Sink) -> Result<(), Failure> {
        let name = format!("node_netstat_{protocol}_{field}");
        if self.fields.is_match(&name.as_bytes()["node_netstat_".len()..]) {
            let help = format!("Statistic {protocol}{field}.");
            sink.untyped(&name, &help, &[], read::number(path, value)?);
        }
        Ok(())
    }
}
