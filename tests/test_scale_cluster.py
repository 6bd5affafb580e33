"A cluster of three machines, made on this one: one of them dies in the middle of a run."
import os

import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from cancer_staging.corpora.synthetic import synthetic_report
from cancer_staging.staged import read_staged
from cancer_staging.stager import stage_files

pytest.importorskip("ray.data", reason="needs the extra ray")


@pytest.fixture
def cluster():
    "Three nodes of one core each; this process joins them."
    import ray

    assert not ray.is_initialized()
    for attempt in range(3):  # a node that does not start within half a minute, on a busy machine, ends it all
        try:
            made, nodes = three_nodes()
            break
        except Exception:
            ray.shutdown()
            if attempt == 2:
                raise
    try:
        yield made, nodes
    finally:
        ray.shutdown()
        made.shutdown()


def three_nodes():
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, connect=True, head_node_args={"num_cpus": 1, "object_store_memory": 10**8})
    try:
        nodes = [made.add_node(num_cpus=1, object_store_memory=10**8) for _ in range(2)]
        made.wait_for_nodes()
    except BaseException:
        made.shutdown()
        raise
    return made, nodes


def workers_on(node):
    "The node's own process, and those of its children that stage."
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return raylet, [one for one in raylet.children(recursive=True) if "MapWorker" in " ".join(one.cmdline())]


def test_a_network_is_held_where_a_gpu_is(cluster, tmp_path):
    from dataclasses import replace

    from cancer_staging.reading.plan import plan_inputs
    from cancer_staging.scale.engine import run_sharded
    from cancer_staging.scale.work import pieces_of, StagingWork

    made, nodes = cluster
    with_gpu = made.add_node(num_cpus=1, num_gpus=1, object_store_memory=10**8)  # as Ray counts them; there need be none
    made.wait_for_nodes()
    pl.DataFrame({"report_id": [f"R{number:05}" for number in range(300)], "text": [synthetic_report(number).text for number in range(300)]}).write_parquet(tmp_path / "reports.parquet")
    plan, seen = plan_inputs(tmp_path / "reports.parquet"), []
    work = replace(StagingWork.planned(plan, "rules", shard_rows=100), wants_gpu=True)
    assert run_sharded(work, pieces_of(plan), tmp_path / "staged", "a network", progress=lambda rows: seen.append([len(workers_on(node)[1]) for node in (made.head_node, *nodes, with_gpu)])).rows == 300
    assert seen and all(counts == [0, 0, 0, 1] for counts in seen)


def test_as_many_workers_as_the_cluster_has_room_for(cluster, tmp_path):
    from cancer_staging.scale.engine import stage_sharded

    pl.DataFrame({"report_id": [f"R{number:05}" for number in range(900)], "text": [synthetic_report(number).text for number in range(900)]}).write_parquet(tmp_path / "reports.parquet")
    assert stage_sharded(tmp_path / "reports.parquet", tmp_path / "staged", "rules", shard_rows=30).rows == 900
    assert read_staged(tmp_path / "staged")["report_id"].to_list() == [f"R{number:05}" for number in range(900)]


def test_a_machine_dies_and_no_row_is_lost_and_none_stands_twice(cluster, tmp_path):
    import ray

    from cancer_staging.scale.engine import stage_sharded

    made, nodes = cluster
    assert len([node for node in ray.nodes() if node["Alive"]]) == 3
    (tmp_path / "reports").mkdir()
    for table in range(4):  # four pieces, so that more than one machine reads
        numbers = range(600 * table, 600 * (table + 1))
        pl.DataFrame({"report_id": [f"R{number:05}" for number in numbers], "text": [synthetic_report(number).text for number in numbers]}).write_parquet(tmp_path / "reports" / f"{table}.parquet")
    died = []

    def progress(rows):
        "The first machine that is seen at work is switched off, with all that runs on it."
        for node in nodes if not died else ():
            raylet, at_work = workers_on(node)
            if at_work:
                for one in at_work:
                    one.kill()
                made.remove_node(node, allow_graceful=False)
                died.append(raylet)
                return

    summary = stage_sharded(tmp_path / "reports", tmp_path / "staged", "rules", shard_rows=50, workers=2, progress=progress)
    assert died and not died[0].is_running()
    table = read_staged(tmp_path / "staged")
    assert summary.rows == table.height == 2400 and table["report_id"].to_list() == [f"R{number:05}" for number in range(2400)]
    stage_files(tmp_path / "reports", tmp_path / "local.parquet", "rules", workers=1)
    assert_frame_equal(table, read_staged(tmp_path / "local.parquet"))
    assert not [name for name in os.listdir(tmp_path / "staged") if name.endswith(".new")]
