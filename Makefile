# `make help` lists the targets.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# npm writes this file when an install completes.
INSTALLED := node_modules/.package-lock.json

.PHONY: help build check test lint fmt demo docs package release-files clean bench fuzz

help: ## lists the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build: $(INSTALLED) ## builds bin/plan42, bin/plan42-runner and bin/plan42-runner-config
	@node scripts/build.ts

check: lint build ## lints and runs the unit tests, in under a minute
	@node scripts/test.ts --unit

test: build ## runs every test; ends with "N passed, N failed, N skipped"
	@node scripts/test.ts

lint: $(INSTALLED) ## checks types, lint rules, import directions, format, unused code, shell scripts and language
	@npm run --silent lint && echo "lint: all clean"

fmt: $(INSTALLED) ## formats the code
	@biome check --write

demo: build ## shows an agent that fixes a failing test (ENGINE=docker, podman or none; AGENT=claude; KEEP=1)
	@node scripts/demo.ts

docs: $(INSTALLED) ## writes the generated pages of docs/, and man pages to dist/man
	@node scripts/docs.ts

package: build ## builds the packages for this platform in dist/packages
	@node scripts/package.ts

release-files: $(INSTALLED) ## writes checksums and the Homebrew formula, from the packages of all platforms
	@node scripts/release-files.ts

bench: build ## runs the benchmarks, each against a reference in the same run
	@node bench/run.ts

fuzz: $(INSTALLED) ## fuzzes every function that reads foreign text, FUZZ_SECONDS=300 each; NAME=redact for some
	@node fuzz/run.ts $(NAME)

clean: ## removes all build output
	@rm -rf bin dist node_modules
