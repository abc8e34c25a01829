"""What a run's container used: as labels of its flow run, over several executions, and in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect_northflank.api.plans import published
from prefect_northflank.api.responses import ContainerMetrics
from prefect_northflank.records.usage import labels_of

from metaflow_prefect.runtime.progress.usage import MemoryOf, Usage

AMOUNTS = st.none() | st.floats(0, 1e9).map(lambda value: round(value, 3))
USAGES = st.builds(
    Usage,
    memory_mb=AMOUNTS,
    memory_of=st.sampled_from(MemoryOf),
    memory_limit_mb=AMOUNTS,
    cpu_seconds=AMOUNTS,
)


@given(USAGES)
def test_usage_survives_the_labels_of_a_flow_run(usage):
    found = Usage.of(usage.labels())

    if usage.memory_mb is None and usage.cpu_seconds is None:
        assert found is None
    else:
        assert found is not None
        assert found.labels() == usage.labels()


@given(USAGES, USAGES)
def test_executions_of_a_run_add_their_cpu_time_and_keep_the_higher_peak(first, second):
    whole = second.after(first)

    peaks = [it.memory_mb for it in (first, second) if it.memory_mb is not None]
    times = [it.cpu_seconds for it in (first, second) if it.cpu_seconds is not None]
    assert whole.memory_mb == (max(peaks) if peaks else None)
    assert whole.cpu_seconds == (pytest.approx(sum(times)) if times else None)


@pytest.mark.parametrize("value", [None, "many", True, -1, float("nan"), float("inf")])
def test_a_label_that_is_no_amount_is_not_known(value):
    assert Usage.of({"container.memory_mb": value, "prefect.worker.name": "w"}) is None


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (Usage(), ""),
        (Usage(cpu_seconds=7), "used 7.0s of CPU"),
        (Usage(memory_mb=300), "used up to 300 MB of memory"),
    ],
)
def test_only_what_was_measured_is_said(usage, words):
    assert str(usage) == words


def test_what_the_worker_writes_for_a_killed_container_reads_the_same():
    metrics = ContainerMetrics(memory_mb=500, cpu_seconds=25)

    found = Usage.of(labels_of(metrics, published("nf-compute-20")))

    assert found == Usage(memory_mb=500, memory_limit_mb=512, cpu_seconds=25)
    assert labels_of(ContainerMetrics(), published("nf-compute-20")) == {}
