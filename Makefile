# The two commands of the README, make demo and make test, and the steps they consist of.

.PHONY: demo test smoke fuzz test-interop install uninstall dist build check format bench bootstrap interop

# MODEL=FOLDER takes another model than SmolLM2-135M-Instruct.
demo: build
	scripts/demo $(if $(MODEL),--model "$(MODEL)")

# Debug, so that Swift's overflow and bounds checks are on; the numeric kernels are optimized there too.
test: bootstrap check interop
	swift build --build-tests
	swift test --skip-build
	scripts/laws

# The laws alone, with the kernels of every instruction set that this processor has.
smoke: bootstrap
	swift build --build-tests
	scripts/laws

# What takes too long for every run: a recipe of one's own, copied, changed, built and run; exports, loaded with the
# real runtimes; runs that are killed, disks that are full, and checkpoints that would execute something.
test-interop: build
	scripts/recipe-package
	scripts/export-interop
	scripts/attack

# Broken inputs for every parser, a minute each; make test has half a second of each. PARSER=gguf takes one, COUNT=1000000 so
# many inputs, SEED=2 others; what a fault prints makes its input again.
fuzz: build
	.build/release/fuzz $(PARSER) --seed $(or $(SEED),1) --from $(or $(FROM),0) \
	  $(if $(COUNT),--count $(COUNT),--seconds $(or $(SECONDS_EACH),60))

build: bootstrap
	swift build -c release

# The reference and llama.cpp are fetched and built once; the table of whole runs takes about two hours.
bench: build
	scripts/bench-peer
	scripts/bench

# Needs nothing of this folder afterwards: libraries go along. DESTDIR works as usual.
PREFIX ?= /usr/local
install: build
	scripts/package install "$(PREFIX)"

uninstall:
	scripts/package uninstall "$(PREFIX)"

# A relocatable archive for machines without Swift, Python or libtorch.
dist: build
	scripts/package dist

check:
	scripts/check

format:
	swift format --in-place --parallel --recursive Sources Tests Package.swift

bootstrap:
	@scripts/bootstrap

# The real Python programs that tests compare with.
interop:
	@scripts/interop-env

# Each step relies on the ones named before it.
.NOTPARALLEL:
