"""compare - runs numbered messages of a seed through both programs, and sorts what differs into documented and unexpected"""
import collections
import itertools
import time

from .differences import RULES, differing, explain
from .generate import message
from .pair import Pair
from .world import World

PER_WORLD = 50      # messages with the same static settings


class Result:
    def __init__(self, seed):
        self.seed = seed
        self.used = collections.Counter()
        self.equal = self.documented = 0
        self.unexpected = []        # (message, {key: (ours, theirs)}, {key: (ours, theirs)} documented)

    def add(self, one, ends):
        ours, theirs = ends["tamis"], ends["amavisd"]
        unexpected, documented, used = {}, {}, set()
        for key in differing(ours, theirs):
            rules, *left = explain(key, ours, theirs, one)
            (documented if rules else unexpected)[key] = (*left, rules)
            used.update(rules)
        self.used.update(used)
        if unexpected:
            self.unexpected.append((one, unexpected, documented))
        elif documented:
            self.documented += 1
        else:
            self.equal += 1

    def text(self, show=20):
        lines = []
        for one, unexpected, documented in self.unexpected[:show]:
            lines += ["", f"--- {one}"]
            for key, (ours, theirs, _) in unexpected.items():
                lines += [f"  {key}", f"      Tamis    {ours!r}", f"      amavisd  {theirs!r}"]
            if documented:
                lines.append("  documented besides: " + ", ".join(f"{key} ({' and '.join(rules)})" for key, (_, _, rules) in documented.items()))
            lines.append(f"  again: test/parity/random --seed {self.seed} --only {one.number}")
        if len(self.unexpected) > show:
            lines.append(f"... and {len(self.unexpected) - show} more")
        lines += ["", "in how many messages each documented difference was met:"]
        lines += [f"  {count:6}  {name}" for name, count in self.used.most_common()]
        lines.append("never met: " + (", ".join(rule.name for rule in RULES if not self.used[rule.name]) or "none"))
        lines.append(f"{self.equal} equal in everything, {self.documented} as documented, {len(self.unexpected)} different")
        return "\n".join(lines)


def compare(seed, numbers, progress=lambda text: None):
    result = Result(seed)
    for world, batch in itertools.groupby(numbers, lambda number: number // PER_WORLD):
        began = time.monotonic()
        messages = [message(seed, number) for number in batch]
        with Pair(World(seed, world), f"random_{seed}_{world}") as pair:
            started = time.monotonic()
            ends = pair.run(messages)
        for one in messages:
            result.add(one, ends[one.number])
        progress(f"world {world}: {len(messages)} messages in {time.monotonic() - started:.1f} s (start {started - began:.1f} s), "
                 f"{len(result.unexpected)} different so far")
    return result
