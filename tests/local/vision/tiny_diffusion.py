"""A Stable Diffusion of a few thousand random weights, in the layout of diffusers."""

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers


def make_stable_diffusion(folder: Path, time_steps: int = 1000) -> dict[str, Any]:
    """Write a checkpoint with four up blocks, as SD has, and give its parts."""
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16, 24, 32),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=12,
        attention_head_dim=4,
        use_linear_projection=True,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(4, 4, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=2,
        latent_channels=4,
    )
    words = ["<|startoftext|>", "<|endoftext|>", "a</w>", "!"]
    text = transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=12,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=9,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=3,
        )
    )
    tokenizer = transformers.CLIPTokenizer(
        vocab={word: index for index, word in enumerate(words)},
        merges=[],
        pad_token="!",
        model_max_length=9,
    )
    scheduler = diffusers.DDIMScheduler(
        num_train_timesteps=time_steps,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
    )
    with torch.no_grad():
        for model in (unet, vae, text):
            for value in model.parameters():
                value.add_(torch.randn_like(value) * 0.1)
    parts = {
        "unet": unet.eval(),
        "vae": vae.eval(),
        "text_encoder": text.eval(),
        "tokenizer": tokenizer,
        "scheduler": scheduler,
    }
    for name, part in parts.items():
        part.save_pretrained(folder / name)
    return parts
