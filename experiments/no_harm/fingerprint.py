"""A short name for what code computes, so that what is kept is never older than the code that made it."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path


def fingerprint(*files: Path, text: str = "") -> str:
    """Ten characters that change with the code of some files (not with words about it) or with a text."""
    parts = [text]
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                said = body[0].value
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    body[0] = ast.Expr(ast.Constant(None))
        parts.append(ast.dump(tree))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]
