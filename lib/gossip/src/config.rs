//! How often and how long.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

/// Times of the protocol. The default suits a cluster within a data centre; all members should have the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How often one other member is probed.
    pub probe_period: Duration,
    /// How long a direct answer may take until others are asked to probe. Shorter than half of `probe_period`.
    pub probe_timeout: Duration,
    /// How long a suspected member has to object; up to three times as long in large clusters.
    pub suspicion: Duration,
    /// How often news are passed on, while there are any.
    pub spread: Duration,
    /// How often whole lists are exchanged with a random member, even if nothing seems to differ.
    pub exchange: Duration,
    /// How often members that are down are asked whether they are back.
    pub heal: Duration,
    /// How long members that are down are remembered.
    pub forget: Duration,
    /// Least time between two lists that are asked for because digests differ.
    pub repair: Duration,
    /// How often a displaced node asks the one that has its name.
    pub contend: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            probe_period: Duration::from_secs(2),
            probe_timeout: Duration::from_millis(800),
            suspicion: Duration::from_secs(5),
            spread: Duration::from_millis(400),
            exchange: Duration::from_secs(30),
            heal: Duration::from_secs(10),
            forget: Duration::from_secs(6 * 3600),
            repair: Duration::from_millis(500),
            contend: Duration::from_secs(3),
        }
    }
}

/// Members that are asked to probe on behalf of another, and that news are passed on to at once.
const FAN_OUT: NonZeroUsize = NonZeroUsize::new(3).expect("it is three");
/// Bytes that `foca` may put into a packet: a header and updates.
pub(crate) const FOCA_PACKET: NonZeroUsize = NonZeroUsize::new(16 << 10).expect("it is not zero");

impl Config {
    /// How often each piece of news is passed on by one of `members`.
    pub(crate) fn transmissions(members: usize) -> u8 {
        // What an epidemic needs to reach all, four times over.
        let rounds = usize::BITS - members.leading_zeros();
        u8::try_from(4 * rounds.max(2)).unwrap_or(u8::MAX)
    }

    /// `foca`'s configuration for so many members.
    pub(crate) fn foca(&self, members: usize) -> foca::Config {
        // News take longer to get around in larger clusters: to the suspected one, and back.
        let scale = (members.max(1) as f64).log10().clamp(1.0, 3.0);
        foca::Config {
            probe_period: self.probe_period,
            probe_rtt: self.probe_timeout,
            num_indirect_probes: FAN_OUT,
            max_transmissions: NonZeroU8::new(Config::transmissions(members)).unwrap_or(NonZeroU8::MIN),
            suspect_to_down_after: self.suspicion.mul_f64(scale),
            remove_down_after: Some(self.forget),
            max_packet_size: FOCA_PACKET,
            notify_down_members: true,
            // Lists that are exchanged take their place.
            periodic_announce: None,
            periodic_announce_to_down_members: None,
            periodic_gossip: None,
        }
    }
}
