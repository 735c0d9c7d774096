"""The codec beside google's on random messages, harmed bytes and harmed JSON, for a time.

Rounds of `test_random.py`, each with a seed of its own. It stops at the first failure, which
Hypothesis has made small and keeps in `.hypothesis/`: `make test` tries it again.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--profile", default="fuzz", help="of Hypothesis; see tests/conftest.py")
    options = parser.parse_args()
    end = time.monotonic() + options.minutes * 60
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        seed = random.randrange(1 << 32)
        if failed := fuzz(seed, options.profile):
            print(f"failed in round {rounds + 1}, --hypothesis-seed={seed}")
            return failed
        rounds += 1
    print(f"{rounds} rounds, no failure")
    return 0


def fuzz(seed: int, profile: str) -> int:
    """Run one round and return pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/codec/test_random.py"]
    chosen = [f"--hypothesis-seed={seed}", f"--hypothesis-profile={profile}"]
    return subprocess.run([*command, *chosen], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
