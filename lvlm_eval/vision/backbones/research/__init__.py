"""Files of weights that research repositories publish, read into architectures of timm."""
