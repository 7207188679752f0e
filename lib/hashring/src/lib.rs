//! Who of several processes is responsible for what: a hash of label sets and a ring of the processes' names, both as Alloy's clusters have them,
//! so that processes of both kinds agree (Prometheus `labels.Hash`, grafana/ckit `shard.Ring`).

use xxhash_rust::xxh64::Xxh64;

/// Places of a process on the ring.
const TOKENS: usize = 512;

/// XXH64 over names and values, which are sorted by name; a byte 0xff behind each.
pub fn label_hash<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut hash = Xxh64::new(0);
    for (name, value) in labels {
        for text in [name, value] {
            hash.update(text.as_bytes());
            hash.update(&[0xff]);
        }
    }
    hash.digest()
}

/// XXH64 over names and values, which are sorted by name; the length of each before it, in one byte or in four (Prometheus `labels.Hash` as it is
/// built by default since 3.0, which scrapes are spread by).
pub fn packed_label_hash<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> u64 {
    let mut hash = Xxh64::new(0);
    for (name, value) in labels {
        for text in [name, value] {
            match text.len() {
                length @ 0..255 => hash.update(&[length as u8]),
                length => {
                    let [low, middle, high, ..] = length.to_le_bytes();
                    hash.update(&[255, low, middle, high]);
                }
            }
            hash.update(text.as_bytes());
        }
    }
    hash.digest()
}

/// The hash of a text.
pub fn text_hash(text: &str) -> u64 {
    xxhash_rust::xxh64::xxh64(text.as_bytes(), 0)
}

/// A ring of processes.
#[derive(Clone, Debug, Default)]
pub struct Ring<N> {
    nodes: Vec<N>,
    /// Places and the index of the process, in order.
    tokens: Vec<(u64, u32)>,
}

impl<N: AsRef<str>> Ring<N> {
    /// A ring of processes, by their names, which differ.
    pub fn new(nodes: impl IntoIterator<Item = N>) -> Ring<N> {
        let nodes: Vec<N> = nodes.into_iter().collect();
        let mut tokens = Vec::with_capacity(nodes.len() * TOKENS);
        for (index, node) in nodes.iter().enumerate() {
            let mut hash = Xxh64::new(0);
            hash.update(node.as_ref().as_bytes());
            for token in 0..TOKENS {
                hash.update(&[token as u8]);
                tokens.push((hash.digest(), index as u32));
            }
        }
        tokens.sort_unstable();
        Ring { nodes, tokens }
    }

    /// Who is responsible for a key; nobody, if nobody is there.
    pub fn owner(&self, key: u64) -> Option<&N> {
        let at = self.tokens.partition_point(|(token, _)| *token < key);
        let (_, node) = self.tokens.get(at).or_else(|| self.tokens.first())?;
        self.nodes.get(*node as usize)
    }
}
