"""Many photos: every one is done once, whatever happens, and one bad photo harms no other."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import cepstro
from cepstro.cli import app
from cepstro.errors import ClusterError, MissingExtraError, WriteError
from cepstro.many import Batch, crew, places
from cepstro.many.task import Settings

DISK = cepstro.Disk(7)


def scene(seed: int, side: int = 128) -> np.ndarray:
    rng = np.random.default_rng(seed)
    walls = rng.random((side, side)).cumsum(1) % 1.0
    soft = cepstro.blur(walls, DISK, light="linear")
    return np.rint(255 * np.clip(soft, 0, 1)).astype(np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three photos in two folders, one broken file, and one that is no photo."""
    top = tmp_path_factory.mktemp("holiday")
    (top / "beach").mkdir()
    for seed, name in enumerate(["b.png", "a.png", "beach/a.png"]):
        Image.fromarray(scene(seed)).save(top / name)
    (top / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (top / "notes.txt").write_text("no photo")
    return top


def rows(folder: Path, name: str = "results.jsonl") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for the notes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cepstro" not in path.parts
    }


@pytest.fixture(scope="module")
def analysed(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("analysed")
    return out, cepstro.batch("analyze", [photos], out)


def test_table_says_what_analyze_says_in_the_order_of_the_input(photos, analysed):
    out, done = analysed
    table = rows(out)
    names = ["a.png", "b.png", "broken.jpg", "beach/a.png"]
    assert [row["input"] for row in table] == [str(photos / name) for name in names]
    alone = cepstro.analyze(cepstro.read(photos / "b.png")).to_dict()
    assert alone.keys() <= table[1].keys()
    assert (table[1]["verdict"], table[1]["reason"]) == (alone["verdict"], alone["reason"])
    assert table[1]["diameter"] == pytest.approx(alone["diameter"], rel=1e-6)
    with (out / "results.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))
    assert float(flat[1]["diameter"]) == table[1]["diameter"] == pytest.approx(7, abs=0.5)
    assert (done.total, done.done, done.failed, done.kept) == (4, 4, 1, 0)
    assert done.verdicts["defocus"] == 3


def test_bad_photo_is_one_line_and_the_others_go_on(analysed):
    table = rows(analysed[0])
    assert [row["status"] for row in table] == ["done", "done", "failed", "done"]
    assert "broken.jpg cannot be read" in table[2]["error"]


def test_second_run_keeps_what_is_intact_and_redoes_what_is_not(photos, tmp_path):
    here, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(photos, here)
    keywords = {"psf": DISK, "nsr": 1e-3, "name": "{stem}-sharp{ending}", "jobs": 1}
    cepstro.batch("deblur", [here], out, **keywords)
    first = content(out)
    assert set(first) == {
        "a-sharp.png", "b-sharp.png", "beach/a-sharp.png", "results.csv", "results.jsonl",
    }  # fmt: skip
    (out / "a-sharp.png").write_bytes(first["a-sharp.png"][:-100])  # damaged
    (out / "results.csv").unlink()
    with next((out / ".cepstro").iterdir()).open("ab") as journal:
        journal.write(b'{"settings": "torn')
    os.utime(here / "b.png", ns=(1, 1))  # not the file of then, for all we know
    again = cepstro.batch("deblur", [here], out, **keywords)
    assert (again.kept, again.failed) == (1, 1)
    assert content(out) == first
    other = cepstro.batch("deblur", [here], out, **keywords | {"nsr": 2e-3})
    assert other.kept == 0
    assert content(out)["a-sharp.png"] != first["a-sharp.png"]


def test_shards_share_the_photos_and_a_run_over_all_gathers_them(photos, analysed, tmp_path):
    for part in (1, 2):
        cepstro.batch("analyze", [photos], tmp_path, shard=(part, 2), jobs=1)
    both = rows(tmp_path, "results-1-of-2.jsonl") + rows(tmp_path, "results-2-of-2.jsonl")
    whole = rows(analysed[0])
    assert sorted(row["input"] for row in both) == sorted(row["input"] for row in whole)
    gathered = cepstro.batch("analyze", [photos], tmp_path, jobs=1)
    assert gathered.kept == 3  # the broken one is tried again
    assert (tmp_path / "results.jsonl").read_bytes() == (analysed[0] / "results.jsonl").read_bytes()


def test_blur_like_another_photo_is_measured_once_and_match(photos, tmp_path):
    clean = tmp_path / "clean"
    clean.mkdir()
    for seed in (5, 6):
        walls = np.random.default_rng(seed).random((128, 128)).cumsum(1) % 1.0
        Image.fromarray(np.rint(255 * walls).astype(np.uint8)).save(clean / f"{seed}.png")
    like = {"like": photos / "a.png", "jobs": 1}
    cepstro.batch("blur", [clean], tmp_path / "soft", grain=False, **like)
    twin = cepstro.match(cepstro.read(photos / "a.png"), cepstro.read(clean / "5.png"), grain=False)
    assert (cepstro.read(tmp_path / "soft" / "5.png").pixels == twin.pixels).all()
    first = cepstro.batch("blur", [clean], tmp_path / "grain", **like)
    again = cepstro.batch("blur", [clean], tmp_path / "grain", **like)
    assert (first.kept, again.kept) == (0, 2)
    assert cepstro.batch("blur", [clean], tmp_path / "grain", seed=1, **like).kept == 0
    words = ["batch", "blur", "--like", str(photos / "a.png"), "--no-grain", str(clean)]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "cli")], prog_name="cepstro")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "cli" / "5.png").read_bytes() == (tmp_path / "soft" / "5.png").read_bytes()


def test_parquet_holds_the_columns_of_the_csv(photos, analysed, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    done = cepstro.batch("analyze", [photos], tmp_path, parquet=True, jobs=1)
    table = parquet.read_table(done.tables[2])
    with done.tables[0].open(newline="") as file:
        assert table.column_names == next(csv.reader(file))
    said = rows(tmp_path)
    assert table["diameter"].to_pylist() == [row.get("diameter") for row in said]
    assert table["input"].to_pylist() == [row["input"] for row in said]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cepstro\[parquet\]'"):
        cepstro.batch("analyze", [photos], tmp_path, parquet=True)


class Deadly:
    """Kills the process that unpacks it, as a codec might that crashes."""

    def __reduce__(self):
        return os._exit, (9,)


def test_process_that_dies_takes_only_its_own_photo_along(photos):
    items = places.find([photos / "a.png", photos / "b.png"], Path("out"), None)
    questions = [(items[0], Deadly()), (items[1], None)]
    answers = sorted(crew.locally(Settings("analyze"), questions, 1), key=lambda one: one[0])
    assert [record["row"]["status"] for _, record, _ in answers] == ["failed", "done"]
    assert answers[0][1]["row"]["error"] == crew.DIED


def test_no_more_processes_are_started_than_the_system_waits_for(photos, monkeypatch):
    asked: list[int] = []
    pool = crew._pool
    monkeypatch.setattr(crew, "_MOST", 2)
    monkeypatch.setattr(crew, "_pool", lambda jobs: asked.append(jobs) or pool(jobs))
    questions = [(item, None) for item in places.find([photos], Path("out"), None)]
    assert len(list(crew.locally(Settings("analyze"), questions, 99))) == len(questions)
    assert asked == [2]


def test_environment_is_left_as_it_was(monkeypatch):
    monkeypatch.setenv("CEPSTRO_THREADS", "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with crew._pool(2) as pool:
        assert pool.submit(os.getenv, "CEPSTRO_THREADS").result() == "1"
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
        assert os.environ["CEPSTRO_THREADS"] == "2"
        assert "OMP_NUM_THREADS" not in os.environ


def test_pictures_that_would_meet_are_refused_before_any_work(photos, tmp_path):
    two = [photos / "a.png", photos / "beach" / "a.png"]
    with pytest.raises(ValueError, match="would both be written to"):
        cepstro.batch("blur", two, tmp_path / "out", psf=DISK)
    with pytest.raises(ValueError, match="is the folder of the photos or holds it"):
        cepstro.batch("blur", [photos], photos, psf=DISK)
    with pytest.raises(ValueError, match="is one of the photos"):
        cepstro.batch("blur", two[:1], photos, psf=DISK)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "pattern", ["{stem}/{ending}", "{0}", "{stem", "{stem.x}", "{stem:{x}}", ""]
)
def test_odd_patterns_are_refused(photos, tmp_path, pattern):
    with pytest.raises(ValueError, match=r"name must be a file name with \{stem\}"):
        cepstro.batch("blur", [photos], tmp_path, psf=DISK, name=pattern)


def test_each_of_several_folders_keeps_its_name_and_results_are_no_photos(photos, tmp_path):
    out = photos / "out"
    found = places.find([photos, photos / "beach"], out, "{stem}.tif")
    assert [item.target.relative_to(out) for item in found][-1] == Path(
        photos.name, "beach", "a.tif"
    )
    assert len(found) == 4  # beach/a.png is named twice and done once
    (tmp_path / "out").mkdir()
    Image.fromarray(scene(0)).save(tmp_path / "out" / "made.png")
    Image.fromarray(scene(0)).save(tmp_path / "a.png")
    assert len(places.find([tmp_path], tmp_path / "out", "{stem}.tif")) == 1


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"task": "sharpen"}, "task must be"),
        ({"task": "blur"}, "psf or like is needed"),
        ({"task": "analyze", "nsr": 1.0}, "nsr and method go with deblur"),
        ({"task": "deblur", "method": "magic"}, "method must be one of"),
        ({"task": "analyze", "shard": (3, 2)}, "shard must be I, N"),
        ({"task": "analyze", "jobs": 0}, "jobs must be >= 1"),
        ({"task": "analyze", "send": True}, "send goes with client"),
        ({"task": "blur", "psf": DISK, "seed": 1}, "seed go with like"),
    ],
)
def test_wrong_arguments_are_said_in_one_sentence(photos, tmp_path, keywords, words):
    with pytest.raises(ValueError, match=words):
        cepstro.batch(photos=[photos], out=tmp_path, **keywords)


def test_folder_for_results_that_is_a_file_is_refused(photos, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(WriteError, match="out cannot be a folder: a file is in its way"):
        cepstro.batch("analyze", [photos], tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("name", ["beach", ".cepstro", ".cepstro/journal.jsonl"])
def test_file_or_folder_in_the_way_of_the_results_is_said_in_one_sentence(photos, tmp_path, name):
    if name.endswith("jsonl"):
        (tmp_path / name).mkdir(parents=True)
    else:
        (tmp_path / name).write_text("mine")
    with pytest.raises(WriteError, match=re.escape(name.partition("/")[0])):
        cepstro.batch("blur", [photos], tmp_path, psf=DISK)
    assert not list(tmp_path.rglob("*.png"))


def test_names_that_are_one_on_other_disks_are_refused(tmp_path):
    """On those of macOS and Windows the second picture would replace the first."""
    for first, second in (("a.png", "A.png"), ("caf\u00e9.png", "cafe\u0301.png")):
        folder = tmp_path / first[:-4]
        folder.mkdir()
        for name in (first, second):
            Image.fromarray(scene(0)).save(folder / name)
        if len(list(folder.iterdir())) == 2:  # such a disk it is not
            with pytest.raises(ValueError, match="where disks do not tell such names"):
                places.find([folder], tmp_path / "out", "{stem}{ending}")


def test_folders_are_searched_for_all_that_is_read(tmp_path):
    for ending in (".pbm", ".pam", ".dib", ".PNG", ".gif", ".nef"):
        (tmp_path / f"a{ending}").write_bytes(b"")
    (tmp_path / "a.npy").write_bytes(b"")
    found = {item.source.suffix for item in places.find([tmp_path], tmp_path / "out", None)}
    assert found == {".pbm", ".pam", ".dib", ".PNG", ".gif", ".nef"}


def test_scheduler_that_does_not_answer_is_said_in_one_sentence():
    pytest.importorskip("distributed")
    from cepstro.many.cluster import connect

    with pytest.raises(ClusterError, match="no Dask scheduler answers at nowhere"):
        connect("nowhere://here")


def test_command_counts_verdicts_names_failures_and_leaves_with_1(photos, tmp_path):
    words = ["batch", "deblur", "-a", "7", "-n", "1e-3", str(photos), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words, prog_name="cepstro")
    assert done.exit_code == 1
    assert done.stdout == f"4 of 4 photos, 1 failed; see {tmp_path / 'results.csv'}\n"
    assert done.stderr.count("\n") == 1
    assert "broken.jpg cannot be read" in done.stderr
    sharp = cepstro.deblur(cepstro.read(photos / "beach" / "a.png"), DISK, nsr=1e-3)
    assert (cepstro.read(tmp_path / "beach" / "a.png").pixels == sharp.pixels).all()


def test_command_refuses_odd_shards():
    for text in ("0/3", "4/3", "a"):
        done = CliRunner().invoke(app, ["batch", "analyze", ".", "--out", "x", "--shard", text])
        assert done.exit_code != 0


def test_second_run_at_the_same_time_is_refused_and_shards_are_not(photos, tmp_path):
    refused: list[str] = []

    def meanwhile(done: Batch, row: dict) -> None:
        if not refused:
            with pytest.raises(WriteError, match="another run is writing") as caught:
                cepstro.batch("analyze", [photos], tmp_path, jobs=1)
            refused.append(str(caught.value))
            cepstro.batch("analyze", [photos], tmp_path, jobs=1, shard=(1, 4))

    done = cepstro.batch("analyze", [photos], tmp_path, jobs=1, progress=meanwhile)
    assert refused
    assert str(tmp_path) in refused[0]
    assert done.done == 4
    assert cepstro.batch("analyze", [photos], tmp_path, jobs=1).kept == 3


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for glibc's allocator")
def test_memory_that_arrays_leave_is_kept_for_the_next():
    """As in a Dask worker, whose nanny has the C library give back all above 64 kB."""
    code = (
        "import resource, numpy as np\n"
        "from cepstro.many.memory import keep\n"
        "keep()\n"
        "for turn in range(20):\n"
        "    if turn == 1: start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    [np.ones(2 << 20, np.float32) for _ in range(3)]\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)\n"
    )
    surroundings = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, capture_output=True, check=True, text=True
    )
    assert int(done.stdout) < 2000


def start(photos: Path, out: Path, *options: str) -> subprocess.Popen:
    words = ["batch", "deblur", "--method", "wiener", str(photos), "--out", str(out)]
    command = [sys.executable, "-m", "cepstro", *words, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, start_new_session=True, **quiet)


def kill(process: subprocess.Popen, out: Path) -> None:
    """Kill -9; what is there is whole."""
    process.kill()
    process.wait(60)
    for path in out.rglob("*.png"):
        Image.open(path).load()


def test_killed_batch_leaves_whole_pictures_and_ends_as_an_undisturbed_one(photos, tmp_path):
    quick = "-a", "7", "--jobs", "1"
    start(photos, tmp_path / "peace", *quick).wait(120)
    at_peace = content(tmp_path / "peace")
    assert len(at_peace) == 5
    process = start(photos, tmp_path / "out", *quick)
    while not list((tmp_path / "out").rglob("*.png")):
        time.sleep(0.01)
    kill(process, tmp_path / "out")
    assert not (tmp_path / "out" / "results.csv").exists()
    start(photos, tmp_path / "out", *quick).wait(120)
    assert anonymous(content(tmp_path / "out"), "out") == anonymous(at_peace, "peace")


def test_ctrl_c_in_the_parent_alone_stops_at_once_and_what_is_done_stays_done(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    cepstro.write(folder / "a.png", scene(1, 128))
    cepstro.write(folder / "b.png", np.tile(scene(2, 256), (8, 8)))  # worked on for long
    words = ["batch", "deblur", "--method", "best", "-a", "7", "--jobs", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cepstro", *words, str(folder), "--out", str(out)],
        start_new_session=True,
    )
    journal = out / ".cepstro" / "journal.jsonl"
    while not (journal.is_file() and journal.stat().st_size):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.5)
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert time.monotonic() - before < 3
    notes = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [note["key"] for note in notes] == [str(folder / "a.png")]
    assert sorted(path.name for path in out.iterdir()) == [".cepstro", "a.png"]


def anonymous(files: dict[str, bytes], folder: str) -> dict[str, bytes]:
    """The same, whatever the folder is called."""
    return {name: data.replace(f"/{folder}/".encode(), b"/") for name, data in files.items()}


@pytest.fixture
def dask_cluster():
    """A real cluster of two processes, and its client."""
    distributed = pytest.importorskip("distributed")
    import logging

    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.filterwarnings("ignore")  # what a killed worker leaves open in Dask itself
def test_cluster_that_loses_a_worker_gives_the_same_results_byte_for_byte(
    photos, tmp_path, dask_cluster
):
    many = tmp_path / "many"
    for n in range(3):
        shutil.copytree(photos, many / str(n))
    keywords = {"psf": DISK, "method": "wiener"}
    near = cepstro.batch("deblur", [many], tmp_path / "near", **keywords)
    for folder, send in (("far", False), ("sent", True)):
        workers = dask_cluster.run(os.getpid)
        killed: list[int] = []

        def shoot(done: Batch, row: dict, workers=workers, killed=killed) -> None:
            if not killed:
                killed.append(next(iter(workers.values())))
                os.kill(killed[0], signal.SIGKILL)

        far = cepstro.batch(
            "deblur", [many], tmp_path / folder, client=dask_cluster, send=send, progress=shoot,
            **keywords,
        )  # fmt: skip
        assert killed
        assert (far.done, far.failed) == (near.done, near.failed) == (12, 3)
        assert anonymous(content(tmp_path / folder), folder) == anonymous(
            content(tmp_path / "near"), "near"
        )
    again = cepstro.batch(
        "deblur", [many], tmp_path / "sent", client=dask_cluster, send=True, **keywords
    )
    assert (again.kept, again.failed) == (9, 3)


@pytest.mark.benchmark  # 10 s and more to start the cluster
@pytest.mark.filterwarnings("ignore")
def test_command_works_on_a_running_cluster(photos, tmp_path, dask_cluster, analysed):
    address = dask_cluster.scheduler.address
    words = ["batch", "analyze", str(photos), "--out", str(tmp_path), "--scheduler", address]
    done = CliRunner().invoke(app, words, prog_name="cepstro")
    assert done.exit_code == 1, done.output
    assert (tmp_path / "results.jsonl").read_bytes() == (analysed[0] / "results.jsonl").read_bytes()


SCHEDULER = """
from distributed import LocalCluster
if __name__ == "__main__":
    kind = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "protocol": "tcp://"}
    with LocalCluster(dashboard_address=None, **kind) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


def test_scheduler_that_is_lost_is_said_in_one_sentence_and_what_is_done_stays_done(tmp_path):
    pytest.importorskip("distributed")
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    cepstro.write(folder / "a.png", scene(1, 128))
    for name in "bcd":
        cepstro.write(folder / f"{name}.png", np.tile(scene(2, 256), (4, 4)))
    (tmp_path / "scheduler.py").write_text(SCHEDULER)
    command = [sys.executable, str(tmp_path / "scheduler.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as scheduler:
        address = scheduler.stdout.readline().strip()
        words = ["batch", "deblur", "--method", "best", "-a", "7", str(folder), "--out", str(out)]
        with subprocess.Popen(
            [sys.executable, "-m", "cepstro", *words, "--scheduler", address],
            stderr=subprocess.PIPE,
            text=True,
        ) as batch:
            while not (out / "a.png").exists():
                assert batch.poll() is None and scheduler.poll() is None
                time.sleep(0.05)
            scheduler.kill()
            _, said = batch.communicate(timeout=60)
    assert batch.returncode == 1
    assert said.startswith("cepstro: the Dask scheduler no longer answers"), said
    assert said.count("\n") == 1


def test_missing_dask_is_said_in_one_sentence(photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cepstro\[cluster\]'"):
        cepstro.batch("analyze", [photos], tmp_path, client=object())


@pytest.mark.benchmark
def test_batch_killed_at_20_random_moments_ends_as_an_undisturbed_one(photos, tmp_path):
    many = tmp_path / "many"
    for n in range(8):
        shutil.copytree(photos, many / str(n))
    start(many, tmp_path / "peace").wait(300)
    rng = np.random.default_rng(20)
    out = tmp_path / "out"
    for moment in rng.uniform(0.5, 5.0, 20):
        process = start(many, out)
        time.sleep(moment)
        kill(process, out)
        if (out / "results.csv").exists():  # done before the moment came: from the start again
            shutil.rmtree(out)
    start(many, out).wait(300)
    assert anonymous(content(out), "out") == anonymous(content(tmp_path / "peace"), "peace")
