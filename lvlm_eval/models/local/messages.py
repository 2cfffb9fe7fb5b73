"""A request as the chat messages that a model's own chat template takes."""

from typing import Any

from PIL import Image

from lvlm_eval.records import Request


def messages_of(
    request: Request, images: tuple[Image.Image, ...] | None = None
) -> list[dict[str, Any]]:
    """The conversation: a system text if there is one, then the images and the text of the user.

    Args:
        request: what is asked.
        images: put into the messages; without them only their places stand there.
    """
    shown: list[dict[str, Any]] = (
        [{"type": "image"} for _ in request.pictures]
        if images is None
        else [{"type": "image", "image": image} for image in images]
    )
    content = [*shown, {"type": "text", "text": request.text}]
    user = {"role": "user", "content": content}
    if request.system is None:
        return [user]
    return [{"role": "system", "content": [{"type": "text", "text": request.system}]}, user]
