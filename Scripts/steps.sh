# Runs named steps, several side by side where that is asked for. To be sourced, behind lib.sh.
#
# A step is a shell function step_<name>, with _ where the name has -; what it writes goes to $logs/<name>.log. A step that
# runs tests also leaves what happened in $logs/<name>.events, a line of JSON an event, as Swift Testing writes it.

# A step that has written nothing for so many seconds hangs. A test that hangs ends earlier, by its own time limit of 10 minutes,
# unless it ignores its cancellation.
readonly silence_limit=1500

declare -a step_names=()                 # in their order
declare -A step_needs=() step_texts=()   # by name
declare -A step_states=()                # passed or failed, by name
declare -A running=() began=()           # process and second, by name
failures=()

# add_step <name> <steps that it needs, between spaces> <what it proves>
add_step() {
    step_names+=("$1")
    step_needs[$1]=$2
    step_texts[$1]=$3
}

# run_steps <name>…: runs them, with the steps that they need before, side by side. Returns at once for those already run.
run_steps() {
    local name need runnable=()
    for name; do
        for need in ${step_needs[$name]}; do
            [[ -n ${step_states[$need]:-} ]] || run_steps "$need"
        done
    done
    for name; do
        [[ -z ${step_states[$name]:-} ]] || continue
        for need in ${step_needs[$name]}; do
            if [[ ${step_states[$need]} == failed ]]; then
                step_states[$name]=failed
                printf '%-24s  not run: %s failed\n' "$name" "$need"
                continue 2
            fi
        done
        runnable+=("$name")
    done
    for name in "${runnable[@]}"; do start_step "$name"; done
    while [[ ${#running[@]} -gt 0 ]]; do
        for name in "${!running[@]}"; do
            if kill -0 "${running[$name]}" 2>/dev/null; then
                end_if_silent "$name"
            else
                finish_step "$name"
            fi
        done
        sleep 0.2
    done
}

start_step() {
    local name=$1
    began[$name]=$SECONDS
    step_states[$name]=running
    rm -f "$logs/$name.events"
    # The script empties the log before the step begins: the time of an earlier run's log would make the step look silent.
    : >"$logs/$name.log"
    # With a process group of its own, so that all of it can be ended. In no condition: that would switch `set -e` off.
    set -m
    (
        set -e
        "step_${name//-/_}"
    ) >"$logs/$name.log" 2>&1 </dev/null &
    running[$name]=$!
    set +m
}

finish_step() {
    local name=$1 status=0 tests=""
    wait "${running[$name]}" || status=$?
    unset "running[$name]"
    if [[ $status -eq 0 && -e $logs/$name.events ]]; then tests="$(tests_run "$logs/$name.log") tests"; fi
    [[ $status -eq 0 ]] || tests=FAILED
    printf '%-24s %5d s   %s\n' "$name" $((SECONDS - began[$name])) "$tests"
    if [[ $status -eq 0 ]]; then
        step_states[$name]=passed
    else
        step_states[$name]=failed
        failures+=("$name")
    fi
}

end_if_silent() {
    local name=$1 log=$logs/$1.log
    if (($(date +%s) - $(stat -c %Y "$log") < silence_limit)); then return; fi
    echo "This step wrote nothing for $silence_limit s, and was ended." >>"$log"
    # On an interrupt `swift test` ends its test process as well.
    kill -INT -- "-${running[$name]}" 2>/dev/null || true
    sleep 10
    kill -KILL -- "-${running[$name]}" 2>/dev/null || true
}

# Ends what still runs: for an EXIT trap.
end_steps() {
    local name
    # On an interrupt `swift test` ends its test process as well, which on a plain termination would go on alone.
    for name in "${!running[@]}"; do kill -INT -- "-${running[$name]}" 2>/dev/null || true; done
    for _ in {1..50}; do
        [[ -n $(jobs -rp) ]] || return 0
        sleep 0.1
    done
    for name in "${!running[@]}"; do kill -KILL -- "-${running[$name]}" 2>/dev/null || true; done
}

# run_tests <name of the step> <flags of swift test>…: runs tests that are built, one after the other. So each has the whole
# time limit from its own beginning, and its own time is measured. Fails as well if no test ran, if one was skipped, or at a
# data race.
run_tests() { run_tests_at_once "$1" --no-parallel "${@:2}"; }

# The same with all suites at once, for tests that wait most of the time.
run_tests_at_once() {
    local log=$logs/$1.log events=$logs/$1.events
    shift
    # Line by line, so that the log of a run that is ended shows which test hung. Several may run on one build.
    stdbuf --output=L swift test --skip-build --ignore-lock --event-stream-output-path "$events" \
        --event-stream-version 6.3 "$@"
    [[ $(tests_run "$log") -gt 0 ]] || fail "no test was run"
    # The sign of a test that was skipped or cancelled.
    if grep -q '^➜ ' "$log"; then fail "a test was skipped"; fi
    if grep -q "WARNING: ThreadSanitizer" "$log"; then fail "the ThreadSanitizer found a data race"; fi
}

# slowest_tests <count> <events>…: prints the seconds, the step and the name of the slowest tests.
slowest_tests() {
    local count=$1
    shift
    awk '
        # The value of a string or number of the line, by its key.
        function field(key,    value) {
            if (!match($0, "\"" key "\":(\"([^\"\\\\]|\\\\.)*\"|[0-9.eE+-]+)")) return ""
            value = substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3)
            gsub(/^"|"$/, "", value)
            return value
        }
        FNR == 1 { step = FILENAME; sub(/.*\//, "", step); sub(/\.events$/, "", step) }
        /"kind":"function"/ { id = field("id"); name[id] = field("displayName"); if (name[id] == "") name[id] = field("name") }
        /"kind":"testStarted"/ { id = field("testID"); start[step, id] = field("absolute") }
        /"kind":"testEnded"/ {
            id = field("testID")
            if (id in name) printf "%8.1f s  %s: %s\n", field("absolute") - start[step, id], step, name[id]
        }
    ' "$@" | sort -rn | awk -v count="$count" 'NR <= count'
}

# report_steps <command that runs a step again>: the sums, the slowest tests, and, last, what failed.
report_steps() {
    local name passed=0 failed=0 events=() test_logs=()
    for name in "${!step_states[@]}"; do
        # Steps that have run: those that could not begin have files of an earlier run.
        [[ ${step_states[$name]} == passed && -e $logs/$name.events ]] || continue
        events+=("$logs/$name.events")
        test_logs+=("$logs/$name.log")
        passed=$((passed + $(tests_run "$logs/$name.log")))
    done
    if [[ ${#events[@]} -gt 0 ]]; then
        printf '\nSlowest tests:\n'
        slowest_tests 10 "${events[@]}"
        # The kit repeats a check with more time where the machine was too slow: see InconclusiveConformance.
        printf '%s store rules were repeated with a longer tick.\n' \
            "$(cat "${test_logs[@]}" | grep -c '^Inconclusive: .* Repeated with a tick of' || true)"
    fi
    printf 'Sum: %d s\n' "$SECONDS"
    if [[ ${#failures[@]} -gt 0 ]]; then
        for name in "${step_names[@]}"; do
            if [[ ${step_states[$name]:-} == failed && -z ${began[$name]:-} ]]; then echo "Not run: $name"; fi
        done
        for name in "${failures[@]}"; do
            printf '\nFAILED: %s. The end of %s:\n' "$name" "$logs/$name.log"
            # The tests that failed, the compiler's errors, and the last words of the step.
            grep -E '^✘ |error: ' "$logs/$name.log" | sort -u | awk 'NR <= 20' || true
            tail -n 5 "$logs/$name.log"
        done
        printf '\nAgain: %s %s\n' "$1" "${failures[*]}"
        failed=${#failures[@]}
    fi
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}
