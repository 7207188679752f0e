//! Finding endpoints of metrics: what listens on this machine and answers `GET /metrics`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long all endpoints together may take to answer: somebody waits for the first line.
const PATIENCE: Duration = Duration::from_millis(400);
/// Most listeners that are asked.
const MOST: usize = 64;
/// What is read of an answer.
const HEAD: u64 = 4096;

/// Ports whose programs do not speak HTTP and would complain about a request.
const NOT_HTTP: [u16; 16] = [
    22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 3306, 5432, 5672, 6379, 11211, 27017,
];

/// Programs by the port that they are known by.
const KNOWN: [(u16, &str); 8] = [
    (2379, "etcd"),
    (3000, "grafana"),
    (9090, "prometheus"),
    (9091, "pushgateway"),
    (9093, "alertmanager"),
    (9100, "node"),
    (9115, "blackbox"),
    (12345, "alloy"),
];

/// Something to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port.
    pub address: String,
    /// Path with a leading slash.
    pub path: String,
    /// Value of the label `job`.
    pub job: String,
}

impl Endpoint {
    /// Reads `[http[s]://]HOST:PORT[/PATH]`; without a path, `/metrics`. `None` for anything else.
    pub fn parse(text: &str) -> Option<Endpoint> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
            Some(_) => return None,
            None => ("http", text),
        };
        let (address, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/metrics"),
        };
        let (host, port) = address.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || "?#@".contains(c);
        if host.is_empty() || host.contains(odd) || path.contains(odd) {
            return None;
        }
        Some(Endpoint {
            scheme: scheme.to_owned(),
            address: address.to_owned(),
            path: path.to_owned(),
            job: job(port),
        })
    }

    fn of(address: SocketAddr) -> Endpoint {
        Endpoint {
            scheme: "http".to_owned(),
            address: address.to_string(),
            path: "/metrics".to_owned(),
            job: job(address.port()),
        }
    }

    /// The whole address.
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.address, self.path)
    }
}

fn job(port: u16) -> String {
    let known = KNOWN.iter().find(|(known, _)| *known == port);
    known.map_or_else(|| format!("port-{port}"), |(_, name)| (*name).to_owned())
}

/// Listeners of this machine that expose metrics, in order of their ports. Takes less than half a second. Nothing of this process listens
/// when it is called, so that it does not find itself.
pub fn search() -> Vec<Endpoint> {
    let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let mut listeners = listeners(&table("tcp"));
    listeners.extend(self::listeners(&table("tcp6")));
    ask(&one_a_port(listeners), PATIENCE)
}

/// One address for each port, IPv4 first.
fn one_a_port(listeners: BTreeSet<SocketAddr>) -> Vec<SocketAddr> {
    let mut ports = BTreeSet::new();
    let mut all: Vec<SocketAddr> = listeners.into_iter().collect();
    all.sort_by_key(|address| (address.port(), address.is_ipv6()));
    all.retain(|address| !NOT_HTTP.contains(&address.port()) && ports.insert(address.port()));
    all.truncate(MOST);
    all
}

/// Loopback addresses at which something listens, from the text of `/proc/net/tcp` or `tcp6` (`proc_net_tcp` of the kernel's documentation).
fn listeners(table: &str) -> BTreeSet<SocketAddr> {
    const LISTEN: &str = "0A";
    let rows = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (local, state) = (words.nth(1)?, words.nth(1)?);
        let (host, port) = local.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok().filter(|_| state == LISTEN)?;
        let ip = reachable(address(host)?)?;
        Some(SocketAddr::new(ip, port))
    });
    rows.collect()
}

/// An address as the kernel prints it: words of four bytes, each in the order of the machine.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// The loopback address that leads to a listener; `None` if none does.
fn reachable(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Some(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => Some(Ipv6Addr::LOCALHOST.into()),
        ip => ip.is_loopback().then_some(ip),
    }
}

/// Asks all of them at once; who has not answered after `patience` does not count.
fn ask(addresses: &[SocketAddr], patience: Duration) -> Vec<Endpoint> {
    let deadline = Instant::now() + patience;
    let (sender, answers) = mpsc::channel();
    for address in addresses.iter().copied() {
        let sender = sender.clone();
        // A thread that is late ends by itself; nobody waits for it.
        let _ = std::thread::Builder::new().spawn(move || {
            if exposes(address, deadline) {
                // The one who asked may be gone.
                let _ = sender.send(address);
            }
        });
    }
    drop(sender);
    let mut found = BTreeSet::new();
    while let Ok(address) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        found.insert((address.port(), address));
    }
    found.into_iter().map(|(_, address)| Endpoint::of(address)).collect()
}

fn exposes(address: SocketAddr, deadline: Instant) -> bool {
    head(address, deadline).is_some_and(|answer| is_exposition(&answer))
}

/// The beginning of the answer to `GET /metrics`.
fn head(address: SocketAddr, deadline: Instant) -> Option<Vec<u8>> {
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?).ok()?;
    stream.set_write_timeout(left()).ok()?;
    // In one piece: a server that answers before it has read all of it resets the connection, and its answer is gone.
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Invar\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    while (answer.len() as u64) < HEAD {
        stream.set_read_timeout(Some(left()?)).ok()?;
        let mut part = [0; HEAD as usize];
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&part[..read]),
        }
        if is_exposition(&answer) {
            break;
        }
    }
    Some(answer)
}

/// Whether an answer is metrics: success, of a text type, with a comment or a sample in its first lines.
fn is_exposition(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let success = lines
        .next()
        .and_then(|status| status.split(' ').nth(1))
        .is_some_and(|code| code == "200");
    let is_text = lines.any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with("content-type:") && (line.contains("text/plain") || line.contains("openmetrics"))
    });
    let is_sample = |line: &str| {
        let name = line.find([' ', '{']).map_or("", |at| &line[..at]);
        let value = line.rsplit(' ').next().unwrap_or_default();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        !name.is_empty() && name.chars().all(is_name) && value.parse::<f64>().is_ok()
    };
    let shows = |line: &str| line.starts_with("# HELP ") || line.starts_with("# TYPE ") || is_sample(line);
    // In an answer of chunks the first line is the size of one.
    success && is_text && body.lines().take(3).any(shows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn listeners_are_read_from_the_kernel() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
             0: 0100007F:1F90 00000000:0000 0A 0 0\n\
             1: 00000000:2382 00000000:0000 0A 0 0\n\
             2: 0100007F:1F91 0100007F:0050 01 0 0\n\
             3: 0A00000A:1F92 00000000:0000 0A 0 0\n\
             4: nonsense\n";
        let found: Vec<String> = listeners(table).iter().map(SocketAddr::to_string).collect();
        assert_eq!(found, ["127.0.0.1:8080", "127.0.0.1:9090"]);
        let table = "head\n 0: 00000000000000000000000000000000:1F90 x 0A\n 1: 00000000000000000000000001000000:2382 x 0A\n\
             2: 0000000000000000FFFF00000100007F:2383 x 0A\n";
        let found = one_a_port(listeners(table));
        let found: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
        assert_eq!(found, ["[::1]:8080", "[::1]:9090", "127.0.0.1:9091"]);
    }

    #[test]
    fn addresses_can_be_named() {
        for (text, expect) in [
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080/metrics")),
            ("https://a.example:443/x/y", Some("https://a.example:443/x/y")),
            ("[::1]:1", Some("http://[::1]:1/metrics")),
            ("localhost", None),
            ("ftp://a:1", None),
            ("a b:1", None),
            (":1", None),
            ("a:70000", None),
        ] {
            assert_eq!(
                Endpoint::parse(text).map(|endpoint| endpoint.url()).as_deref(),
                expect,
                "{text}"
            );
        }
        assert_eq!(
            Endpoint::parse("h:9100").map(|endpoint| endpoint.job).as_deref(),
            Some("node")
        );
    }

    #[test]
    fn metrics_are_told_from_other_answers() {
        for (answer, expect) in [
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n# HELP a b\n",
                true,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-type: application/openmetrics-text\r\n\r\n1f4\r\n# TYPE a gauge\n",
                true,
            ),
            (
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nup{a=\"b\"} 1\n",
                true,
            ),
            (
                "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n# HELP a b\n",
                false,
            ),
            ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n# HELP a b\n", false),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhello world\n",
                false,
            ),
            ("SSH-2.0-OpenSSH\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_exposition(answer.as_bytes()), expect, "{answer}");
        }
    }

    #[test]
    fn who_does_not_answer_keeps_nobody_waiting() {
        let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let speaker = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = speaker.local_addr().expect("it is bound");
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = speaker.accept().expect("somebody asks");
            let mut request = [0; 512];
            let read = stream.read(&mut request).expect("there is a request");
            assert!(request[..read].starts_with(b"GET /metrics HTTP/1.1\r\n"));
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nup 1\n";
            stream.write_all(answer.as_bytes()).expect("somebody reads");
        });
        // Longer than anyone waits outside of tests, so that a busy machine makes no difference.
        let addresses = [silent.local_addr().expect("it is bound"), address];
        let found = ask(&addresses, Duration::from_secs(4));
        assert_eq!(found, [Endpoint::of(address)]);
        thread.join().expect("it does not panic");
    }
}
