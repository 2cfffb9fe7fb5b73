"""Tests of lvlm_eval.download; a package, so that its conftest is not taken for that of all."""
