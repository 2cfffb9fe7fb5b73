"""Starts vLLM's engines, after what can be known to fail was looked at."""

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.models.local.decoding import Decoding
from lvlm_eval.models.local.thinking import CLOSED, OPENED, opens_reasoning
from lvlm_eval.models.local.vllm_settings import EngineSettings, check_engine_fields
from lvlm_eval.models.local.vllm_trouble import Overheard, not_started
from lvlm_eval.models.local.vllm_views import Views

PICTURES = 2
"""Most pictures of a request: the query's photo and the one to choose in."""

CPU_CACHE_BYTES = 4 << 30
"""Room for keys and values on a CPU, where vLLM would otherwise take most of the memory."""

LEVEL = "VLLM_LOGGING_LEVEL"
QUIET_LEVELS = ("WARNING", "ERROR", "CRITICAL")

_ALWAYS: Mapping[str, str] = {
    LEVEL: "WARNING",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # A fork takes along whatever lock another thread holds at that moment.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "TRANSFORMERS_VERBOSITY": "error",
}
_ON_CPU: Mapping[str, str] = {
    # It warns of each picture, and of what no one can change.
    LEVEL: "ERROR",
    # Compiling takes minutes and a C++ compiler, and gains little there.
    "TORCH_COMPILE_DISABLE": "1",
    # A process of its own takes longer to start and has no GPU to wait for.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


@dataclass(frozen=True, slots=True)
class Started:
    """Engines that run, and what was found out about their model.

    Attributes:
        engines: vLLM's ``LLM`` objects, all of the same model.
        tokenizer: of the model.
        opened: whether the chat template opens the reasoning at the end of the prompt.
        budget: whether vLLM ends the reasoning when its bound is reached.
        pixels: short hash of what decides the pixels that the model sees of a picture.
        views: what the model makes of the pictures.
        overheard: the words of the engines' processes.
    """

    engines: tuple[Any, ...]
    tokenizer: Any
    opened: bool
    budget: bool
    pixels: str
    views: Views
    overheard: Overheard


def settle_environment(settings: EngineSettings) -> None:
    """Quiet logs on standard error, no usage reports; what the user has set stays."""
    wanted = dict(_ALWAYS)
    if settings.on_cpu:
        wanted |= _ON_CPU
    if settings.data_parallel > 1:
        wanted["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1"
        if settings.on_cpu:
            wanted["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    for name, value in wanted.items():
        os.environ.setdefault(name, value)


def start(settings: EngineSettings, decoding: Decoding) -> Started:
    """Check the model and start the engines.

    Args:
        settings: how to start them.
        decoding: how the model is to answer.

    Raises:
        InputError: the model is missing or gated, cannot do what is asked of it, or does not fit.
    """
    settle_environment(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # none of them is about what a user can change
        return _start(settings, decoding)


def _start(settings: EngineSettings, decoding: Decoding) -> Started:
    import torch._dynamo
    import vllm
    from vllm.engine.arg_utils import EngineArgs

    if settings.on_cpu and os.environ["TORCH_COMPILE_DISABLE"] == "1":
        torch._dynamo.config.disable = True  # where torch was imported before
    # It sets its logs up later, and has something to say before.
    logging.getLogger("vllm").setLevel(os.environ[LEVEL].upper())
    check_engine_fields(settings.engine, EngineArgs)
    _check_device(settings)
    arguments = _arguments(settings)
    overheard = Overheard()
    try:
        with overheard.listening(hold=os.environ[LEVEL].upper() in QUIET_LEVELS):
            config = EngineArgs(**arguments).create_model_config()
            template, tokenizer = _chat_template(settings.model, config)
            images = _image_processor(settings.model, config)
            thinks = OPENED in template or CLOSED in template
            opened = _opens(tokenizer, template)
            if opened and decoding.decode == "score":
                raise InputError(
                    f"'{settings.model}' reasons before it answers, so its first token is no "
                    "letter to be scored. Use decode choice or text."
                )
            if thinks:
                arguments = _with_reasoning(arguments, opened and decoding.decode == "choice")
            budget = thinks and "reasoning_config" in arguments
            engines = tuple(
                vllm.LLM(**arguments, **_place(settings, number))
                for number in range(settings.data_parallel)
            )
    except InputError:
        raise
    except Exception as error:  # vLLM and the libraries below it raise of every kind
        raise not_started(error, settings.model, overheard.cause()) from error
    shown = json.dumps(arguments.get("mm_processor_kwargs"), sort_keys=True, default=str)
    pixels = hashlib.sha256(shown.encode()).hexdigest()[:8]
    size = (arguments.get("mm_processor_kwargs") or {}).get("size")
    views = Views(images, _pixel_bounds(size or getattr(images, "size", None)))
    return Started(engines, tokenizer, opened, budget, pixels, views, overheard)


def _check_device(settings: EngineSettings) -> None:
    from vllm.platforms import current_platform

    kind = str(current_platform.device_type)
    if settings.on_cpu and kind != "cpu":
        raise InputError(
            f"device=cpu: the vLLM that is installed runs on {kind or 'a GPU'} only. Install "
            "vllm-cpu in its place, or leave device out."
        )
    if not settings.on_cpu and kind in ("", "cpu"):
        raise InputError(
            "no GPU was found that this vLLM can use. On the CPU a model of some billion "
            "parameters takes minutes for each request; to do that all the same, install vllm-cpu "
            "and give --model-arg device=cpu."
        )
    wanted = settings.tensor_parallel * settings.data_parallel
    if not settings.on_cpu and current_platform.is_cuda_alike():
        found = current_platform.device_count()
        if wanted > found:
            raise InputError(
                f"tensor_parallel × data_parallel is {wanted}, and {found} GPUs were found."
            )


def _arguments(settings: EngineSettings) -> dict[str, Any]:
    """Arguments of vLLM; what the user gave for it comes last."""
    arguments: dict[str, Any] = {
        "model": settings.place,
        "revision": settings.revision,
        "tokenizer_revision": settings.revision,
        "dtype": settings.dtype,
        "seed": settings.seed,
        "tensor_parallel_size": settings.tensor_parallel,
        "gpu_memory_utilization": settings.memory,
        # As long as fits, where a model's own bound would need more memory than there is.
        "max_model_len": settings.max_model_len or -1,
        "enable_prefix_caching": settings.prefix_caching,
        "limit_mm_per_prompt": {"image": PICTURES, "video": 0},
        # Or the checkpoint's own sampling would take the place of what was left out.
        "generation_config": "vllm",
        "disable_log_stats": False,
        "use_tqdm_on_load": False,
    }
    if settings.on_cpu:
        arguments["enforce_eager"] = True
        if not os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
            arguments["kv_cache_memory_bytes"] = CPU_CACHE_BYTES
    if settings.min_pixels or settings.max_pixels:
        arguments["mm_processor_kwargs"] = {"size": _pixel_budget(settings)}
    return arguments | dict(settings.engine)


def _pixel_budget(settings: EngineSettings) -> dict[str, int]:
    """Bounds on the pixels of a picture, the checkpoint's own where nothing was said.

    Raises:
        InputError: the image processor has no such bounds, or the least is above the most.
    """
    from transformers import AutoImageProcessor

    try:
        images = AutoImageProcessor.from_pretrained(settings.place, revision=settings.revision)
    except Exception as error:  # OSError, ValueError and what the hub's client raises
        raise not_started(error, settings.model) from error
    size = {name: images.size.get(name) for name in ("shortest_edge", "longest_edge")}
    fields = getattr(getattr(images, "valid_kwargs", None), "__annotations__", {})
    if "max_pixels" not in fields or not all(size.values()):
        raise InputError(
            f"min_pixels and max_pixels have no effect on '{settings.model}': its image processor, "
            f"{type(images).__name__}, has no bounds on pixels. Leave them out."
        )
    least = settings.min_pixels or min(size["shortest_edge"], settings.max_pixels or 0)
    most = settings.max_pixels or max(size["longest_edge"], settings.min_pixels or 0)
    return {"shortest_edge": int(least), "longest_edge": int(most)}


def _pixel_bounds(size: Any) -> tuple[int, int] | None:
    """The least and the most pixels in an image processor's ``size``, if that says so."""
    try:
        least, most = size["shortest_edge"], size["longest_edge"]
    except (KeyError, TypeError):
        return None
    return (int(least), int(most)) if least and most else None


def _chat_template(model: str, config: Any) -> tuple[str, Any]:
    """The chat template and the tokenizer."""
    from vllm.tokenizers import cached_tokenizer_from_config

    tokenizer = cached_tokenizer_from_config(config)
    from vllm.renderers.hf import resolve_chat_template

    if not hasattr(tokenizer, "get_chat_template"):
        return "", tokenizer  # Mistral's own; it has no template that could be missing
    template = resolve_chat_template(tokenizer, None, None, model_config=config)
    if template is None:
        raise InputError(
            f"'{model}' has no chat template, so it cannot be known how it wants to be asked. Is "
            "it a base model? Take the one tuned for instructions."
        )
    return str(template), tokenizer


def _image_processor(model: str, config: Any) -> Any:
    """The model's image processor, if it takes as many pictures as are needed."""
    from vllm.multimodal import MULTIMODAL_REGISTRY

    kind = ", ".join(getattr(config.hf_config, "architectures", None) or ["of unknown kind"])
    if not config.is_multimodal_model:
        raise InputError(f"'{model}' is a checkpoint without vision ({kind}).")
    info = MULTIMODAL_REGISTRY.create_processor(config).info
    limits = info.get_supported_mm_limits()
    if "image" not in limits:
        raise InputError(f"'{model}' ({kind}) looks at no pictures, only at {', '.join(limits)}.")
    most = limits["image"]
    if most is not None and most < PICTURES:
        raise InputError(
            f"'{model}' ({kind}) looks at {most} picture a request, and {PICTURES} are needed."
        )
    return getattr(info.get_hf_processor(), "image_processor", None)


def _opens(tokenizer: Any, template: str) -> bool:
    """Whether the template opens the reasoning; also asked of templates that want parts of text."""
    if OPENED not in template:
        return False
    for content in ("?", [{"type": "text", "text": "?"}]):
        try:
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": content}],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except Exception:  # a template may raise whatever it likes
            continue
        return opens_reasoning(str(prompt))
    return False


def _with_reasoning(arguments: Mapping[str, Any], constrained: bool) -> dict[str, Any]:
    """Tell vLLM where reasoning begins and ends, as far as the user did not.

    Args:
        arguments: of vLLM.
        constrained: the answer is, but not the reasoning before it.
    """
    from vllm.config import ReasoningConfig

    own: dict[str, Any] = {
        "reasoning_config": ReasoningConfig(reasoning_start_str=OPENED, reasoning_end_str=CLOSED)
    }
    if constrained:
        own["reasoning_parser"] = "deepseek_r1"  # the plain tags
    return {**own, **arguments}


def _place(settings: EngineSettings, number: int) -> dict[str, Any]:
    """Which GPUs one of several engines gets."""
    if settings.data_parallel == 1 or settings.on_cpu:
        return {}
    first = number * settings.tensor_parallel
    return {"device_ids": list(range(first, first + settings.tensor_parallel))}
