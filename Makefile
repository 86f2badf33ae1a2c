# Two commands matter: `make demo` and `make test`. Both prepare what they need and say so.

export CARGO_TARGET_DIR ?= $(HOME)/.cache/quorate/target
CARGO ?= cargo
KEEP ?= 0

.PHONY: demo test lint bench bench-store sim mutants differential torture e2e prepare help

SEEDS ?= 200
FROM ?= 1
LIMIT ?= 2000
KILLS ?= 500
FAULTS ?= 200
SEED_OF_FAULTS = $(or $(SEED),1)

help:
	@echo "make demo         three members, three nodes, real processes, every failure in turn"
	@echo "make demo KEEP=1  the same, left running at the end"
	@echo "make test         every test and doctest"
	@echo "make lint         formatting and clippy"
	@echo "make sim          the store in a simulated world: SEEDS=20000 for many, SEED=123 replays one"
	@echo "make mutants      deliberate bugs, and how many seeds find each"
	@echo "make differential random operations on ours and on a stock etcd: OPS=200000 SEED=7"
	@echo "make torture      real processes of the store, KILLS=500 killed and FAULTS=200 with failing disks"
	@echo "make e2e          etcd's own end-to-end tests against quorate-etcd: TESTS picks some by name"
	@echo "make bench        the figures of the README, measured here"
	@echo "make bench-store  the store beside a real etcd: STORE='put range --quick' for some of it"

prepare:
	@.ci/prepare

# Always the whole workspace: with the same features everywhere nothing is compiled twice.
demo: prepare
	$(CARGO) build --quiet --workspace --bins
	@KEEP=$(KEEP) $(CARGO_TARGET_DIR)/debug/quickstart

# The shim is a program of its own; tests of other crates look for it beside themselves. Programs and
# tests together: tests bring features along, and what has those is another build.
test: prepare
	$(CARGO) build --workspace --bins --tests
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --workspace; \
	else \
	  $(CARGO) test --workspace --lib --bins --tests; \
	fi
	$(CARGO) test --workspace --doc

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings

sim:
	$(CARGO) build --quiet --profile sim --package quorate-sim
	@$(CARGO_TARGET_DIR)/sim/quorate-sim $(if $(SEED),$(SEED),--seeds $(SEEDS) --from $(FROM))

# Apart, so that the program with switches for bugs is never taken for the other.
mutants:
	$(CARGO) build --quiet --profile sim --package quorate-sim --features mutants --target-dir $(CARGO_TARGET_DIR)/mutants
	@$(CARGO_TARGET_DIR)/mutants/sim/quorate-sim --mutants $(LIMIT) $(MUTANTS)

differential: prepare
	OPS=$(or $(OPS),200000) SEED=$(or $(SEED),1) $(CARGO) test --package quorate-etcd --test it -- --nocapture differential

# Serially: each kill and each fault has the machine to itself.
torture: prepare
	QUORATE_KILLS=$(KILLS) QUORATE_FAULTS=$(FAULTS) QUORATE_SEED=$(SEED_OF_FAULTS) \
	  $(CARGO) test --package quorate-member --test it -- --nocapture --test-threads=1 crash:: torture::

bench: prepare
	$(CARGO) build --quiet --workspace --bins
	@$(CARGO_TARGET_DIR)/debug/quorate-bench

# Fetches etcd's tests as Debian packages them and builds them with Debian's Go.
e2e: prepare
	$(CARGO) build --quiet --workspace --bins
	@raft-store/etcd/tests/e2e/run $(CARGO_TARGET_DIR)/debug/quorate-etcd $(TESTS)

STORE ?= all --quick
bench-store: prepare
	$(CARGO) build --quiet --workspace --bins
	@$(CARGO_TARGET_DIR)/debug/quorate-bench store $(STORE)
