# `make demo` shows the main job on a real API server; `make test` runs everything.
# Each installs or builds what it needs, and says what it is doing.

CARGO ?= cargo

.PHONY: help demo test lint unit e2e fmt

help: ## Shows this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: ## One story on a real API server: audit, inject, enforce (KEEP=1 leaves it running)
	@demo/run

test: lint unit e2e ## All tests: format, lints, unit, property, TLS, and the real API server

lint: ## Format and lints
	@echo '== format and lints'
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

unit: ## Everything that needs no cluster
	@echo '== tests without a cluster'
	$(CARGO) test --locked --lib --bins --test '*' -- --skip real_

e2e: ## Everything on a real API server, which is found or built first
	@echo '== the real API server: found, or built once (about 5 minutes)'
	@tests/cluster/parts > /dev/null
	@tests/cluster/parts helm > /dev/null
	@echo '== tests on the real API server'
	$(CARGO) test --locked --test '*' -- real_

fmt: ## Formats the code
	$(CARGO) fmt
