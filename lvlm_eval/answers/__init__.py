"""From the text of an answer to the option letter it names, or the reason why there is none."""

from lvlm_eval.answers.official import official
from lvlm_eval.answers.rows import PARSERS, missing, read
from lvlm_eval.answers.strict import strict

__all__ = ["PARSERS", "missing", "official", "read", "strict"]
