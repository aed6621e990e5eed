# llm-api-converter: one Makefile, no recursion, no configure. `make help` lists the targets.
#
#   make            build/llm-api-converter
#   make run        install what is missing, build, start (with the mock Bedrock if there is no AWS)
#   make check      install what is missing, then lint, unit and system tests
#
# Variants live in directories of their own: build/ (release), build/asan/ (ASan + UBSan),
# build/cov/ (gcov), build/fuzz/ (clang libFuzzer), build/taken/ (release with tests/taken: a worker that
# attacks when it is told to, for tests/system/85_taken_over.sh). Make calls itself only to change the variant, or to
# look again for packages that have just been installed. V=1 shows the commands.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc)
endif
ifeq ($(origin CC),default)
CC := gcc
endif
VERSION := 1.0.0
say  = @$(if $(V),,printf '  %-5s %s\n' $(1) $(2);)
Q   := $(if $(V),,@)

# ---- variants: make VARIANT=asan ... ------------------------------------------------------------
VARIANT ?= release
B_release := build
B_asan    := build/asan
B_cov     := build/cov
B_fuzz    := build/fuzz
B_taken   := build/taken
B         := $(B_$(VARIANT))
ifeq ($(VARIANT),fuzz)
CC := clang
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARD := -fPIE -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_cov     := -O0 -g --coverage -DCOVERAGE
OPT_taken   := $(OPT_release)
OPT_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -w
LD_release  := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LD_asan     := -pie -fsanitize=address,undefined
LD_cov      := -pie --coverage
LD_taken    := $(LD_release) -Wl,--wrap=exchange_open
LD_fuzz     := -fsanitize=fuzzer,address,undefined

# ---- packages ------------------------------------------------------------------------------------
PKG := libcurl libcjson sqlite3 libnghttp2
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKG) 2>/dev/null)
# Debian 12 ships mbedTLS 2.28 without a .pc file; Debian 13 has one, but the names are the same.
CRYPTO_LIBS := -lmbedcrypto
# libseccomp makes the filters of system calls while the program is built (master/supervise/sandbox_make.c) and is no part
# of it. Optional: without it the processes have none, and check-config says so.
SECCOMP ?= $(shell pkg-config --exists libseccomp 2>/dev/null && echo yes)
ifeq ($(SECCOMP),yes)
SECCOMP_CFLAGS := -DHAVE_SECCOMP $(shell pkg-config --cflags libseccomp 2>/dev/null)
SECCOMP_LIBS   := -lseccomp
endif
# libssl is optional, too: without it the TLS sessions that Debian's libcurl has are its own (server/net/wire_session.c).
OPENSSL ?= $(shell pkg-config --exists 'libssl >= 3' 'libssl < 4' 2>/dev/null && echo yes)
ifeq ($(OPENSSL),yes)
OPENSSL_CFLAGS := -DHAVE_CURL_OPENSSL $(shell pkg-config --cflags libssl)
OPENSSL_LIBS   := $(shell pkg-config --libs libssl libcrypto)
endif
# llhttp: Debian 13 has libllhttp-dev; Debian 12 only its C sources inside the package node-llhttp, which
# scripts/llhttp.sh unpacks (147 KB, no Node) into build/llhttp. 8.1 is only safe with STRICT_MODE.
LLHTTP_DIR ?= build/llhttp
LLHTTP_PC := $(shell pkg-config --exists libllhttp 2>/dev/null && echo yes)
ifeq ($(LLHTTP_PC),yes)
LLHTTP_CFLAGS := $(shell pkg-config --cflags libllhttp)
LLHTTP_LIBS   := $(shell pkg-config --libs libllhttp)
LLHTTP_OBJ    :=
LLHTTP_DEP    :=
else
LLHTTP_CFLAGS := -isystem $(LLHTTP_DIR)/include
LLHTTP_LIBS   :=
LLHTTP_OBJ    := $(addprefix $(B)/obj/llhttp/,llhttp.o api.o http.o)
LLHTTP_DEP    := $(LLHTTP_DIR)/.ready
endif

CFLAGS_ALL = -std=c17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. $(WARN) $(HARD) $(OPT_$(VARIANT)) $(SIZE) \
             $(PKG_CFLAGS) $(SECCOMP_CFLAGS) $(OPENSSL_CFLAGS) $(LLHTTP_CFLAGS) $(CFLAGS)
LDLIBS_ALL = $(PKG_LIBS) $(OPENSSL_LIBS) $(CRYPTO_LIBS) $(LLHTTP_LIBS) -lm -pthread
LDFLAGS_ALL = $(LD_$(VARIANT)) $(LDFLAGS)
# every assert() of ours goes through server/base/panic.c
LDFLAGS_PANIC := -Wl,--wrap=__assert_fail
# tests/fuzz/connection sees each connection of the worker that it hosts.
LDFLAGS_WORLD := -Wl,--wrap=http_conn_new

# ---- files: found, not listed ---------------------------------------------------------------------
ROOMS  := server shm worker master
SRC    := $(wildcard $(addsuffix /*.c,$(ROOMS)) $(addsuffix /*/*.c,$(ROOMS)))
LIBSRC := $(filter-out master/main.c master/supervise/sandbox_make.c,$(SRC))
LIBOBJ := $(LIBSRC:%.c=$(B)/obj/%.o) $(addprefix $(B)/obj/gen/,catalogue_builtin.o sandbox_filters.o) $(LLHTTP_OBJ)
UNIT   := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
WORLD  := $(wildcard tests/fuzz/connection/*.c)
FUZZ   := $(patsubst tests/fuzz/%.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
# two mocks: dynamo*.c are the one for DynamoDB, which borrows the other's reader and verifier
MOCKDYNAMO := $(wildcard tests/mock/dynamo*.c) tests/mock/reader.c tests/mock/verify.c
MOCKSRC := $(filter-out tests/mock/dynamo%,$(wildcard tests/mock/*.c))
SYSTEM := $(B)/llm-api-converter $(B)/mock-bedrock $(B)/mock-dynamo $(B)/half-heads $(B)/strict $(B)/stuck-readers \
          $(B)/orders
FUZZ_SECONDS ?= 60
ORDERS ?= 50000

export prefix sysconfdir localstatedir
DIST_PLATFORMS ?= amd64 arm64
.PHONY: all help deps run check unit system system-static torture clients clients-full lint format fuzz cov bench docs clean \
        install uninstall deb dist dist-sign aws-test judge deploy-test undo \
        unit-binaries fuzz-binaries cov-run

all: $(SYSTEM) ## build the program and the mocks of Bedrock and DynamoDB

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# ---- what people call -----------------------------------------------------------------------------

run: ## install what is missing, build and serve, with the mock Bedrock if there is no AWS
	@scripts/install-deps.sh
	@$(MAKE) all
	@B=$(B_release) scripts/run.sh

check: ## install what is missing; lint, unit and system tests (both builds)
	@scripts/install-deps.sh
	@scripts/check.sh

unit: ## unit tests under ASan and UBSan
	@$(MAKE) VARIANT=asan unit-binaries
	@tests/unit/run.sh $(B_asan)/unit

system: $(SYSTEM) ## system tests (VARIANT=asan for the sanitized build)
	@$(if $(filter release,$(VARIANT)),$(MAKE) VARIANT=taken $(B_taken)/llm-api-converter)
	@B=$(B) tests/system/run.sh

system-static: $(SYSTEM) ## system tests with the static program of `make release PLATFORM=...`; of the other architecture by qemu (root)
	@$(MAKE) release PLATFORM=$(PLATFORM)
	@tests/system/static.sh $(PLATFORM)

torture: $(SYSTEM) ## hours in minutes: kills, outages, aborts, limits (TORTURE_REQUESTS, TORTURE_KILLS, tests/torture)
	@B=$(B) tests/torture/run.sh
	@B=$(B) tests/torture/moves.sh
	@SIGNALS=full B=$(B) tests/system/57_signals.sh
	@SIGNALS=full B=$(B) tests/system/82_outage.sh

clients: all $(B)/wire-tool ## real client programs through the server (npm)
	@BIN=$(B) tests/clients/run.sh
clients-full: ## the same, and all that Codex can be made to do
	@CLIENTS_FULL=1 $(MAKE) clients

lint: ## order of rooms and wings, circles, headers, banned calls, sizes, format, shell
	@scripts/lint.sh

format: ## clang-format everything (version 14)
	clang-format-14 -i $(shell find $(ROOMS) tests -name node_modules -prune -o -name '*.[ch]' -print)

fuzz: ## FUZZ_SECONDS=60 of libFuzzer for each tests/fuzz/fuzz_*.c, then of sockets.sh
	@$(MAKE) VARIANT=fuzz fuzz-binaries
	@tests/fuzz/run.sh $(B_fuzz) $(FUZZ_SECONDS)
	@$(MAKE) VARIANT=release all $(B_release)/socket-fuzz
	@B=$(B_release) tests/fuzz/sockets.sh $(FUZZ_SECONDS)

orders: $(B)/orders ## /v1/responses out of ORDERS=50000 random orders of Bedrock's events, judged in Python and by openai's stream helper (npm)
	@B=$(B) tests/orders/run.sh $(ORDERS)

cov: ## what unit and system tests reach (gcovr): build/cov/report.txt; COV_SYSTEM=no leaves the latter out
	@$(MAKE) VARIANT=cov cov-run

bench: all $(B)/bench-streams $(B)/bench-start ## this server, nginx and the mock alone, side by side
	@B=$(B) tests/bench/bench.py
	@tests/bench/plot.py
	@B=$(B) COUPLES=4 tests/bench/routes.sh
	@B=$(B) COUPLES=8 tests/bench/lanes.sh

docs: all ## put the tables that the program prints of itself into the READMEs
	@B=$(B) scripts/docs.sh

deps: ## install the packages that are missing (apt; sudo when not root)
	@scripts/install-deps.sh

install: all ## program, manual page, completions, systemd unit below DESTDIR (prefix=/usr/local sysconfdir=/etc localstatedir=/var)
	@DESTDIR='$(DESTDIR)' PROGRAM=$(B)/llm-api-converter docker/systemd/install.sh

uninstall: ## take away what make install put there; settings and state stay
	@DESTDIR='$(DESTDIR)' docker/systemd/install.sh --remove

deb: $(if $(DEB_PROGRAM),,release) all ## build/deb/*.deb of the static program (PLATFORM=amd64|arm64, or DEB_PROGRAM=FILE)
	@VERSION=$(VERSION) ARCH=$(PLATFORM) DOCS=$(B)/llm-api-converter \
	    PROGRAM=$(or $(DEB_PROGRAM),build/linux-$(PLATFORM)/llm-api-converter) docker/deb/build.sh build/deb

dist: all ## build/dist: both programs, packages, bills of materials, source, SHA256SUMS (DIST_PLATFORMS, docker/release)
	@for platform in $(DIST_PLATFORMS); do \
	    $(MAKE) release PLATFORM=$$platform && $(MAKE) deb PLATFORM=$$platform DEB_PROGRAM=build/linux-$$platform/llm-api-converter; done
	@docker/release/dist.sh build/dist $(DIST_PLATFORMS)

dist-sign: ## sign build/dist/SHA256SUMS with minisign: SIGN_KEY=FILE, from outside the tree
	@docker/release/sign.sh build/dist '$(SIGN_KEY)'

aws-test: all ## deployment scripts and guides with a real AWS CLI, moto and a played App Runner and ECS (tests/aws)
	@B=$(B) tests/aws/run.sh

judge: all ## what COUNT=40000 random requests become, before botocore's newest model and the rules of tests/judge (PyPI)
	@B=$(B) tests/judge/run.sh

deploy-test: all ## infrastructure: .deb, systemd, Prometheus, CloudFormation, Kubernetes, releases (tests/deploy)
	@B=$(B) tests/deploy/run.sh

undo: all ## faults made again on purpose: a test must fail for each (tests/undo/undo.tsv)
	@B=$(B) tests/undo/run.sh

clean: ## remove build/
	rm -rf build

# ---- how it is made ---------------------------------------------------------------------------------

unit-binaries: $(UNIT)

fuzz-binaries: $(FUZZ)

cov-run: $(UNIT) $(SYSTEM)
	@tests/cov.sh $(B)

# Built for size: what works at the start, for a command or once a minute; a request takes no more of it than a few look-ups
# (of models and prices).
COLD := master server/config server/platform server/dynamo shm/dynamo shm/store shm/catalogue worker/door
ifeq ($(VARIANT),release)
$(foreach room,$(COLD),$(eval $(B)/obj/$(room)/%.o: SIZE := -Os))
endif

# A .o also depends on the Makefile, so changed flags rebuild.
$(B)/obj/%.o: %.c Makefile $(LLHTTP_DEP)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The table of models, linked in: shm/catalogue/catalogue_builtin.h.
$(B)/gen/catalogue_builtin.c: shm/catalogue/models.tsv scripts/catalogue.awk
	@mkdir -p $(@D)
	$(call say,AWK,$<)
	$(Q)LC_ALL=C awk -f scripts/catalogue.awk $< >$@

# The filters of system calls, linked in: made on this machine for the one that runs them (FILTER_ARCH; empty: the same).
BUILD_CC ?= $(CC)
FILTER_SRC := $(addprefix master/supervise/,sandbox_make.c sandbox_calls.c) server/platform/filter.c $(addprefix server/base/,err.c text.c text_look.c)
FILTER_asan := -DSANDBOX_SANITIZED=1
# Written anew when a package came or went since: what was made without it is made again.
$(B)/gen/optional: FORCE
	@mkdir -p $(@D)
	@echo 'seccomp $(SECCOMP), openssl $(OPENSSL)' | cmp -s - $@ || echo 'seccomp $(SECCOMP), openssl $(OPENSSL)' >$@
.PHONY: FORCE

$(B)/gen/sandbox-make: $(B)/gen/optional $(FILTER_SRC) $(wildcard master/supervise/sandbox*.h server/config/config.h server/base/*.h server/platform/*.h) $(filter %.a,$(SECCOMP_LIBS)) Makefile
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(BUILD_CC) -std=c17 -D_GNU_SOURCE -I. $(WARN) -O1 -ffunction-sections -Wl,--gc-sections $(FILTER_$(VARIANT)) $(SECCOMP_CFLAGS) -o $@ $(FILTER_SRC) $(SECCOMP_LIBS) -pthread

$(B)/gen/sandbox_filters.c: $(B)/gen/sandbox-make
	$(call say,MAKE,$@)
	$(Q)$< $(FILTER_ARCH) >$@

$(B)/obj/gen/%.o: $(B)/gen/%.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(B)/obj/llhttp/%.o: $(LLHTTP_DEP) Makefile
	@mkdir -p $(@D)
	$(call say,CC,llhttp/$*.c)
	$(Q)$(CC) -std=c17 -O2 -g -fPIE -w -DLLHTTP_STRICT_MODE=1 -I$(LLHTTP_DIR)/include -c $(LLHTTP_DIR)/src/$*.c -o $@

build/llhttp/.ready: scripts/llhttp.sh
	@scripts/llhttp.sh build/llhttp

$(B)/libconverter.a: $(LIBOBJ)
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

# what only a variant links in front of the program's own
MORE_taken = $(B)/obj/tests/taken/taken_over.o

# What runs at the start, together (the release alone sets FIRST; its libraries and objects have a section a function).
$(B)/gen/first.ld: scripts/first.txt scripts/first.awk
	@mkdir -p $(@D)
	$(call say,AWK,$<)
	$(Q)LC_ALL=C awk -f scripts/first.awk $< >$@

$(B)/llm-api-converter: $(B)/obj/master/main.o $(MORE_$(VARIANT)) $(B)/libconverter.a $(FIRST)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) $(FIRST:%=-Wl,-T,%) -o $@ $(filter-out %.ld,$^) $(LDLIBS_ALL)

$(B)/mock-bedrock: $(MOCKSRC:%.c=$(B)/obj/%.o) $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

$(B)/mock-dynamo: $(MOCKDYNAMO:%.c=$(B)/obj/%.o) $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

$(B)/half-heads: $(B)/obj/tests/system/half_heads.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

$(B)/wire-tool: $(B)/obj/tests/clients/wire_tool.o $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

$(B)/bench-streams $(B)/bench-start: $(B)/bench-%: $(B)/obj/tests/bench/%.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

$(B)/strict: $(B)/obj/tests/torture/strict.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -pthread

$(B)/orders: $(B)/obj/tests/orders/orders.o $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

$(B)/stuck-readers: $(B)/obj/tests/system/stuck_readers.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

$(B)/unit/%: $(B)/obj/tests/unit/%.o $(B)/libconverter.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL) $(SECCOMP_LIBS) -lcmocka

$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

$(B)/unit/worker/exchange/test_connection: $(B)/obj/tests/unit/worker/exchange/test_connection.o $(WORLD:%.c=$(B)/obj/%.o) $(B)/libconverter.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) $(LDFLAGS_WORLD) -o $@ $^ $(LDLIBS_ALL) -lcmocka

$(B)/fuzz_connection: $(B)/obj/tests/fuzz/fuzz_connection.o $(WORLD:%.c=$(B)/obj/%.o) $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) $(LDFLAGS_WORLD) -o $@ $^ $(LDLIBS_ALL)
$(B)/socket-fuzz: $(addprefix $(B)/obj/tests/fuzz/,socket_fuzz.o $(addprefix connection/,chance.o frames.o saying.o script.o)) $(B)/libconverter.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) $(LDFLAGS_PANIC) -o $@ $^ $(LDLIBS_ALL)

# What the world does is not what the fuzzer shall explore.
$(B_fuzz)/obj/tests/fuzz/connection/%.o: OPT_fuzz := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# ---- release: one static file, for this machine's or the other architecture ------------------------
# PLATFORM=amd64|arm64. Debian or Ubuntu; on macOS build the image (scripts/build-docker.sh).
PLATFORM ?= $(shell dpkg --print-architecture 2>/dev/null)
R := build/release
RELEASE_TRIPLET_amd64 := x86_64-linux-gnu
RELEASE_TRIPLET_arm64 := aarch64-linux-gnu
RELEASE_HARD_amd64    := -fcf-protection
RELEASE_HARD_arm64    := -mbranch-protection=standard
RELEASE_PACK_amd64    := -Wl,-z,pack-relative-relocs
# Debian 12's GNU ld packs none for arm64, where they are 200 KB; LLVM's does. A cross compiler finds it by -B alone.
RELEASE_PACK_arm64     = -B$(R)/ld -fuse-ld=lld -Wl,--pack-dyn-relocs=relr
RELEASE_FILTER_amd64  := x86_64
RELEASE_FILTER_arm64  := aarch64
RELEASE_TRIPLET       := $(RELEASE_TRIPLET_$(PLATFORM))
ifneq ($(filter release deb,$(MAKECMDGOALS)),)
$(if $(RELEASE_TRIPLET),,$(error PLATFORM=$(PLATFORM): amd64 or arm64 is needed))
endif
RELEASE_B              = build/linux-$(PLATFORM)
RELEASE_STRIP          = -s
RELEASE_PROGRAMS      ?= llm-api-converter
RELEASE_LIBS           = -L$(R)/$(PLATFORM)/lib -lcurl -lmbedtls -lmbedx509 -lmbedcrypto -lcjson -lnghttp2 -lsqlite3

.PHONY: release image lock
$(R)/amd64/packages.tsv $(R)/arm64/packages.tsv: $(R)/%/packages.tsv: scripts/release-libs.sh docker/release.lock scripts/mbedtls.patch $(wildcard scripts/gcm/*)
	@scripts/release-libs.sh $* $(R)

release: $(R)/$(PLATFORM)/packages.tsv ## build/linux-<arch>/llm-api-converter: static, stripped (PLATFORM=amd64|arm64)
	@$(MAKE) B=$(RELEASE_B) VARIANT=release CC=$(RELEASE_TRIPLET)-gcc LLHTTP_PC= LLHTTP_DIR=$(R)/$(PLATFORM)/llhttp CRYPTO_LIBS= CFLAGS= LDFLAGS= \
	    FIRST=$(RELEASE_B)/gen/first.ld BUILD_CC='$(CC)' FILTER_ARCH=$(RELEASE_FILTER_$(PLATFORM)) SECCOMP=yes \
	    SECCOMP_CFLAGS='-DHAVE_SECCOMP -isystem $(R)/$(PLATFORM)/build' SECCOMP_LIBS=$(R)/$(PLATFORM)/build/libseccomp.a \
	    OPENSSL= OPENSSL_CFLAGS= OPENSSL_LIBS= \
	    PKG_CFLAGS='-isystem $(R)/$(PLATFORM)/include -DHAVE_CURL_MBEDTLS' PKG_LIBS='$(RELEASE_LIBS)' \
	    OPT_release='-O2 -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables $(RELEASE_HARD_$(PLATFORM))' \
	    LD_release='-static-pie $(RELEASE_STRIP) $(RELEASE_PACK_$(PLATFORM)) -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--build-id=none' $(addprefix $(RELEASE_B)/,$(RELEASE_PROGRAMS))
	@scripts/sbom.sh $(PLATFORM) $(R) $(if $(filter llm-api-converter,$(RELEASE_PROGRAMS)),$(RELEASE_B)/llm-api-converter) >$(RELEASE_B)/sbom.spdx.json
	@ls -l $(addprefix $(RELEASE_B)/,$(RELEASE_PROGRAMS))

lock: ## raise docker/release.lock, the sources of a release, to the newest versions that the mirror has
	@scripts/release-sources.sh --lock

image: ## build both Dockerfiles for real and run the images (podman, buildah, mmdebstrap)
	@tests/image/run.sh

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
.SECONDARY:
