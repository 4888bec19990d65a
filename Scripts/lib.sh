# What several scripts here need. To be sourced, in the root of the repository.

# The toolchain keeps caches in the home folder, which the user of a container may not have.
if [[ ! -w ${HOME:-/nonexistent} ]]; then
    export HOME=$PWD/.build-home
    mkdir -p "$HOME"
fi

# swift_build <flags>…: builds. Several traits reach the compiler in the order of a Swift set, which differs from run to run, and
# each other order would compile everything anew.
swift_build() { SWIFT_DETERMINISTIC_HASHING=1 swift build "$@"; }

# Says on standard error what is wrong, and ends the script.
fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Prints how many tests ran, by the closing line that Swift Testing wrote into a log: 0 if there is none.
tests_run() {
    sed -nE 's/.*Test run with ([0-9]+) tests? .*/\1/p' "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# has_library <name>: whether a C library can be built with.
has_library() {
    command -v pkg-config >/dev/null && pkg-config --exists "$1"
}

# Prints the compiler's flags, a line each, for headers that are not where compilers look: Debian's of libpq.
header_flags() {
    if has_library libpq; then printf '%s\n' -Xcc "-I$(pkg-config --variable=includedir libpq)"; fi
}

# Whether hiredis can be built with. It comes without pkg-config's help: Package.swift.
has_hiredis() {
    local folder
    for folder in /usr/include /usr/local/include /opt/homebrew/include; do
        if [[ -e $folder/hiredis/hiredis.h ]]; then return; fi
    done
    return 1
}

# Prints the traits of the stores that can be built and reached here, with commas between: SQLite,Redis.
store_traits() {
    local traits=()
    if has_library sqlite3; then traits+=(SQLite); fi
    if has_library libpq && [[ -n ${IDEMPOTENCY_POSTGRESQL:-} ]]; then traits+=(PostgreSQL); fi
    if has_hiredis && [[ -n ${IDEMPOTENCY_REDIS:-} ]]; then traits+=(Redis); fi
    (IFS=, && echo "${traits[*]-}")
}

# Prints a port of 127.0.0.1 on which nobody listens.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port"
}

# wait_for_end <process>: waits until it has ended. Who has is a zombie until init looks, which may take a second.
wait_for_end() {
    while [[ $(ps -o stat= -p "$1") == [!Z]* ]]; do sleep 0.02; done
}

# Closes whatever this shell has open but its standard streams.
close_descriptors() {
    local descriptor
    for descriptor in /dev/fd/*; do
        descriptor=${descriptor##*/}
        if [[ $descriptor -gt 2 ]]; then eval "exec $descriptor>&-"; fi
    done
}
