# make build | test | demo | bench | lint | release | install PREFIX=/usr/local

PREFIX ?= /usr/local
CARGO ?= $(or $(shell command -v cargo),$(HOME)/.cargo/bin/cargo)
TARGET = $(or $(CARGO_TARGET_DIR),target)
HOST = $(shell $(CARGO) -vV | sed -n 's/^host: //p')
AGENT = $(TARGET)/$(HOST)/agent/enlist-agent
SLURM_COMMANDS = sacct sacctmgr sreport sshare

.PHONY: build release agent agent-path test lint demo bench install
.DEFAULT_GOAL := build

# enlist looks for the agent beside itself. `install` replaces the file: cargo keeps a hard link to what it put there.
build: agent
	$(CARGO) build --bin enlist
	@install $(AGENT) $(TARGET)/debug/enlist-agent

release: agent
	$(CARGO) build --release --bin enlist
	@install $(AGENT) $(TARGET)/release/enlist-agent

# Static, so that it runs on any host of the same processor; without the controller's dependencies, so that it is small.
agent:
	RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' $(CARGO) build --profile agent --no-default-features \
		--bin enlist-agent --target $(HOST)

agent-path:
	@echo $(abspath $(AGENT))

test:
	tests/lab/setup
	$(CARGO) test --no-run
	@$(MAKE) --no-print-directory agent
	$(CARGO) test

lint:
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features --bin enlist-agent -- -D warnings

demo:
	@tests/lab/demo

bench: release
	tests/lab/setup bench
	tests/bench/run $(BENCH)

install: release
	install -D -t $(DESTDIR)$(PREFIX)/bin $(TARGET)/release/enlist $(AGENT)
	for unit in enlist-serve enlist-node; do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system dist/$$unit.service && \
		sed -i 's|/usr/local/|$(PREFIX)/|' $(DESTDIR)$(PREFIX)/lib/systemd/system/$$unit.service || exit 1; done
	for name in $(SLURM_COMMANDS); do \
		[ -e $(DESTDIR)$(PREFIX)/bin/$$name ] || ln -s enlist $(DESTDIR)$(PREFIX)/bin/$$name; done
