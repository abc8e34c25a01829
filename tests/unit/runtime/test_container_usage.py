"""What a container used, read from the files of its control group; another program's memory is never counted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from metaflow_prefect.runtime.progress.usage import MemoryOf
from metaflow_prefect.runtime.run.container_memory import ContainerMemory
from metaflow_prefect.runtime.run.container_usage import ControlGroup, UsageMeter

MB = 1024**2
ENTRYPOINT, ME, TASK, STRANGER = 1, 20, 30, 40
PARENTS = {ENTRYPOINT: 0, 10: ENTRYPOINT, ME: 10, TASK: ME, STRANGER: ENTRYPOINT}


def machine(root: Path, groups: str, files: Mapping[str, str], members: tuple[int, ...]) -> Path:
    """Write the files of a kernel below *root*."""
    for pid, parent in PARENTS.items():
        put(root / f"proc/{pid}/stat", f"{pid} (a (b) c) S {parent} 0 0")
    put(root / f"proc/{ME}/cgroup", groups)
    for name, text in files.items():
        put(root / "sys/fs/cgroup" / name, text)
    folder = Path(next(name for name in files if name.endswith("memory.stat"))).parent
    put(root / "sys/fs/cgroup" / folder / "cgroup.procs", "\n".join(map(str, members)))
    return root


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def version_2(folder: str = "", peak: int | None = 400, limit: str = str(512 * MB)):
    known = {} if peak is None else {f"{folder}memory.peak": f"{peak * MB}\n"}
    return {
        f"{folder}memory.current": f"{300 * MB}\n",
        f"{folder}memory.max": f"{limit}\n",
        f"{folder}memory.stat": f"anon 5\ninactive_file {100 * MB}\nactive_file 7\n",
        f"{folder}memory.events": "oom 2\noom_kill 1\n",
        f"{folder}cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        **known,
    }


VERSION_1 = {
    "memory/memory.usage_in_bytes": f"{300 * MB}\n",
    "memory/memory.max_usage_in_bytes": f"{400 * MB}\n",
    "memory/memory.limit_in_bytes": f"{512 * MB}\n",
    "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {100 * MB}\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "cpuacct/cpuacct.usage": "2500000000\n",
}
OF_VERSION_1 = "4:memory:/kubepods/pod7\n3:cpuacct,cpu:/kubepods/pod7\n0::/\n"
CONTAINER = (ENTRYPOINT, 10, ME, TASK)


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", version_2()),
        ("0::/nested\n", version_2("nested/")),
        (OF_VERSION_1, VERSION_1),
    ],
)
def test_both_versions_of_control_groups_are_read(tmp_path, groups, files):
    group = ControlGroup.own(machine(tmp_path, groups, files, CONTAINER), ME)

    assert group is not None
    assert (group.limit_mb(), group.working_set_mb(), group.peak_mb()) == (512, 200, 400)
    assert (group.cpu_seconds(), group.processes_killed()) == (2.5, 1)


@pytest.mark.parametrize(
    ("groups", "files", "members"),
    [
        ("0::/\n", version_2(), (*CONTAINER, STRANGER)),
        (OF_VERSION_1, VERSION_1, (*CONTAINER, STRANGER)),
        ("0::/\n", version_2(), (STRANGER,)),
        ("0::/\n", {"memory.stat": ""}, CONTAINER),
    ],
)
def test_a_control_group_shared_with_others_or_without_files_does_not_count(
    tmp_path, groups, files, members
):
    assert ControlGroup.own(machine(tmp_path, groups, files, members), ME) is None


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/\n", version_2(limit="max")),
        (OF_VERSION_1, {**VERSION_1, "memory/memory.limit_in_bytes": "9223372036854771712\n"}),
    ],
)
def test_a_container_without_a_limit_has_none(tmp_path, groups, files):
    group = ControlGroup.own(machine(tmp_path, groups, files, CONTAINER), ME)

    assert group is not None
    assert group.limit_mb() is None


def test_cpu_time_counts_from_the_beginning_of_the_run(tmp_path):
    root = machine(tmp_path, "0::/\n", version_2(), CONTAINER)
    meter = UsageMeter(ControlGroup.own(root, ME))

    put(root / "sys/fs/cgroup/cpu.stat", "usage_usec 4000000\n")

    assert meter.usage().cpu_seconds == 1.5


def test_files_in_the_cache_are_not_memory_that_a_container_needs(tmp_path):
    group = ControlGroup.own(machine(tmp_path, "0::/\n", version_2(peak=4000), CONTAINER), ME)
    meter = UsageMeter(group)
    with meter.measuring():
        pass

    usage = meter.usage()

    assert usage.memory_mb is not None
    assert 200 <= usage.memory_mb < 4000
    assert (usage.memory_of, usage.memory_limit_mb) == (MemoryOf.CONTAINER, 512)


def test_without_a_control_group_the_largest_process_counts():
    # The program that starts it is larger than it, and does not count.
    before = bytes(1) * (500 * 1024**2)
    program = (
        "import subprocess, sys\n"
        "from metaflow_prefect.runtime.run.container_usage import UsageMeter\n"
        "meter = UsageMeter(None)\n"
        "with meter.measuring():\n"
        "    subprocess.run([sys.executable, '-c', 'x = bytes(1) * (200 * 1024**2)'], check=True)\n"
        "usage = meter.usage()\n"
        "print(usage.memory_mb, usage.memory_of.value, usage.cpu_seconds > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # fmt: skip
    del before
    megabytes, *rest = done.stdout.split()

    assert 200 < float(megabytes) < 400
    assert rest == ["largest", "process", "True"]


def test_a_process_killed_for_memory_is_explained_once(tmp_path):
    root = machine(tmp_path, "0::/\n", version_2(), CONTAINER)
    memory = ContainerMemory(ControlGroup.own(root, ME))

    assert memory.why_killed("train", -9) is None
    put(root / "sys/fs/cgroup/memory.events", "oom_kill 2\n")
    why = memory.why_killed("train", -9)

    assert why is not None
    assert "512 MB" in why
    assert "@resources(memory=768) on step train" in why
    assert memory.why_killed("train", -9) is None


def test_an_end_that_is_no_kill_is_not_explained_by_memory(tmp_path):
    root = machine(tmp_path, "0::/\n", version_2(), CONTAINER)
    memory = ContainerMemory(ControlGroup.own(root, ME))
    put(root / "sys/fs/cgroup/memory.events", "oom_kill 2\n")

    assert memory.why_killed("train", 1) is None
    assert ContainerMemory(None).why_killed("train", -9) is None


@pytest.fixture
def limited():
    """Return a real control group of 128 MB; needs root and version 1 or 2 of the controller of memory."""
    mounted = Path("/sys/fs/cgroup")
    of_version_1 = mounted / "memory"
    parent = of_version_1 if of_version_1.is_dir() else mounted
    folder = parent / f"metaflow-prefect-test-{os.getpid()}"
    limit = folder / ("memory.limit_in_bytes" if parent is of_version_1 else "memory.max")
    try:
        folder.mkdir()
        limit.write_text(str(128 * MB))
        no_swap = "memory.swappiness" if parent is of_version_1 else "memory.swap.max"
        (folder / no_swap).write_text("0")
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"this machine lets the test make no control group: {error}")
    yield folder
    folder.rmdir()


def test_a_real_control_group_tells_what_its_processes_used_and_were_killed_for(limited):
    program = (
        "import os, signal, subprocess, sys\n"
        "from pathlib import Path\n"
        "from metaflow_prefect.runtime.run.container_usage import ControlGroup, UsageMeter\n"
        "Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid()))\n"
        "group = ControlGroup.own()\n"
        "meter = UsageMeter(group)\n"
        "with meter.measuring():\n"
        "    code = subprocess.run([sys.executable, '-c', 'x = bytes(1) * (300 * 1024**2)']).returncode\n"
        "usage = meter.usage()\n"
        "print(code, group.processes_killed(), usage.memory_limit_mb, usage.memory_mb, usage.memory_of.value)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(limited)], capture_output=True, text=True, check=True
    )
    code, killed, limit, peak, *of = done.stdout.split()

    assert (code, killed, limit, of) == ("-9", "1", "128.0", ["container"])
    assert 100 < float(peak) <= 128
