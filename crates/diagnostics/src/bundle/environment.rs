//! The variables of the environment that explain how a collector behaves, and hold no secrets.

use host::Env;

/// Read by Alloy or by this program, or looked for by who has to help. What may hold a secret as a whole (keys to a cloud, `DATA_SOURCE_NAME`) is not here.
const VARIABLES: &[&str] = &[
    "ALLOY_CLOUDFLARE_API_URL",
    "ALLOY_DEPLOY_MODE",
    "AUTOMEMLIMIT",
    "AUTOMEMLIMIT_EXPERIMENT",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CLIENT_ID",
    "AZURE_TENANT_ID",
    "GODEBUG",
    "GOGC",
    "GOMAXPROCS",
    "GOMEMLIMIT",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOTRACEBACK",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KUBECONFIG",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "LANG",
    "MIMALLOC_ALLOW_THP",
    "MIMALLOC_PURGE_DELAY",
    "NODE_NAME",
    "NO_COLOR",
    "NO_PROXY",
    "PPROF_BLOCK_PROFILING_RATE",
    "PPROF_MUTEX_PROFILING_PERCENT",
    "RUST_BACKTRACE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SUPERVISORD_URL",
    "TOKIO_WORKER_THREADS",
    "TZ",
    "_RJEM_MALLOC_CONF",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// `NAME=value` lines of those that are set. What stands before the `@` of an address is left out.
pub(super) fn text(env: &dyn Env) -> String {
    let line = |name: &&str| Some(format!("{name}={}\n", shown(&env.var(name)?)));
    VARIABLES.iter().filter_map(line).collect()
}

/// A value as others may see it, in one line.
fn shown(value: &str) -> String {
    let value = value.replace(['\n', '\r'], " ");
    let value = match value.rsplit_once('@') {
        None => value,
        Some((before, after)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://<redacted>@{after}"),
            None => format!("<redacted>@{after}"),
        },
    };
    // A query may hold a key.
    signals::redact(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (value, expected) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://bob:hunter2@proxy:3128", "http://<redacted>@proxy:3128"),
            ("http://hunter2@proxy", "http://<redacted>@proxy"),
            ("http://bob:hunt@er2@proxy/x", "http://<redacted>@proxy/x"),
            ("bob:hunter2@proxy:3128", "<redacted>@proxy:3128"),
            ("http://api/?token=hunter2", "http://api/?token=<redacted>"),
            ("localhost,10.0.0.0/8", "localhost,10.0.0.0/8"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(shown(value), expected, "{value}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(VARIABLES.is_sorted());
    }
}
