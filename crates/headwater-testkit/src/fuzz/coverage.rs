//! What code an input reaches, where the program was built with LLVM's inline 8-bit counters
//! (`-C passes=sancov-module`, which stable compilers have). Without them nothing is ever new.
#![expect(unsafe_code, reason = "the counters are memory of the program's that LLVM tells us the bounds of")]

use std::{
    slice,
    sync::atomic::{AtomicPtr, AtomicU8, AtomicUsize, Ordering},
};

static START: AtomicPtr<AtomicU8> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Called before `main` by programs with counters, once or more, with the bounds of all of them.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    START.store(start.cast(), Ordering::Relaxed);
    LENGTH.store((stop as usize).saturating_sub(start as usize), Ordering::Relaxed);
}

fn counters() -> &'static [AtomicU8] {
    let start = START.load(Ordering::Relaxed);
    if start.is_null() {
        return &[];
    }
    // SAFETY: LLVM's module constructor gave the bounds of a section that lives as long as the
    // program, and an `AtomicU8` is like a `u8`.
    unsafe { slice::from_raw_parts(start, LENGTH.load(Ordering::Relaxed)) }
}

/// Counts from 0 again.
pub(super) fn reset() {
    for counter in counters() {
        counter.store(0, Ordering::Relaxed);
    }
}

/// What was reached so far: for each counter, which orders of magnitude.
#[derive(Default)]
pub(super) struct Reached {
    seen: Vec<u8>,
}

impl Reached {
    /// Whether something was reached since [`reset`] that hadn't been before.
    pub(super) fn is_new(&mut self) -> bool {
        let counters = counters();
        self.seen.resize(counters.len(), 0);
        let mut new = false;
        for (counter, seen) in counters.iter().zip(&mut self.seen) {
            let count = counter.load(Ordering::Relaxed);
            let magnitude = count.checked_ilog2().map_or(0, |magnitude| 1 << magnitude);
            new |= magnitude & !*seen != 0;
            *seen |= magnitude;
        }
        new
    }
}
