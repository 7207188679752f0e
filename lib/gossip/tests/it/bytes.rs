//! Bytes that are no packets, or nearly.

use crate::network::{SECOND, World};
use gossip::{Event, MAX_MEMBERS, Node, State};
use std::time::Duration;

#[test]
fn arbitrary_bytes_are_refused() {
    let mut world = World::new(1);
    let node = world.start("a", ([10, 0, 0, 1], 80).into(), 1);
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..50_000 {
        let mut bytes: Vec<u8> = (0..rng.usize(..200)).map(|_| rng.u8(..)).collect();
        if let [first, second, ..] = &mut bytes[..]
            && rng.bool()
        {
            (*first, *second) = (1, rng.u8(1..5));
        }
        world.event(node, Event::Packet(&bytes));
    }
    let stats = world.processes[&node].gossip.stats();
    assert!(stats.malformed > 20_000 && stats.versions > 20_000, "{stats:?}");
    assert_eq!(world.members(node).len(), 1);
}

#[test]
fn packets_that_were_changed_break_nothing() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::new(seed);
        let ids: Vec<usize> = (1..5)
            .map(|number| world.start(&format!("n{number}"), ([10, 0, 0, number], 80).into(), 100))
            .collect();
        let first = world.addresses()[0];
        for &id in &ids {
            world.event(id, Event::Join(&[first]));
            world.event(id, Event::SetState(State::Participant));
        }
        for _ in 0..400 {
            world.run(SECOND / 20);
            let Some(packet) = rng.choice(&world.seen) else {
                continue;
            };
            let mut packet = packet.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..packet.len());
                match rng.u8(..5) {
                    0 => packet[at] = rng.u8(..),
                    1 => packet[at] ^= 1 << rng.u8(..8),
                    2 => packet.truncate(at.max(1)),
                    3 => packet.insert(at, rng.u8(..)),
                    _ => {
                        let other = rng.choice(&world.seen).cloned().unwrap_or_default();
                        let from = rng.usize(..other.len());
                        packet.truncate(at);
                        packet.extend(&other[from..]);
                        packet.push(0);
                    }
                }
            }
            let id = *rng.choice(&ids).unwrap();
            world.event(id, Event::Packet(&packet));
        }
        // Lies about members that do not exist die out, and those that do exist find each other again.
        world.run(300 * SECOND);
        for &id in &ids {
            let members = world.members(id);
            let alive = ids.iter().filter(|other| {
                let name = &world.processes[other].name;
                members.iter().any(|member| *member.node.name == **name)
            });
            assert_eq!(alive.count(), ids.len(), "seed {seed}: {members:?}");
        }
    }
}

#[test]
fn members_are_bounded() {
    let mut world = World::new(3);
    let victim = world.start("victim", ([10, 0, 0, 1], 80).into(), 1);
    for number in 0..MAX_MEMBERS as u32 + 200 {
        let address = ([10, 1, (number >> 8) as u8, number as u8], 80).into();
        let node = Node::new(&format!("liar-{number}"), address, 1).unwrap();
        let mut liar = gossip::Gossip::new(world.config, world.cluster, node, 1).unwrap();
        let output = liar.handle(Duration::from_secs(1), Event::Join(&[([10, 0, 0, 1], 80).into()]));
        world.event(victim, Event::Packet(&output.packets[0].data));
    }
    assert_eq!(world.members(victim).len(), MAX_MEMBERS + 1);
}
