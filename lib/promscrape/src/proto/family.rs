//! One `MetricFamily` message, without its metrics.

use super::wire::{self, Fields, Value};
use super::{At, Proto};
use crate::error::Error;
use prommodel::Kind;

impl<'a> Proto<'a> {
    /// Goes to the next family that has metrics.
    pub(super) fn next_family(&mut self) -> Result<bool, Error> {
        loop {
            self.begin = self.next;
            let mut rest = &self.body[self.next..];
            if rest.is_empty() {
                return Ok(false);
            }
            let all = rest.len();
            let length = wire::varint(&mut rest)
                .ok()
                .and_then(|length| usize::try_from(length).ok())
                .filter(|_| all - rest.len() <= 5)
                .ok_or_else(|| Error::new(0, "clientpb: invalid varint encountered"))?;
            let Some(message) = rest.get(..length) else {
                let expected = (all - rest.len()).saturating_add(length);
                return Err(Error::new(
                    0,
                    format!(
                        "clientpb: insufficient length of buffer, expected at least {expected} bytes, got {all} bytes"
                    ),
                ));
            };
            self.next += all - rest.len() + length;
            self.read_family(message)?;
            if self.next_metric()? {
                self.at = At::Help;
                return Ok(true);
            }
        }
    }

    fn read_family(&mut self, message: &'a [u8]) -> Result<(), Error> {
        let (mut name, mut help, mut unit): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
        let mut kind = 0;
        self.buffers.metrics.clear();
        self.metric = 0;
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match (field, value) {
                (1, value) => name = value.bytes(field)?,
                (2, value) => help = value.bytes(field)?,
                (3, value) => kind = value.integer(field)?,
                (4, Value::Bytes(metric)) => {
                    let start = metric.as_ptr() as usize - self.body.as_ptr() as usize;
                    self.buffers.metrics.push((start, start + metric.len()));
                }
                (5, value) => unit = value.bytes(field)?,
                (4, _) => return Err(wire::malformed("wrong wireType for field Metric")),
                _ => {}
            }
        }
        if self.buffers.metrics.is_empty() {
            return Ok(());
        }
        let lossy = String::from_utf8_lossy;
        let fail = |message: String| Err(Error::new(0, message));
        self.name = match std::str::from_utf8(name) {
            Ok(name) if !name.is_empty() => name,
            _ => return fail(format!("invalid metric name: {}", lossy(name))),
        };
        let quoted = || goquote::quote(name);
        self.help = match std::str::from_utf8(help) {
            Ok(help) => help,
            Err(_) => return fail(format!("invalid help for metric {}: {}", quoted(), lossy(help))),
        };
        self.unit = unit;
        self.kind = match kind {
            0 => Kind::Counter,
            1 => Kind::Gauge,
            2 => Kind::Summary,
            3 => Kind::Unknown,
            4 => Kind::Histogram,
            5 => Kind::GaugeHistogram,
            kind => return fail(format!("unknown metric type for metric {}: {}", quoted(), kind as i32)),
        };
        Ok(())
    }
}
