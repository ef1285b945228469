#!/bin/sh
# Archives of this machine, opened and written on foreign ones: by hand, as root, on Debian or
# Ubuntu, in half an hour to some hours (emulated compilers are slow).
#
#     apt-get install qemu-user-static debootstrap
#     tests/foreign.sh [ARCHITECTURE...]     # arm64 s390x i386 armhf
#
# For each architecture Debian's Python, NumPy and Numba are unpacked into a folder; nothing of
# them is configured, so that no program but Python ever runs there, under the emulator named:
# neither binfmt_misc nor a second stage is needed. On arm64 NumPy and Numba are the wheels that
# constraints.txt names, as a user has them. What is compared: see tests/foreign.py.
#
# Settings, in the environment:
#     FOREIGN_LEVELS   levels whose golden archives are compared (1)
#     FOREIGN_DIR      where the folders and logs are; 0.5 to 1 GB each (/tmp/foreign)
#     FOREIGN_SUITE    release of Debian (this machine's)
#     FOREIGN_MIRROR   where its packages are (from this machine's apt sources)
#     PYTHON           a Python that has lmzip and its tests' packages (python3)
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
dir=${FOREIGN_DIR:-/tmp/foreign}
suite=${FOREIGN_SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
mirror=${FOREIGN_MIRROR:-$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' |
    awk -v suite="$suite" '$1 == suite { print $2; exit }')}
: "${mirror:?no apt source of $suite here: name one in FOREIGN_MIRROR}"

unpack() { # ARCHITECTURE: a folder with Debian's Python and what the checks import
    packages=python3,python3-numpy
    [ "$1" = arm64 ] || packages=$packages,python3-numba
    rm -rf "$dir/$1"
    debootstrap --foreign --variant=minbase --arch="$1" --include="$packages" \
        "$suite" "$dir/$1" "${mirror%/}" || return 1
    for package in "$dir/$1"/var/cache/apt/archives/*.deb; do
        dpkg-deb -x "$package" "$dir/$1" || return 1
    done
    rm -f "$dir/$1"/var/cache/apt/archives/*.deb
    [ "$1" != arm64 ] || wheels "$dir/$1" || return 1
    touch "$dir/$1/unpacked"
}

wheels() { # FOLDER
    version=$(basename "$(readlink "$1/usr/bin/python3")")
    tags=
    for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do
        tags="$tags --platform ${tag}_aarch64"
    done
    "$python" -m pip install --quiet --target "$1/wheels" --only-binary :all: --no-deps \
        --python-version "${version#python}" $tags \
        --constraint "$source/constraints.txt" numpy numba llvmlite
}

check() { # ARCHITECTURE
    root=$dir/$1
    rm -rf "$root/lmzip" "$root/here"
    mkdir -p "$root/lmzip"
    cp -r "$source/lmzip" "$source/tests" "$root/lmzip"
    find "$root/lmzip" -name __pycache__ -prune -exec rm -r {} +
    cp -r "$dir/here" "$root/here"
    case $1 in
        arm64) machine=aarch64 libraries=aarch64-linux-gnu ;;
        armhf) machine=arm libraries=arm-linux-gnueabihf ;;
        *) machine=$1 libraries=$1-linux-gnu ;;
    esac
    emulator=$(command -v "qemu-$machine-static") ||
        { echo "no qemu-$machine-static: install qemu-user-static" >&2; return 1; }
    cp "$emulator" "$root/emulator"
    # Debian chooses BLAS by links that a configured system has.
    libraries=/usr/lib/$libraries
    nice -n 10 chroot "$root" /emulator \
        -E LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" \
        -E PYTHONPATH=/wheels -E PYTHONDONTWRITEBYTECODE=1 -E NUMBA_CACHE_DIR=/tmp/kernels \
        -E OPENBLAS_NUM_THREADS=1 \
        /usr/bin/python3 /lmzip/tests/foreign.py there /here ${FOREIGN_LEVELS:-1}
}

[ $# -gt 0 ] || set -- arm64 s390x i386 armhf
rm -rf "$dir/here"
mkdir -p "$dir/here"
PYTHONPATH=$source "$python" "$source/tests/foreign.py" here "$dir/here"
failed=
for architecture; do
    [ -e "$dir/$architecture/unpacked" ] || unpack "$architecture" >"$dir/unpack.log" 2>&1 ||
        { tail -n 5 "$dir/unpack.log" >&2; exit 1; }
    echo "== $architecture"
    rm -f "$dir/$architecture.equal"
    { check "$architecture" 2>"$dir/$architecture.err" && touch "$dir/$architecture.equal"; } |
        tee "$dir/$architecture.log"
    [ -e "$dir/$architecture.equal" ] ||
        { tail -n 5 "$dir/$architecture.err" >&2; failed="$failed $architecture"; }
done
[ -z "$failed" ] || { echo "not equal, or not run:$failed" >&2; exit 1; }
echo "all equal"
