"""report - the tables of a run, and what was reached of the figures that were wanted

The same text goes to the terminal and to docs/performance.md. Every figure here was measured in this run.
"""
import os
import platform
import re
import time

FILTER_NAMES = {"direct": "direct to smtp-sink", "tamis": "Tamis", "tamis_yara": "Tamis, YARA",
                "tamis_plain": "Tamis without any policy", "tamis_tables": "Tamis with tables in its configuration",
                "tamis_policy": "Tamis with tables and PostgreSQL lookups",
                "tamis_local": "Tamis with the same over the unix socket",
                "tamis_cached": "Tamis with the same and lookup_cache",
                "amavisd": "amavisd-new", "clamsmtp": "clamsmtp"}
MODE_TEXT = {
    "relay": "Relay: no engine, no database. clamsmtp cannot work without clamd and is absent.",
    "clamd+pg": "clamd scans every message; Tamis and amavisd-new write records of every message to PostgreSQL "
                "(`msgs`, `msgrcpt`, `maddr`), clamsmtp writes none.",
    "opened": "As clamd+pg, and mail is opened: MIME, archives, file kinds, Debian's banned rules (Tamis' list DEFAULT). "
              "'attached' is text and HTML with a zip of five texts, a zip in a zip and a tar.gz (27 kB each inside); "
              "amavisd-new decodes with its default `@decoders`. Tamis' CPU includes its workers.",
    "quarantine": "Every message is infected and is kept: Tamis and amavisd-new in PostgreSQL (`synchronous_commit` "
                  "on), clamsmtp as a file. clamd finds the virus; in the rows 'Tamis, YARA' the embedded rules do.",
}


def table(head, rows):
    """a Markdown table with aligned columns"""
    cells = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def machine():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)", file.read(), re.M)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    return (f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
            f"Linux {platform.release()}, {system}")


def _rates(results, mode, size):
    """{filter: {case: row}} of what succeeded"""
    found = {}
    for row in results:
        if row["mode"] == mode and row["size"] == size and "rate" in row:
            found.setdefault(row["filter"], {})[row["case"]] = row
    return found


def _ratio(a, b):
    return f"{a / b:.2f}" if a is not None and b else "-"


def rate_table(results, mode, filters):
    """messages per second and what they cost; the ratios are to the same case of the other filters"""
    rows, costs = [], ["cpu"] if mode == "relay" else ["cpu", "clamd", "postgres"]
    head = ["message", "connections", "filter", "msg/s"] + [
        {"direct": "of direct", "amavisd": "x amavisd", "clamsmtp": "x clamsmtp"}[f]
        for f in filters if "tamis" not in f]
    head += ["CPU ms/msg", "clamd", "PostgreSQL"][:len(costs)] + ["all ms/msg", "others", "load"]
    for size in dict.fromkeys(row["size"] for row in results if row["mode"] == mode):
        here = [row for row in results if row["mode"] == mode and row["size"] == size]
        for case in dict.fromkeys(row["case"] for row in here):
            rate = {row["filter"]: row.get("rate") for row in here if row["case"] == case}
            for row in (row for row in here if row["case"] == case):
                name, own = FILTER_NAMES[row["filter"]], row.get("rate")
                if own is None:
                    rows.append([size, case, name, "failed: " + row["failed"][:60]] + [""] * (len(head) - 4))
                    continue
                spent = [row.get(key) if row["filter"] != "direct" else None for key in costs]
                rows.append([size, case, name, f"{own:.0f}"]
                            + [_ratio(own, rate.get(other)) for other in filters if "tamis" not in other]
                            + [f"{cost:.2f}" if cost is not None else "-" for cost in spent]
                            + [f"{row['all']:.2f}", f"{row['others']:.0f} %", f"{row['load']:.1f}"])
    return table(head, rows)


def latency_table(latencies):
    rows = []
    for entry in latencies:
        direct = next((e for e in latencies if e["filter"] == "direct" and "p50" in e
                       and (e["mode"], e["size"]) == (entry["mode"], entry["size"])), None)
        name = FILTER_NAMES[entry["filter"]]
        if "p50" not in entry:
            rows.append([entry["mode"], entry["size"], name, "failed: " + entry["failed"][:60], "", "", "", ""])
            continue
        added = [f"{(entry[q] - direct[q]) / 1000:.2f}" if direct and entry is not direct else "-"
                 for q in ("p50", "p90", "p99")]
        rows.append([entry["mode"], entry["size"], name, f"{entry['p50'] / 1000:.2f}", *added, f"{entry['load']:.1f}"])
    return table(["mode", "message", "filter", "p50 ms", "added p50", "added p90", "added p99", "load"], rows)


def memory_table(memory):
    mib = lambda kb: f"{kb / 1024:.1f}" if kb else "-"
    return table(["mode", "filter", "idle RSS MiB", "idle PSS MiB", "peak RSS MiB (VmHWM)", "peak PSS MiB"],
                 [[m["mode"], FILTER_NAMES[m["filter"]], mib(m["idle_rss"]), mib(m["idle_pss"]), mib(m["hwm"]),
                   mib(m["peak_pss"])] for m in memory])


def idle_table(idle):
    def show(entry, key, form):
        return form.format(entry[key]) if entry.get(key) is not None else "-"
    return table(["filter", "greeting after ms", "first 250 after ms", "idle RSS MiB", "idle PSS MiB",
                  "idle connections", "kB each"],
                 [[FILTER_NAMES[e["filter"]], show(e, "greeting", "{:.0f}"), show(e, "first", "{:.0f}"),
                   show(e, "rss", "{:.1f}"), show(e, "pss", "{:.1f}"), show(e, "held", "{}"), show(e, "each", "{:.1f}")]
                  for e in idle])


def policy_ratio(costs, setup, name, key="cpu"):
    """what a message costs with that policy, to what it costs without any"""
    found = {entry["name"]: entry for entry in costs if entry["setup"] == setup}
    if name not in found or "tamis_plain" not in found:
        return None
    return found[name][key] / found["tamis_plain"][key] if found["tamis_plain"][key] else None


def policy_table(costs):
    rows = []
    for entry in costs:
        ratio = policy_ratio(costs, entry["setup"], entry["name"], "cpu")
        rows.append([{"relay": "relay", "full": "clamd+pg"}[entry["setup"]], FILTER_NAMES[entry["name"]], f"{entry['rate']:.0f}",
                     f"{entry['cpu']:.3f}", f"{entry['least']:.3f} to {entry['most']:.3f}", f"{ratio:.2f}" if ratio else "-",
                     f"{entry['cpu'] - entry['alone']:.3f}", f"{entry['postgres']:.3f}", entry["rounds"], f"{entry['others']:.0f} %"])
    return table(["mode", "policy", "msg/s", "CPU ms/msg", "all rounds", "ratio", "of that in workers", "PostgreSQL CPU ms/msg", "rounds", "others"], rows)


def targets(results, idle, clamd_rates, policy_costs):
    """(what, wanted, measured, reached) of each figure; a throughput is each filter's best over the connections"""
    def best(mode, filter_name, size="10k", kept=(False, True)):
        return max((row["rate"] for row in _rates(results, mode, size).get(filter_name, {}).values()
                    if ("kept" in row["case"]) in kept), default=None)

    def clamd_share(filter_name, size):
        row = max((row for row in _rates(results, "opened", size).get(filter_name, {}).values() if "clamd" in row),
                  key=lambda row: row["rate"], default={})
        return row.get("clamd")

    def at_least(text, value, wanted, form):
        return [text, ">= " + form.format(wanted), form.format(value) if value is not None else "not measured",
                "-" if value is None else "reached" if value >= wanted else "NOT reached"]

    def at_most(text, value, wanted, form):
        return [text, "<= " + form.format(wanted), form.format(value) if value is not None else "not measured",
                "-" if value is None else "reached" if value <= wanted else "NOT reached"]

    def per(a, b):
        return a / b if a is not None and b else None

    relay = max((row for row in _rates(results, "relay", "10k").get("tamis", {}).values() if "kept" not in row["case"]),
                key=lambda row: row["rate"], default={}).get("cpu")
    full = best("clamd+pg", "tamis")
    own = next((entry for entry in idle if entry["filter"] == "tamis"), {})
    return [
        at_least("relay: rate to direct rate, a connection per message",
                 per(best("relay", "tamis", kept=(False,)), best("relay", "direct", kept=(False,))), 0.25, "{:.2f}"),
        at_most("relay: CPU ms per 10 kB message at that rate", relay, 0.30, "{:.2f}"),
        at_least("relay: rate to direct rate, kept connections",
                 per(best("relay", "tamis", kept=(True,)), best("relay", "direct", kept=(True,))), 0.25, "{:.2f}"),
        at_least("clamd+pg: rate to amavisd-new", per(full, best("clamd+pg", "amavisd")), 12, "{:.1f}"),
        at_least("clamd+pg: rate to clamsmtp", per(full, best("clamd+pg", "clamsmtp")), 5, "{:.1f}"),
        at_least("clamd+pg: rate to clamd's own FILDES rate",
                 per(full, max((e["rate"] for e in clamd_rates if e["size"] == "10k"), default=None)), 0.30, "{:.2f}"),
        at_least("opened, 10 kB: rate to amavisd-new", per(best("opened", "tamis"), best("opened", "amavisd")), 10, "{:.1f}"),
        at_least("opened, with attachments: rate to amavisd-new",
                 per(best("opened", "tamis", "attached"), best("opened", "amavisd", "attached")), 20, "{:.1f}"),
        # every part is shown to clamd; of plain text mail it opens the text by itself
        *(at_most(f"opened, {what}: clamd's CPU per message to amavisd-new's", per(clamd_share("tamis", size), clamd_share("amavisd", size)), 1.2, "{:.2f}")
          for size, what in (("10k", "10 kB"), ("attached", "with attachments"))),
        at_least("quarantine: messages/s, found by clamd", best("quarantine", "tamis", "virus"), 800, "{:.0f}"),
        at_least("quarantine: messages/s, found by YARA", best("quarantine", "tamis_yara", "virus"), 800, "{:.0f}"),
        *(at_most(f"{mode}: CPU per message with {what} to that without", policy_ratio(policy_costs, setup, name, "cpu"), 1.10, "{:.2f}")
          for setup, mode in (("relay", "relay"), ("full", "clamd+pg"))
          for name, what in (("tamis_tables", "tables"), ("tamis_cached", "cached lookups"), ("tamis_local", "lookups over the unix socket"), ("tamis_policy", "lookups over TCP"))),
        at_most("idle RSS MB", own.get("rss"), 40, "{:.1f}"),
        at_most("1000 idle connections: kB each", own.get("each"), 64, "{:.1f}"),
        at_most("start to first 250: ms", own.get("first"), 200, "{:.0f}"),
    ]


def render(run):
    """the whole report as Markdown; run is what test/bench/run collected"""
    parts = [
        "# Performance",
        f"Taken by `{' '.join(['test/bench/run', *run['options']])}` on {time.strftime('%Y-%m-%d')}: {machine()}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in run["versions"].items()) + ".",
        "Everything runs on this one machine at once: smtp-source, smtp-sink, the filter, clamd and PostgreSQL share "
        "its cores. 'CPU ms/msg' is the filter's process tree alone, 'clamd' and 'PostgreSQL' theirs, 'all ms/msg' "
        "that of the sender, the sink, the filter, clamd and PostgreSQL together. 'others' is the share of the machine that "
        "anything else took meanwhile, 'load' the load average. 'kept' is `smtp-source -d`: many messages over one "
        "connection; otherwise each message has its own. A row counts only if every message arrived in the sink or the "
        "quarantine and left its record.",
    ]
    for mode in (m for m in MODE_TEXT if m in run["modes"]):
        filters = list(dict.fromkeys(row["filter"] for row in run["results"] if row["mode"] == mode))
        parts += [f"## {mode}", MODE_TEXT[mode], rate_table(run["results"], mode, filters)]
    if run["clamd_rates"]:
        parts += ["## clamd alone", "A connection, `zFILDES` and the answer per scan; nothing else.",
                  table(["message", "connections", "scans/s", "others", "load"],
                        [[e["size"], e["connections"], f"{e['rate']:.0f}", f"{e['others']:.0f} %", f"{e['load']:.1f}"]
                         for e in run["clamd_rates"]])]
    if run["latencies"]:
        parts += ["## Added latency", "From end of data to the answer, one message at a time at a low fixed rate; "
                  "'added' is the difference to the same percentile of the direct way.",
                  latency_table(run["latencies"])]
    if run["memory"]:
        parts += ["## Memory", "Summed over the filter's process tree; PSS counts shared pages once. clamd's and "
                  "PostgreSQL's are not included.", memory_table(run["memory"])]
    if run["policy_costs"]:
        parts += ["## What the policy engine costs", "The same load (10 kB messages, a connection each, 8 at a time) on five daemons in "
                  "turn, mail being opened as Tamis does it unless told not to, for several rounds; the median of the calmer half of the rounds. 'without any policy' has no `lookup_dsn`, no "
                  "tables, no lists. 'tables in its configuration': `[recipients]`, a pattern, banks and sender lists, most of which match. "
                  "'PostgreSQL lookups': besides, three rows of `users` with their policies and three of `wblist` match each message, "
                  "among a thousand that do not. 'relay' has no other use for the database; in 'clamd+pg' every message is scanned "
                  "and recorded. 'lookup_cache' asks once in 30 s. The ratio is of all of Tamis' CPU (user and system), its workers included.", policy_table(run["policy_costs"])]
    if run["idle"]:
        parts += ["## Idle", "With clamd and PostgreSQL configured. The first 250 is the answer to a first whole "
                  "message; the median of several starts.", idle_table(run["idle"])]
    if run["has_tamis"]:
        parts += ["## Figures to reach", "Throughput: each one's best over the connections.",
                  table(["figure", "wanted", "measured", ""], targets(run["results"], run["idle"], run["clamd_rates"], run["policy_costs"]))]
    if run["failures"]:
        parts += ["## Failures", "\n".join("- " + failure for failure in run["failures"])]
    return "\n\n".join(parts) + "\n"
