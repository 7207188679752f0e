//! What a few nodes say to each other.

use crate::network::{SECOND, World};
use gossip::{Event, Gossip, Invalid, News, Node, Standing, State};
use std::net::SocketAddr;
use std::time::Duration;

fn address(number: u8) -> SocketAddr {
    ([10, 0, 0, number], 80).into()
}

/// A world with some nodes that have met.
fn met(count: u8) -> (World, Vec<usize>) {
    let mut world = World::new(u64::from(count));
    let ids: Vec<usize> = (1..=count)
        .map(|number| world.start(&format!("n{number}"), address(number), 100))
        .collect();
    for &id in &ids {
        world.event(id, Event::Join(&[address(1)]));
    }
    world.run(3 * SECOND);
    assert_eq!(world.disagreement(), None);
    (world, ids)
}

#[test]
fn states_go_forward_and_reach_everybody() {
    let (mut world, ids) = met(3);
    for (state, expected) in [
        (State::Participant, State::Participant),
        (State::Viewer, State::Participant),
        (State::Terminating, State::Terminating),
        (State::Participant, State::Terminating),
    ] {
        world.event(ids[1], Event::SetState(state));
        world.run(2 * SECOND);
        for &id in &ids {
            let members = world.members(id);
            let found = members.iter().find(|member| &*member.node.name == "n2").unwrap();
            assert_eq!(found.state, expected, "{state} as {id} sees it");
        }
    }
    let times: Vec<u64> = ids.iter().map(|id| world.processes[id].gossip.lamport_time()).collect();
    assert_eq!(times, [2, 2, 2], "one for each state that was taken");
    let news = &world.processes[&ids[0]].news;
    let changes = news.iter().filter(|news| matches!(news, News::Changed(_))).count();
    assert_eq!(changes, 2, "{news:?}");
}

#[test]
fn whoever_leaves_is_gone_at_once_and_whoever_dies_soon() {
    let (mut world, ids) = met(4);
    world.event(ids[1], Event::Leave);
    assert_eq!(world.processes[&ids[1]].gossip.standing(), Standing::Left);
    assert!(world.members(ids[1]).is_empty());
    world.run(SECOND);
    assert_eq!(world.members(ids[0]).len(), 3);
    // It answers nothing any more.
    let before = world.packets;
    world.event(ids[1], Event::Join(&[address(1)]));
    assert_eq!(world.packets, before);
    world.kill(ids[1]);
    world.kill(ids[2]);
    world.run(20 * SECOND);
    assert_eq!(world.members(ids[0]).len(), 2);
    assert_eq!(world.members(ids[3]).len(), 2);
}

#[test]
fn a_node_that_starts_again_replaces_what_it_was() {
    for (generation, new_address) in [(200, 2), (200, 9), (50, 2)] {
        let (mut world, ids) = met(3);
        world.event(ids[1], Event::SetState(State::Participant));
        world.run(2 * SECOND);
        world.kill(ids[1]);
        let again = world.start("n2", address(new_address), generation);
        world.event(again, Event::Join(&[address(1)]));
        world.run(3 * SECOND);
        // A clock that was set back does not matter.
        assert_eq!(world.disagreement(), None, "generation {generation}");
        let members = world.members(ids[2]);
        let found = members.iter().find(|member| &*member.node.name == "n2").unwrap();
        assert_eq!((found.state, found.node.address), (State::Viewer, address(new_address)));
        assert!(found.node.generation > 100);
    }
}

#[test]
fn of_two_nodes_with_one_name_the_newer_counts() {
    // Whoever comes second: the generation decides.
    for (first, second) in [(100, 200), (200, 100), (100, 100)] {
        let mut world = World::new(1);
        let other = world.start("other", address(1), 1);
        let one = world.start("twin", address(2), first);
        world.event(one, Event::Join(&[address(1)]));
        world.run(3 * SECOND);
        let two = world.start("twin", address(3), second);
        world.event(two, Event::Join(&[address(1)]));
        world.run(60 * SECOND);
        let (winner, loser) = if first > second { (one, two) } else { (two, one) };
        let standing = |id: usize| world.processes[&id].gossip.standing();
        assert_eq!(standing(winner), Standing::Member);
        let counts = world.processes[&winner].gossip.me().clone();
        assert_eq!(standing(loser), Standing::Displaced(counts.clone()));
        assert!(world.members(loser).is_empty());
        let members = world.members(other);
        assert_eq!(members.len(), 2);
        assert_eq!(members[1].node, counts);
        for (id, won) in [(winner, true), (loser, false)] {
            let news = &world.processes[&id].news;
            let conflicts = news
                .iter()
                .filter(|news| matches!(news, News::Conflict { won: said, .. } if *said == won));
            assert_eq!(conflicts.count(), 1, "{news:?}");
        }
        // When the winner is gone, the other one takes its place.
        world.kill(winner);
        world.run(60 * SECOND);
        assert_eq!(standing_of(&world, loser), Standing::Member);
        assert!(world.processes[&loser].news.contains(&News::Restored));
        assert_eq!(world.disagreement(), None);
    }
}

fn standing_of(world: &World, id: usize) -> Standing {
    world.processes[&id].gossip.standing()
}

#[test]
fn another_cluster_is_refused() {
    let mut world = World::new(1);
    let one = world.start("one", address(1), 1);
    world.cluster = "another";
    let two = world.start("two", address(2), 1);
    for (id, other) in [(one, 2), (two, 1)] {
        world.event(id, Event::Join(&[address(other)]));
    }
    world.run(5 * SECOND);
    for id in [one, two] {
        assert_eq!(world.members(id).len(), 1);
        assert_eq!(world.processes[&id].gossip.stats().foreign, 1);
    }
}

#[test]
fn a_node_that_was_wrongly_declared_down_comes_back() {
    let (mut world, ids) = met(3);
    world.event(ids[1], Event::SetState(State::Participant));
    world.run(2 * SECOND);
    world.group.insert(address(2), 1);
    world.run(30 * SECOND);
    assert_eq!(world.members(ids[0]).len(), 2);
    world.group.clear();
    world.run(25 * SECOND);
    assert_eq!(world.disagreement(), None);
    let again = &world.processes[&ids[1]];
    assert!(again.news.iter().any(|news| matches!(news, News::Renewed(_))));
    assert_eq!(again.gossip.state(), State::Participant, "with the state that it had");
}

#[test]
fn a_node_alone_does_little() {
    let mut world = World::new(1);
    let one = world.start("one", address(1), 1);
    // Its own address is no peer.
    world.event(one, Event::Join(&[address(1)]));
    world.run(600 * SECOND);
    assert_eq!(world.packets, 0);
    assert_eq!(world.members(one).len(), 1);
}

#[test]
fn an_address_that_passed_to_another_cluster_member_brings_nothing_in() {
    // "a" takes "c" for the node at address 3, where "d" of other people's cluster without a name runs now.
    let (mut world, ids) = met(3);
    world.kill(ids[2]);
    let stranger = world.start("stranger", address(3), 1);
    world.run(60 * SECOND);
    assert_eq!(world.members(ids[0]).len(), 2);
    assert_eq!(world.members(stranger).len(), 1);
}

#[test]
fn names_and_generations_have_bounds() {
    let long = "n".repeat(256);
    assert_eq!(Node::new("", address(1), 1), Err(Invalid::NoName));
    assert_eq!(Node::new(&long, address(1), 1), Err(Invalid::LongName(long.clone())));
    assert_eq!(Node::new("n", address(1), 1 << 63), Err(Invalid::Generation(1 << 63)));
    let node = Node::new(&long[1..], address(1), 1).unwrap();
    assert!(Gossip::new(gossip::Config::default(), &long, node.clone(), 1).is_err());
    // The longest names of all fit.
    let mut one = Gossip::new(gossip::Config::default(), &long[1..], node, 1).unwrap();
    let node = Node::new(&long[2..], "[::1]:1".parse().unwrap(), 1).unwrap();
    let mut two = Gossip::new(gossip::Config::default(), &long[1..], node, 2).unwrap();
    let asked = two.handle(Duration::from_secs(1), Event::Join(&[address(1)]));
    let answered = one.handle(Duration::from_secs(1), Event::Packet(&asked.packets[0].data));
    two.handle(Duration::from_secs(1), Event::Packet(&answered.packets[0].data));
    assert_eq!((one.members().len(), two.members().len()), (2, 2));
}
