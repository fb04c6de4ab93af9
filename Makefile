# `make demo` shows the main job on a real API server; `make test` runs everything.
# Each installs or builds what it needs, and says what it is doing.

CARGO ?= cargo

.PHONY: help demo test lint unit e2e node bench bench-short fuzz lab conformance soak faults deny coverage mutants fmt

help: ## Shows this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: ## One story on a real API server: audit, inject, enforce (KEEP=1 leaves it running)
	@demo/run

test: lint unit e2e node ## All tests: format, lints, unit, property, TLS, the real API server, the real node

lint: ## Format and lints
	@echo '== format and lints'
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --all-features --locked -- -D warnings

unit: ## Everything that needs no cluster
	@echo '== tests without a cluster'
	$(CARGO) test --locked --no-fail-fast --tests -- --skip real_ --skip node_
	$(CARGO) test --locked --features traces --test standalone -- traced
	$(CARGO) test --locked --bench core

e2e: ## Everything on a real API server, which is found or built first
	@echo '== the real API server: found, or built once (about 5 minutes)'
	@tests/cluster/parts > /dev/null
	@tests/cluster/parts helm > /dev/null
	@echo '== tests on the real API server'
	$(CARGO) test --locked --no-fail-fast --tests -- real_

node: ## The chart, the image, the model and a rollout on a real node (as root; skipped otherwise)
	@if ! why=$$(tests/cluster/node possible); then echo "== SKIPPED: all tests on the real node: $$why"; exit 0; fi; \
	echo '== the real node: its parts are found, or built once (about 5 minutes), the image is built'; \
	tests/cluster/parts etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy > /dev/null && \
	tests/cluster/parts helm > /dev/null && \
	tests/cluster/parts cert-manager > /dev/null && \
	$(CARGO) test --locked --test node --test conformance -- node_ --test-threads 1 && \
	echo '== the lab, one scenario' && \
	$(CARGO) test --locked --test lab -- --short --results target/tmp/lab-short

bench: ## All of docs/performance.md, about 40 minutes on two idle cores
	$(CARGO) bench --locked --bench core
	benches/instructions
	benches/server
	benches/apiserver
	benches/check
	benches/scan

bench-short: ## Instruction counts, and the other benchmarks once: their figures mean little
	@echo '== benchmarks, once each: do they run?'
	benches/instructions
	@if command -v h2load > /dev/null; then benches/server 1 1; else echo '== SKIPPED: benches/server, which needs h2load'; fi
	benches/apiserver --rounds 1 --pods 40 --seconds 1 --without-kyverno

fuzz: ## Fuzzes each target for BUDGET=60 seconds (nightly toolchain, cargo-fuzz)
	@fuzz/run $(or $(BUDGET),60)

lab: ## Rollouts under load without Draingate and with it, on a real node (as root; ARGS=--help says more)
	@$(CARGO) test --locked --test lab -- $(ARGS)

conformance: ## The model against the kubelet, with PODS=300 random pods (as root)
	PODS=$(or $(PODS),300) $(CARGO) test --locked --test conformance -- --nocapture

soak: ## Rollouts and CA rotations under 96,000 admissions on a real node (as root, some 20 minutes)
	$(CARGO) test --locked --test node -- --ignored --exact node_soak_of_rollouts_and_rotations --nocapture

faults: ## Every row of docs/reliability.md at length, with its figures (some 17 minutes)
	@tests/cluster/parts > /dev/null
	FAULT_SECONDS=$(or $(FAULT_SECONDS),70) SLOW_CLIENTS=$(or $(SLOW_CLIENTS),10000) ROTATION_KILLS=$(or $(ROTATION_KILLS),8) \
	$(CARGO) test --locked --test faults -- --include-ignored --nocapture --test-threads 1

deny: ## Licences, bans and sources of all dependencies; advisories where their database can be had
	@$(CARGO) deny --version > /dev/null 2>&1 || { echo '== cargo-deny is installed'; $(CARGO) install cargo-deny --locked; }
	$(CARGO) deny --locked check licenses bans sources
	@if ! $(CARGO) deny --locked fetch db > target/deny.log 2>&1; then \
		echo '== SKIPPED: advisories: their database cannot be fetched (target/deny.log)'; exit 0; fi; \
	$(CARGO) deny --locked check advisories

coverage: ## Which lines of the core its own tests run, in percent
	@$(CARGO) tarpaulin --version > /dev/null 2>&1 || { echo '== cargo-tarpaulin is installed'; $(CARGO) install cargo-tarpaulin --locked; }
	cd $$(CORE_ALONE=core-coverage tests/core-alone cases core json properties webhook) && \
	PROPTEST_CASES=100 $(CARGO) tarpaulin --engine llvm --include-files 'src/core/*' --target-dir target/coverage --skip-clean --out stdout -- --skip manifest::

mutants: ## Changes of the core that its own tests do not notice (about an hour; docs/mutants.md)
	@$(CARGO) mutants --version > /dev/null 2>&1 || { echo '== cargo-mutants is installed'; $(CARGO) install cargo-mutants --locked; }
	@echo '== with the cases; what they do not notice is tried again with the properties'
	cd $$(tests/core-alone cases core webhook) && $(CARGO) mutants --in-place -f 'src/core/**' --timeout 60 -- --test cases --test core --test webhook || [ $$? -le 3 ]
	cd $$(tests/core-alone json properties) && PROPTEST_CASES=60 $(CARGO) mutants --in-place --iterate -f 'src/core/**' --timeout 120 -- --lib --test json --test properties -- --skip manifest:: || [ $$? -le 3 ]
	@cat target/core-alone/mutants.out/missed.txt

fmt: ## Formats the code
	$(CARGO) fmt
