# ukms: `make help` lists what to ask for.
#
# Three builds of the same sources: host (this machine, for running and benches), asan (tests, under ASan and UBSan), fuzz (libFuzzer);
# the fourth, the image, is made in the pinned toolchain by reproducible/ and image/.

B       := build
PYTHON  ?= /usr/bin/python3
VERSION := $(shell cat VERSION)
# mkfs.fat, sgdisk and the like, which Debian leaves out of an ordinary user's path.
export PATH := $(PATH):/usr/sbin:/sbin

WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wundef
BASE    := -std=gnu11 -D_GNU_SOURCE -I. -DUKMS_VERSION='"$(VERSION)"' -fno-strict-aliasing -pthread $(WARN)
HARDEN  := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -fcf-protection=full

CC_host      := gcc
CFLAGS_host  := -O2 -g $(HARDEN)
LDFLAGS_host := -pie -Wl,-z,relro,-z,now
CC_asan      := clang
CFLAGS_asan  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -fno-sanitize=function -DUKMS_VERIFY=1
LDFLAGS_asan := -fsanitize=address,undefined
CC_fuzz      := clang
CFLAGS_fuzz  := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-sanitize=function -DUKMS_VERIFY=1
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined

# Everything but main.c is the library that the program, the tests and the fuzz targets share.
SRC  := $(filter-out kms/main.c,$(sort $(wildcard base/*.c crypto/*.c crypto/*/*.c drivers/*.c boot/*.c kms/*.c kms/*/*.c)))
# crypt() is a library of its own on the hosts, and part of the image's libc
SYSLIBS_host := -lcrypt
SYSLIBS_asan := -lcrypt
SYSLIBS_fuzz := -lcrypt
LIBS := bearssl awslc s2n secp256k1 tss2 cbor llhttp

.DEFAULT_GOAL := all
.PHONY: all help image-dev image-prod run run-process test unit e2e fuzz bench lint clean
PORT    ?= 12001
MEMORY  ?= 512

all: $(B)/host/ukms ## the ukms program for this machine

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# $(1): build name
define build
# dep.stamp is touched only when other libraries came out, so that a new line in the lock does not compile everything again.
$(B)/$(1)/dep.checked: reproducible/build-deps reproducible/lock.txt reproducible/fetch
	@mkdir -p $$(@D)
	reproducible/build-deps $(B)/$(1)/dep $$(CC_$(1)) ar "$$(filter-out -DUKMS_VERIFY=1,$$(CFLAGS_$(1))) -O2"
	@touch $$@
$(B)/$(1)/dep.stamp: $(B)/$(1)/dep.checked
	@[ "$$$$(readlink $(B)/$(1)/dep)" = "$$$$(cat $$@ 2>/dev/null)" ] || readlink $(B)/$(1)/dep > $$@

$(B)/$(1)/%.o: %.c $(B)/$(1)/dep.stamp
	@mkdir -p $$(@D)
	@echo "CC  $(1) $$<"
	@$$(CC_$(1)) $$(BASE) $$(CFLAGS_$(1)) $$(EXTRA_$$*) -isystem $(B)/$(1)/dep/include -MMD -MP -c $$< -o $$@

$(B)/$(1)/libukms.a: $$(SRC:%.c=$(B)/$(1)/%.o)
	@rm -f $$@
	ar rcsD $$@ $$^

LINK_$(1) = $$(CC_$(1)) $$(CFLAGS_$(1)) $$(LDFLAGS_$(1)) -pthread -o $$@ $$(filter %.o,$$^) -Wl,--start-group $(B)/$(1)/libukms.a $$(LIBS:%=$(B)/$(1)/dep/lib%.a) -Wl,--end-group $$(SYSLIBS_$(1))

# assembled in, which -MMD does not see
$(B)/$(1)/kms/rpc/page.o: kms/rpc/page.html

-include $$(SRC:%.c=$(B)/$(1)/%.d) $$(wildcard $(B)/$(1)/kms/*.d $(B)/$(1)/tests/*/*.d)
endef
$(foreach b,host asan fuzz,$(eval $(call build,$(b))))

$(B)/host/ukms: $(B)/host/kms/main.o $(B)/host/libukms.a
	$(LINK_host)
$(B)/asan/ukms: $(B)/asan/kms/main.o $(B)/asan/libukms.a
	$(LINK_asan)

# --- tests ---------------------------------------------------------------------------------------------------------------------------

# tests/unit/test_X.c is one cmocka program; tests/unit/ENV is its working directory's vectors: tests/vectors.
UNIT := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
SECONDS ?= 20

$(UNIT:%=$(B)/asan/%): $(B)/asan/%: $(B)/asan/tests/unit/%.o $(B)/asan/libukms.a
	$(LINK_asan) -lcmocka
$(FUZZ:%=$(B)/fuzz/%): $(B)/fuzz/%: $(B)/fuzz/tests/fuzz/%.o $(B)/fuzz/libukms.a
	$(LINK_fuzz)

# Programs that tests and benches run beside the product.
$(B)/host/helpers/%: $(B)/host/tests/helpers/%.o $(B)/host/libukms.a
	@mkdir -p $(@D)
	$(LINK_host)
$(B)/asan/helpers/%: $(B)/asan/tests/helpers/%.o $(B)/asan/libukms.a
	@mkdir -p $(@D)
	$(LINK_asan)

unit: $(UNIT:%=$(B)/asan/%) $(B)/asan/ukms ## unit tests under ASan and UBSan (one: make unit UNIT=test_json)
	@tests/run-unit $(UNIT:%=$(B)/asan/%)

fuzz: $(FUZZ:%=$(B)/fuzz/%) ## every fuzz target for SECONDS (default 20) each
	@tests/run-fuzz $(SECONDS) $(FUZZ:%=$(B)/fuzz/%)

# Each asks make itself for its image, which is cheap when nothing changed.
image-dev image-prod: image-%:
	@$(MAKE) -s image FLAVOUR=$*

run: image-dev ## boot the dev image in QEMU and fetch an app key from it (PORT=12001 MEMORY=512)
	@$(PYTHON) tests/dev/run.py image --port $(PORT) --memory $(MEMORY)

run-process: $(B)/host/ukms ## the same service as a plain process, in seconds (PORT=12001)
	@$(PYTHON) tests/dev/run.py process --port $(PORT)

e2e: $(B)/host/ukms image-dev image-prod ## end-to-end tests (some: make e2e E2E="-k name", or files)
	@$(PYTHON) -m pytest -q -p no:cacheprovider $(if $(filter tests/%,$(E2E)),,tests/e2e) $(E2E)

test: ## everything that must hold: lint, unit, fuzz (short), reproducibility, end-to-end
	@tests/run-all

bench: $(B)/host/ukms image-dev image-prod ## sizes, times, throughput as ratios to peers; JSON in build/bench
	@tests/bench/run

lint: $(B)/host/dep.checked ## clang-format, clang-tidy, cppcheck
	@tests/lint

clean: ## remove what was built here (the cache of inputs stays)
	rm -rf $(B)

-include image/image.mk
