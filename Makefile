# Two commands matter: `make demo` and `make test`. Both prepare what they need and say so.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/quorate/target
CARGO ?= cargo
KEEP ?= 0

.PHONY: demo test lint bench prepare help

help:
	@echo "make demo         three members, three nodes, real processes, every failure in turn"
	@echo "make demo KEEP=1  the same, left running at the end"
	@echo "make test         every test and doctest"
	@echo "make lint         formatting and clippy"
	@echo "make bench        the figures of the README, measured here"

prepare:
	@.ci/prepare

# Always the whole workspace: with the same features everywhere nothing is compiled twice.
demo: prepare
	$(CARGO) build --quiet --workspace --bins
	@KEEP=$(KEEP) $(CARGO_TARGET_DIR)/debug/quickstart

# The shim is a program of its own; tests of other crates look for it beside themselves.
test: prepare
	$(CARGO) build --workspace --bins
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --workspace; \
	else \
	  $(CARGO) test --workspace --lib --bins --tests; \
	fi
	$(CARGO) test --workspace --doc

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings

bench: prepare
	$(CARGO) build --quiet --workspace --bins
	@$(CARGO_TARGET_DIR)/debug/quorate-bench
