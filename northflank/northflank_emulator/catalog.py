"""The plans and regions anybody may list; the numbers are the vendor's published ones.

Source: https://northflank.com/docs/v1/application/billing/resource-plans-and-quotas
"""

from dataclasses import dataclass

from northflank_emulator.schema import JsonObject

_HOURS_PER_MONTH = 720
# Published unit prices in US dollars per hour; every listed plan's price follows from them.
_DOLLARS_PER_VCPU = 1 / 60
_DOLLARS_PER_GIGABYTE = 1 / 120
_MEBIBYTES_PER_GIBIBYTE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a container may use."""

    id: str
    vcpu: float
    memory_mb: int

    def document(self) -> JsonObject:
        """The plan as the API lists it."""
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
# What comes with a GPU is not published per plan; eight cores and 40 GB each is our choice.
_GPU_VCPU = 8
_GPU_MEMORY_MB = 40960

PLANS: dict[str, Plan] = {
    name: Plan(id=name, vcpu=vcpu, memory_mb=memory) for name, vcpu, memory in _COMPUTE
} | {
    f"nf-gpu-{gpu}-{count}g": Plan(
        id=f"nf-gpu-{gpu}-{count}g", vcpu=_GPU_VCPU * count, memory_mb=_GPU_MEMORY_MB * count
    )
    for gpu, counts in _GPUS.items()
    for count in counts
}

_REGIONS = (
    ("europe-west", "Europe West", "gcp", "europe-west2"),
    ("europe-west-netherlands", "Europe West - Netherlands", "gcp", "europe-west4"),
    ("us-central", "US Central", "gcp", "us-central1"),
    ("us-east1", "US East", "gcp", "us-east1"),
    ("us-west", "US West", "gcp", "us-west1"),
    ("asia-northeast", "Asia Northeast", "gcp", "asia-northeast1"),
    ("asia-southeast", "Asia Southeast", "gcp", "asia-southeast1"),
)
REGIONS: tuple[JsonObject, ...] = tuple(
    {
        "id": key,
        "name": name,
        "regionName": region,
        "provider": {"id": provider, "region": region},
        "gpuDevices": [],
    }
    for key, name, provider, region in _REGIONS
)
