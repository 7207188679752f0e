//! A component with its types erased, as the runtime drives it.

use crate::context::Context;
use crate::error::BuildError;
use crate::{BoxFuture, CancellationToken, Change, Component, Health, Result};
use std::sync::{Arc, Mutex, MutexGuard};
use value::{Body, Value};

/// An update that was checked and waits to be applied.
pub enum Prepared {
    /// The arguments are equal to those it has.
    Unchanged,
    /// They differ.
    Changed(Change),
}

/// A built component.
pub trait Instance: Send + Sync + 'static {
    /// Decodes a block and prepares for it.
    fn prepare(self: Arc<Self>, body: &Body) -> Result<Prepared, BuildError>;
    /// See [`Component::run`].
    fn run(self: Arc<Self>, stop: CancellationToken) -> BoxFuture<'static, Result<()>>;
    /// The arguments it has, as a block.
    fn arguments(&self) -> Body;
    /// Its exports as a value: an object.
    fn exports(&self) -> Value;
    /// Its exports as a block.
    fn exports_body(&self) -> Body;
    /// See [`Component::health`].
    fn health(&self) -> Option<Health>;
    /// See [`Component::debug_info`].
    fn debug_info(&self) -> Option<Value>;
}

pub(crate) struct Running<C: Component> {
    cx: Context<C::Exports>,
    component: Arc<C>,
    args: Arc<Mutex<C::Arguments>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl<C: Component> Running<C> {
    pub(crate) fn new(cx: Context<C::Exports>, component: C, args: C::Arguments) -> Self {
        Running {
            cx,
            component: Arc::new(component),
            args: Arc::new(Mutex::new(args)),
        }
    }
}

impl<C: Component> Instance for Running<C> {
    fn prepare(self: Arc<Self>, body: &Body) -> Result<Prepared, BuildError> {
        let args: C::Arguments = value::decode(body)?;
        if *lock(&self.args) == args {
            return Ok(Prepared::Unchanged);
        }
        let change = self.component.clone().update(args.clone())?;
        let current = self.args.clone();
        Ok(Prepared::Changed(Change::new(move || {
            *lock(&current) = args;
            change.apply();
        })))
    }

    fn run(self: Arc<Self>, stop: CancellationToken) -> BoxFuture<'static, Result<()>> {
        Box::pin(self.component.clone().run(stop))
    }

    fn arguments(&self) -> Body {
        value::encode(&*lock(&self.args))
    }

    fn exports(&self) -> Value {
        self.cx.exports_value()
    }

    fn exports_body(&self) -> Body {
        self.cx.exports_body()
    }

    fn health(&self) -> Option<Health> {
        self.component.health()
    }

    fn debug_info(&self) -> Option<Value> {
        self.component.debug_info()
    }
}
