"""The allocator, the order of a graph and its distribution over devices, on graphs small enough to follow by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vramfit.engines.llamacpp.graph import Graph
from vramfit.engines.llamacpp.placement import HOST
from vramfit.engines.llamacpp.schedule import PIPELINE_COPIES, aligned, high_water, programs

FEW_ROWS = 8
WEIGHT = 4096


def comes(number: int) -> int:
    return 2 * number


def goes(number: int) -> int:
    return 2 * number + 1


def test_alignment() -> None:
    """To 128 bytes, upwards."""
    assert [0, 128, 128, 256] == [aligned(size) for size in (0, 1, 128, 129)]


def test_a_freed_hole_is_used_again() -> None:
    """The second tensor of 256 lies where the first was; without a hole of its size it would lie behind everything."""
    sizes = [256, 128, 256, 512]
    assert 384 == high_water([comes(0), comes(1), goes(0), comes(2)], sizes)
    assert 384 + 512 == high_water([comes(0), comes(1), goes(0), comes(3)], sizes)


def test_the_smallest_hole_that_is_large_enough() -> None:
    """A tensor of 128 takes the hole of 128, so that 256 still fit into the other."""
    sizes = [256, 128, 128, 128, 128, 256]
    start = [comes(0), comes(1), comes(2), comes(3), goes(0), goes(2)]
    assert 640 == high_water([*start, comes(4), comes(5)], sizes)


def test_holes_that_touch_are_one() -> None:
    """Two freed halves take a whole; and what is freed at the end gives the end back."""
    sizes = [128, 128, 128, 256]
    assert 384 == high_water([comes(0), comes(1), comes(2), goes(0), goes(1), comes(3)], sizes)
    assert 384 == high_water([comes(0), comes(1), comes(2), goes(1), goes(0), comes(3)], sizes)
    assert 384 == high_water([comes(0), comes(1), comes(2), goes(1), goes(2), comes(3)], sizes)


def test_what_stays_is_below_everything() -> None:
    assert 1000 == high_water([], [], 1000)
    assert 1128 == high_water([comes(0), goes(0), comes(1)], [128, 128], 1000)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=40))
def test_the_peak_is_at_least_what_lives_and_at_most_the_sum(tensors: list[tuple[int, int]]) -> None:
    """Whatever comes and goes: each tensor is freed after so many others have come."""
    sizes = [128 * blocks for blocks, _ in tensors]
    events: list[int] = []
    alive: list[tuple[int, int]] = []
    most = 0
    for number, (_, patience) in enumerate(tensors):
        events.append(comes(number))
        alive.append((number, patience))
        most = max(most, sum(sizes[n] for n, _ in alive))
        for gone, _ in [entry for entry in alive if not entry[1]]:
            events.append(goes(gone))
        alive = [(n, left - 1) for n, left in alive if left]
    assert most <= high_water(events, sizes) <= sum(sizes)


def test_sources_have_their_turn_first() -> None:
    """From left to right, and each once."""
    graph = Graph(tokens=1)
    left, right = graph.wide(1), graph.wide(2)
    both = graph.wide(3, left, right)
    last = graph.wide(4, right, both)
    graph.expand(last, left)
    assert [right, left, both, last] == graph.nodes


def test_a_view_has_no_turn_of_its_own() -> None:
    graph = Graph(tokens=1)
    whole = graph.wide(8)
    result = graph.wide(1, graph.view(graph.view(whole)))
    graph.expand(result)
    assert [whole, result] == graph.nodes


def chain(graph: Graph, weight_device: int, rows: int | None = None) -> None:
    """input -> product with a weight -> two element-wise steps; 1 KiB each for 256 rows of one float."""
    start = graph.given((0, 0, 0))
    weight = graph.stored((WEIGHT, 0, 0), weight_device, weight=True)
    product = graph.wide(1, weight, start, rows=rows)
    graph.expand(graph.same(graph.same(product)))


def test_a_result_may_be_written_over_its_source() -> None:
    """Three steps need the memory of one."""
    graph = Graph(tokens=256)
    chain(graph, weight_device=0)
    assert 1024 == programs(graph, 1, pipelined=False)[0].peak_bytes(0, 0)


def test_a_source_that_is_needed_again_is_not_written_over() -> None:
    graph = Graph(tokens=256)
    product = graph.wide(1, graph.stored((WEIGHT, 0, 0), 0, weight=True))
    graph.expand(graph.same(graph.same(product), product))
    assert 2048 == programs(graph, 1, pipelined=False)[0].peak_bytes(0, 0)


def test_a_weight_in_ram_is_copied_for_many_rows_only() -> None:
    """32 rows are worth the copy; fewer are computed where the weight is."""
    graph = Graph(tokens=256)
    chain(graph, weight_device=HOST)
    made = programs(graph, 1, pipelined=False)
    assert (WEIGHT + 1024, 0) == (made[0].peak_bytes(0, 0), made[HOST].peak_bytes(0, 0))
    graph = Graph(tokens=256)
    chain(graph, weight_device=HOST, rows=FEW_ROWS)
    made = programs(graph, 1, pipelined=False)
    assert (0, aligned(4 * FEW_ROWS)) == (made[0].peak_bytes(0, 0), made[HOST].peak_bytes(0, 0))


def test_one_copied_weight_at_a_time() -> None:
    """The copy of the first matrix is gone when the second is made."""
    graph = Graph(tokens=256)
    first = graph.wide(1, graph.stored((WEIGHT, 0, 0), HOST, weight=True))
    second = graph.wide(1, graph.stored((2 * WEIGHT, 0, 0), HOST, weight=True), first)
    graph.expand(second)
    assert programs(graph, 1, pipelined=False)[0].peak_bytes(0, 0) < 2 * WEIGHT + WEIGHT + 2048


def test_what_crosses_devices_is_held_four_times_when_pipelining() -> None:
    graph = Graph(tokens=256)
    first = graph.wide(1, graph.stored((WEIGHT, 0, 0), 0, weight=True))
    graph.expand(graph.wide(1, graph.stored((WEIGHT, 0, 0), 1, weight=True), first))
    assert 2048 == programs(graph, 2, pipelined=False)[1].peak_bytes(0, 0)
    assert 1024 * (PIPELINE_COPIES + 1) == programs(graph, 2, pipelined=True)[1].peak_bytes(0, 0)


def test_sizes_follow_the_cells() -> None:
    """Bytes per cell of full and of sliding layers come in when a program is laid out, not before."""
    graph = Graph(tokens=1)
    graph.expand(graph.put((128, 256, 512), graph.stored((0, 0, 0), 0, weight=True)))
    program = programs(graph, 1, pipelined=False)[0]
    assert 128 == program.peak_bytes(0, 0)
    assert 128 + 256 * 3 + 512 * 2 == program.peak_bytes(3, 2)


def test_unpacking_takes_room_beside_the_result() -> None:
    graph = Graph(tokens=1)
    node = graph.put((128, 0, 0), graph.stored((0, 0, 0), 0, weight=True))
    node.scratch = (0, 256, 0)
    graph.expand(node)
    program = programs(graph, 1, pipelined=False)[0]
    assert (128, 128 + 256 * 4) == (program.peak_bytes(4, 0), program.peak_bytes(4, 0, unpacking=True))
