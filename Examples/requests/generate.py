#!/usr/bin/env python3
"""Writes payment requests with repeats as JSON Lines, for `swift run Quickstart FILE`.

usage: python3 generate.py COUNT SEED > requests.jsonl

COUNT lines; the same COUNT and SEED always give the same file. Of 100 lines about
  60 are new purchases, now and then with a key that another user has, too: that is another key;
  37 repeat an earlier request, often one of the last few, so that both run at the same time;
   3 use an earlier key of the same user for another amount, which must be refused.
From 100 lines on, three lines are bad on purpose. What was written is told on standard error.
"""

import json
import random
import sys

USERS = 200

# A key is used again for another amount only when at least this many lines are in between. By then the first
# request is answered, so that how many are refused does not depend on how the clients' requests cross.
DISTANCE = 1500

BAD_LINES = [
    '{"key": "cut off in the mid',  # not JSON
    '{"key": "no-amount", "user": "user-001"}',  # a field is missing
    '{"key": "negative-amount", "user": "user-002", "amount": -500}',  # negative
]


def key(rng):
    return f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}"


def main():
    try:
        count, seed = (int(text) for text in sys.argv[1:])
        if count < 0:
            raise ValueError
    except ValueError:
        sys.exit(__doc__.split("\n\n")[1] + "\nBoth are integers, and COUNT is not negative.")

    rng = random.Random(seed)
    bad = dict(zip(rng.sample(range(count), len(BAD_LINES)), BAD_LINES)) if count >= 100 else {}
    purchases = []  # (line, request)
    taken = set()  # (user, key)
    old = 0  # how many purchases are far enough back to use their keys again
    new = repeats = reused = 0
    for line in range(count):
        if line in bad:
            print(bad[line])
            continue
        chance = rng.random()
        while old < len(purchases) and purchases[old][0] <= line - DISTANCE:
            old += 1
        if chance < 0.03 and old > 0:
            _, first = purchases[rng.randrange(old)]
            request = dict(first, amount=first["amount"] + 1)
            reused += 1
        elif chance < 0.40 and purchases:
            reach = min(len(purchases), 50) if rng.random() < 0.7 else len(purchases)
            _, request = purchases[-1 - rng.randrange(reach)]
            repeats += 1
        else:
            request = {"key": key(rng), "user": f"user-{rng.randrange(USERS):03}", "amount": rng.randrange(100, 20000)}
            if purchases and rng.random() < 0.02:
                _, other = purchases[rng.randrange(len(purchases))]
                if (request["user"], other["key"]) not in taken:
                    request["key"] = other["key"]
            taken.add((request["user"], request["key"]))
            purchases.append((line, request))
            new += 1
        print(json.dumps(request))
    print(
        f"{count} lines: {new} purchases, {repeats} repeats, {reused} keys used again for another amount, {len(bad)} bad.",
        file=sys.stderr,
    )


main()
