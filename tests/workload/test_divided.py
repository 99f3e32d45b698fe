"""Lists of GPUs that people write in one text, and lines of programs that look like lists."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.workload.divided import divided

LISTS: dict[Any, list[Any]] = {
    "a,b": ["a", "b"],
    "a,,b": ["a", "", "b"],
    "2x3090 + 4090": ["2x3090", "4090"],
    "4090+ 3090": ["4090", "3090"],
    "4070 Ti+3090": ["4070 Ti", "3090"],
    "3090 Ti and 3090": ["3090 Ti", "3090"],
    "3090 & 4070": ["3090", "4070"],
    "3090 plus 4070": ["3090", "4070"],
    "1*5090, 2*4090, 1*3090": ["1*5090", "2*4090", "1*3090"],
    "a) , b": ["a)", "b"],
    # one device with what is said of it
    "Ryzen AI Max+ 395": ["Ryzen AI Max+ 395"],
    "MSI Claw 8 AI+": ["MSI Claw 8 AI+"],
    "M4 Max, 128GB": ["M4 Max, 128GB"],
    "M1 Ultra, 48 GPU cores, 64GB unified memory": ["M1 Ultra, 48 GPU cores, 64GB unified memory"],
    "MacBook Pro 14-inch, M5, 24GB": ["MacBook Pro 14-inch, M5, 24GB"],
    "MacBook Pro (M4 Max, 64 GB)": ["MacBook Pro (M4 Max, 64 GB)"],
    "RTX 3080, 10240 MiB": ["RTX 3080, 10240 MiB"],
    "RTX 5080 Laptop GPU, compute capability sm_120, WDDM, 16,303 MiB": [
        "RTX 5080 Laptop GPU, compute capability sm_120, WDDM, 16,303 MiB"
    ],
    "AMD Instinct MI50/MI60, gfx906:sramecc+:xnack- (0x906), VMM: no": [
        "AMD Instinct MI50/MI60, gfx906:sramecc+:xnack- (0x906), VMM: no"
    ],
    "Advanced Micro Devices, Inc. [AMD/ATI] Navi 48 [RX 9070 / 9070 XT, 16GB]": [
        "Advanced Micro Devices, Inc. [AMD/ATI] Navi 48 [RX 9070 / 9070 XT, 16GB]"
    ],
    "[level_zero:gpu:0] Intel(R) oneAPI over Level-Zero, Arc A770": [
        "[level_zero:gpu:0] Intel(R) oneAPI over Level-Zero, Arc A770"
    ],
    "[unclosed, b": ["[unclosed, b"],
    "4070 Ti, 3090": ["4070 Ti", "3090"],
    "16GB 4060 Ti, 3090": ["16GB 4060 Ti", "3090"],
    "3090, 16GB 4060 Ti": ["3090", "16GB 4060 Ti"],
    # no text
    4090: ["4090"],
    None: [None],
    True: [True],
}


@pytest.mark.parametrize("text", LISTS)
def test_values_of_a_text(text: Any) -> None:
    assert divided(text, ",+") == LISTS[text]


def test_another_separator() -> None:
    assert divided("a, b+c", ",") == ["a", "b+c"]
