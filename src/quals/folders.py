"""Folders: what is fetched or derived, and what comes with the package."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Folder for everything fetched or derived: ``$QUALS_CACHE``, or the platform's cache folder."""
    if explicit := os.environ.get("QUALS_CACHE"):
        return Path(explicit).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("quals"))


def shipped_files(name: str) -> list[Path]:
    """Files of this name in the folders that come with the package, one for each model or metric."""
    here = Path(__file__).resolve().parent
    # An editable install finds the models beside src/, a wheel carries them inside the package.
    for folder in (here / "models", here.parents[1] / "models"):
        if folder.is_dir():
            return sorted(folder.glob(f"*/{name}"))
    return []
