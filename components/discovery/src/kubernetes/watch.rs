//! Watches of the API server, each shared by all components that need the same objects.

use super::object::{Key, Kind, Names, Which};
use futures_util::StreamExt;
use host::Random;
use kubernetes::kube::runtime::watcher;
use kubernetes::kube::{Api, Client, Resource};
use kubernetes::{Access, HEADERS, connect, explain};
use net::Backoff;
use std::any::{Any, TypeId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// After this time without an error a request has begun well.
const QUIET: Duration = Duration::from_secs(HEADERS.as_secs() + 5);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clusters that are watched. A service: components that watch the same objects share one watch.
#[derive(Default)]
pub struct Clusters(Mutex<Vec<(Access, Weak<Cluster>)>>);

/// What is watched: objects of a kind in one namespace, or in all, that match selectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    pub(super) namespace: Option<String>,
    pub(super) label: Option<String>,
    pub(super) field: Option<String>,
}

/// One API server under one identity.
pub(super) struct Cluster {
    client: Client,
    random: Arc<dyn Random>,
    /// `Weak<Watch<K>>` by kind.
    watches: Mutex<HashMap<(TypeId, Selection), Box<dyn Any + Send>>>,
}

impl Clusters {
    /// The cluster, which lasts as long as someone holds it.
    pub(super) async fn cluster(&self, access: &Access, host: &host::Host) -> Result<Arc<Cluster>, String> {
        if let Some(known) = self.known(access) {
            return Ok(known);
        }
        let client = connect(access, host).await?;
        let mut clusters = lock(&self.0);
        clusters.retain(|(_, cluster)| cluster.strong_count() > 0);
        let known = clusters.iter().find(|(other, _)| other == access);
        if let Some(known) = known.and_then(|(_, cluster)| cluster.upgrade()) {
            return Ok(known);
        }
        let cluster = Arc::new(Cluster {
            client,
            random: host.random.clone(),
            watches: Mutex::default(),
        });
        clusters.push((access.clone(), Arc::downgrade(&cluster)));
        Ok(cluster)
    }

    fn known(&self, access: &Access) -> Option<Arc<Cluster>> {
        let clusters = lock(&self.0);
        let known = clusters.iter().filter(|(other, _)| other == access);
        known.filter_map(|(_, cluster)| cluster.upgrade()).next()
    }
}

impl Cluster {
    /// The watch of these objects; what changes is told to the inbox from now on.
    pub(super) fn watch<K: Kind>(self: &Arc<Self>, selection: Selection, inbox: &Arc<Inbox>) -> Arc<Watch<K>> {
        let mut watches = lock(&self.watches);
        let key = (TypeId::of::<K>(), selection.clone());
        let known = watches.get(&key).and_then(|any| any.downcast_ref::<Weak<Watch<K>>>());
        let watch = known.and_then(Weak::upgrade).unwrap_or_else(|| {
            let watch = Arc::new(Watch::start(self, selection));
            watches.insert(key, Box::new(Arc::downgrade(&watch)));
            watch
        });
        let mut state = lock(&watch.state);
        state.inboxes.retain(|inbox| inbox.strong_count() > 0);
        state.inboxes.push(Arc::downgrade(inbox));
        drop(state);
        // What is there already.
        inbox.notify.notify_one();
        watch
    }
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Added,
    Changed,
    Gone,
}

impl What {
    /// As metrics name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            What::Added => "add",
            What::Changed => "update",
            What::Gone => "delete",
        }
    }
}

/// What a component has not looked at yet.
#[derive(Default)]
pub(super) struct Inbox {
    news: Mutex<News>,
    notify: Notify,
}

#[derive(Default)]
pub(super) struct News {
    /// Objects that are not as they were.
    pub(super) changed: HashSet<(Which, Key)>,
    /// Number of events of each sort.
    pub(super) events: HashMap<(Which, &'static str), u64>,
    /// Number of failed requests.
    pub(super) failures: u64,
}

impl Inbox {
    /// Waits for something new.
    pub(super) async fn wait(&self) {
        self.notify.notified().await;
    }

    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *lock(&self.news))
    }
}

/// The objects of one kind and selection, kept up to date until it is dropped.
pub(super) struct Watch<K> {
    state: Arc<Mutex<State<K>>>,
    task: AbortHandle,
}

struct State<K> {
    objects: HashMap<Key, Arc<K>>,
    /// Whether there is a first list.
    ready: bool,
    trouble: Option<String>,
    inboxes: Vec<Weak<Inbox>>,
}

impl<K> Drop for Watch<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<K: Kind> Watch<K> {
    fn start(cluster: &Cluster, selection: Selection) -> Self {
        let state = Arc::new(Mutex::new(State {
            objects: HashMap::new(),
            ready: false,
            trouble: None,
            inboxes: Vec::new(),
        }));
        let task = tokio::spawn(follow::<K>(
            cluster.client.clone(),
            cluster.random.clone(),
            selection,
            state.clone(),
        ));
        Watch {
            state,
            task: task.abort_handle(),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        lock(&self.state).ready
    }

    /// Why it gets nothing now.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.state).trouble.clone()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<K>> {
        lock(&self.state).objects.get(key).cloned()
    }

    /// All objects, in no order.
    pub(super) fn all(&self) -> Vec<(Key, Arc<K>)> {
        let state = lock(&self.state);
        let objects = state.objects.iter();
        objects.map(|(key, object)| (key.clone(), object.clone())).collect()
    }
}

impl<K: Kind> State<K> {
    fn tell(&mut self, tell: impl Fn(&mut News)) {
        self.inboxes.retain(|inbox| {
            let Some(inbox) = inbox.upgrade() else { return false };
            tell(&mut lock(&inbox.news));
            inbox.notify.notify_one();
            true
        });
    }

    /// An object is like this now. Most changes are of fields that nobody reads.
    fn put(&mut self, key: Key, object: Option<K>) {
        let what = match (self.objects.get(&key), &object) {
            (None, None) => return,
            (Some(was), Some(object)) if **was == *object => return,
            (None, Some(_)) => What::Added,
            (Some(_), Some(_)) => What::Changed,
            (Some(_), None) => What::Gone,
        };
        match object {
            Some(object) => drop(self.objects.insert(key.clone(), Arc::new(object))),
            None => drop(self.objects.remove(&key)),
        }
        self.tell(|news| {
            news.changed.insert((K::WHICH, key.clone()));
            *news.events.entry((K::WHICH, what.as_str())).or_default() += 1;
        });
    }

    /// The list is complete: what is not in it is gone.
    fn listed(&mut self, seen: &HashSet<Key>) {
        let gone: Vec<Key> = self
            .objects
            .keys()
            .filter(|key| !seen.contains(*key))
            .cloned()
            .collect();
        gone.into_iter().for_each(|key| self.put(key, None));
        self.ready = true;
        self.objects.shrink_to_fit();
        self.recovered();
    }

    fn recovered(&mut self) {
        self.trouble = None;
        self.tell(|_| ());
    }

    fn failed(&mut self, error: String) {
        self.trouble = Some(error);
        self.tell(|news| news.failures += 1);
    }
}

/// Lists and watches, without end.
async fn follow<K: Kind>(client: Client, random: Arc<dyn Random>, selection: Selection, state: Arc<Mutex<State<K>>>) {
    let plural = <K::Wire as Resource>::plural(&()).into_owned();
    let place = match &selection.namespace {
        Some(namespace) => format!("namespace {namespace:?}"),
        None => "all namespaces".to_owned(),
    };
    let api: Api<K::Wire> = match &selection.namespace {
        Some(namespace) => Api::namespaced_with(client, namespace, &()),
        None => Api::all_with(client, &()),
    };
    let config = watcher::Config {
        label_selector: selection.label,
        field_selector: selection.field,
        ..watcher::Config::default()
    };
    let mut names = Names::default();
    let mut seen = HashSet::new();
    let mut backoff = Backoff::new(Duration::from_millis(800), Duration::from_secs(30));
    let mut events = std::pin::pin!(watcher::watcher(api, config));
    let mut troubled = false;
    loop {
        let next = match troubled {
            // A watch on which nothing happens is one that works.
            true => match tokio::time::timeout(QUIET, events.next()).await {
                Ok(next) => next,
                Err(_) => {
                    troubled = false;
                    lock(&state).recovered();
                    continue;
                }
            },
            false => events.next().await,
        };
        let Some(event) = next else { return };
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let error = trouble(&error, &plural, &place);
                match error {
                    // A list begins; that the server has forgotten the past is no failure.
                    None => tracing::debug!(objects = %plural, "the watch is too old, listing again"),
                    Some(error) => {
                        tracing::warn!(err = %error, "the objects that were found last stay");
                        lock(&state).failed(error);
                        troubled = true;
                        tokio::time::sleep(backoff.next(&*random)).await;
                    }
                }
                continue;
            }
        };
        match event {
            watcher::Event::Init => seen.clear(),
            watcher::Event::InitApply(wire) => {
                let key = Key::of(wire.meta());
                seen.insert(key.clone());
                let object = K::trim(wire, &mut names);
                lock(&state).put(key, Some(object));
            }
            watcher::Event::InitDone => {
                troubled = false;
                lock(&state).listed(&seen);
                seen = HashSet::new();
                backoff.reset();
            }
            watcher::Event::Apply(wire) => {
                let key = Key::of(wire.meta());
                let object = K::trim(wire, &mut names);
                let mut state = lock(&state);
                state.put(key, Some(object));
                if std::mem::take(&mut troubled) {
                    state.recovered();
                }
                backoff.reset();
            }
            watcher::Event::Delete(wire) => {
                lock(&state).put(Key::of(wire.meta()), None);
                backoff.reset();
            }
        }
    }
}

/// What went wrong and what to do; nothing for what is no failure.
fn trouble(error: &watcher::Error, plural: &str, place: &str) -> Option<String> {
    let (verb, message) = match error {
        watcher::Error::InitialListFailed(error) => ("list", explain(error, &["list", "watch"])),
        watcher::Error::WatchStartFailed(error) | watcher::Error::WatchFailed(error) => {
            ("watch", explain(error, &["list", "watch"]))
        }
        watcher::Error::WatchError(status) if status.code == 410 => return None,
        watcher::Error::WatchError(status) => ("watch", status.message.clone()),
        watcher::Error::NoResourceVersion => ("list", "the answer has no resourceVersion".to_owned()),
    };
    Some(format!("cannot {verb} {plural} in {place}: {message}"))
}
