# The image: `make image` (FLAVOUR=prod, the default, or dev). Everything that ships is compiled in the pinned toolchain root.
#
#   build/image/<flavour>/   the release (image/release.h) and its archive, with init, kernel.config and initramfs.cpio for auditors
#
# dev carries test anchors in its measured initramfs: FLAVOUR_DIR is a directory with flavour.json and anchors/*.der, by default that of
# the test PKI which tests/dev/flavour.py makes once on each machine.

FLAVOUR     ?= prod
FLAVOUR_DIR ?= $(if $(filter dev,$(FLAVOUR)),$(B)/dev/flavour)
UKMS_CACHE  ?= $(HOME)/.cache/ukms
IMAGE       := $(B)/image/$(FLAVOUR)
IMAGE_NAME  := $(if $(filter prod,$(FLAVOUR)),ukms,ukms-$(FLAVOUR))
export UKMS_CACHE

.PHONY: image repro

# --- the program: the sources of every other build, by musl-gcc, in the root ---------------------------------------------------------
# This part of the file is read by the make that runs inside the root, where B is /ukms/out and the headers are in /ukms/headers.

# For size, but crypto/ (and, in build-deps, the libraries) for speed. No unwind tables: nothing here unwinds. No endbr: neither musl nor the
# kernel of the image has user-space control-flow protection. RELR: 30 kB less of relocations, which musl applies itself.
CC_musl      := musl-gcc
CFLAGS_musl  := -Os -fstack-protector-strong -fPIE -fcf-protection=none -fno-asynchronous-unwind-tables -fno-unwind-tables -ffunction-sections \
	-fdata-sections -idirafter /ukms/headers/include
LDFLAGS_musl := -static-pie -s -Wl,--gc-sections,--build-id=none,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs
$(eval $(call build,musl))
ifeq ($(B),/ukms/out)
$(foreach f,$(filter crypto/%,$(SRC:.c=)),$(eval EXTRA_$(f) += -O2))
endif

$(B)/musl/init: $(B)/musl/kms/main.o $(B)/musl/libukms.a
	$(LINK_musl)

# --- outside -------------------------------------------------------------------------------------------------------------------------

# Objects are kept for as long as the rules and the toolchain stay the same.
PROGRAM_KEY  = $(shell cat Makefile image/image.mk reproducible/lock.txt reproducible/in-root reproducible/build-deps VERSION | sha256sum | cut -c1-16)
PROGRAM_DIR  = $(B)/image/program.$(PROGRAM_KEY)

# Always asked, since the make inside knows the sources; it does nothing when nothing changed.
$(B)/image/init: FORCE
	@mkdir -p $(PROGRAM_DIR) $(UKMS_CACHE)/deps $(UKMS_CACHE)/in
	@reproducible/fetch $$(awk '!/^(#|root\/|linux )/ {print $$1}' reproducible/lock.txt) >/dev/null
	@reproducible/kernel headers $(PROGRAM_DIR)/headers
	@UKMS_ENV=UKMS_CACHE=/ukms/cache reproducible/in-root -r .:/ukms/src -w $(PROGRAM_DIR):/ukms/out -r $(PROGRAM_DIR)/headers:/ukms/headers \
		-w $(UKMS_CACHE)/deps:/ukms/cache/deps -r $(UKMS_CACHE)/in:/ukms/cache/in -- make -s -C /ukms/src -j2 B=/ukms/out /ukms/out/musl/init
	@cmp -s $(PROGRAM_DIR)/musl/init $@ || cp $(PROGRAM_DIR)/musl/init $@
FORCE:

$(B)/dev/flavour/flavour.json:
	@$(PYTHON) tests/dev/flavour.py $(B)/dev
$(if $(filter $(B)/dev/flavour,$(FLAVOUR_DIR)),$(IMAGE)/in/initramfs.list: $(B)/dev/flavour/flavour.json)

# What the kernel's own archiver puts into the initramfs: PID 1, its mount points, a console for it to speak on, and dev's anchors.
$(IMAGE)/in/initramfs.list: $(B)/image/init FORCE
	@rm -rf $(@D) && mkdir -p $(@D)
	@cp $(B)/image/init $(@D)/init
	@{ for d in dev proc sys run tmp; do echo "dir /$$d 755 0 0"; done; \
	   echo 'nod /dev/console 600 0 0 c 5 1'; echo 'file /init /ukms/in/init 755 0 0'; } > $@
	@if [ $(FLAVOUR) != prod ]; then \
		[ -n "$(FLAVOUR_DIR)" ] || { echo "make: FLAVOUR=$(FLAVOUR) needs FLAVOUR_DIR, a directory with flavour.json and anchors/" >&2; exit 1; }; \
		(cd "$(FLAVOUR_DIR)" && find . -type d | LC_ALL=C sort) | sed 's,^\.,dir /flavour,; s,$$, 755 0 0,' >> $@; \
		(cd "$(FLAVOUR_DIR)" && find . -type f | LC_ALL=C sort) | sed -E 's,^\./(.*),file /flavour/\1 /ukms/in/flavour/\1 644 0 0,' >> $@; \
		cp -r "$(FLAVOUR_DIR)" $(@D)/flavour; fi

IMAGE_OBJ := $(patsubst %.c,%.o,$(sort $(wildcard image/*.c)))
IMAGE_LIB := $(filter-out image/main.o,$(IMAGE_OBJ))
$(B)/host/ukms-image: $(IMAGE_OBJ:%=$(B)/host/%) $(B)/host/libukms.a
	$(LINK_host)
$(patsubst tests/unit/%.c,$(B)/asan/%,$(wildcard tests/unit/test_image_*.c)): $(IMAGE_LIB:%=$(B)/asan/%)
$(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_image_*.c)): $(IMAGE_LIB:%=$(B)/fuzz/%)
-include $(IMAGE_OBJ:%.o=$(B)/host/%.d)

$(IMAGE)/kernel/bzImage: $(IMAGE)/in/initramfs.list
	@reproducible/kernel $(FLAVOUR) $(IMAGE)/in $(@D)

RELEASE_FILES := BOOTX64.EFI auth_hash.txt digest.txt disk.raw measurement.gcp.cbor measurements.json metadata.json sha256sum.txt

image: $(IMAGE)/kernel/bzImage $(B)/host/ukms-image ## the measured image (FLAVOUR=prod or dev) in build/image/<flavour>
	@cp $(IMAGE)/kernel/bzImage $(IMAGE)/BOOTX64.EFI
	@cp $(IMAGE)/kernel/kernel.config $(IMAGE)/kernel/initramfs.cpio $(IMAGE)/in/init $(IMAGE)/
	@$(B)/host/ukms-image build --name $(IMAGE_NAME) --version $(VERSION) $(if $(filter dev,$(FLAVOUR)),--dev) \
		--cmdline "$$(sed -n 's/^CONFIG_CMDLINE="\(.*\)"$$/\1/p' $(IMAGE)/kernel.config)" $(IMAGE)
	@$(B)/host/ukms-image inspect $(IMAGE)
	@image/archive $(IMAGE) $(IMAGE_NAME)-$(VERSION) $(RELEASE_FILES)

repro: ## the image built twice from nothing, in different places and as different users, compared (slow: three kernel builds)
	@tests/repro/run --full
