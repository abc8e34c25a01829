"""The plans and regions, which can be listed without a token; the vendor publishes their numbers.

Source: https://northflank.com/docs/v1/application/billing/resource-plans-and-quotas
"""

from __future__ import annotations

from dataclasses import dataclass

from northflank_emulator.choices import GpuPlans
from northflank_emulator.fields.schema import JsonObject

_HOURS_PER_MONTH = 720
_DOLLARS_PER_VCPU = 1 / 60
"""Published price in US dollars per hour; the price of every plan follows from it and the next."""
_DOLLARS_PER_GIGABYTE = 1 / 120
_MEBIBYTES_PER_GIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan: the processors and the memory of a container."""

    id: str
    vcpu: float
    memory_mb: int

    def document(self) -> JsonObject:
        """Return the plan as the API lists it."""
        hourly = (
            self.vcpu * _DOLLARS_PER_VCPU
            + self.memory_mb / _MEBIBYTES_PER_GIBIBYTE * _DOLLARS_PER_GIGABYTE
        )
        return {
            "id": self.id,
            "name": self.id,
            "currency": "USD",
            "amountPerMonth": round(hourly * _HOURS_PER_MONTH, 2),
            "amountPerHour": round(hourly, 4),
            "cpuResource": self.vcpu,
            "ramResource": self.memory_mb,
        }


_COMPUTE = (
    ("nf-compute-10", 0.1, 256),
    ("nf-compute-20", 0.2, 512),
    ("nf-compute-50", 0.5, 1024),
    ("nf-compute-100-1", 1, 1024),
    ("nf-compute-100-2", 1, 2048),
    ("nf-compute-100-4", 1, 4096),
    ("nf-compute-200", 2, 4096),
    ("nf-compute-200-4", 2, 4096),
    ("nf-compute-200-8", 2, 8192),
    ("nf-compute-200-16", 2, 16384),
    ("nf-compute-400", 4, 8192),
    ("nf-compute-400-16", 4, 16384),
    ("nf-compute-800-8", 8, 8192),
    ("nf-compute-800-16", 8, 16384),
    ("nf-compute-800-24", 8, 24576),
    ("nf-compute-800-32", 8, 32768),
    ("nf-compute-800-40", 8, 40960),
    ("nf-compute-1200-24", 12, 24576),
    ("nf-compute-1600-32", 16, 32768),
    ("nf-compute-2000-40", 20, 40960),
)
_GPUS = {
    "l4-24": (1, 2, 4, 8),
    "a100-40": (1, 2, 4, 8),
    "a100-80": (1, 2, 4, 8),
    "h100-80": (1, 2, 4, 8),
    "h200-141": (8,),
    "b200-180": (8,),
    "rtx_pro_6000-96": (8,),
}
_GPU_SIZES = {GpuPlans.EIGHT_VCPU: (8, 40960), GpuPlans.FOUR_VCPU: (4, 16384)}
"""vCPUs and memory in MB for each GPU: undocumented."""


def _with_gpus(vcpu: int, memory_mb: int) -> dict[str, Plan]:
    return {
        (name := f"nf-gpu-{gpu}-{count}g"): Plan(
            id=name, vcpu=vcpu * count, memory_mb=memory_mb * count
        )
        for gpu, counts in _GPUS.items()
        for count in counts
    }


_PLANS = {
    choice: {name: Plan(id=name, vcpu=vcpu, memory_mb=memory) for name, vcpu, memory in _COMPUTE}
    | _with_gpus(*size)
    for choice, size in _GPU_SIZES.items()
}
PLANS = _PLANS[GpuPlans.EIGHT_VCPU]
"""The plans as the emulator assumes them."""


def plans(choice: GpuPlans) -> dict[str, Plan]:
    """Return the plans by their names; those with GPUs as large as *choice* says."""
    return _PLANS[choice]


_AMERICAS, _ASIA_PACIFIC, _EMEA = "Americas", "Asia Pacific", "EMEA"
_REGIONS = (
    ("canada-central", "Canada - Central", _AMERICAS, "northamerica-northeast2"),
    ("southamerica-east", "South - America - East", _AMERICAS, "southamerica-east1"),
    ("us-central", "US - Central", _AMERICAS, "us-central1"),
    ("us-east-ohio", "US - East - Ohio", _AMERICAS, "us-east5"),
    ("us-east1", "US - East", _AMERICAS, "us-east4"),
    ("us-west", "US - West", _AMERICAS, "us-west1"),
    ("us-west-california", "US - West - California", _AMERICAS, "us-west2"),
    ("asia-east", "Asia - East", _ASIA_PACIFIC, "asia-east2"),
    ("asia-northeast", "Asia - Northeast", _ASIA_PACIFIC, "asia-northeast1"),
    ("asia-south-delhi", "Asia - South - Delhi", _ASIA_PACIFIC, "asia-south2"),
    ("asia-southeast", "Asia - Southeast", _ASIA_PACIFIC, "asia-southeast1"),
    ("australia-southeast", "Australia - Southeast", _ASIA_PACIFIC, "australia-southeast2"),
    ("africa-south", "Africa - South", _EMEA, "africa-south1"),
    ("europe-west", "Europe - West", _EMEA, "europe-west2"),
    ("europe-west-frankfurt", "Europe - West - Frankfurt", _EMEA, "europe-west3"),
    ("europe-west-netherlands", "Europe - West - Netherlands", _EMEA, "europe-west4"),
    ("europe-west-zurich", "Europe - West - Zurich", _EMEA, "europe-west6"),
)
"""The id, the name, the group, and Google's name of each region.

Sources: `GET /v1/regions` in the vendor's reference for agents (northflank/skills, plans.md), and
https://northflank.com/docs/v1/application/run/deploy-to-a-region. Delhi is newer: its id is from the vendor's command
`northflank list regions`, its name and Google's are inferred.
"""
REGIONS: dict[str, JsonObject] = {
    key: {
        "id": key,
        "name": name,
        "regionName": group,
        "provider": {"id": "gcp", "region": region},
        "gpuDevices": [],
    }
    for key, name, group, region in _REGIONS
}
"""The regions, each without GPUs, because the vendor's offer changes."""
