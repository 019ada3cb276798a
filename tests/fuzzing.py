"""Requests that an API's own description allows, and whether their answers are as it says."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance


def fuzz(cases: Any, *, examples: int) -> set[int]:
    """Send requests; the statuses of the answers, each of which is as it is described."""
    statuses = set()

    @given(case=cases)
    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: Any) -> None:
        # A request may be refused for what it holds, which no schema says.
        answer = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        statuses.add(answer.status_code)

    check()
    return statuses
