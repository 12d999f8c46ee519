# make build | test | attack | demo | bench | bench-people | bench-accounting | bench-scheduler | fuzz | lint | release | install PREFIX=/usr/local

PREFIX ?= /usr/local
CARGO ?= $(or $(shell command -v cargo),$(HOME)/.cargo/bin/cargo)
RUSTC = $(or $(shell command -v rustc),$(HOME)/.cargo/bin/rustc)
TARGET = $(or $(CARGO_TARGET_DIR),target)
HOST = $(shell $(CARGO) -vV | sed -n 's/^host: //p')
# musl's C library is a third of the GNU one's size; tests/lab/setup fetches it for Rust where rustup is.
MUSL = $(HOST:gnu=musl)
AGENT_HOST = $(if $(wildcard $(shell $(RUSTC) --print sysroot)/lib/rustlib/$(MUSL)/lib),$(MUSL),$(HOST))
# `agent-dev` compiles in a third of the time, for the loop of editing and testing; what is shipped is `agent`.
AGENT_PROFILE ?= agent
AGENT = $(TARGET)/$(AGENT_HOST)/$(AGENT_PROFILE)/enlist-agent
SLURM_COMMANDS = sacct sacctmgr salloc sattach sbatch sbcast scancel scontrol sdiag sinfo sprio squeue sreport srun sshare sstat

.PHONY: build release agent agent-path clients clients-path test attack lint demo bench bench-people bench-accounting bench-scheduler fuzz install
.DEFAULT_GOAL := build

# enlist looks for the agent beside itself. `install` replaces the file: cargo keeps a hard link to what it put there.
build: agent
	$(CARGO) build --bin enlist
	@install $(AGENT) $(TARGET)/debug/enlist-agent

# With libcrypto and zlib inside, which a Slurm command need not look for at its start.
release: agent
	OPENSSL_STATIC=1 OPENSSL_LIB_DIR=$(shell pkg-config --variable=libdir openssl) LIBZ_SYS_STATIC=1 \
		OPENSSL_INCLUDE_DIR=$(shell pkg-config --variable=includedir openssl) $(CARGO) build --release --bin enlist
	@install $(AGENT) $(TARGET)/release/enlist-agent

# Static, so that it runs on any host of the same processor; without the controller's dependencies, so that it is small.
agent:
	RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no' $(CARGO) build \
		--profile $(AGENT_PROFILE) --package enlist-host --bin enlist-agent --target $(AGENT_HOST)

agent-path:
	@echo $(abspath $(AGENT))

# Programs of others that submit jobs, for tests/it/jobs/clients.
clients:
	@tests/lab/clients $(abspath $(TARGET))/clients

clients-path:
	@echo $(abspath $(TARGET))/clients/venv

# The simulator of the scheduler lives through so many worlds; `cargo test` alone through a hundred.
test: export ENLIST_SEEDS ?= 10000
test:
	tests/lab/setup
	$(CARGO) test --workspace --no-run
	@$(MAKE) --no-print-directory agent clients
	$(CARGO) test --workspace

# The long form of what tests/it/attack tries in `make test`, with figures, then the fuzzers: docs/security.md.
attack: release
	tests/lab/setup
	$(CARGO) test --test it --no-run
	@$(MAKE) --no-print-directory agent
	ENLIST_PROGRAM=$(abspath $(TARGET))/release/enlist ENLIST_ATTACK=1 $(CARGO) test --test it attack:: -- --nocapture --test-threads 1
	@$(MAKE) --no-print-directory fuzz

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --package enlist-host --bin enlist-agent -- -D warnings

demo:
	@tests/lab/demo

bench: release
	tests/lab/setup
	tests/bench/run $(BENCH)
	@$(MAKE) --no-print-directory bench-people
	@$(MAKE) --no-print-directory bench-accounting
	@$(MAKE) --no-print-directory bench-scheduler

# Thousands of people on one host, beside useradd and newusers for the first thousand.
bench-people: release
	tests/lab/setup
	tests/bench/people --people 1000 --peers
	tests/bench/people --people 5000,20000

# The service alone: beside slurmdbd, at the size of a large site, and with records of jobs (JOBS=10000000 DAYS=365: a year).
JOBS = 300000
DAYS = 60
bench-accounting: release
	tests/lab/setup
	tests/bench/accounting
	tests/bench/accounting --scale
	tests/bench/accounting --jobs $(JOBS) --days $(DAYS)

# Submissions, arrays, passes, plans, listings, memory and nodes, beside a real slurmctld: some eight minutes.
bench-scheduler: release
	tests/lab/setup
	$(CARGO) build --release --package enlist-scheduling --example speed
	tests/bench/scheduler

# The compiler's sanitizers are not for stable ones, unless one says so.
FUZZ_SECONDS ?= 60
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz:
	cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz
	cd fuzz && cargo fuzz build
	cd fuzz && for target in $$(cargo fuzz list); do \
		mkdir -p corpus/$$target && \
		cargo fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=20 || exit 1; done

install: release
	install -D -t $(DESTDIR)$(PREFIX)/bin $(TARGET)/release/enlist $(AGENT)
	for unit in enlist-serve enlist-node enlist-compute; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system dist/$$unit.service && \
		sed -i 's|/usr/local/|$(PREFIX)/|' $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service || exit 1; done
	for name in $(SLURM_COMMANDS); do \
		[ -e $(DESTDIR)$(PREFIX)/bin/$$name ] || ln -s enlist $(DESTDIR)$(PREFIX)/bin/$$name; done
