# RelayOS. Targets are explained in README.md; `make run` and `make check` are all a newcomer needs.
#
# Layers (an include may only point down; tools/check-layers and the -I paths below enforce it):
#   L4 relayosd.c ctl   L3 master worker ledger prober console   L2 net policy control report   L1 codec conf shm store   L0 base

BUILD      ?= build
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR    ?=
FUZZ_SECONDS ?= 30
JOBS       ?= $(shell nproc)
VERSION := $(shell sed -n 's/^\#\# \[\{0,1\}\([0-9][0-9.]*\).*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)
VERSION := $(if $(VERSION),$(VERSION),0.1.0)

CC       = gcc
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wvla -Wswitch-enum -Wformat=2 -Werror
HARDEN   = -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
OPTIMISE = -O2 -g $(NO_REP)
# gcc clears and copies structs of 100 bytes and more with "rep stos" and "rep movs", whose start alone
# takes as long as all of memset().
NO_REP  := -mmemset-strategy=libcall:-1:noalign -mmemcpy-strategy=libcall:-1:noalign
NO_REP  := $(shell $(CC) $(NO_REP) -fsyntax-only -x c /dev/null 2>/dev/null && echo "$(NO_REP)")
# Where it was built is nobody's business, and the same source makes the same bytes everywhere.
PLACELESS = -ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(abspath $(BUILD))=build
# A plain char has a sign on amd64 and none on arm64: here it has one.
CFLAGS  += -std=gnu11 -fsigned-char $(OPTIMISE) $(PLACELESS) $(WARNINGS) $(HARDEN) $(SANITIZE)
CPPFLAGS += -D_GNU_SOURCE -DRELAYOS_VERSION='"$(VERSION)"' -Iinclude
# Tests are compiled once and run once: what is tested is optimised, they are not.
TEST_CFLAGS = $(filter-out -O% -D_FORTIFY_SOURCE=2,$(CFLAGS)) -O0
# Relative relocations packed take 2 KB instead of 118; glibc reads them from 2.36 on.
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,pack-relative-relocs $(SANITIZE)

# What each layer may see of the others (for linking its tests), and its own libraries.
LAYERS       := base codec conf shm store net heritage policy control report master worker ledger prober console ctl
USES_base    :=
USES_codec   := base
USES_conf    := base
USES_shm     := base
USES_store   := base
USES_net     := base
USES_heritage := shm conf base
USES_policy  := codec shm base
USES_control := base
USES_report  := store control policy codec shm base
USES_master  := report store policy control net codec conf shm base
USES_worker  := heritage net policy codec conf shm base
USES_ledger  := heritage report store control policy codec conf shm base
USES_prober  := heritage store net control codec conf shm base
USES_console := heritage report store control policy net codec conf shm base
USES_ctl     := report store control policy codec conf shm base
LIBS_base    := -lcrypto -lsodium
LIBS_codec   := -lcrypto
TEST_LIBS_codec := -lcjson
TEST_LIBS_worker := -lcjson
TEST_OBJECTS_store  := $(BUILD)/tests/support/fault_vfs.o
TEST_OBJECTS_ledger := $(TEST_OBJECTS_store)
TEST_OBJECTS_net    := $(BUILD)/tests/support/certificate.o
LIBS_conf    := -lyaml
LIBS_console := -lz
LIBS_store   := -lsqlite3
LIBS_net     := -lh2o-evloop -lssl -lcrypto
LIBS_control := -lmsgpackc
LIBS_ctl     := -lssl -lcjson
CPPFLAGS_net := -DH2O_USE_LIBUV=0

libs_of = $(sort $(LIBS_$(1)) $(foreach u,$(USES_$(1)),$(LIBS_$(u)))) -lcrypto -lm -lpthread
ars_of  = $(patsubst %,$(BUILD)/lib%.a,$(1) $(USES_$(1)))

.PHONY: all run check check-build check-unit check-integration check-clients check-cli check-browser check-asan check-scalar chaos chaos-points chaos-faults chaos-mutants crash-build traffic wire hang-ups mutated \
        sim heal slow slow-short fronts soak soak-short check-valgrind prove prove-short lint lint-light fuzz \
        fuzz-build bench bench-settle bench-pick bench-translate bench-syscalls bench-console bench-start install uninstall deb check-deb check-systemd check-reproducible clean format deps deps-deb deps-check-deb deps-test deps-browser deps-prove deps-deep
.SECONDARY:
all: $(BUILD)/relayosd $(BUILD)/relayosctl $(BUILD)/mockprovider

# ---- programs ----

MAINS := src/ctl/relayosctl.c # its main() must not be what a unit test links

define LAYER_RULES
OBJECTS_$(1) := $$(patsubst src/%.c,$(BUILD)/obj/%.o,$$(filter-out $(MAINS),$$(wildcard src/$(1)/*.c)))
$(BUILD)/lib$(1).a: $$(OBJECTS_$(1))
	@rm -f $$@ && $(AR) rcsD $$@ $$^
$(BUILD)/obj/$(1)/%.o: src/$(1)/%.c
	@mkdir -p $$(@D)
	@echo "  CC $$<"
	@$(CC) $(CFLAGS) $(CPPFLAGS) $$(CPPFLAGS_$(1)) -Isrc/$(1) -MMD -MP -c -o $$@ $$<
$(BUILD)/tests/unit/$(1)/%_test: tests/unit/$(1)/%_test.c $$(call ars_of,$(1)) $$(TEST_OBJECTS_$(1))
	@mkdir -p $$(@D)
	@echo "  TEST $$<"
	@$(CC) $(TEST_CFLAGS) $(CPPFLAGS) $$(CPPFLAGS_$(1)) -Isrc/$(1) -Itests/support -MMD -MP -o $$@ $$< \
	    $$(TEST_OBJECTS_$(1)) $(LDFLAGS) -Wl,--start-group $$(call ars_of,$(1)) -Wl,--end-group $$(call libs_of,$(1)) \
	    $$(TEST_LIBS_$(1)) -lcriterion
endef
# What browsers load is part of the program; charts are drawn by Debian's Chart.js.
CHART_JS    := /usr/share/javascript/chart.js/chart.min.js
ASSETS      := $(shell find src/console/assets -type f -not -name '.*' 2>/dev/null)
ASSETS_OBJ  := $(BUILD)/obj/console/assets_table.o
$(BUILD)/embed: tools/embed.c
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -o $@ $< $(LDFLAGS) -lz -lcrypto
$(BUILD)/gen/assets_table.c: $(BUILD)/embed $(ASSETS) $(CHART_JS)
	@mkdir -p $(@D)
	@echo "  EMBED $@"
	@$(BUILD)/embed $@ src/console/assets chart.js=$(CHART_JS)
$(ASSETS_OBJ): $(BUILD)/gen/assets_table.c src/console/assets_table.h
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(CPPFLAGS) -Isrc/console -c -o $@ $<

$(foreach layer,$(LAYERS),$(eval $(call LAYER_RULES,$(layer))))
$(BUILD)/libconsole.a: $(ASSETS_OBJ)

DAEMON_LAYERS := master worker ledger prober console heritage report net policy control codec conf shm store base
DAEMON_LIBS   := -lh2o-evloop -lssl -lcrypto -lsodium -lsqlite3 -lyaml -lmsgpackc -lz -lm -lpthread
$(BUILD)/relayosd: src/relayosd.c $(DAEMON_LAYERS:%=$(BUILD)/lib%.a)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(CPPFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LDFLAGS) -Wl,--export-dynamic-symbol='phr_*' \
	    -Wl,--start-group $(DAEMON_LAYERS:%=$(BUILD)/lib%.a) -Wl,--end-group $(DAEMON_LIBS)
$(BUILD)/relayosctl: $(BUILD)/obj/ctl/relayosctl.o $(call ars_of,ctl)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(call libs_of,ctl)
$(BUILD)/mockprovider: $(wildcard tools/mock/*.c) $(wildcard tools/mock/*.h)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -o $@ $(filter %.c,$^) $(LDFLAGS) -lcjson
$(BUILD)/loadgen: $(wildcard tools/bench/*.c) $(wildcard tools/bench/*.h)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -o $@ $(filter %.c,$^) $(LDFLAGS) -lm

$(BUILD)/bench_settle: tools/bench/settle/settle.c $(call ars_of,store)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS) $(call ars_of,store) $(call libs_of,store)

$(BUILD)/bench_pick: tools/bench/pick/pick.c $(call ars_of,policy)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS) -Wl,--start-group $(call ars_of,policy) \
	    -Wl,--end-group $(call libs_of,policy)

$(BUILD)/bench_translate: tools/bench/translate/translate.c $(call ars_of,codec)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(CPPFLAGS) -o $@ $< $(LDFLAGS) -Wl,--start-group $(call ars_of,codec) \
	    -Wl,--end-group $(call libs_of,codec) -lcjson

run: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	@exec $(BUILD)/relayosd

# What is missing is installed by apt; what is there costs nothing.
deps:
	@tools/install-packages "needed to build and run" gcc libc6-dev libh2o-evloop-dev libssl-dev \
	    libmsgpack-dev libsqlite3-dev libyaml-dev libcjson-dev libsodium-dev zlib1g-dev libjs-chart.js ca-certificates
deps-test: deps
	@tools/install-packages "needed by the tests" libcriterion-dev curl npm:npm \
	    clang-format-14 cppcheck mandoc
deps-browser: deps-test
	@tools/install-packages "needed by the browser tests" chromium fonts-dejavu-core
deps-prove: deps
	@tools/install-packages "needed by the proofs" python3
deps-deep: deps-test
	@tools/install-packages "needed by fuzzing and benchmarks" clang-14 libclang-rt-14-dev \
	    nginx-light:nginx strace python3

# ---- tests ----

UNIT_TESTS        := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*_test.c))
# The longest begin first, lest one of them goes on alone.
LONG_TESTS        := $(patsubst %,$(BUILD)/tests/integration/%_test,upgrade takeover translate_fault)
INTEGRATION_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/integration/*_test.c))
INTEGRATION_TESTS := $(LONG_TESTS) $(filter-out $(LONG_TESTS),$(INTEGRATION_TESTS))
TOTALS            := $(BUILD)/tests/totals

$(BUILD)/tests/support/%.o: tests/support/%.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(TEST_CFLAGS) $(CPPFLAGS) -Itests/support -MMD -MP -c -o $@ $<
$(BUILD)/libsupport.a: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
	@rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/tests/integration/%_test: tests/integration/%_test.c $(BUILD)/libsupport.a $(BUILD)/libconsole.a \
    $(BUILD)/libcodec.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	@echo "  TEST $<"
	@$(CC) $(TEST_CFLAGS) $(CPPFLAGS) -Itests/support -Isrc/worker -Isrc/console -MMD -MP -o $@ $< $(LDFLAGS) \
	    $(BUILD)/libsupport.a $(BUILD)/libconsole.a $(BUILD)/libcodec.a $(BUILD)/libbase.a -lz -lcjson -lsqlite3 -lssl -lcrypto -lsodium -lm -lpthread -lcriterion

check: deps-test
	@rm -f $(TOTALS)
	@$(MAKE) --no-print-directory -j$(JOBS) check-build
	@$(MAKE) --no-print-directory -j1 check-unit
	@$(MAKE) --no-print-directory -j2 check-integration check-clients
	@$(MAKE) --no-print-directory -j1 lint-light
	@awk '{ n[$$1] += $$2; all += $$2 } END { printf "check: %d tests passed (%d unit, %d integration, %d client)\n", \
	    all, n["unit"], n["integration"], n["client"] }' $(TOTALS)
check-build: all $(UNIT_TESTS) $(INTEGRATION_TESTS) $(BUILD)/tests/clients/launcher
check-unit: $(UNIT_TESTS)
	@tools/run-tests $(TOTALS) unit $(UNIT_TESTS)
check-integration: all $(INTEGRATION_TESTS)
	@tools/run-tests $(TOTALS) integration $(INTEGRATION_TESTS)
$(BUILD)/tests/clients/launcher: tests/clients/launcher.c $(BUILD)/libsupport.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CFLAGS) $(CPPFLAGS) -Itests/support -o $@ $< $(LDFLAGS) $(BUILD)/libsupport.a \
	    $(BUILD)/libbase.a -lcjson -lsqlite3 -lssl -lcrypto -lsodium -lm -lpthread -lcriterion
check-clients: all $(BUILD)/tests/clients/launcher
	@tests/clients/run $(BUILD) $(TOTALS) clients
# Apart from check: a browser. Pictures of all pages are left in $(BUILD)/browser.
check-browser: deps-browser all $(BUILD)/tests/clients/launcher
	@tests/browser/run $(BUILD) $(TOTALS)
# Apart from check: 800 MB of agents.
check-cli: all $(BUILD)/tests/clients/launcher
	@tests/clients/run $(BUILD) $(TOTALS) cli

# SO-03: what lies in memory that processes share, and the parsers of what strangers send, under
# memcheck. Criterion runs its tests in processes of their own, which it ends itself. Not the one that
# is single-stepped: there the steps would be memcheck's. Nor helgrind: who shares here are processes.
VALGRIND_TESTS := $(filter-out %/flight_kill_test,$(filter $(BUILD)/tests/unit/shm/% $(BUILD)/tests/unit/codec/json_% $(BUILD)/tests/unit/codec/sse_% \
    $(BUILD)/tests/unit/net/guard% $(BUILD)/tests/unit/net/places_% $(BUILD)/tests/unit/net/timer_% \
    $(BUILD)/tests/unit/net/proxy_%,$(UNIT_TESTS)))
check-valgrind: deps-test $(VALGRIND_TESTS)
	@command -v valgrind >/dev/null || tools/install-packages "needed for memcheck" valgrind
	@for test in $(VALGRIND_TESTS); do \
	    timeout 600 valgrind -q --trace-children=yes --error-exitcode=9 --errors-for-leak-kinds=none \
	        $$test --timeout 300 2>$(BUILD)/valgrind.log >/dev/null || { cat $(BUILD)/valgrind.log; echo "$$test"; exit 1; }; \
	done; echo "check-valgrind: $(words $(VALGRIND_TESTS)) suites, nothing to report"

# What is written for vectors is written without them, too, for other machines: the same tests.
check-scalar: deps-test
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(BUILD)/scalar OPTIMISE="-O2 -g -U__SSE2__" \
	    UNIT_TESTS='$(patsubst $(BUILD)/%,$$(BUILD)/%,$(filter $(foreach layer,base codec net,$(BUILD)/tests/unit/$(layer)/%),$(UNIT_TESTS)))' check-unit

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ASAN_BUILD := $(BUILD)/asan
check-asan: deps-test deps-prove
	@rm -f $(ASAN_BUILD)/report.*; mkdir -p $(ASAN_BUILD)
	@ASAN_OPTIONS=log_path=$(abspath $(ASAN_BUILD))/report:detect_leaks=0 \
	    UBSAN_OPTIONS=log_path=$(abspath $(ASAN_BUILD))/report:print_stacktrace=1 \
	    sh -c 'for jobs in "-j$(JOBS) check-build" "-j1 check-unit check-integration"; do \
	        $(MAKE) --no-print-directory BUILD=$(ASAN_BUILD) SANITIZE="$(SANITIZERS)" HARDEN=-fPIE \
	            OPTIMISE="-O1 -g" $$jobs || exit 1; done; \
	        tests/chaos/mutated $(ASAN_BUILD) --calls 2000 --sanitized'
	@if ls $(ASAN_BUILD)/report.* >/dev/null 2>&1; then cat $(ASAN_BUILD)/report.*; exit 1; fi

# Each tests/fuzz/MODULE_fuzz.c, with its .dict and corpus/MODULE/ where there are any.
FUZZ_BUILD := $(BUILD)/fuzz
FUZZERS    := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))
$(BUILD)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(DAEMON_LAYERS:%=$(BUILD)/lib%.a)
	@mkdir -p $(@D)
	@echo "  FUZZ $<"
	@$(CC) $(CFLAGS) $(CPPFLAGS) $(LAYERS:%=-Isrc/%) -o $@ $< $(LDFLAGS) -fsanitize=fuzzer \
	    -Wl,--start-group $(DAEMON_LAYERS:%=$(BUILD)/lib%.a) -Wl,--end-group $(DAEMON_LIBS) -lcjson
fuzz-build: $(FUZZERS)
fuzz: deps-deep
	@$(MAKE) --no-print-directory -j$(JOBS) BUILD=$(FUZZ_BUILD) CC=clang-14 OPTIMISE="-O1 -g" HARDEN=-fPIE \
	    WARNINGS="-Wall -Wextra -Wno-gnu-variable-sized-type-not-at-end" \
	    SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" fuzz-build
	@tools/run-fuzzers $(FUZZ_BUILD) $(FUZZ_SECONDS)

lint: deps-test lint-light
	@cppcheck -j $(JOBS) --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 --suppress=missingIncludeSystem --suppress=internalAstError -D_GNU_SOURCE \
	    -DRELAYOS_VERSION='""' \
	    '-DcJSON_ArrayForEach(e,a)=while((e=(a)->child)!=NULL)' \
	    -Iinclude $(LAYERS:%=-Isrc/%) src
lint-light: all
	@tools/check-layers
	@tools/check-symbols $(BUILD)
	@tools/check-size
	@clang-format-14 --dry-run -Werror $(FORMATTED)
	@mandoc -Tlint -Wwarning man/*.[1-9]
FORMATTED = $(shell find src include tools tests -name '*.[ch]' -not -path '*/node_modules/*')
format:
	@clang-format-14 -i $(FORMATTED)

# Kill everything, break everything, check the books (tests/chaos, tests/sim). The defaults are the
# short forms, `prove-short` all of them but the mutants; `prove` is the campaign, some hours of it.
SEEDS     ?= 2
POINTS    ?= --short
FAULTS    ?=
TRAFFIC   ?= --keys 1000 --calls 6000
WIRE      ?=
MUTATED   ?= 5000
HEAL      ?=
SIM_SEEDS ?= 5
SIM_STEPS ?= 1000000
CRASH_BUILD := $(BUILD)/crash
crash-build:
	@$(MAKE) -s --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS)) BUILD=$(CRASH_BUILD) \
	    OPTIMISE="-O1 -g -DRELAYOS_CRASH_POINTS" all $(CRASH_BUILD)/accounting_sim
chaos: all
	@tests/chaos/run $(BUILD) --seeds $(SEEDS)
	@tests/chaos/run $(BUILD) --seeds $(SEEDS) --power-cuts
chaos-points: crash-build
	@tests/chaos/points $(CRASH_BUILD) $(POINTS)
chaos-faults: all $(BUILD)/fault_shim.so
	@tests/chaos/faults $(BUILD) $(FAULTS)
$(BUILD)/fault_shim.so: tests/chaos/fault_shim.c
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(filter-out -fPIE,$(CFLAGS)) -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl
traffic: all
	@tests/chaos/traffic $(BUILD) $(TRAFFIC)
wire: all
	@tests/chaos/wire $(BUILD) $(WIRE)
HANG_UPS ?= 1000000
hang-ups: all
	@tests/chaos/wire $(BUILD) --seconds 0 --hang-ups $(HANG_UPS)
mutated: all
	@tests/chaos/mutated $(BUILD) --calls $(MUTATED)
heal: all
	@tests/heal/run $(BUILD) $(HEAL)
# Clients that take their time, or too much; and whether it lasts. SOAK_SECONDS=28800 is a working day.
SOAK_SECONDS ?= 1800
slow: all
	@tests/slow/run $(BUILD) $(SLOW)
slow-short: all
	@tests/slow/run $(BUILD) --idle 500 --drips 15 --seconds 3
fronts: all
	@tests/fronts/run $(BUILD)
soak: all
	@tests/soak/run $(BUILD) --seconds $(SOAK_SECONDS) $(SOAK)
soak-short: all
	@tests/soak/run $(BUILD) --seconds 120
chaos-mutants:
	@tests/chaos/mutants . $(BUILD)/mutants
# The simulator has a store of its own; what else the ledger's archive wants of one is never called.
SIM_LAYERS := ledger heritage report shm policy control codec conf base
$(BUILD)/accounting_sim: $(wildcard tests/sim/*.[ch]) $(SIM_LAYERS:%=$(BUILD)/lib%.a)
	@echo "  LD $@"
	@$(CC) $(filter-out -fPIE,$(CFLAGS)) $(CPPFLAGS) -Isrc/ledger -no-pie -o $@ tests/sim/*.c \
	    -Wl,--unresolved-symbols=ignore-all -Wl,--start-group $(SIM_LAYERS:%=$(BUILD)/lib%.a) \
	    -Wl,--end-group -lcrypto -lsodium -lmsgpackc -lyaml -lm
sim: crash-build
	@tests/sim/run $(CRASH_BUILD)/accounting_sim $(SIM_SEEDS) $(SIM_STEPS)
# Most of what they do is wait, so some go on at a time; heal measures, and has the machine to itself.
PROOFS := chaos-points chaos-faults chaos wire traffic mutated sim
prove-short: deps-prove
	@$(MAKE) --no-print-directory -j$(JOBS) all crash-build $(BUILD)/fault_shim.so
	@$(MAKE) --no-print-directory -j3 --output-sync=target $(PROOFS)
	@$(MAKE) --no-print-directory -j1 heal
prove: deps-prove
	-@tools/install-packages "of use to the proofs" slowhttptest nginx-light:nginx haproxy
	@$(MAKE) --no-print-directory -j1 SEEDS=200 POINTS= FAULTS=--long SIM_SEEDS=100 SIM_STEPS=10000000 \
	    TRAFFIC="--keys 10000 --calls 100000" WIRE="--seconds 1800 --hang-ups 1000000" \
	    MUTATED=100000 HEAL="--seconds 60" $(PROOFS) heal slow fronts soak chaos-mutants

bench: all deps-deep $(BUILD)/loadgen
	@tools/bench/run $(BUILD)
# Where the database is decides what is measured: SETTLE_DIR is a directory on a disk.
SETTLE_DIR ?= $(BUILD)
bench-settle: deps $(BUILD)/bench_settle
	@$(BUILD)/bench_settle $(SETTLE_DIR)
bench-pick: deps $(BUILD)/bench_pick
	@$(BUILD)/bench_pick
bench-translate: all deps-deep $(BUILD)/loadgen $(BUILD)/bench_translate
	@$(BUILD)/bench_translate
	@tools/bench/translated $(BUILD)
# Five million requests; a lesser ROWS for a first look.
ROWS ?= 5000000
bench-console: all deps-prove $(BUILD)/loadgen
	@tools/bench/console/run $(BUILD) --rows $(ROWS)
bench-start: all
	@tools/bench/start/run $(BUILD)
bench-syscalls: all deps-deep $(BUILD)/loadgen
	@tools/bench/syscalls $(BUILD)

# ---- installation ----

SBINDIR = $(PREFIX)/sbin
BINDIR  = $(PREFIX)/bin
DOCDIR  = $(PREFIX)/share/doc/relayos
MANDIR  = $(PREFIX)/share/man
UNITDIR = $(PREFIX)/lib/systemd/system
# Where the programs are is known when they are installed.
PLACED  = sed 's|@sbindir@|$(SBINDIR)|g; s|@bindir@|$(BINDIR)|g; s|@sysconfdir@|$(SYSCONFDIR)|g'
# What others may have written stays, in install and in uninstall.
KEPT    := relayos/relayos.yaml default/relayos

install: all
	install -D -m 0755 $(BUILD)/relayosd $(DESTDIR)$(SBINDIR)/relayosd
	install -D -m 0755 $(BUILD)/relayosctl $(DESTDIR)$(BINDIR)/relayosctl
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(DOCDIR)/examples
	set -e; for page in man/*.[1-9]; do \
	    install -D -m 0644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	install -D -m 0755 etc/init.d/relayos $(DESTDIR)$(SYSCONFDIR)/init.d/relayos
	install -D -m 0644 etc/logrotate.d/relayos $(DESTDIR)$(SYSCONFDIR)/logrotate.d/relayos
	$(PLACED) etc/systemd/relayos.service >$(DESTDIR)$(UNITDIR)/relayos.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/relayos.service
	install -D -m 0644 etc/sysusers.d/relayos.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/relayos.conf
	install -D -m 0644 etc/tmpfiles.d/relayos.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/relayos.conf
	set -e; for file in $(KEPT); do test -e $(DESTDIR)$(SYSCONFDIR)/$$file || \
	    install -D -m 0644 etc/$${file#relayos/} $(DESTDIR)$(SYSCONFDIR)/$$file; done
	install -m 0644 etc/relayos.yaml $(DESTDIR)$(DOCDIR)/examples/
	install -m 0644 README.md $(DESTDIR)$(DOCDIR)/
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/relayosd $(DESTDIR)$(BINDIR)/relayosctl $(DESTDIR)$(UNITDIR)/relayos.service \
	    $(foreach d,sysusers.d tmpfiles.d,$(DESTDIR)$(PREFIX)/lib/$d/relayos.conf) \
	    $(foreach d,init.d logrotate.d,$(DESTDIR)$(SYSCONFDIR)/$d/relayos) \
	    $(foreach p,$(notdir $(wildcard man/*.[1-9])),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $p))/$p)
	rm -rf $(DESTDIR)$(DOCDIR)

# Packages: in $(BUILD)/deb, beside the tree that they are made of. Whatever has a time in it has this one.
ifndef SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
endif
export SOURCE_DATE_EPOCH
DEB_TREE := $(BUILD)/deb/tree
deb: deps-deb all
	@rm -rf $(DEB_TREE)
	@$(MAKE) -s --no-print-directory install DESTDIR=$(abspath $(DEB_TREE)) PREFIX=/usr SYSCONFDIR=/etc \
	    UNITDIR=/lib/systemd/system
	@tools/deb/make-package $(DEB_TREE) $(VERSION) $(BUILD)/deb
# Lintian, then the life of the package in a root of its own; FRESH=--fresh: in a new Debian that has
# nothing but what it depends on (minutes). check-systemd: under a systemd that is booted for it.
FRESH ?=
check-deb: deps-check-deb deb
	@tools/deb/check $(BUILD) $(FRESH)
check-systemd: deps-check-deb deb
	@tools/install-packages "needed to boot a container" systemd-container dbus
	@tools/deb/check-systemd $(BUILD)
# Two copies of the source, built at two places, give one package. REPRODUCIBLE=--short compiles less.
REPRODUCIBLE ?=
check-reproducible: deps-deb all
	@tools/deb/check-reproducible $(BUILD) $(REPRODUCIBLE)
deps-deb: deps
	@tools/install-packages "needed to make packages" dpkg-dev
deps-check-deb: deps-deb
	@tools/install-packages "needed to check packages" lintian mmdebstrap iproute2:ip curl python3
clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/tests/*/*.d $(BUILD)/tests/unit/*/*.d $(BUILD)/*.d)
