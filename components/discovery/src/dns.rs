//! `discovery.dns`: targets from DNS records.

use crate::board::Board;
use crate::group::{ADDRESS, Group, host_port};
use crate::metrics::RefreshMetrics;
use crate::refresh::{Refreshed, check_interval, refresh};
use crate::runner::{Discovered, Exports, Mechanism};
use component::prelude::*;
use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use host::Host;
use promtext::{Counter, RegisterError, Registry};
use signals::Labels;
use std::path::Path;
use value::GoDuration;

/// The component around the mechanism.
type DnsDiscovery = Discovered<Dns>;

/// The component.
pub const COMPONENT: Registration = Registration::of::<DnsDiscovery>("discovery.dns", Stability::GenerallyAvailable);

/// Where the system says which servers to ask.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Finds targets in DNS records.
///
/// A name without records is no error. While a name cannot be asked for, the targets that it had last stay, and the component is unhealthy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// Names to ask for.
    #[arg]
    pub names: Vec<String>,
    /// How often to ask.
    #[arg(default = GoDuration::seconds(30))]
    pub refresh_interval: GoDuration,
    /// Type of the records: `SRV`, `A`, `AAAA`, `MX` or `NS`.
    #[arg(name = "type", default = "SRV".to_owned())]
    pub kind: String,
    /// Port of the targets; SRV records have their own.
    #[arg(default)]
    pub port: i64,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    component::first(problems(args))
}

fn problems(args: &Arguments) -> Vec<Error> {
    let kind = match record_type(&args.kind) {
        None => {
            let message = format!(
                "must be \"SRV\", \"A\", \"AAAA\", \"MX\" or \"NS\", got {:?}",
                args.kind
            );
            Some(Error::about("type", message))
        }
        Some(RecordType::SRV) => None,
        Some(_) if args.port == 0 => {
            Some(Error::about("port", "must be set for all types of records except SRV").with("type"))
        }
        Some(_) => None,
    };
    kind.into_iter()
        .chain(check_interval(args.refresh_interval).err())
        .collect()
}

fn record_type(kind: &str) -> Option<RecordType> {
    Some(match kind.to_ascii_uppercase().as_str() {
        "SRV" => RecordType::SRV,
        "A" => RecordType::A,
        "AAAA" => RecordType::AAAA,
        "MX" => RecordType::MX,
        "NS" => RecordType::NS,
        _ => return None,
    })
}

/// Metrics.
#[derive(Clone)]
pub struct Metrics {
    refresh: RefreshMetrics,
    lookups: Counter,
    failures: Counter,
}

/// Asks.
pub struct Dns {
    host: Host,
    args: Arguments,
    kind: RecordType,
    metrics: Metrics,
    /// Servers to ask instead of the system's.
    servers: Option<(ResolverConfig, ResolverOpts)>,
}

impl Dns {
    /// What the system's configuration says now.
    fn resolver(&self) -> Result<TokioResolver, String> {
        let (config, mut options) = match &self.servers {
            Some(servers) => servers.clone(),
            None => {
                let text = self.host.fs.read(Path::new(RESOLV_CONF));
                let text = text.map_err(|error| format!("cannot read {RESOLV_CONF}: {error}"))?;
                hickory_resolver::system_conf::parse_resolv_conf(text)
                    .map_err(|error| format!("cannot understand {RESOLV_CONF}: {error}"))?
            }
        };
        // The refresh interval says how fresh records are.
        options.cache_size = 0;
        options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.build().map_err(|error| error.to_string())
    }

    async fn ask(&self) -> Result<Refreshed, String> {
        let resolver = self.resolver()?;
        let found = join_all(self.args.names.iter().map(|name| self.group(&resolver, name))).await;
        let (mut groups, mut errors) = (Vec::new(), Vec::new());
        for one in found {
            match one {
                Ok(group) => groups.push(group),
                Err(error) => {
                    tracing::error!(err = %error, "the targets that were found last stay");
                    errors.push(error);
                }
            }
        }
        match errors.is_empty() {
            true => Ok(Refreshed::All(groups)),
            false => Ok(Refreshed::Some(groups, errors.join("; "))),
        }
    }

    async fn group(&self, resolver: &TokioResolver, name: &str) -> Result<Group, String> {
        self.metrics.lookups.inc();
        let targets = match resolver.lookup(name, self.kind).await {
            Ok(lookup) => {
                let records = lookup.answers().iter();
                records.filter_map(|record| self.target(name, &record.data)).collect()
            }
            Err(error) if error.is_no_records_found() => Vec::new(),
            Err(error) => {
                self.metrics.failures.inc();
                return Err(format!("cannot look up {} records of {name:?}: {error}", self.kind));
            }
        };
        Ok(Group {
            source: name.to_owned(),
            labels: Labels::empty(),
            targets,
        })
    }

    /// The target of a record; `None` for records of other types, such as aliases on the way to an address.
    fn target(&self, name: &str, data: &RData) -> Option<Labels> {
        let port = self.args.port;
        // Names are shown without the dot at their end, but in labels that tell of the record.
        let named = |name: &str, port: i64| host_port(name.trim_end_matches('.'), port);
        let [mut srv, mut srv_port, mut mx, mut ns] = [const { String::new() }; 4];
        let address = match data {
            RData::SRV(record) if self.kind == RecordType::SRV => {
                srv = record.target.to_ascii();
                srv_port = record.port.to_string();
                named(&srv, i64::from(record.port))
            }
            RData::MX(record) if self.kind == RecordType::MX => {
                mx = record.exchange.to_ascii();
                named(&mx, port)
            }
            RData::NS(record) if self.kind == RecordType::NS => {
                ns = record.0.to_ascii();
                named(&ns, port)
            }
            RData::A(record) if self.kind == RecordType::A => host_port(&record.0.to_string(), port),
            RData::AAAA(record) if self.kind == RecordType::AAAA => host_port(&record.0.to_string(), port),
            _ => return None,
        };
        // All of them are there, as in Alloy; those that say nothing are empty.
        Some(Labels::from_pairs([
            (ADDRESS, address.as_str()),
            ("__meta_dns_name", name),
            ("__meta_dns_srv_record_target", &srv),
            ("__meta_dns_srv_record_port", &srv_port),
            ("__meta_dns_mx_record_target", &mx),
            ("__meta_dns_ns_record_target", &ns),
        ]))
    }
}

impl Mechanism for Dns {
    type Arguments = Arguments;
    type Metrics = Metrics;

    fn metrics(registry: &Registry) -> Result<Metrics, RegisterError> {
        Ok(Metrics {
            refresh: RefreshMetrics::new(registry, "dns")?,
            lookups: registry.counter("prometheus_sd_dns_lookups_total", "The number of DNS-SD lookups.")?,
            failures: registry.counter(
                "prometheus_sd_dns_lookup_failures_total",
                "The number of DNS-SD lookup failures.",
            )?,
        })
    }

    fn new(cx: &Context<Exports>, args: Arguments, metrics: &Metrics) -> Result<Self> {
        component::first::<Error>(problems(&args))?;
        Ok(Dns {
            host: cx.host().clone(),
            kind: record_type(&args.kind).unwrap_or(RecordType::SRV),
            args,
            metrics: metrics.clone(),
            servers: None,
        })
    }

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        problems(args)
    }

    async fn run(self: Arc<Self>, board: Board) -> Result<()> {
        let interval = self.args.refresh_interval.as_std();
        refresh(&board, &self.metrics.refresh, interval, || self.ask()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
    use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SRV};
    use hickory_resolver::proto::rr::{Name, Record};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A server of some names; it fails while `broken`.
    async fn server(broken: Arc<AtomicBool>) -> (ResolverConfig, ResolverOpts) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            loop {
                let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let query = Message::from_vec(&buffer[..length]).unwrap();
                let mut answer = Message::response(query.metadata.id, OpCode::Query);
                answer.add_queries(query.queries.clone());
                let asked = query.queries[0].name().clone();
                let name = |text: &str| Name::from_ascii(text).unwrap();
                let records = match (asked.to_ascii().as_str(), query.queries[0].query_type()) {
                    ("_web._tcp.test.", RecordType::SRV) => vec![
                        RData::SRV(SRV::new(1, 1, 80, name("one.test."))),
                        RData::SRV(SRV::new(1, 1, 81, name("two.test."))),
                    ],
                    ("one.test.", RecordType::A) => {
                        vec![RData::CNAME(CNAME(name("other.test."))), RData::A(A::new(10, 0, 0, 1))]
                    }
                    ("one.test.", RecordType::AAAA) => vec![RData::AAAA(AAAA::new(1, 0, 0, 0, 0, 0, 0, 2))],
                    ("test.", RecordType::MX) => vec![RData::MX(MX::new(10, name("mail.test.")))],
                    ("test.", RecordType::NS) => vec![RData::NS(NS(name("ns.test.")))],
                    _ => Vec::new(),
                };
                if records.is_empty() {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                if broken.load(Ordering::SeqCst) {
                    answer.metadata.response_code = ResponseCode::Refused;
                } else {
                    answer.add_answers(
                        records
                            .into_iter()
                            .map(|data| Record::from_rdata(asked.clone(), 60, data)),
                    );
                }
                socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        let mut connection = ConnectionConfig::udp();
        connection.port = port;
        let server = NameServerConfig::new("127.0.0.1".parse().unwrap(), true, vec![connection]);
        let mut options = ResolverOpts::default();
        (options.attempts, options.timeout) = (1, std::time::Duration::from_secs(2));
        (ResolverConfig::from_parts(None, Vec::new(), vec![server]), options)
    }

    fn dns(servers: &(ResolverConfig, ResolverOpts), kind: &str, names: &[&str]) -> Dns {
        Dns {
            host: Host::real(),
            kind: record_type(kind).unwrap(),
            args: Arguments {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                kind: kind.to_owned(),
                port: 9,
                ..Arguments::defaults()
            },
            metrics: Dns::metrics(&Registry::new()).unwrap(),
            servers: Some(servers.clone()),
        }
    }

    fn shown(refreshed: Refreshed) -> Vec<String> {
        let (groups, error) = match refreshed {
            Refreshed::All(groups) => (groups, None),
            Refreshed::Some(groups, error) => (groups, Some(error)),
        };
        let targets = groups.iter().flat_map(|group| &group.targets);
        let one = |target: &Labels| {
            let values = target.iter().filter(|(_, value)| !value.is_empty());
            values
                .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_dns_")))
                .collect::<Vec<_>>()
                .join(" ")
        };
        targets.map(one).chain(error).collect()
    }

    #[tokio::test]
    async fn each_type_of_record_gives_its_targets() {
        let servers = server(Arc::default()).await;
        for (kind, name, expected) in [
            (
                "srv",
                "_web._tcp.test",
                vec![
                    "__address__=one.test:80 name=_web._tcp.test srv_record_port=80 srv_record_target=one.test.",
                    "__address__=two.test:81 name=_web._tcp.test srv_record_port=81 srv_record_target=two.test.",
                ],
            ),
            ("A", "one.test", vec!["__address__=10.0.0.1:9 name=one.test"]),
            ("AAAA", "one.test.", vec!["__address__=[1::2]:9 name=one.test."]),
            (
                "MX",
                "test",
                vec!["__address__=mail.test:9 mx_record_target=mail.test. name=test"],
            ),
            (
                "NS",
                "test",
                vec!["__address__=ns.test:9 name=test ns_record_target=ns.test."],
            ),
            ("A", "none.test", vec![]),
        ] {
            let found = dns(&servers, kind, &[name]).ask().await.unwrap();
            assert_eq!(shown(found), expected, "{kind} {name}");
        }
        // All labels are there.
        let Refreshed::All(groups) = dns(&servers, "A", &["one.test"]).ask().await.unwrap() else {
            panic!()
        };
        assert_eq!(groups[0].targets[0].len(), 6);
    }

    #[tokio::test]
    async fn a_failure_is_told_and_counted() {
        let broken = Arc::new(AtomicBool::new(true));
        let servers = server(broken.clone()).await;
        let dns = dns(&servers, "A", &["one.test"]);
        let found = shown(dns.ask().await.unwrap());
        assert!(
            found[0].contains("cannot look up A records of \"one.test\""),
            "{found:?}"
        );
        assert_eq!((dns.metrics.lookups.get(), dns.metrics.failures.get()), (1.0, 1.0));
        broken.store(false, Ordering::SeqCst);
        assert_eq!(shown(dns.ask().await.unwrap()).len(), 1);
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        let check = |kind: &str, port| {
            let args = Arguments {
                kind: kind.to_owned(),
                port,
                ..Arguments::defaults()
            };
            problems(&args).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(check("SRV", 0), [""; 0]);
        assert_eq!(check("a", 1), [""; 0]);
        assert_eq!(
            check("MX", 0),
            ["port: must be set for all types of records except SRV"]
        );
        assert_eq!(check("TXT", 1).len(), 1);
    }
}
