//! The loop around the state machine.

use crate::readiness::Readiness;
use crate::service::Shared;
use crate::view::Seen;
use bytes::Bytes;
use component::CancellationToken;
use gossip::{Event, Gossip, News, Output, Standing, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// How often observers are told of changes at most.
const NOTIFY: Duration = Duration::from_secs(1);
/// How long whoever joins waits for others until it takes everything.
const JOINING: Duration = Duration::from_secs(4);
/// How long a process that did not run is responsible for nothing at least: observers see it, and others tell what became of it.
const ABSENT: Duration = Duration::from_millis(1500);
/// How often others are asked meanwhile, and how many of them.
const ASK: Duration = Duration::from_millis(500);
const ASKED: usize = 3;

pub(crate) enum Command {
    Join(Vec<SocketAddr>),
    Exchange(SocketAddr),
    SetState(State),
    Leave(oneshot::Sender<()>),
}

pub(crate) struct Driver {
    pub(crate) gossip: Gossip,
    pub(crate) readiness: Readiness,
    pub(crate) packets: mpsc::Receiver<Bytes>,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    /// Whether it joins others.
    pub(crate) joins: bool,
}

/// What the driver wakes up for.
enum Woken {
    Stop,
    Command(Command),
    Packet(Bytes),
    Time,
}

/// It did not run, and may have been declared down.
struct Absence {
    /// Until then it is responsible for nothing in any case.
    until: Instant,
    /// Whether another member has answered.
    heard: bool,
    ask_at: Instant,
}

/// What the loop keeps in mind.
struct Run {
    shared: Arc<Shared>,
    start: Instant,
    wake: Option<Instant>,
    /// When observers were told last, and whether there is something to tell.
    told: Option<Instant>,
    untold: bool,
    /// Until when it waits for those it joins.
    joining: Option<Instant>,
    absence: Option<Absence>,
}

impl Driver {
    pub(crate) async fn run(mut self, shared: Arc<Shared>, stop: CancellationToken) {
        let start = Instant::now();
        let mut run = Run {
            shared,
            start,
            wake: Some(start),
            told: None,
            untold: false,
            joining: self.joins.then(|| start + JOINING),
            absence: None,
        };
        run.shared.pulse.beat();
        self.look(&mut run);
        loop {
            let woken = self.sleep(&run, &stop).await;
            if let Some(gap) = run.shared.pulse.gap() {
                self.was_absent(&mut run, gap);
            }
            // After that: nobody sees it run again that does not see that it was absent.
            run.shared.pulse.beat();
            match woken {
                Woken::Stop => return,
                Woken::Command(Command::Join(peers)) => {
                    if peers.is_empty() {
                        // There is nobody else yet.
                        run.joining = None;
                    }
                    self.event(&mut run, Event::Join(&peers));
                }
                Woken::Command(Command::Exchange(with)) => self.event(&mut run, Event::Exchange(with)),
                Woken::Command(Command::SetState(state)) => self.event(&mut run, Event::SetState(state)),
                Woken::Command(Command::Leave(done)) => {
                    self.event(&mut run, Event::Leave);
                    // Whoever asked may not wait any more.
                    let _ = done.send(());
                }
                Woken::Packet(packet) => {
                    run.shared.waiting.fetch_sub(packet.len(), Ordering::AcqRel);
                    run.shared.metrics.rx_queue.set(self.packets.len() as f64);
                    self.event(&mut run, Event::Packet(&packet));
                }
                Woken::Time => {
                    self.ask(&mut run);
                    if run.wake.is_some_and(|wake| wake <= Instant::now()) {
                        self.event(&mut run, Event::Timer);
                    } else {
                        self.look(&mut run);
                    }
                }
            }
            run.tell();
        }
    }

    /// Waits until there is something to do.
    async fn sleep(&mut self, run: &Run, stop: &CancellationToken) -> Woken {
        let now = Instant::now();
        let notify = run.untold.then(|| run.told.map_or(now, |told| told + NOTIFY));
        let absence = run.absence.as_ref().map(|absence| match absence.heard {
            true => absence.until,
            false => absence.ask_at,
        });
        let next = [run.wake, notify, self.readiness.deadline(), run.joining, absence];
        let next = next.into_iter().flatten().min();
        // So often that a longer pause is none of its own.
        let latest = now + run.shared.pulse.period();
        tokio::select! {
            biased;
            () = stop.cancelled() => Woken::Stop,
            Some(command) = self.commands.recv() => Woken::Command(command),
            Some(packet) = self.packets.recv() => Woken::Packet(packet),
            () = sleep_until(next.map_or(latest, |next| next.min(latest))) => Woken::Time,
        }
    }

    /// This process did not run for so long that others may have declared it down and do its work.
    fn was_absent(&mut self, run: &mut Run, gap: Duration) {
        if self.gossip.members().len() < 2 {
            return;
        }
        tracing::warn!(
            service = "cluster",
            for_ = ?gap,
            "this process did not run for a while; it is responsible for nothing until another member answers"
        );
        let now = Instant::now();
        run.absence = Some(Absence {
            until: now + ABSENT,
            heard: false,
            ask_at: now,
        });
        self.look(run);
        // Before anything else is done.
        run.tell();
    }

    /// Asks others what became of this process, if it has to know.
    fn ask(&mut self, run: &mut Run) {
        let now = Instant::now();
        let Some(absence) = run
            .absence
            .as_mut()
            .filter(|absence| !absence.heard && absence.ask_at <= now)
        else {
            return;
        };
        absence.ask_at = now + ASK;
        let others = self.gossip.members().into_iter().filter(|member| !member.is_self);
        let mut others: Vec<SocketAddr> = others.map(|member| member.node.address).collect();
        // Others each time.
        let turn = usize::try_from(run.start.elapsed().as_millis() / ASK.as_millis()).unwrap_or(0);
        let length = others.len().max(1);
        others.rotate_left(turn * ASKED % length);
        for other in others.into_iter().take(ASKED) {
            self.event(run, Event::Exchange(other));
        }
    }

    fn event(&mut self, run: &mut Run, event: Event<'_>) {
        let before = self.gossip.stats();
        let Output { packets, news, wake } = self.gossip.handle(run.start.elapsed(), event);
        run.wake = wake.map(|wake| run.start + wake);
        for packet in packets {
            run.shared.outgoing.send(packet.to, packet.data.into());
        }
        let stats = self.gossip.stats();
        let renewed = news.iter().any(|news| matches!(news, News::Renewed(_)));
        if let Some(absence) = &mut run.absence {
            absence.heard |= renewed || stats.lists > before.lists || stats.stale > before.stale;
        }
        for news in &news {
            run.shared.metrics.news(news);
            self.report(news);
        }
        run.shared.metrics.gossip(&self.gossip, before);
        if renewed {
            // Until now others saw a cluster without this process.
            let others = run.shared.seen.load().without_me();
            run.shared.past(Arc::new(others), Instant::now());
        }
        self.look(run);
    }

    /// Makes what is known now known to those who ask.
    fn look(&mut self, run: &mut Run) {
        let start = Instant::now();
        let members = self.gossip.members();
        self.readiness.update(members.len(), start);
        if members.len() > 1 || run.joining.is_some_and(|until| until <= start) {
            run.joining = None;
        }
        if members.len() < 2 || run.absence.as_ref().is_some_and(|it| it.heard && it.until <= start) {
            run.absence = None;
        }
        let sure = run.joining.is_none() && run.absence.is_none();
        let counts = sure && self.gossip.standing() == Standing::Member;
        let before = run.shared.seen.load_full();
        let name = self.gossip.me().name.clone();
        let seen = Seen::new_if(&before, name, counts, self.readiness.ready(), members);
        let Some(seen) = seen else { return };
        if before.ready != seen.ready {
            match seen.ready {
                true => tracing::info!(
                    service = "cluster",
                    members = seen.members.len(),
                    "the cluster is ready"
                ),
                false => tracing::warn!(
                    service = "cluster",
                    members = seen.members.len(),
                    "the cluster is too small; waiting for members"
                ),
            }
        }
        run.shared.metrics.state(self.gossip.state());
        run.shared.metrics.seen(&seen, start.elapsed());
        run.shared.size.send_replace(seen.members.len());
        let found = before.members.len() < 2 && seen.members.len() > 1;
        run.shared.past(before, start);
        if found {
            // They were there before this process knew it.
            run.shared.past(Arc::new(seen.without_me()), start);
        }
        run.shared.seen.store(Arc::new(seen));
        run.untold = true;
        run.shared.metrics.updating.set(1.0);
    }

    fn report(&self, news: &News) {
        match news {
            News::Up(member) if !member.is_self => {
                tracing::info!(service = "cluster", peer = %member.node.name, addr = %member.node.address, "a member joined");
            }
            News::Down(member) if !member.is_self => {
                tracing::info!(service = "cluster", peer = %member.node.name, addr = %member.node.address, "a member is gone");
            }
            News::Changed(member) => {
                tracing::debug!(service = "cluster", peer = %member.node.name, state = %member.state, "a member changed");
            }
            News::Conflict { other, won: true } => tracing::warn!(
                service = "cluster",
                name = %other.name,
                addr = %other.address,
                "another process has this node's name, and takes part in nothing: set --cluster.node-name"
            ),
            News::Conflict { other, won: false } => tracing::error!(
                service = "cluster",
                name = %other.name,
                addr = %other.address,
                "another process has this node's name and started later: this one takes part in nothing; set --cluster.node-name"
            ),
            News::Restored => tracing::info!(
                service = "cluster",
                "the other process with this node's name is gone: this one takes part again"
            ),
            News::Renewed(generation) => {
                tracing::debug!(
                    service = "cluster",
                    generation,
                    "this node had been declared down and has a new generation"
                );
            }
            News::Up(_) | News::Down(_) => {}
        }
    }
}

impl Run {
    /// Tells observers, if it is time.
    fn tell(&mut self) {
        let now = Instant::now();
        if !self.untold || self.told.is_some_and(|told| told + NOTIFY > now) {
            return;
        }
        self.untold = false;
        self.told = Some(now);
        self.shared.changes.send_modify(|generation| *generation += 1);
        self.shared
            .metrics
            .observers
            .set(self.shared.changes.receiver_count() as f64);
        self.shared.metrics.updating.set(0.0);
    }
}
