"""How many examples Hypothesis tries: few by default, so that a run is quick; more with
`--hypothesis-profile thorough`. And signals are heard, wherever the tests run.
"""

from __future__ import annotations

from hypothesis import settings

from tests.signals import hear_signals

hear_signals()
settings.register_profile("quick", deadline=None, max_examples=100)
settings.register_profile("fuzz", deadline=None, max_examples=500)
settings.register_profile("thorough", deadline=None, max_examples=2500)
settings.load_profile("quick")
