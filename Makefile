# Bongsu. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SILENT: help

DATA   ?= data
LISTEN ?= 127.0.0.1:9009
WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

help: ## List the targets
	echo "Bongsu: the targets of this Makefile"; echo
	awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo; echo "  Variables: DATA=$(DATA) LISTEN=$(LISTEN) BENCH_ARGS=$(BENCH_ARGS)"

run: setup web/dist/.stamp ## Build all, start the centre and an agent on this host, print the URL
	cargo build --release --locked
	target/release/bongsu server --with-agent --data $(DATA) --listen $(LISTEN)

build: setup web/dist/.stamp ## Build the release binary with the UI in it
	BONGSU_REQUIRE_UI=1 cargo build --release --locked

setup: ## Install what building needs (Rust toolchain, C compiler, Node), or say exactly what to install
	bash scripts/setup.sh build

setup-test: ## Install what the tests compare with (Debian's Prometheus, node exporter, Chromium)
	bash scripts/setup.sh test

web: web/dist/.stamp ## Build the web UI

web/node_modules/.stamp: web/package-lock.json
	cd web && npm ci --no-audit --no-fund && touch node_modules/.stamp

web/dist/.stamp: web/node_modules/.stamp $(WEB_SOURCES)
	cd web && npm run build && touch dist/.stamp

test: setup setup-test test-web test-rust ## Everything that has to pass: unit, conformance, end to end, browser

test-web: web/dist/.stamp ## Types and unit tests of the web UI
	cd web && npm run check && npm test

test-rust: web/dist/.stamp ## Rust tests of all crates, end-to-end and browser tests among them
	cargo test --workspace --locked

conformance: ## Upstream's PromQL tests: passed and total of each file
	cargo run --quiet --release -p bongsu-conformance --bin promqltest -- $${BONGSU_CONFORMANCE_DIR:-../shared/conformance}/promqltest

lint: setup ## Format, clippy, layering, tidiness, dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask layers
	cargo xtask tidy
	if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: dependency rules of deny.toml not checked (cargo install cargo-deny)"; fi

fmt: ## Format all sources
	cargo fmt --all

BENCH_ARGS ?=
bench: setup setup-test web/dist/.stamp ## Measure beside Prometheus and VictoriaMetrics, and stage by stage; writes docs/benchmarks.md
	cargo build --release --locked -p bongsu -p bongsu-testkit
	target/release/bongsu-bench --page docs/benchmarks.md $(BENCH_ARGS)

FUZZ_SECONDS ?= 120
fuzz: ## Run every fuzz target for FUZZ_SECONDS (needs a nightly toolchain and cargo-fuzz)
	command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
	for target in $$(cargo +nightly fuzz list); do \
	  echo "== $$target"; cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 || exit 1; done

clean: ## Remove what was built (not the data)
	rm -rf target web/dist web/node_modules fuzz/target

.PHONY: help run build setup setup-test web test test-web test-rust conformance lint fmt bench fuzz clean
