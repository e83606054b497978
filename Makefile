# The front door. `make help` lists what there is.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# npm's own marker of a finished install.
INSTALLED := node_modules/.package-lock.json

.PHONY: help build test lint fmt demo clean bench

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build: $(INSTALLED) ## bin/plan42 and bin/plan42-runner
	@node scripts/build.ts

test: build ## every test; ends with "N passed, N failed"
	@node scripts/test.ts

lint: $(INSTALLED) ## types, lint rules, folder directions, format, unused code
	@tsc && oxlint && biome check && knip && echo "lint: all clean"

fmt: $(INSTALLED) ## formats the code
	@biome check --write

demo: build ## the main job, end to end, on this machine (ENGINE=docker, podman or none chooses)
	@node scripts/demo.ts

bench: build ## ratios against a reference measured in the same run
	@node bench/run.ts

clean: ## removes what the other targets made
	@rm -rf bin dist node_modules
