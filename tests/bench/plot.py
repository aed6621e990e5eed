#!/usr/bin/env python3
"""Draws build/bench.json: a bar for each row that is compared with nginx, a mark at its target.
usage: tests/bench/plot.py [FROM.json [TO.svg]]"""
import html
import json
import sys

WIDTH, LEFT, ROW, SCALE = 960, 330, 22, 5.0
COLOURS = {"ours": "#2b6cb0", "static": "#63b3ed", "other": "#a0aec0"}


def bar(y, height, ratio, colour):
    length = min(ratio, SCALE) / SCALE * (WIDTH - LEFT - 70)
    return (f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{height}" fill="{colour}"/>'
            f'<text x="{LEFT + length + 4:.1f}" y="{y + height - 2}" class="n">{ratio:.2f}</text>')


def draw(report):
    rows = [r for r in report["rows"] if "ratios" in r]
    programs = [p for p in COLOURS if any(p in r["ratios"] for r in rows)]
    step = ROW * len(programs)
    out, y, transport = [], 60, None
    for row in rows:
        if row["transport"] != transport:
            transport = row["transport"]
            out.append(f'<text x="10" y="{y + 14}" class="t">Bedrock over {transport}://</text>')
            y += 26
        out.append(f'<text x="{LEFT - 8}" y="{y + step / 2 + 2}" text-anchor="end">{html.escape(row["name"])}</text>')
        for i, name in enumerate(programs):
            if name in row["ratios"]:
                out.append(bar(y + i * ROW, ROW - 8, row["ratios"][name], COLOURS[name]))
        if row["target"] is not None:
            x = LEFT + min(row["target"], SCALE) / SCALE * (WIDTH - LEFT - 70)
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3}" y2="{y + step - 5}" class="goal"/>')
        y += step + 2
    key = "".join(f'<rect x="{LEFT + 120 * i}" y="30" width="12" height="12" fill="{COLOURS[p]}"/><text x="{LEFT + 18 + 120 * i}" y="41">{p}</text>'
                  for i, p in enumerate(programs))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10}" font-family="sans-serif" font-size="12">
<style>.n {{ font-size: 10px; fill: #444 }} .t {{ font-weight: bold }} .goal {{ stroke: #c53030; stroke-width: 2 }}</style>
<rect width="100%" height="100%" fill="white"/>
<text x="10" y="20" class="t">Beside nginx as a plain proxy in the same run (nginx: 1.00); red: the target</text>
{key}
{chr(10).join(out)}
</svg>
"""


def main():
    source, target = (sys.argv[1:] + ["build/bench.json", "build/bench.svg"][len(sys.argv) - 1:])[:2]
    with open(source, encoding="utf-8") as f:
        svg = draw(json.load(f))
    with open(target, "w", encoding="utf-8") as f:
        f.write(svg)
    print(f"plot: {target}")


if __name__ == "__main__":
    main()
