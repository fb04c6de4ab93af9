# `make demo` shows the main job on a real API server; `make test` runs everything.
# Each installs or builds what it needs, and says what it is doing.

CARGO ?= cargo
# Many tests wait more than they work. TESTS=NAME runs those whose names contain it.
THREADS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
MUTANTS = $(CARGO) mutants -p draingate-core --exclude 'crates/core/src/manifest/**' --output target/mutants
LAB = $(CARGO) build $(ALL) --quiet --bin draingate-lab && $${CARGO_TARGET_DIR:-target}/debug/draingate-lab

.PHONY: help demo test lint offline apiserver node shells readers lab-short bench bench-short scale fuzz lab evidence matrix node-shutdown conformance soak upgrade faults deny coverage mutants fmt calibrate propagation release-build release-check release-test

# One set of features for all of it: what one command has built, the next one uses.
ALL := --locked --workspace --all-features

help: ## Shows this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: ## One story on a real API server: audit, inject, enforce (KEEP=1 leaves it running)
	@demo/run

test: ## All tests, tier by tier: format and lints, without a cluster, on a real API server, on a real node, the lab
	tests/run

lint: ## Format, lints, the workflows, the packages
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(ALL) --all-targets -- -D warnings
	@tests/workflows
	@$(CARGO) package --locked --offline --quiet --no-verify --allow-dirty --target-dir target/package -p draingate-core -p draingate

offline: ## Tests: everything that needs no cluster
	@tests/shells
	$(CARGO) test $(ALL) --no-fail-fast --lib --bins --test judgement --test offline -- --test-threads $(THREADS) $(TESTS)

apiserver: ## Tests: everything on a real API server, which is found or built first
	@tests/cluster/parts etcd kube-apiserver kubectl > /dev/null
	@tests/cluster/parts helm > /dev/null
	$(CARGO) test $(ALL) --no-fail-fast --test apiserver -- --test-threads $(THREADS) $(TESTS)

node: ## Tests: the chart, the image and the model on a real node (as root; skipped otherwise)
	@if ! why=$$(tests/cluster/node possible); then echo "== SKIPPED: all tests on the real node: $$why"; exit 0; fi; \
	tests/cluster/parts etcd kube-apiserver kubectl kube-controller-manager kube-scheduler kubelet kube-proxy > /dev/null && \
	tests/cluster/parts helm > /dev/null && \
	tests/cluster/parts cert-manager > /dev/null && \
	$(CARGO) test $(ALL) --no-fail-fast --test node -- --test-threads 1 $(TESTS)

lab-short: ## Tests: the lab's first scenario
	$(LAB) --short --results target/tmp/lab-short

bench: ## All of docs/performance.md, about 40 minutes on two idle cores
	$(CARGO) bench --locked --profile dist -p draingate-benches
	benches/instructions
	benches/server
	benches/apiserver
	benches/check
	benches/scan

bench-short: ## Instruction counts, and the other benchmarks once: their figures mean little
	@echo '== benchmarks, once each: do they run?'
	$(CARGO) test $(ALL) --bench core
	PROFILE=release benches/instructions
	@if command -v h2load > /dev/null; then PROFILE=release benches/server 1 1; else echo '== SKIPPED: benches/server, which needs h2load'; fi
	PROFILE=release benches/apiserver --rounds 1 --pods 40 --seconds 1 --without-kyverno

scale: ## Draingate in a cluster of 100,000 pods, into docs/scale.md (some 20 minutes; NODES, NAMESPACES, PODS, POLICIES are sizes)
	benches/scale

fuzz: ## Fuzzes each target for BUDGET=60 seconds (nightly toolchain, cargo-fuzz)
	@fuzz/run $(or $(BUDGET),60)

lab: ## Rollouts under load without Draingate and with it, on a real node (as root; ARGS=--help says more)
	@$(LAB) $(ARGS)

evidence: ## REQUESTS=1000000 over ROLLOUTS=200 disruptions on a real node into docs/evidence.md (as root; goes on where it stopped; SEED=)
	@$(LAB) --evidence --parallel 5 --requests $(or $(REQUESTS),1000000) --rollouts $(or $(ROLLOUTS),200) \
	$(if $(SEED),--seed $(SEED)) --publish

matrix: ## The lab's first scenario by version of Kubernetes, kube-proxy's mode and IP families into docs/evidence.md (as root; KUBERNETES="1.34 1.37")
	@$(LAB) --matrix

node-shutdown: ## Graceful shutdowns of a real node under load, and a drain before one, into docs/node-shutdown.md (as root, some 5 minutes)
	@command -v dbus-daemon > /dev/null || apt-get install -yq --no-install-recommends dbus-daemon > /dev/null
	@$(LAB) --node-shutdown --publish

conformance: ## The model against the kubelet, with PODS=300 random pods (as root)
	PODS=$(or $(PODS),300) $(CARGO) test $(ALL) --test node -- conformance --nocapture

shells: ## The reader of hooks against dash, bash and busybox, on LINES=1000000 random hooks
	@tests/shells
	LINES=$(or $(LINES),1000000) $(CARGO) test $(ALL) --test offline -- shells:: --nocapture

readers: ## The quick JSON reader beside serde_json, on COUNT=1000000 damaged pods; SEED=7 for others, START=N goes on
	SEED=$(or $(SEED),1) START=$(or $(START),0) COUNT=$(or $(COUNT),1000000) \
	$(CARGO) test $(ALL) --test judgement -- --ignored --exact json_reader::both_readers_agree_on_many --nocapture

upgrade: ## From the last chart to this one and back, under admission load on a real node (as root; builds an old image)
	$(CARGO) test $(ALL) --test node -- --ignored --exact clusters::upgraded_from_the_last_chart_and_back_and_no_admission_fails --nocapture

soak: ## Rollouts and CA rotations under 96,000 admissions on a real node (as root, some 20 minutes)
	$(CARGO) test $(ALL) --test node -- --ignored --exact install::soak_of_rollouts_and_rotations --nocapture

calibrate: ## What `draingate calibrate` measures on data planes whose E is known (as root, some 20 minutes)
	$(CARGO) test $(ALL) --test node -- --ignored --exact calibrate::every_known_propagation_is_measured_within_a_second --nocapture

propagation: ## E of real data planes into docs/propagation.md (as root, two hours; ONLY=Traefik, LOAD=quiet, ROUNDS=4)
	@for name in traefik envoy contour envoy-gateway; do tests/cluster/planes $$name > /dev/null || exit 1; done
	@command -v nginx > /dev/null && command -v haproxy > /dev/null || apt-get install -yq --no-install-recommends nginx-light haproxy > /dev/null
	ONLY="$(ONLY)" LOAD=$(LOAD) ROUNDS=$(or $(ROUNDS),10) $(CARGO) test $(ALL) --test node -- --ignored --exact propagation::real_data_planes --nocapture

faults: ## Every row of docs/reliability.md at length, with its figures (some 17 minutes)
	@tests/cluster/parts > /dev/null
	FAULT_SECONDS=$(or $(FAULT_SECONDS),70) SLOW_CLIENTS=$(or $(SLOW_CLIENTS),10000) ROTATION_KILLS=$(or $(ROTATION_KILLS),8) \
	$(CARGO) test $(ALL) --test offline --test apiserver -- faults --include-ignored --nocapture --test-threads 1

release-build: ## All that a release has, into target/released (some minutes)
	release/build

release-check: ## Whether two builds of a release in two clean clones give the same bytes (twice as long)
	release/check-reproducible

release-test: ## A release as its users get it: from a registry onto a real node, signed and tampered with (as root)
	@release/test

deny: ## Licences, bans and sources of all dependencies; advisories where their database can be had
	@$(CARGO) deny --version > /dev/null 2>&1 || { echo '== cargo-deny is installed'; $(CARGO) install cargo-deny --locked; }
	$(CARGO) deny --locked check licenses bans sources
	@if ! $(CARGO) deny --locked fetch db > target/deny.log 2>&1; then \
		echo '== SKIPPED: advisories: their database cannot be fetched (target/deny.log)'; exit 0; fi; \
	$(CARGO) deny --locked check advisories

coverage: ## Which lines of the core its own tests run, in percent
	@$(CARGO) tarpaulin --version > /dev/null 2>&1 || { echo '== cargo-tarpaulin is installed'; $(CARGO) install cargo-tarpaulin --locked; }
	PROPTEST_CASES=100 $(CARGO) tarpaulin --locked -p draingate-core --engine llvm --include-files 'crates/core/src/*' \
	--exclude-files 'crates/core/src/manifest/*' --target-dir target/coverage --skip-clean --out stdout -- --skip manifest::

mutants: ## Changes of the core that its own tests do not notice (about an hour; docs/mutants.md)
	@$(CARGO) mutants --version > /dev/null 2>&1 || { echo '== cargo-mutants is installed'; $(CARGO) install cargo-mutants --locked; }
	@echo '== with the cases; what they do not notice is tried again with the properties'
	$(MUTANTS) --timeout 60 -- --test judgement -- admit:: cases:: edges:: || [ $$? -le 3 ]
	PROPTEST_CASES=60 $(MUTANTS) --iterate --timeout 120 -- --lib --test judgement -- --skip manifest:: || [ $$? -le 3 ]
	@cat target/mutants/mutants.out/missed.txt

fmt: ## Formats the code
	$(CARGO) fmt
