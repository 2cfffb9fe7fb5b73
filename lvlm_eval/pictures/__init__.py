"""From photos on disk to the pictures that are sent: each drawn once, by several processes.

Layout and drawing are short steps of Python between long ones of C, so threads stand in each
other's way; processes do not.
"""

from lvlm_eval.pictures.cache import PictureCache
from lvlm_eval.pictures.maker import PictureMaker
from lvlm_eval.pictures.store import PictureStore
from lvlm_eval.pictures.task import PictureTask

__all__ = ["PictureCache", "PictureMaker", "PictureStore", "PictureTask"]
