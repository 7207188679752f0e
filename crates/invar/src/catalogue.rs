//! Everything that a configuration may use: the only place that knows all components and services.

use component::{Change, Registration, Stability};
use remotecfg::{RemoteConfig, RemotecfgArgs};
use runtime::registry::{Allowed, Known, Registry};
use runtime::{Catalogue, ConfigBlock};
use selftrace::{TracingArgs, TracingPolicy};
use services::http::{HttpArgs, HttpPolicy};
use services::logging::{Logging, LoggingArgs};
use std::sync::Arc;
use tap::LiveDebugging;

/// Components of every family.
fn components() -> impl Iterator<Item = Registration> {
    let families = [
        discovery::COMPONENTS,
        local::COMPONENTS,
        loki::COMPONENTS,
        loki_source::COMPONENTS,
        otelcol::COMPONENTS,
        prometheus::COMPONENTS,
        prometheus_exporter::COMPONENTS,
        remote::COMPONENTS,
    ];
    families.into_iter().flatten().copied()
}

/// What this program knows of a component or config block that it cannot run.
fn known(entry: upstream::Entry) -> Known {
    Known {
        name: entry.name,
        // The crate's tests see to it that every stability is one of ours.
        stability: entry.stability.parse().unwrap_or(Stability::Experimental),
        community: entry.community,
        arguments: upstream::arguments,
        exports: upstream::exports,
    }
}

/// What the config blocks act on; nothing, where a configuration is only checked or run without services.
#[derive(Default)]
pub struct Targets {
    /// The log.
    pub logging: Option<Logging>,
    /// The HTTP server.
    pub http: Option<HttpPolicy>,
    /// Live debugging.
    pub live: Option<Arc<LiveDebugging>>,
    /// The remote configuration.
    pub remote: Option<RemoteConfig>,
    /// Traces of the process itself.
    pub tracing: Option<TracingPolicy>,
}

/// The catalogue of this program for configurations that are checked and not run.
pub fn catalogue_of_all(allowed: Allowed) -> Catalogue {
    Catalogue {
        check: true,
        ..catalogue(allowed, Targets::default())
    }
}

/// The catalogue of this program.
pub fn catalogue(allowed: Allowed, targets: Targets) -> Catalogue {
    let Targets {
        logging,
        http,
        live,
        remote,
        tracing,
    } = targets;
    let nothing = || Change::new(|| {});
    let config_blocks = vec![
        ConfigBlock::new(
            "logging",
            Stability::GenerallyAvailable,
            move |args: LoggingArgs| match &logging {
                Some(logging) => logging.prepare(args),
                None => Ok(nothing()),
            },
        )
        .with_caveats(LoggingArgs::caveats),
        ConfigBlock::new(
            "http",
            Stability::GenerallyAvailable,
            move |args: HttpArgs| match &http {
                Some(http) => http.prepare(args),
                None => Ok(nothing()),
            },
        ),
        ConfigBlock::new(
            "livedebugging",
            Stability::GenerallyAvailable,
            move |args: tap::Arguments| match &live {
                Some(live) => Ok(live.prepare(args)),
                None => Ok(nothing()),
            },
        ),
        ConfigBlock::new(
            "remotecfg",
            Stability::GenerallyAvailable,
            move |args: RemotecfgArgs| match &remote {
                Some(remote) => remote.prepare(args),
                None => Ok(nothing()),
            },
        ),
        ConfigBlock::new(
            "tracing",
            Stability::GenerallyAvailable,
            move |args: TracingArgs| match &tracing {
                Some(tracing) => tracing.prepare(args),
                None => Ok(nothing()),
            },
        )
        .with_caveats(TracingArgs::caveats),
        // Takes nothing and does nothing in Alloy either.
        ConfigBlock::new("labelstore", Stability::GenerallyAvailable, move |(): ()| Ok(nothing())),
    ];
    Catalogue {
        registry: Registry::new(components(), upstream::components().map(known))
            .with_blocks(upstream::blocks().map(known)),
        config_blocks,
        imports: import::KINDS,
        check: false,
        allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use value::shape::Shape;

    fn everything() -> Catalogue {
        let allowed = Allowed {
            stability: Stability::Experimental,
            community: true,
        };
        catalogue(allowed, Targets::default())
    }

    /// What deliberately differs from Alloy: component or block, what differs, why.
    const DIFFERENT: &[(&str, &str, &str)] = &[
        (
            "http",
            "tls.windows_certificate_filter is missing",
            "docs/differences.md, http.tls: there is no certificate store on Linux",
        ),
        (
            "import.git",
            "argument basic_auth.password_file is not Alloy's",
            PASSWORD_FILE,
        ),
        (
            "import.git",
            "basic_auth.password: required is false and should not be",
            PASSWORD_FILE,
        ),
        ("loki.process", "stage.eventlogmessage is missing", NOT_YET),
        ("loki.process", "stage.geoip is missing", NOT_YET),
        ("loki.process", "stage.luhn is missing", NOT_YET),
        ("loki.process", "stage.windowsevent is missing", NOT_YET),
        (
            "loki.process",
            "stage.truncate.rule: required is false and should not be",
            "a truncation without rules is refused by a rule of the stage, with a message of its own",
        ),
        (
            "loki.source.api",
            "argument grpc.tls.client_ca_pem is not Alloy's",
            CLIENT_CA,
        ),
        (
            "loki.source.api",
            "argument http.tls.client_ca_pem is not Alloy's",
            CLIENT_CA,
        ),
        (
            "loki.source.file",
            "block clustering is not Alloy's",
            "docs/differences.md, loki.source.file.clustering: members of a cluster share files",
        ),
        (
            "loki.write",
            "endpoint.max_backoff_retries: the default is null and should be 10.0",
            "docs/differences.md, loki.write.retries: an outage is no reason to lose lines",
        ),
        (
            "loki.write",
            "endpoint: required is true and should not be",
            "Alloy refuses a block without endpoints, too, when it builds it",
        ),
        (
            "prometheus.remote_write",
            "endpoint.enable_http2: the default is true and should be false",
            "docs/differences.md, remote_write.http2: what a server offers is used",
        ),
        (
            "prometheus.receive_http",
            "argument grpc.tls.client_ca_pem is not Alloy's",
            CLIENT_CA,
        ),
        (
            "prometheus.receive_http",
            "argument http.tls.client_ca_pem is not Alloy's",
            CLIENT_CA,
        ),
        (
            "otelcol.auth.headers",
            "header.value: the type is secret and should be string | secret",
            "docs/differences.md, otelcol.auth.headers.secret: what is set here is a credential in most cases",
        ),
        (
            "otelcol.exporter.otlp",
            "retry_on_failure.max_elapsed_time: the default is null and should be \"5m\"",
            MAX_ELAPSED,
        ),
        (
            "otelcol.exporter.otlphttp",
            "retry_on_failure.max_elapsed_time: the default is null and should be \"5m\"",
            MAX_ELAPSED,
        ),
        (
            "otelcol.exporter.prometheus",
            "include_scope_labels: the default is null and should be true",
            "docs/differences.md, otelcol.prometheus.scope-labels: Alloy's default has no effect",
        ),
    ];
    const PASSWORD_FILE: &str = "docs/differences.md, import.git.credentials: the password may come from a file";
    const NOT_YET: &str = "this version does not have the stage";
    const MAX_ELAPSED: &str = "docs/differences.md, otelcol.retries: an outage is no reason to lose records";
    const CLIENT_CA: &str = "Alloy documents the argument and refuses it; here it means what the documentation says";

    #[test]
    fn everything_takes_and_exports_what_it_does_in_alloy() {
        let catalogue = everything();
        let components = catalogue.registry.components();
        let components = components.map(|one| (one.name, Shape::of((one.arguments)()), Shape::of((one.exports)())));
        let blocks = catalogue.config_blocks.iter();
        let blocks = blocks.map(|one| (one.name, Shape::of((one.schema)()), Shape::default()));
        let imports = catalogue.imports.iter();
        let imports = imports.map(|one| (one.name, Shape::of((one.arguments)()), Shape::default()));
        let language = runtime::LANGUAGE_BLOCKS.iter();
        let language = language.map(|one| (one.name, (one.arguments)(), (one.exports)()));
        let mut found = BTreeSet::new();
        for (name, arguments, exports) in components.chain(blocks).chain(imports).chain(language) {
            let differences = testkit::schema::shape_differences(name, &arguments, &exports);
            let differences = differences.unwrap_or_else(|| panic!("Alloy has no {name}"));
            found.extend(
                differences
                    .into_iter()
                    .map(|difference| format!("{name}: {difference}")),
            );
        }
        let listed = DIFFERENT
            .iter()
            .map(|(name, difference, _)| format!("{name}: {difference}"));
        let listed: BTreeSet<String> = listed.collect();
        let new: Vec<_> = found.difference(&listed).collect();
        let gone: Vec<_> = listed.difference(&found).collect();
        assert!(
            new.is_empty() && gone.is_empty(),
            "not listed: {new:#?}\nno difference any more: {gone:#?}"
        );
    }

    #[test]
    fn everything_of_alloy_is_known() {
        let catalogue = everything();
        let names: Vec<&str> = catalogue.registry.descriptions().map(|one| one.name).collect();
        for entry in upstream::components() {
            assert!(names.contains(&entry.name), "{}", entry.name);
            assert!(entry.stability.parse::<Stability>().is_ok(), "{}", entry.name);
        }
        for entry in upstream::blocks() {
            let found = catalogue.registry.describe_block(entry.name, catalogue.allowed);
            assert!(found.is_some_and(|found| found.is_ok()), "{}", entry.name);
        }
    }

    #[test]
    fn stability_is_that_of_alloy() {
        for one in everything().registry.components() {
            let entry = upstream::component(one.name).unwrap_or_else(|| panic!("Alloy has no {}", one.name));
            assert_eq!(
                (one.stability.as_str(), one.community),
                (entry.stability, entry.community),
                "{}",
                one.name
            );
        }
    }
}
