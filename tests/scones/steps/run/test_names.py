from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import UsageError
from scones.steps.run.names import by_prefix


@given(names=st.sets(st.text("ab", max_size=4), min_size=1), prefix=st.text("ab", max_size=4))
def test_a_prefix_names_what_it_equals_or_what_alone_begins_with_it(names: set[str], prefix: str) -> None:
    candidates = {name for name in names if name.startswith(prefix)}
    if len(candidates) > 1 and prefix not in names:
        with pytest.raises(UsageError, match=r"is the beginning of several digests: .*; type more characters"):
            by_prefix(prefix, names, "digests")
    else:
        expected = prefix if prefix in names else next(iter(candidates), None)
        assert by_prefix(prefix, names, "digests") == expected


def test_an_ambiguous_prefix_lists_five_candidates_and_counts_the_others() -> None:
    with pytest.raises(UsageError, match=r"^a is the .* reviews: a0, a1, a2, a3, a4 and 3 more; type"):
        by_prefix("a", [f"a{n}" for n in range(8)], "reviews")
