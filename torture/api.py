"""Send valid and invalid requests to every operation of the studio's API.

Each answer must match the OpenAPI description in status, content type and schema, and must not be a
server error. Schemathesis makes the requests from the description.

    python -m torture.api
    python -m torture.api --cases 1000
"""

import argparse
import collections
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks

from mnistry.datasets import sample

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
HOST = {"Host": "127.0.0.1:8000"}


def ask_all(
    app: FastAPI, cases: int, number: int = 0
) -> tuple[collections.Counter[int], list[str]]:
    """Send each operation this number of valid requests, and as many invalid ones.

    Returns
    -------
    Counter, list
        How often each status occurred, and which answers were wrong.
    """
    statuses, wrong = collections.Counter[int](), []
    with (
        # Else hundreds of trainings would start, and the network would classify all of MNIST.
        mock.patch("mnistry.studio.training.can_train", lambda: False),
        mock.patch("mnistry.datasets.load", lambda *_, **__: sample.load()),
    ):
        description = schemathesis.openapi.from_asgi("/openapi.json", app, headers=HOST)
        for found in description.get_all_operations():
            for mode in schemathesis.GenerationMode:
                if mode.is_negative and not _can_be_invalid(found.ok()):
                    continue
                try:
                    _ask(found.ok(), mode, cases, number, statuses)
                except Unsatisfiable:
                    pass
                except Exception as error:
                    wrong.append(f"{found.ok().label}: {error!r}"[:3000])
    return statuses, wrong


def _can_be_invalid(operation: schemathesis.schemas.APIOperation) -> bool:
    """Return whether an operation has a body, or more parameters than names in its path."""
    described = operation.definition.raw
    any_text = {"title": None, "type": "string"}
    return "requestBody" in described or any(
        one["in"] != "path" or one["schema"] | {"title": None} != any_text
        for one in described.get("parameters", ())
    )


def _ask(
    operation: schemathesis.schemas.APIOperation,
    mode: schemathesis.GenerationMode,
    cases: int,
    number: int,
    statuses: collections.Counter[int],
) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        statuses[case.call_and_validate(headers=HOST, checks=CHECKS).status_code] += 1

    ask()


def campaign(cases: int = 10_000) -> dict[str, Any]:
    """Send at least this number of requests, or until an answer is wrong; count the statuses."""
    from mnistry import Recipe, datasets
    from mnistry.recipes.experiment import Experiment
    from mnistry.runs.experiment import run_experiment
    from mnistry.studio.app import Studio, create
    from mnistry.studio.network import Network

    statuses, wrong = collections.Counter[int](), list[str]()
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = datasets.load("sample")
        small = Experiment(Recipe("small", units=16, epochs=1), sample.origin)
        run_experiment(small, sample, path=Path(place, "runs", "small"))
        app = create(Studio(Network.shipped(), Path(place, "runs")))
        number = 0
        while statuses.total() < cases and not wrong:
            found, wrong = ask_all(app, 100, number)
            statuses += found
            number += 1
    return {"cases": statuses.total(), "statuses": dict(sorted(statuses.items())), "wrong": wrong}


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    print(json.dumps(campaign(parser.parse_args().cases), indent=2))


if __name__ == "__main__":
    main()
