"""Questions become requests: the images drawn, the text written, the options rotated.

There are two sources. A SOCOv1 tree's questions are drawn and worded here, with a renderer and a
prompt. A SOCO-LVLM table's rows are sent exactly as they stand.
"""

from lvlm_eval.requests.drawn import DrawnRequests
from lvlm_eval.requests.source import RequestSource, sha256_of_prompt
from lvlm_eval.requests.written import WrittenRequests

__all__ = ["DrawnRequests", "RequestSource", "WrittenRequests", "sha256_of_prompt"]
