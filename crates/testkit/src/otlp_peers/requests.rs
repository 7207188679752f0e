//! Requests as services send them.

use bytes::Bytes;
use otlp_wire::Signal;
use otlp_wire::common::AnyValue;
use otlp_wire::write::{Writer, number};
use std::fmt::Write as _;

/// The first record's time, in nanoseconds since the Unix epoch.
const EPOCH: u64 = 1_760_000_000_000_000_000;
/// Data points of a metric.
const SERIES: usize = 20;

/// Numbers that look like chance, and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A request of so many log records (about 300 bytes each), spans or data points, of one resource and one scope, which follow from `seed`. Log records and spans
/// have five attributes, `code.line` among them; data points have three with that.
pub fn request(signal: Signal, records: usize, seed: u64) -> Bytes {
    let mut dice = Dice(seed);
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            let attribute = |out: &mut Writer, key: &str, value: &str| {
                out.attribute(
                    number::RESOURCE_ATTRIBUTES,
                    key.as_bytes(),
                    AnyValue::String(value.as_bytes()),
                );
            };
            attribute(out, "service.name", "checkout");
            attribute(out, "service.namespace", "shop");
            attribute(out, "service.instance.id", &format!("checkout-7d9f-{seed}"));
            attribute(out, "k8s.pod.name", &format!("checkout-7d9f8c6b5-{seed:05}"));
            attribute(out, "k8s.namespace.name", "shop-production");
        });
        out.container(number::SCOPES, |out| {
            out.message(number::SCOPE, |out| {
                out.text(1, b"io.shop.checkout");
                out.text(2, b"1.4.2");
            });
            match signal {
                Signal::Logs => (0..records).for_each(|at| log(out, &mut dice, at)),
                Signal::Traces => (0..records).for_each(|at| span(out, &mut dice, at)),
                Signal::Metrics => (0..records.div_ceil(SERIES)).for_each(|metric| {
                    let points = SERIES.min(records - metric * SERIES);
                    sum(out, &mut dice, metric, points);
                }),
            }
        });
    });
    out.finish()
}

const ROUTES: [&str; 5] = [
    "/api/v1/cart",
    "/api/v1/orders",
    "/api/v1/items/{id}",
    "/api/v1/users/{id}",
    "/healthz",
];

fn log(out: &mut Writer, dice: &mut Dice, at: usize) {
    out.message(number::RECORDS, |out| {
        let time = EPOCH + at as u64 * 1_000_000 + dice.below(1_000_000);
        out.fixed64(1, time);
        out.enumeration(2, 9);
        out.text(3, b"INFO");
        let mut text = String::new();
        let (order, user, took) = (dice.below(10_000_000), dice.below(100_000), dice.below(5_000));
        let _ = write!(
            text,
            "order {order} of user {user} was accepted for processing after {took} ms, {} items in {} parcels, warehouse {}",
            dice.below(30),
            dice.below(5),
            dice.of(&["eu-central", "eu-west", "us-east"])
        );
        out.message(5, |out| out.text(1, text.as_bytes()));
        let attribute = |out: &mut Writer, key: &str, value: AnyValue<'_>| {
            out.attribute(number::LOG_ATTRIBUTES, key.as_bytes(), value);
        };
        attribute(out, "http.route", AnyValue::String(dice.of(&ROUTES).as_bytes()));
        let status = [200, 201, 204, 404][dice.below(4) as usize];
        attribute(out, "http.response.status_code", AnyValue::Int(status));
        let thread = format!("worker-{}", dice.below(64));
        attribute(out, "thread.name", AnyValue::String(thread.as_bytes()));
        attribute(out, "code.line", AnyValue::Int(dice.below(900) as i64));
        attribute(out, "code.namespace", AnyValue::String(b"io.shop.checkout.OrderService"));
        out.fixed64(11, time + 1_000);
    });
}

fn span(out: &mut Writer, dice: &mut Dice, at: usize) {
    out.message(number::RECORDS, |out| {
        let mut trace = dice.next().to_be_bytes().to_vec();
        trace.extend(dice.next().to_be_bytes());
        out.bytes(1, &trace);
        out.bytes(2, &dice.next().to_be_bytes());
        out.bytes(4, &dice.next().to_be_bytes());
        let route = dice.of(&ROUTES);
        out.text(5, format!("GET {route}").as_bytes());
        out.enumeration(6, 2);
        let time = EPOCH + at as u64 * 1_000_000 + dice.below(1_000_000);
        out.fixed64(7, time);
        out.fixed64(8, time + dice.below(1_000_000_000));
        let attribute = |out: &mut Writer, key: &str, value: AnyValue<'_>| {
            out.attribute(number::SPAN_ATTRIBUTES, key.as_bytes(), value);
        };
        attribute(out, "http.route", AnyValue::String(route.as_bytes()));
        attribute(out, "http.response.status_code", AnyValue::Int(200));
        let peer = format!("10.2.{}.{}", dice.below(256), dice.below(256));
        attribute(out, "client.address", AnyValue::String(peer.as_bytes()));
        attribute(
            out,
            "user_agent.original",
            AnyValue::String(b"okhttp/4.12.0 (shop-android 8.4.1)"),
        );
        attribute(out, "code.line", AnyValue::Int(dice.below(900) as i64));
    });
}

fn sum(out: &mut Writer, dice: &mut Dice, metric: usize, points: usize) {
    out.container(number::RECORDS, |out| {
        out.text(1, format!("shop.checkout.requests.{metric}").as_bytes());
        out.text(2, b"Requests that the service has answered, by route and code.");
        out.text(3, b"{request}");
        out.container(number::SUM, |out| {
            for _ in 0..points {
                out.message(number::POINTS, |out| {
                    out.fixed64(2, EPOCH);
                    out.fixed64(3, EPOCH + 15_000_000_000);
                    out.fixed64(6, dice.below(1 << 40));
                    let attribute = |out: &mut Writer, key: &str, value: AnyValue<'_>| {
                        out.attribute(number::NUMBER_ATTRIBUTES, key.as_bytes(), value);
                    };
                    attribute(out, "http.route", AnyValue::String(dice.of(&ROUTES).as_bytes()));
                    attribute(out, "http.response.status_code", AnyValue::Int(200));
                    attribute(out, "code.line", AnyValue::Int(dice.below(900) as i64));
                });
            }
            out.enumeration(2, 2);
            out.boolean(3, true);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_valid_and_as_large_as_they_say() {
        for (signal, least, most) in [
            (Signal::Logs, 280, 320),
            (Signal::Traces, 250, 350),
            (Signal::Metrics, 90, 150),
        ] {
            let body = request(signal, 1000, 7);
            let scan = otlp_wire::scan_utf8(signal, &body).unwrap();
            assert_eq!((scan.records, scan.regular), (1000, true), "{signal:?}");
            let each = body.len() / 1000;
            assert!((least..most).contains(&each), "{signal:?}: {each}");
            assert_eq!(request(signal, 1000, 7), body);
        }
    }
}
