//! A small fuzzer that runs on stable Rust, in every test run.
//!
//! A target is a function that takes any bytes and panics when something is wrong. Its corpus is a
//! folder in the repository with one input a file. A test run goes through the corpus and then
//! through inputs made from it by a seeded mutation: always the same ones, so that it can't fail by
//! chance. A longer run ([`SECONDS`]) takes another seed each time; built with LLVM's coverage
//! counters, as `make fuzz` does, it also keeps those inputs that reach new code and mutates
//! them further.
//!
//! Why not another one: libFuzzer (`cargo fuzz`) and honggfuzz need a C++ toolchain and a tool to be
//! installed, fuzzcheck a nightly compiler, and bolero on stable draws bytes at random, from which
//! no filter ever comes.

mod coverage;
mod mutation;

use std::{
    collections::HashSet,
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use mutation::Mutator;

/// The environment variable that asks for a longer run: seconds for each target.
pub const SECONDS: &str = "HEADWATER_FUZZ_SECONDS";

/// The environment variable with the seed of a longer run.
pub const SEED: &str = "HEADWATER_FUZZ_SEED";

/// The environment variable with the folder for what a longer run finds.
pub const FINDINGS: &str = "HEADWATER_FUZZ_FINDINGS";

/// No input is longer, in bytes.
pub const MAX_LENGTH: usize = 64 * 1024;

/// Something that takes any bytes, and panics when something is wrong.
#[derive(Debug)]
pub struct Target {
    /// The name; the corpus has a folder of this name.
    pub name: &'static str,
    /// The folder of all corpora.
    pub corpus: &'static str,
    /// Words that make up inputs.
    pub words: &'static [&'static str],
    /// How many inputs are made in a test run.
    pub iterations: usize,
    /// What is tried.
    pub run: fn(&[u8]),
}

impl Target {
    /// Goes through the corpus, then through what mutation makes of it.
    ///
    /// # Panics
    /// Something is wrong: the panic of the target; the input is printed, and left in the folder of
    /// findings in a longer run. Or there is no corpus.
    pub fn fuzz(&self) {
        let mut pool = self.read_corpus();
        assert!(!pool.is_empty(), "{}: the corpus is empty", self.name);
        let mut reached = coverage::Reached::default();
        for input in &pool {
            self.attempt(input);
            reached.is_new();
        }
        let seconds: Option<u64> = env::var(SECONDS).ok().and_then(|text| text.parse().ok());
        let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let seed = if end.is_some() { chosen_seed() } else { 0x5c13 };
        let mut mutator = Mutator::new(seed, self.words);
        let mut tried: usize = 0;
        let mut kept = HashSet::new();
        while end.map_or(tried < self.iterations, |end| Instant::now() < end) {
            let input = mutator.mutate(&pool);
            self.attempt(&input);
            tried += 1;
            if reached.is_new() && kept.insert(hash(&input)) {
                self.keep("new", &input);
                pool.push(input);
            }
        }
        if end.is_some() {
            println!("{}: seed {seed}, {tried} inputs, {} that reach new code", self.name, kept.len());
        }
    }

    fn attempt(&self, input: &[u8]) {
        coverage::reset();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.run)(input)));
        if let Err(panic) = outcome {
            let shown: String = String::from_utf8_lossy(input).escape_debug().take(2_000).collect();
            eprintln!("{}: fails with \"{shown}\"", self.name);
            self.keep("failed", input);
            resume_unwind(panic);
        }
    }

    /// The inputs, in the order of their names.
    fn read_corpus(&self) -> Vec<Vec<u8>> {
        let folder = Path::new(self.corpus).join(self.name);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        paths.sort_unstable();
        paths.iter().map(|path| fs::read(path).expect("the file can be read")).collect()
    }

    /// Leaves an input in the folder of findings, if there is to be one.
    fn keep(&self, kind: &str, input: &[u8]) {
        let Ok(folder) = env::var(FINDINGS) else { return };
        let folder = Path::new(&folder).join(self.name);
        let path = folder.join(format!("{kind}-{:016x}", hash(input)));
        fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)).expect("the finding is written");
    }
}

fn chosen_seed() -> u64 {
    let chosen = env::var(SEED).ok().and_then(|text| text.parse().ok());
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    chosen.unwrap_or(since.as_secs())
}

fn hash(input: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    hasher.finish()
}
