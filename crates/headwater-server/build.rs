//! Says whether the web UI is there to be embedded.

use std::path::Path;

fn main() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    println!("cargo::rerun-if-changed={}", built.display());
    println!("cargo::rerun-if-changed=build.rs");
    if !built.join("index.html").exists() {
        println!(
            "cargo::warning=the web UI has not been built, so this binary will have none: run `make ui` (it needs Node.js \
             20 or later with npm), then build again; `make build` does both"
        );
    }
}
