#!/bin/sh
# setup.sh: installs what building, running and testing ukms needs on Debian 12 or 13. Run as root; safe to run again.
set -eu
[ "$(id -u)" = 0 ] || { echo "setup.sh: run it as root (sudo ./setup.sh): it installs packages with apt-get" >&2; exit 1; }
command -v apt-get > /dev/null || { echo "setup.sh: this machine has no apt-get; ukms is built on Debian 12 or 13" >&2; exit 1; }

build="gcc make libc6-dev git curl ca-certificates python3 python3-pip xz-utils zstd"
checks="clang clang-format clang-tidy cppcheck libclang-rt-dev llvm valgrind libcmocka-dev libssl-dev"
run="qemu-system-x86 ovmf swtpm swtpm-tools tpm2-tools python3-cryptography python3-cbor2"
tests="python3-pytest python3-msgpack python3-selenium chromium chromium-driver gnutls-bin testssl.sh mtools dosfstools gdisk iproute2 dnsmasq-base openssl"
. /etc/os-release
case ${VERSION_ID:-} in
12) checks=$(echo "$checks" | sed 's/libclang-rt-dev/libclang-rt-14-dev/') ;;
13) ;;
*) echo "setup.sh: tried on Debian 12 and 13; this is ${PRETTY_NAME:-unknown}, going on" >&2 ;;
esac
command -v node > /dev/null || tests="$tests nodejs npm"

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $build $checks $run $tests
