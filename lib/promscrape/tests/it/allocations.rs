//! With buffers that were used before, a body like the last one is parsed without any allocation.

use crate::bodies;
use promscrape::{Buffers, Entry, Format, LabelsBuf, Options, Parser};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator unchanged. The counter is a thread-local constant without a destructor, which
// allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from the same allocator with the same layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads everything there is in a body. Returns how many samples there are.
fn read(body: &[u8], format: Format, options: Options, buffers: &mut Buffers, labels: &mut LabelsBuf) -> usize {
    let mut parser = Parser::new(body, format, options, buffers);
    let mut samples = 0;
    while parser.advance().unwrap() {
        match parser.entry() {
            Entry::Series(series) => assert!(!series.raw.is_empty()),
            Entry::Histogram(sample) => assert!(sample.histogram.positive_spans.len() < 9),
            _ => continue,
        }
        samples += 1;
        parser.labels(labels).unwrap();
        for exemplar in parser.exemplars() {
            exemplar.labels(labels).unwrap();
        }
    }
    samples
}

#[test]
fn none_in_the_steady_state() {
    let plain = bodies::plain(2000);
    let text = bodies::mixed(2000, false);
    let open_metrics = bodies::mixed(2000, true);
    let protobuf = bodies::protobuf(2000);
    let none = Options::default();
    let all = Options {
        convert_classic: true,
        keep_classic: true,
        ignore_native: false,
        start_timestamps: true,
        type_and_unit: true,
    };
    for (body, format) in [
        (plain.as_bytes(), Format::Text),
        (text.as_bytes(), Format::Text),
        (open_metrics.as_bytes(), Format::OpenMetrics),
        (&protobuf, Format::Protobuf),
    ] {
        for options in [none, all] {
            let (mut buffers, mut labels) = (Buffers::new(), LabelsBuf::new());
            // Buffers may trade places, so that both have to grow once.
            for _ in 0..3 {
                read(body, format, options, &mut buffers, &mut labels);
            }
            let before = COUNT.get();
            let samples = read(body, format, options, &mut buffers, &mut labels);
            assert_eq!(COUNT.get() - before, 0, "{format:?} {options:?}");
            assert!(samples > 1500, "{samples}");
        }
    }
}
