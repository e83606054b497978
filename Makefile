# The front door. `make help` lists what there is.
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/node/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# npm's own marker of a finished install.
INSTALLED := node_modules/.package-lock.json

.PHONY: help build test lint fmt demo docs package release-files clean bench

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

$(INSTALLED): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build: $(INSTALLED) ## bin/plan42, bin/plan42-runner and bin/plan42-runner-config
	@node scripts/build.ts

test: build ## every test; ends with "N passed, N failed"
	@node scripts/test.ts

lint: $(INSTALLED) ## types, lint rules, folder directions, format, unused code
	@tsc && tsc -p src/web && oxlint && biome check && knip && echo "lint: all clean"

fmt: $(INSTALLED) ## formats the code
	@biome check --write

demo: build ## the main job, end to end, on this machine (ENGINE=docker, podman or none chooses)
	@node scripts/demo.ts

docs: $(INSTALLED) ## the pages that are made from the code (docs/reference), and man pages in dist/man
	@node scripts/docs.ts

package: build ## what people install, for this platform, in dist/packages
	@node scripts/package.ts

release-files: $(INSTALLED) ## sums and Homebrew formula from the packages of all platforms
	@node scripts/release-files.ts

bench: build ## ratios against a reference measured in the same run
	@node bench/run.ts

clean: ## removes what the other targets made
	@rm -rf bin dist node_modules
