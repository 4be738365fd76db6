# The targets of everyday work. `make run` and `make test` are all that a newcomer needs.

PYTHON ?= python3
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SUITES_VENV := $(TARGET_DIR)/suites-venv

.PHONY: help
help: ## Show these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.PHONY: build
build: ## Build the release binary: target/release/headwater
	cargo build --release --locked -p headwater

.PHONY: run
run: build ## Build, and serve on http://127.0.0.1:8080 with data in ./data
	$(TARGET_DIR)/release/headwater serve --listen 127.0.0.1:8080 --data ./data

.PHONY: test
test: test-rust test-suites ## Run every test, from a fresh clone, installing what it needs

.PHONY: test-rust
test-rust: nextest ## Unit, property and integration tests
	cargo nextest run --workspace --locked
	cargo test --workspace --locked --doc --quiet

.PHONY: test-suites
test-suites: $(SUITES_VENV)/ready ## Public conformance suites and a real client against the binary
	cargo build --locked -p headwater
	$(SUITES_VENV)/bin/python tests/suites/run.py --binary $(TARGET_DIR)/debug/headwater

$(SUITES_VENV)/ready: tests/suites/requirements.txt
	$(PYTHON) -m venv --clear $(SUITES_VENV)
	$(SUITES_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

.PHONY: lint
lint: deny ## Formatting, lints, documentation, licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --lib --no-deps --locked --quiet
	cargo deny --workspace --locked check licenses bans sources

.PHONY: bench
bench: ## Measure, and rewrite docs/benchmarks.md
	cargo build --release --locked -p headwater -p headwater-bench
	$(TARGET_DIR)/release/headwater-bench --server $(TARGET_DIR)/release/headwater --write docs/benchmarks.md

.PHONY: nextest
nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest@$(NEXTEST_VERSION)

.PHONY: deny
deny:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny@$(DENY_VERSION)
