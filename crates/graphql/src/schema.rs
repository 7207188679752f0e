//! The schema, which is Alloy's, and where its data comes from.

use crate::Graph;
use component::Health as State;
use juniper::{
    DefaultScalarValue, EmptyMutation, EmptySubscription, Executor, FieldResult, ID, LookAheadSelection, RootNode,
};
use services::{ComponentInfo, Controller};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use value::Body;

/// How long a root field may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of text in one answer.
const TEXT_LIMIT: usize = 64 << 20;
/// What a component counts for, apart from its texts.
const COMPONENT_COST: usize = 256;
/// Most tokens, levels and fields of a query.
const TOKENS: usize = 5_000;
const DEPTH: usize = 24;
const FIELDS: usize = 1_000;
/// Id of the remote configuration's own module, which the ids of its components begin with.
const REMOTE: &str = "remotecfg";

/// The schema with its limits.
pub(crate) type Schema = RootNode<Query, EmptyMutation<Context>, EmptySubscription<Context>>;

/// Queries, and nothing else.
pub(crate) fn schema() -> Schema {
    Schema::new(Query, EmptyMutation::new(), EmptySubscription::new())
        .limit_tokens(TOKENS)
        .limit_depth(DEPTH)
        .limit_fields(FIELDS)
}

/// What belongs to one request.
pub(crate) struct Context {
    graph: Arc<Graph>,
    deadline: Instant,
    /// Bytes that the answer may still grow by.
    left: AtomicUsize,
}

impl juniper::Context for Context {}

impl Context {
    /// A request that begins now.
    pub(crate) fn new(graph: Arc<Graph>) -> Self {
        Context {
            graph,
            deadline: Instant::now() + PATIENCE,
            left: AtomicUsize::new(TEXT_LIMIT),
        }
    }

    /// The result, if it comes before the request has taken too long.
    async fn soon<T>(&self, future: impl Future<Output = T>) -> FieldResult<T> {
        let outcome = tokio::time::timeout_at(self.deadline, future).await;
        outcome.map_err(|_| format!("this takes longer than {} seconds", PATIENCE.as_secs()).into())
    }

    /// Counts what goes into the answer.
    fn spend(&self, bytes: usize) -> FieldResult<()> {
        let take = |left: usize| left.checked_sub(bytes);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err("the answer is too large: ask for fewer components or fields".into()),
        }
    }

    fn text(&self, text: String) -> FieldResult<String> {
        self.spend(text.len())?;
        Ok(text)
    }

    /// The configuration that a component belongs to.
    fn controller_of(&self, id: &str) -> &dyn Controller {
        match &self.graph.remote {
            Some(remote) if id.strip_prefix(REMOTE).is_some_and(|rest| rest.starts_with('/')) => &**remote,
            _ => &*self.graph.controller,
        }
    }

    fn component(&self, info: ComponentInfo) -> FieldResult<Component> {
        self.spend(COMPONENT_COST + info.health.message.len())?;
        Ok(Component {
            id: info.global_id(),
            info,
            detail: OnceCell::new(),
        })
    }
}

/// What a field of a component counts for, apart from its text.
const FIELD_COST: usize = 128;

/// Fields below a selection, at all levels.
fn fields(of: &LookAheadSelection<'_, DefaultScalarValue>) -> usize {
    of.children().iter().map(|one| 1 + fields(one)).sum()
}

/// What can be asked.
pub(crate) struct Query;

#[juniper::graphql_object]
#[graphql(context = Context, scalar = DefaultScalarValue)]
impl Query {
    /// The program.
    fn alloy(context: &Context) -> Alloy {
        let build = &context.graph.build;
        Alloy {
            branch: build.branch.clone(),
            build_date: String::new(),
            build_user: String::new(),
            revision: build.revision.clone(),
            version: build.version.clone(),
            is_ready: context.graph.controller.ready(),
        }
    }

    /// All components of the configuration and of the remote configuration; those in modules are not among them.
    async fn components(context: &Context, executor: &Executor<'_, '_, Context>) -> FieldResult<Vec<Component>> {
        let graph = &context.graph;
        let fields = fields(&executor.look_ahead());
        let own = context.soon(graph.controller.components("")).await?;
        let mut infos = own.map_err(|_| "no configuration runs yet")?;
        if let Some(remote) = &graph.remote {
            // There is none before the first one was loaded.
            infos.extend(context.soon(remote.components(REMOTE)).await?.unwrap_or_default());
        }
        context.spend(infos.len().saturating_mul(fields).saturating_mul(FIELD_COST))?;
        infos.into_iter().map(|info| context.component(info)).collect()
    }

    /// One component by its id; null if there is none.
    async fn component(context: &Context, id: ID) -> FieldResult<Option<Component>> {
        let found = context.soon(context.controller_of(&id).component(&id)).await?;
        let component = found.map(|info| {
            let component = context.component(info.clone())?;
            // It is all there: nothing needs to be looked up again.
            let _ = component.detail.set(Some(info));
            Ok(component)
        });
        component.transpose()
    }
}

/// The program.
#[derive(juniper::GraphQLObject)]
#[graphql(context = Context)]
pub(crate) struct Alloy {
    /// Branch that it was built from.
    branch: String,
    /// When it was built.
    build_date: String,
    /// Who built it.
    build_user: String,
    /// Commit that it was built from.
    revision: String,
    /// Its version.
    version: String,
    /// Whether a configuration runs.
    is_ready: bool,
}

/// A component.
pub(crate) struct Component {
    id: String,
    info: ComponentInfo,
    /// The same with arguments, exports and debug info, which lists do not have.
    detail: OnceCell<Option<ComponentInfo>>,
}

impl Component {
    /// Nothing, if the component has gone since it was listed.
    async fn detail(&self, context: &Context) -> FieldResult<Option<&ComponentInfo>> {
        let lookup = || async { context.soon(context.controller_of(&self.id).component(&self.id)).await };
        Ok(self.detail.get_or_try_init(lookup).await?.as_ref())
    }
}

#[juniper::graphql_object]
#[graphql(context = Context)]
impl Component {
    /// How it is doing.
    fn health(&self) -> Health {
        Health::from(&self.info.health)
    }

    /// Its id in the whole configuration.
    fn id(&self) -> ID {
        ID::new(self.id.clone())
    }

    /// Name of its block, such as loki.write.
    fn name(&self) -> &str {
        &self.info.name
    }

    /// Its arguments, as JSON.
    async fn arguments(&self, context: &Context) -> FieldResult<String> {
        let arguments = self.detail(context).await?.and_then(|info| info.arguments.as_ref());
        context.text(value::body_json(arguments.unwrap_or(&Body::default())))
    }

    /// Its exports, as JSON; null if it has none.
    async fn exports(&self, context: &Context) -> FieldResult<Option<String>> {
        let exports = self.detail(context).await?.and_then(|info| info.exports.as_ref());
        exports.map(|body| context.text(value::body_json(body))).transpose()
    }

    /// What it tells of itself, as JSON; null if that is nothing.
    async fn debug_info(&self, context: &Context) -> FieldResult<Option<String>> {
        let told = self.detail(context).await?.and_then(|info| info.debug_json());
        told.map(|told| context.text(told)).transpose()
    }
}

/// How a component is doing.
#[derive(juniper::GraphQLObject)]
#[graphql(context = Context)]
pub(crate) struct Health {
    /// Why.
    message: String,
    /// Since when.
    last_updated: Time,
}

impl From<&State> for Health {
    fn from(health: &State) -> Self {
        Health {
            message: health.message.clone(),
            last_updated: Time(health.updated),
        }
    }
}

/// A time: RFC 3339 with nanoseconds.
#[derive(Clone, Copy, Debug, juniper::GraphQLScalar)]
#[graphql(with = time, parse_token(String))]
pub(crate) struct Time(i64);

mod time {
    use super::Time;

    pub(super) fn to_output(time: &Time) -> String {
        gotime::format_rfc3339_nano(time.0)
    }

    /// No field takes a time.
    pub(super) fn from_input(_: &str) -> Result<Time, Box<str>> {
        Err("times are only read".into())
    }
}
