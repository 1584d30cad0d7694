"""How quick the screens are: `python benchmarks/ui.py [SECTION ...]`, all sections when none is named.

Each section measures inside this process or in processes of its own, prints its figures beside the goals, and leaves
nothing behind. Times are medians; on a busy machine compare ratios, not milliseconds. Needs no torch and no GPU.
"""

import argparse
import importlib

SECTIONS = {
    "table": "5,000 runs shown, sorted and filtered, beside Textual's DataTable",
    "frame": "first frame and first run with 1,000 runs in the home",
    "chart": "redraw of 10 series x 10,000 points at 120 x 30",
    "cost": "memory with 10 runs and 880,000 points, CPU, delay from a worker's line to the screen",
    "live": "the screen while four runs with 100,000 points each go on",
}


def main() -> None:
    """Measure the sections asked for."""
    listed = "\n".join(f"  {name:<8} {text}" for name, text in SECTIONS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nsections:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", choices=[[], *SECTIONS])
    for name in parser.parse_args().sections or SECTIONS:
        print(f"{name}: {SECTIONS[name]}")
        importlib.import_module(f"ui_{name}").main()


if __name__ == "__main__":
    main()
