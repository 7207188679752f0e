//! What is told of a panic: its message may hold anything that the code had at hand.

use std::panic::PanicHookInfo;

/// From now on a panic is a line of the log, without what looks like a secret in its message.
pub fn conceal() {
    std::panic::set_hook(Box::new(|info| {
        let (message, place) = described(info);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // Where nothing logs yet, it is said all the same.
        if tracing::enabled!(tracing::Level::ERROR) {
            tracing::error!(thread, place, "panic: {message}");
        } else {
            crate::output::complain(&format!("thread {thread} panicked at {place}: {message}"));
        }
    }));
}

/// The message without secrets, and where it comes from.
fn described(info: &PanicHookInfo<'_>) -> (String, String) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    (signals::redact(info.payload_as_str().unwrap_or("no message")), place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_panic_shows_no_secret() {
        let told: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let noted = told.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            noted.lock().expect("nobody panics with the lock").push(described(info));
        }));
        let outcome = std::panic::catch_unwind(|| panic!("cannot connect to http://u:hunter2@host with token=hunter3"));
        std::panic::set_hook(before);
        assert!(outcome.is_err());
        let told = told.lock().expect("nobody panics with the lock");
        let ours = told.iter().find(|(message, _)| message.starts_with("cannot connect"));
        let (message, place) = ours.expect("the hook was told");
        assert!(!message.contains("hunter"), "{message}");
        assert!(place.contains("panics.rs:"), "{place}");
    }
}
