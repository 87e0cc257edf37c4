# aigw - one Makefile, not recursive. `make help` lists the goals.
# SAN=address|undefined|thread builds into a folder of its own.

SAN     ?=
BUILD   := build$(if $(SAN),-$(SAN))
CC      ?= gcc
CLANG   ?= clang
# The web console: yes, auto (where Node.js and npm are there) or no.
CONSOLE ?= auto
PYTHON  ?= /usr/bin/python3

comma := ,
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
        -Wmissing-prototypes -Wconversion -Wno-sign-conversion -Wvla \
        -Wcast-qual -Wformat=2
# tests/hardening.sh holds the programs to these.
MACHINE := $(shell $(CC) -dumpmachine)
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE \
          $(if $(filter x86_64%,$(MACHINE)),-fcf-protection)
CPPFLAGS += -I. -D_GNU_SOURCE
# Instrumented code is looked at, not measured: it compiles in half the time.
OPT    ?= $(if $(SAN),-O1,-O3 -fno-plt)
# What gcc would clear or copy by `rep stos` and `rep movs` costs three times a
# call of libc's (30 and 10 ns for 750 bytes).
STRING := unrolled_loop:64:noalign$(comma)libcall:-1:noalign
STRING := -mmemset-strategy=$(STRING) -mmemcpy-strategy=$(STRING)
OPT    += $(shell $(CC) $(STRING) -E -x c /dev/null >/dev/null 2>&1 && \
            echo '$(STRING)')
CFLAGS += -std=gnu11 $(OPT) -g $(WARN) $(HARDEN) $(EXTRA_CFLAGS)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code
ifeq ($(SAN),)
CPPFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
# clang has it since 16; large buffers on the way of a request are UNINITIALIZED.
CFLAGS  += $(shell $(CC) -ftrivial-auto-var-init=zero -E -x c /dev/null \
             >/dev/null 2>&1 && echo -ftrivial-auto-var-init=zero)
else
# Warnings are the plain build's: instrumented code gives some of its own.
CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all -w
LDFLAGS += -fsanitize=$(SAN)
# TSan cannot see fences; gcc says so. The code puts its orders on operations.
CFLAGS  += -Wno-tsan
endif
ifeq ($(SAN),thread)
else ifneq ($(SAN),)
CFLAGS  := $(filter-out -Wno-tsan,$(CFLAGS))
endif

COMMON_SRC     := $(wildcard common/*.c common/net/*.c)
SHM_SRC        := $(wildcard shm/*.c)
WORKER_SRC     := $(wildcard worker/*.c worker/dialect/*.c worker/provider/*.c)
LEDGER_SRC     := $(wildcard accountant/ledger/*.c)
ACCOUNTANT_SRC := $(wildcard accountant/*.c accountant/admin/*.c \
                  accountant/admin/dialect/*.c accountant/console/*.c)
MASTER_SRC     := $(wildcard master/*.c)

# `make V=1` shows the commands.
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@echo "  $(1)")

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# The parts of each program.
CONSOLE_OBJ := $(BUILD)/obj/console_files.o
AIGW_OBJ    := $(CONSOLE_OBJ) $(call obj,$(MASTER_SRC) $(WORKER_SRC) $(ACCOUNTANT_SRC) \
                 $(LEDGER_SRC) $(SHM_SRC) $(COMMON_SRC))
CTL_OBJ     := $(call obj,$(wildcard tools/aigwctl*.c) $(COMMON_SRC))
SHMDUMP_OBJ := $(call obj,$(wildcard tools/aigw_shmdump*.c) $(SHM_SRC) $(COMMON_SRC))
LEDGERT_OBJ := $(call obj,$(wildcard tools/aigw_ledger*.c) $(LEDGER_SRC) \
                 $(SHM_SRC) $(COMMON_SRC))
# Everything but the programs' main(), for tests.
TEST_OBJ    := $(CONSOLE_OBJ) $(call obj,$(WORKER_SRC) $(ACCOUNTANT_SRC) $(LEDGER_SRC) \
                 $(SHM_SRC) $(COMMON_SRC) $(filter-out master/main.c,$(MASTER_SRC)) \
                 $(wildcard tools/aigwctl_*.c))

LIBS := -lcurl -lleveldb -lcjson -lssl -lcrypto -lz -lzstd -lpcre2-8 -lseccomp -lpthread -lm

DEPS := gcc make libc6-dev libssl-dev libcurl4-openssl-dev libleveldb-dev \
        libcjson-dev zlib1g-dev libzstd-dev libpcre2-dev libseccomp-dev python3 procps \
        openssl curl
# Node.js of another source may bring its own npm, which Debian's package of that
# name does not go with.
ifneq ($(CONSOLE),no)
DEPS += $(if $(and $(shell command -v node 2>/dev/null),$(shell command -v npm 2>/dev/null)),,nodejs npm)
endif
PROGRAMS := aigw aigwctl aigw-shmdump aigw-ledger
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
STRESS   := $(patsubst tests/stress/%.c,$(BUILD)/stress/%,$(wildcard tests/stress/*.c))

.DEFAULT_GOAL := all
.SECONDARY:
.PHONY: all
all: $(addprefix $(BUILD)/,$(PROGRAMS)) ## build the four programs

$(BUILD)/aigw: $(AIGW_OBJ)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/aigwctl: $(CTL_OBJ)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/aigw-shmdump: $(SHMDUMP_OBJ)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/aigw-ledger: $(LEDGERT_OBJ)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The console's files as a table of bytes; one for all builds.
CONSOLE_DIR := build/console
CONSOLE_SRC := $(shell find accountant/console -type f ! -name '*.[ch]' ! -name '*.md')
$(CONSOLE_DIR)/mode-$(CONSOLE):
	@mkdir -p $(CONSOLE_DIR) && rm -f $(CONSOLE_DIR)/mode-* && touch $@
$(CONSOLE_DIR)/console_files.c: $(CONSOLE_SRC) $(CONSOLE_DIR)/mode-$(CONSOLE)
	$(Q)accountant/console/build.sh $(CONSOLE) $(CONSOLE_DIR)
$(CONSOLE_OBJ): $(CONSOLE_DIR)/console_files.c accountant/console/console_files.h
	@mkdir -p $(dir $@)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# An archive, so that a test links only what it needs.
$(BUILD)/libaigw.a: $(TEST_OBJ)
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/obj/tests/test.o $(BUILD)/libaigw.a
	@mkdir -p $(dir $@)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
# The stress programs have shm/ with a place to die before each store.
STRESS_OBJ := $(patsubst %.c,$(BUILD)/obj/crash/%.o,$(SHM_SRC)) \
              $(call obj,$(COMMON_SRC))
$(BUILD)/obj/crash/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) -DSHM_CRASH_POINTS $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/stress/%: $(BUILD)/obj/crash/tests/stress/%.o $(STRESS_OBJ)
	@mkdir -p $(dir $@)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/stress/stress_ledger: $(CONSOLE_OBJ) $(call obj,$(ACCOUNTANT_SRC) $(LEDGER_SRC))

# The simulator: shm/ and the accountant as they are, but for the threads; each
# access to the segment is a point, and what they ask of the system is answered
# by tests/sim.
SIM_WRAP := malloc calloc realloc reallocarray free strdup exit nanosleep \
            getpid getrandom access stat open fsync close rmdir unlink opendir readdir \
            closedir epoll_create1 epoll_ctl epoll_wait pthread_mutex_lock \
            pthread_cond_wait pthread_cond_broadcast clock_mono_ns \
            clock_mono_ms clock_wall_ms clock_period_ms proc_start_time \
            proc_boot_id proc_mkdir_p crypto_seal crypto_key_digest
SIM_SRC := $(filter-out shm/catalogue%,$(SHM_SRC)) $(LEDGER_SRC) \
           $(filter-out %/accountant.c %/control.c %/ledger_thread.c, \
             $(wildcard accountant/*.c))
SIM_OBJ  := $(patsubst %.c,$(BUILD)/obj/sim/%.o,$(wildcard tests/sim/*.c))
SIM_CODE := $(patsubst %.c,$(BUILD)/obj/sim/%.o,$(SIM_SRC)) $(call obj,$(COMMON_SRC))
$(BUILD)/obj/sim/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,CC $<)
	$(Q)$(CC) $(CPPFLAGS) -DSHM_SIMULATED -U_FORTIFY_SOURCE $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/sim/libsim.a: $(SIM_CODE)
	@mkdir -p $(dir $@) && rm -f $@ && ar rcs $@ $^
$(BUILD)/sim/sim: $(SIM_OBJ) $(BUILD)/sim/libsim.a
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(SIM_WRAP)) -o $@ $^ \
	  $(filter-out -lleveldb -lcurl,$(LIBS))

.PHONY: unit
unit: $(UNIT) ## build and run the unit tests
	@tests/run_all.sh $(UNIT)

.PHONY: deps
deps: ## install the Debian packages that building and testing need
	@tools/deps.sh $(DEPS)

.PHONY: run
run: deps ## build, start with the builtin provider, print a first key
	@$(MAKE) --no-print-directory all
	@tools/run.sh

STRESS_SECONDS ?= 3
.PHONY: stress
stress: $(STRESS) ## threads and killed processes over the shared table
	@tests/run_stress.sh $(STRESS_SECONDS) $(STRESS)

# Seeded: the same numbers give the same schedules.
SIM_SCHEDULES ?= 1000000
SIM_SEED      ?= 1
SIM_JOBS      ?= 2
.PHONY: sim
sim: $(BUILD)/sim/sim ## schedules of a whole world with deaths, SIM_SCHEDULES of them
	@$< -n $(SIM_SCHEDULES) -s $(SIM_SEED) -j $(SIM_JOBS)
.PHONY: sim-mutants
sim-mutants: $(BUILD)/sim/sim ## mistakes put into a copy: the simulator must find each
	@$(PYTHON) tests/sim/mutants.py $(BUILD)

.PHONY: system
system: all ## real processes, a mock provider, python3's standard library
	@AIGW_BUILD=$(BUILD) tests/run_system.sh $(ONLY)

SOAK_MINUTES ?= 2
.PHONY: soak
soak: all ## mixed load with a seeded fault every 5 s, SOAK_MINUTES long
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) -W ignore tests/soak.py $(SOAK_MINUTES)

.PHONY: models
models: ## the protocol's models, quick set
	@tests/models/check.sh quick

.PHONY: layers
layers: ## who may include whom, and how large a file may be
	@tests/layers.sh && tests/size.sh

.PHONY: test
test: deps ## all tests; closes with "N passed, N failed"
	@$(MAKE) --no-print-directory all
	+@tests/run_goals.sh layers unit stress models sim fuzz-replay system

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 10
.PHONY: fuzz
fuzz: ## libFuzzer over each parser, FUZZ_SECONDS each (clang)
	@tests/run_fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)
.PHONY: fuzz-replay
fuzz-replay: ## the kept corpora through each fuzz target, once
	@$(MAKE) --no-print-directory SAN=address,undefined \
	    build-address,undefined/libaigw.a
	@tests/run_fuzz.sh replay $(FUZZ_TARGETS)

.PHONY: test-clients
test-clients: all ## the official SDKs, unmodified (npm, PyPI)
	@tests/clients/run.sh

.PHONY: test-console
test-console: all ## the web console's flows and screens in Chromium (npm)
	@tests/console/run.sh

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(call obj,$(SHM_SRC) $(COMMON_SRC))
	@mkdir -p $(dir $@)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
.PHONY: bench-cells
bench-cells: $(BUILD)/bench/bench_cells ## nanoseconds of a look-up, a hold and its settle
	@$<
.PHONY: bench-accountant
bench-accountant: all $(BUILD)/bench/record_load ## the accountant's CPU per record at 20,000 a second
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_accountant.py
.PHONY: bench-management
bench-management: all ## keys made a second by 64 clients, pages of 100,000, the accountant killed behind answers
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_management.py
.PHONY: bench-slow
bench-slow: all $(BUILD)/bench/slow_load ## what 4,000 slow clients take from the others
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_slow.py
.PHONY: bench-reload
bench-reload: all ## requests that a storm of reloads and upgrades cuts
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_reload.py --upgrade
.PHONY: bench
bench: all ## CPU per request against nginx, interleaved pairs
	@$(PYTHON) tests/bench/bench_http.py
.PHONY: bench-bodies
bench-bodies: all $(BUILD)/bench/stream_load ## CPU per request with 512 KiB and 3.9 MiB
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_bodies.py
.PHONY: bench-streams
bench-streams: all $(BUILD)/bench/stream_load ## CPU and memory of 1,000 streams, of 10,000 idle clients
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_streams.py
.PHONY: bench-instructions
bench-instructions: all ## instructions per request, everything on and off (valgrind)
	@$(PYTHON) tests/bench/bench_instructions.py
$(BUILD)/bench/bench_log: $(BUILD)/obj/tests/bench/bench_log.o $(BUILD)/libaigw.a
	@mkdir -p $(dir $@)
	$(call say,LD $@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
.PHONY: bench-log
bench-log: $(BUILD)/bench/bench_log ## a log of 10 million rows: written, asked for a key's hour, read
	@$<
.PHONY: bench-logs
bench-logs: all $(BUILD)/bench/record_load ## a gateway on 10 million rows: pages, exports, and what they keep waiting
	@AIGW_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/bench/bench_logs.py
$(BUILD)/bench/bench_translate: $(BUILD)/obj/tests/bench/bench_translate.o $(BUILD)/libaigw.a
	@mkdir -p $(dir $@)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
.PHONY: bench-translate
bench-translate: $(BUILD)/bench/bench_translate ## instructions of translating, each way (valgrind)
	@$(PYTHON) tests/bench/bench_translate.py $(BUILD)
.PHONY: bench-tls
bench-tls: all ## what TLS adds to a request, for us and for nginx
	@$(PYTHON) tests/bench/bench_tls.py

.PHONY: man
man: $(BUILD)/aigw.ini.5 ## the man page that is made from the option table
$(BUILD)/aigw.ini.5: common/aigw.ini.5.in $(BUILD)/aigw
	$(Q)$(BUILD)/aigw --options-mdoc >$@.tmp
	$(Q)sed -e '/@OPTIONS@/{r $@.tmp' -e 'd;}' $< >$@ && rm $@.tmp

include tools/package/package.mk

.PHONY: lint
lint: man all ## clang-format, cppcheck, man pages, shell syntax
	@tests/lint.sh

.PHONY: format
format: ## lay the sources out
	clang-format -i $(shell git ls-files '*.c' '*.h')

.PHONY: clean
clean: ## remove what was built
	rm -rf build build-*

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | \
	  sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 18

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
