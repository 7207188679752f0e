//! What of a span goes from process to process: <https://www.w3.org/TR/trace-context/>.

use hyper::header::{HeaderMap, HeaderValue};

/// Longest `tracestate` that is passed on, in bytes, as the specification asks for at least.
const MAX_STATE: usize = 512;

/// The ids of a span and what was decided about its trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// Of the trace.
    pub trace_id: [u8; 16],
    /// Of the span.
    pub span_id: [u8; 8],
    /// Whether the trace is kept.
    pub sampled: bool,
    /// What others have to say about the trace; empty for nothing.
    pub state: String,
}

impl SpanContext {
    /// What the headers `traceparent` and `tracestate` say, if the first is there once and right.
    pub fn from_headers(headers: &HeaderMap) -> Option<SpanContext> {
        let mut all = headers.get_all("traceparent").iter();
        let (Some(parent), None) = (all.next(), all.next()) else {
            return None;
        };
        let mut context = SpanContext::parse(parent.to_str().ok()?.trim())?;
        let state: Vec<&str> = headers
            .get_all("tracestate")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let state = state.join(",");
        if state.len() <= MAX_STATE {
            context.state = state;
        }
        Some(context)
    }

    /// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`
    fn parse(text: &str) -> Option<SpanContext> {
        let mut parts = text.split('-');
        let version: [u8; 1] = bytes(parts.next()?)?;
        let trace_id = bytes(parts.next()?)?;
        let span_id = bytes(parts.next()?)?;
        let flags: [u8; 1] = bytes(parts.next()?)?;
        // What a later version adds stands behind.
        let more = parts.next().is_some();
        let known = version[0] != 0xff && !(version[0] == 0 && more);
        (known && trace_id != [0; 16] && span_id != [0; 8]).then(|| SpanContext {
            trace_id,
            span_id,
            sampled: flags[0] & 1 == 1,
            state: String::new(),
        })
    }

    /// The header `traceparent` for who is asked on behalf of the span.
    pub fn traceparent(&self) -> HeaderValue {
        let flags = if self.sampled { "01" } else { "00" };
        let text = format!("00-{}-{}-{flags}", hex(&self.trace_id), hex(&self.span_id));
        HeaderValue::try_from(text).expect("digits and hyphens are a header's value")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly so many bytes in small hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let right = digits.len() == 2 * N && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    right.then_some(())?;
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_strictly_and_written_back() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = SpanContext::parse(good).unwrap();
        assert!(context.sampled);
        assert_eq!(context.traceparent(), good);
        let quiet = SpanContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02").unwrap();
        assert!(!quiet.sampled);
        assert!(SpanContext::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(SpanContext::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_state_goes_along_if_it_is_not_too_long() {
        let mut headers = HeaderMap::new();
        assert_eq!(SpanContext::from_headers(&headers), None);
        let good = HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        headers.insert("traceparent", good.clone());
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        assert_eq!(SpanContext::from_headers(&headers).unwrap().state, "a=1,b=2");
        headers.append("tracestate", HeaderValue::try_from("c".repeat(MAX_STATE)).unwrap());
        assert_eq!(SpanContext::from_headers(&headers).unwrap().state, "");
        headers.append("traceparent", good);
        assert_eq!(SpanContext::from_headers(&headers), None);
    }
}
