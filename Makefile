# The commands that people and CI run. Each does its own set-up: on a fresh
# Debian or Ubuntu with a Rust toolchain, `make test` is enough.

.PHONY: demo test check bench performance setup

# The main job on a throwaway PostgreSQL, step by step.
demo:
	scripts/setup.sh build
	cargo run --quiet -- demo

# Every test, against throwaway PostgreSQL servers.
test:
	scripts/setup.sh test
	cargo test

# What review asks for besides tests: format, lints, documentation.
check:
	scripts/setup.sh build
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --no-deps --document-private-items

# Side by side: direct, pgbouncer where installed, bauta. BENCH=--short for a quick look.
bench:
	scripts/setup.sh build
	cargo bench --bench compare -- $(BENCH)

# The same as a page: some thirty minutes.
performance:
	scripts/setup.sh build
	cargo bench --bench compare -- --page $(BENCH) >target/performance.md
	mv target/performance.md docs/PERFORMANCE.md

setup:
	scripts/setup.sh test
