"""What every bench prints and leaves behind: rows of name, value, unit and, where there is one, the goal.

A bench makes Rows("name"), adds rows and saves: build/bench/name.json. `rows.py` run by itself prints one table of all that is there."""

import json
import sys
from pathlib import Path

WHERE = Path("build/bench")


def text(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if isinstance(value, float) and abs(value) < 1000 else \
        f"{value:,.0f}" if isinstance(value, float) else str(value)


def met(row):
    """"met", "missed" or, without a goal, nothing."""
    if row["goal"] is None:
        return ""
    good = row["value"] >= row["goal"] if row["least"] else row["value"] <= row["goal"]
    return "met" if good else "missed"


def line(row):
    goal = "" if row["goal"] is None else f"{'>=' if row['least'] else '<='} {text(row['goal'])}"
    return f"  {row['name']:<66} {text(row['value']):>12} {row['unit']:<9} {goal:<14} {met(row)}".rstrip()


class Rows:
    def __init__(self, bench):
        self.bench, self.rows = bench, []

    def add(self, name, value, unit="", goal=None, least=False):
        """goal: the most that is wanted, or with least=True the least."""
        row = {"name": name, "value": value, "unit": unit, "goal": goal, "least": least}
        self.rows.append(row)
        print(line(row), flush=True)

    def save(self):
        WHERE.mkdir(parents=True, exist_ok=True)
        (WHERE / f"{self.bench}.json").write_text(json.dumps(self.rows, indent=1))


def table(names):
    for name in names:
        file = WHERE / f"{name}.json"
        print(name)
        if not file.exists():
            print("  did not run to its end")
            continue
        for row in json.loads(file.read_text()):
            print(line(row))


if __name__ == "__main__":
    table(sys.argv[1:])
