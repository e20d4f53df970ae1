# make build   bin/pylee and bin/pylee-providers with the flags of a release
# make demo    builds pylee and shows its main job, in a throw-away home
# make test    the tests, with the race detector if there is a C compiler
# make s16     the table of signals, terminals, process 1, systemd and files, with what covers it
# make pid1    pylee as process 1 beside tini and dumb-init
# make lint    gofmt, vet, staticcheck, shellcheck
# The rest is explained in docs/development.md.

GO ?= go
FUZZTIME ?= 30s

# The default build of the command line library links a Markdown renderer: tagged away.
# pylee_fwdsig reads a table of the Go runtime to restore ignored signals; it needs
# -checklinkname=0 and exists for Linux alone.
TAGS := urfave_cli_no_docs
RELEASE_TAGS := $(TAGS)
ifeq ($(shell $(GO) env GOOS),linux)
RELEASE_TAGS := $(TAGS),pylee_fwdsig
endif

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.0.0-dev)
LDFLAGS := -s -w -checklinkname=0 -X main.version=$(VERSION:v%=%)

export GO TAGS RELEASE_TAGS FUZZTIME

.PHONY: build demo test lint fuzz bench pid1 s16 integration assurance clean

build:
	@CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags $(RELEASE_TAGS) -ldflags "$(LDFLAGS)" -o bin/pylee .
	@CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -tags $(RELEASE_TAGS) -ldflags "$(LDFLAGS)" -o bin/pylee-providers ./providers/pylee-providers

demo: build
	@scripts/demo.sh

test:
	@scripts/test.sh

lint:
	@scripts/lint.sh

fuzz:
	@scripts/fuzz.sh

bench: build
	@scripts/bench.sh

pid1: build
	@$(GO) run ./scripts/pid1

s16:
	@scripts/s16.sh

integration: build
	@scripts/integration.sh

assurance:
	@scripts/assurance.sh

clean:
	@rm -rf bin dist .cache ASSURANCE.md
