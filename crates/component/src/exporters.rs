//! Components that expose metrics within the process.

use promtext::{Family, Registry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Address in the targets of exporters: who scrapes it asks [`Exporters`] and no network. The name is Alloy's, so that rules which know it work.
pub const EXPORTER_ADDRESS: &str = "alloy.internal:12345";

/// The name of this machine. A service.
#[derive(Clone, Debug)]
pub struct HostName(pub String);

/// The metrics of the whole process. A service.
pub struct ProcessMetrics(pub Registry);

/// Exposes metrics when it is asked.
pub trait Exporter: Send + Sync + 'static {
    /// The metrics as they are now. May block: it reads files, or asks a server. `query` are the parameters of the address.
    ///
    /// # Errors
    /// Why there are none, for people.
    fn gather(&self, query: &[(String, String)]) -> Result<Vec<Family>, String>;
}

/// The exporters of a process, by the id of their component. A service.
#[derive(Default)]
pub struct Exporters {
    by_id: Mutex<HashMap<Arc<str>, Arc<dyn Exporter>>>,
}

/// Keeps an exporter registered until it is dropped.
#[must_use = "dropping it ends the registration"]
pub struct Exported {
    exporters: Arc<Exporters>,
    id: Arc<str>,
    exporter: Arc<dyn Exporter>,
}

impl Exporters {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<dyn Exporter>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Path of the metrics of the component with a global id.
    pub fn path(id: &str) -> String {
        format!("/api/v0/component/{id}/metrics")
    }

    /// Registers the exporter of a component, in place of one that it had.
    pub fn register(self: &Arc<Self>, id: &Arc<str>, exporter: Arc<dyn Exporter>) -> Exported {
        self.lock().insert(id.clone(), exporter.clone());
        Exported {
            exporters: self.clone(),
            id: id.clone(),
            exporter,
        }
    }

    /// The exporter of the component with a global id.
    pub fn get(&self, id: &str) -> Option<Arc<dyn Exporter>> {
        self.lock().get(id).cloned()
    }

    /// The exporter whose metrics are at a path.
    pub fn at(&self, path: &str) -> Option<Arc<dyn Exporter>> {
        let id = path.strip_prefix("/api/v0/component/")?.strip_suffix("/metrics")?;
        self.get(id)
    }
}

impl Drop for Exported {
    fn drop(&mut self) {
        let mut by_id = self.exporters.lock();
        // Another instance of the component may have taken the place.
        if by_id
            .get(&self.id)
            .is_some_and(|there| Arc::ptr_eq(there, &self.exporter))
        {
            by_id.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Exporter for Nothing {
        fn gather(&self, _: &[(String, String)]) -> Result<Vec<Family>, String> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn an_exporter_goes_with_its_registration_and_not_with_that_of_another() {
        let exporters = Arc::new(Exporters::default());
        let id: Arc<str> = Arc::from("module.x/prometheus.exporter.self.default");
        let first = exporters.register(&id, Arc::new(Nothing));
        let path = Exporters::path(&id);
        assert!(exporters.at(&path).is_some() && exporters.at("/metrics").is_none());
        let second = exporters.register(&id, Arc::new(Nothing));
        drop(first);
        assert!(exporters.get(&id).is_some());
        drop(second);
        assert!(exporters.at(&path).is_none());
    }
}
