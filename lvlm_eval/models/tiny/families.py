"""What differs between the families: configuration, own tokens, and image processor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import transformers

from lvlm_eval.models.tiny.names import HEAD, Sizes
from lvlm_eval.models.tiny.tokenizer import END, END_OF_TEXT

Json = dict[str, Any]
Ids = Mapping[str, int]
"""The id of every added token."""

TILE = 56
"""Side in px of the squares that all families but Qwen's cut pictures into or resize them to."""

PATCH = 14
"""Side in px of what becomes one vector of the vision tower; Qwen3-VL has its own."""

PATCHES = (TILE // PATCH) ** 2
"""Of a tile."""

_CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_HALVES = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}


@dataclass(frozen=True, slots=True)
class Family:
    """How a checkpoint of one family is made.

    Attributes:
        configure: gives the model's configuration, and the processor's files by name.
        tokens: those that the family adds; a mapping names the attribute of the tokenizer that the
            processor reads each from.
        image: what the chat template writes in place of an image.
        system: the system text that the chat template adds where there is none.
        thinks: whether the chat template opens the reasoning.
        renamed: whether published checkpoints name weights otherwise than transformers writes them.
    """

    configure: Callable[[Ids, Sizes], tuple[transformers.PretrainedConfig, dict[str, Json]]]
    tokens: Mapping[str, str] | Sequence[str]
    image: str
    system: str = ""
    thinks: bool = False
    renamed: bool = False

    @property
    def added(self) -> tuple[str, ...]:
        """The family's own tokens in the order of their ids."""
        named = self.tokens
        return tuple(named.values() if isinstance(named, Mapping) else named)


def positions_for(sizes: Sizes) -> int:
    """Bound on the tokens of prompt and answer: room for four images of the greatest size."""
    per_token = (2 * PATCH) ** 2  # px
    return max(4096, 1024 + 4 * ((sizes.max_pixels or 0) // per_token))


def _text(ids: Ids, sizes: Sizes) -> Json:
    """The language model, the same for all but for its rotary embedding."""
    heads = sizes.hidden // HEAD
    return {
        "vocab_size": max(ids.values()) + 1,
        "hidden_size": sizes.hidden,
        "intermediate_size": 2 * sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads // 2,
        "max_position_embeddings": positions_for(sizes),
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "bos_token_id": ids[END_OF_TEXT],
        "eos_token_id": ids[END],
        "pad_token_id": ids[END_OF_TEXT],
    }


def _qwen2_text(ids: Ids, sizes: Sizes) -> Json:
    return {
        "model_type": "qwen2",
        "use_sliding_window": False,
        "max_window_layers": sizes.layers,
        "tie_word_embeddings": False,
        **_text(ids, sizes),
    }


def tower(sizes: Sizes) -> Json:
    """A vision tower that sees one size of picture."""
    return {
        "hidden_size": sizes.hidden // 2,
        "intermediate_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.hidden // 2 // HEAD,
    }


def _pixels(processor: str, normal: Json) -> Json:
    """What all image and video processors do to the values of pixels."""
    return {
        "processor_class": processor,
        "do_convert_rgb": True,
        "do_resize": True,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        **normal,
    }


def _qwen_files(processor: str, video: str, patch: int, normal: Json, sizes: Sizes) -> Json:
    token = (2 * patch) ** 2  # px
    shared = {
        **_pixels(processor, normal),
        "patch_size": patch,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "size": {"shortest_edge": 4 * token, "longest_edge": sizes.max_pixels or 16 * token},
    }
    return {
        "preprocessor_config.json": {"image_processor_type": "Qwen2VLImageProcessor", **shared},
        "video_preprocessor_config.json": {"video_processor_type": video, **shared},
        "processor_config.json": {"processor_class": processor},
    }


def _qwen_ids(ids: Ids) -> Json:
    return {
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": False,
    }


def _qwen_tower(sizes: Sizes) -> Json:
    return {
        "depth": sizes.layers,
        "hidden_size": sizes.hidden // 2,
        "intermediate_size": sizes.hidden,
        "num_heads": sizes.hidden // 2 // HEAD,
        "in_channels": 3,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": sizes.hidden,
    }


def _qwen2_5_vl(ids: Ids, sizes: Sizes) -> tuple[transformers.PretrainedConfig, dict[str, Json]]:
    text = _text(ids, sizes) | {"use_sliding_window": False, "max_window_layers": sizes.layers}
    text["rope_parameters"]["mrope_section"] = [4, 6, 6]
    vision = _qwen_tower(sizes) | {
        "patch_size": PATCH,
        "window_size": 4 * PATCH,
        "fullatt_block_indexes": [sizes.layers - 1],
        "tokens_per_second": 2,
    }
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **_qwen_ids(ids))
    return config, _qwen_files("Qwen2_5_VLProcessor", "Qwen2VLVideoProcessor", PATCH, _CLIP, sizes)


def _qwen3_vl(ids: Ids, sizes: Sizes) -> tuple[transformers.PretrainedConfig, dict[str, Json]]:
    patch = 16
    text = _text(ids, sizes) | {"head_dim": HEAD}
    text["rope_parameters"] |= {"mrope_section": [6, 5, 5], "mrope_interleaved": True}
    vision = _qwen_tower(sizes) | {
        "patch_size": patch,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, sizes.layers - 1],
    }
    config = transformers.Qwen3VLConfig(text_config=text, vision_config=vision, **_qwen_ids(ids))
    return config, _qwen_files("Qwen3VLProcessor", "Qwen3VLVideoProcessor", patch, _HALVES, sizes)


def _llava_onevision(
    ids: Ids, sizes: Sizes
) -> tuple[transformers.PretrainedConfig, dict[str, Json]]:
    grids = [[height, width] for height in (TILE, 2 * TILE) for width in (TILE, 2 * TILE)]
    vision = tower(sizes) | {
        "model_type": "siglip_vision_model",
        "image_size": TILE,
        "patch_size": PATCH,
        "vision_use_head": False,
    }
    config = transformers.LlavaOnevisionConfig(
        vision_config=vision,
        text_config=_qwen2_text(ids, sizes),
        image_token_index=ids["<image>"],
        video_token_index=ids["<video>"],
        image_grid_pinpoints=grids,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=False,
    )
    processor = "LlavaOnevisionProcessor"
    shared = _pixels(processor, _HALVES) | {"size": {"height": TILE, "width": TILE}}
    return config, {
        "preprocessor_config.json": {
            "image_processor_type": "LlavaOnevisionImageProcessor",
            **shared,
            "do_pad": True,
            "image_grid_pinpoints": grids,
        },
        "video_preprocessor_config.json": {
            "video_processor_type": "LlavaOnevisionVideoProcessor",
            **shared,
        },
        "processor_config.json": {
            "processor_class": processor,
            "num_image_tokens": PATCHES,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": "anyres_max_9",
            "image_token": "<image>",
            "video_token": "<video>",
        },
    }


def _internvl(ids: Ids, sizes: Sizes) -> tuple[transformers.PretrainedConfig, dict[str, Json]]:
    tokens = PATCHES // 4
    vision = tower(sizes) | {
        "image_size": [TILE, TILE],
        "patch_size": [PATCH, PATCH],
        "attention_bias": True,
        "use_mean_pooling": True,
    }
    config = transformers.InternVLConfig(
        vision_config=vision,
        text_config=_qwen2_text(ids, sizes),
        image_token_id=ids["<IMG_CONTEXT>"],
        image_seq_length=tokens,
        downsample_ratio=0.5,
        vision_feature_layer=-1,
        tie_word_embeddings=False,
    )
    processor = "InternVLProcessor"
    shared = _pixels(processor, IMAGENET) | {"size": {"height": TILE, "width": TILE}}
    most = sizes.max_pixels // TILE**2 if sizes.max_pixels else 4
    return config, {
        "preprocessor_config.json": {
            "image_processor_type": "GotOcr2ImageProcessor",
            **shared,
            # As published; the processor sets it to true for images.
            "crop_to_patches": False,
            "min_patches": 1,
            "max_patches": most,
        },
        "video_preprocessor_config.json": {
            "video_processor_type": "InternVLVideoProcessor",
            **shared,
        },
        "processor_config.json": {"processor_class": processor, "image_seq_length": tokens},
    }


def _llava(ids: Ids, sizes: Sizes) -> tuple[transformers.PretrainedConfig, dict[str, Json]]:
    vision = tower(sizes) | {
        "model_type": "clip_vision_model",
        "image_size": TILE,
        "patch_size": PATCH,
        "projection_dim": sizes.hidden // 2,
    }
    config = transformers.LlavaConfig(
        vision_config=vision,
        text_config=_qwen2_text(ids, sizes),
        image_token_index=ids["<image>"],
        image_seq_length=PATCHES,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    processor = "LlavaProcessor"
    return config, {
        "preprocessor_config.json": {
            "image_processor_type": "CLIPImageProcessor",
            **_pixels(processor, _CLIP),
            "size": {"shortest_edge": TILE},
            "do_center_crop": True,
            "crop_size": {"height": TILE, "width": TILE},
        },
        "processor_config.json": {
            "processor_class": processor,
            "patch_size": PATCH,
            "num_additional_image_tokens": 1,
            "vision_feature_select_strategy": "default",
            "image_token": "<image>",
        },
    }


_QWEN_TOKENS = (
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"

BY_NAME: Mapping[str, Family] = {
    "qwen2.5-vl": Family(
        _qwen2_5_vl, _QWEN_TOKENS, _QWEN_IMAGE, system="You are a helpful assistant."
    ),
    "qwen3-vl": Family(_qwen3_vl, _QWEN_TOKENS, _QWEN_IMAGE),
    "qwen3-vl-thinking": Family(_qwen3_vl, _QWEN_TOKENS, _QWEN_IMAGE, thinks=True),
    "llava-onevision": Family(
        _llava_onevision,
        {"image_token": "<image>", "video_token": "<video>"},
        "<image>\n",
        renamed=True,
    ),
    "internvl": Family(
        _internvl,
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        "<IMG_CONTEXT>\n",
    ),
    "llava": Family(_llava, {"image_token": "<image>"}, "<image>\n", renamed=True),
}
"""Every family of `names.FAMILIES`."""
