//! What is wrong with the arguments of an HTTP client.

use component::Error;
use net::HttpClientConfig;
use value::Invalid;

/// Everything that is wrong.
pub(crate) fn problems(http: &HttpClientConfig) -> Vec<Error> {
    let problems = http.problems().into_iter();
    let problems = problems.map(|(block, Invalid { argument, message })| {
        let error = match argument {
            Some(argument) => Error::about(argument, message),
            None => Error::new(message),
        };
        match block {
            "" => error,
            block => error.inside(block, 0),
        }
    });
    let conflict = http.conflict().err().map(|Invalid { message, .. }| Error::new(message));
    problems.chain(conflict).collect()
}
